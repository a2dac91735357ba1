package outcome

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// withSecrets is an outcome whose target and step have printed what they were given.
func withSecrets() *Outcome {
	return &Outcome{
		Spec: Spec{
			Target: Target{
				Path: "p", Args: []string{"--url", "db://u:swordfish@h", "--password=swordfish"}, ReadyName: "GET /?token=swordfish",
				Env: []string{"API_TOKEN=swordfish", "PIN_KEY=123", "DB=db://u:swordfish@h", "GOGC=100"},
			},
			Load: Load{Name: "curl -u swordfish"},
		},
		Why: "said swordfish", Output: "token swordfish\n", Error: "step 1: swordfish", Timeline: []Sample{},
		Origin: Origin{Command: "oomcage run -env API_TOKEN=swordfish -env PIN_KEY=123 -- p --password=swordfish"},
	}
}

func TestAnOutcomeIsPublishedWithoutSecrets(t *testing.T) {
	o := withSecrets()
	published, err := json.Marshal(o.WithoutSecrets())
	require.NoError(t, err)
	require.NotContains(t, string(published), "swordfish")
	require.NotContains(t, string(published), "123")
	for _, name := range []string{"API_TOKEN=[hidden]", "PIN_KEY=[hidden]", "DB=db://[hidden]@h", "GOGC=100", "--password=[hidden]"} {
		require.Contains(t, string(published), name)
	}
	require.Equal(t, withSecrets(), o, "the outcome itself has all")
	require.Equal(t, o.WithoutSecrets(), o.WithoutSecrets().WithoutSecrets(), "so that a stored spec is the one that was run")
	var stored Outcome
	require.NoError(t, json.Unmarshal(published, &stored))
	require.Equal(t, o.Spec.WithoutSecrets(), stored.Spec.WithoutSecrets())
}

func TestSecretsOfArgumentsAndRequestsAreHiddenWhereTheProgramPrintsThem(t *testing.T) {
	o := &Outcome{
		Spec: Spec{
			Target: Target{Path: "p", Args: []string{"--token", "swordfish", "-v"}},
			Load:   Load{Name: Request{Method: "POST", Path: "/login", Body: `{"password": "hunter22"}`}.String()},
		},
		Lives: []Life{{Why: "said swordfish"}}, Outages: []Outage{{Error: "swordfish: no"}},
		Output: "logged in with hunter22", Error: "step 1: swordfish", Timeline: []Sample{},
		Origin:    Origin{Command: `oomcage run --body '{"password": "hunter22"}' -- p --token swordfish -v`},
		Inherited: []string{"JAVA_TOOL_OPTIONS=-Dpassword=x"},
	}
	published, err := json.Marshal(o.WithoutSecrets())
	require.NoError(t, err)
	require.NotContains(t, string(published), "swordfish")
	require.NotContains(t, string(published), "hunter22")
	require.Contains(t, string(published), "-Dpassword=[hidden]")
}

// A JVM says on stderr what it was told by the environment.
func TestSecretsThatATargetInheritsAreHiddenWhereItPrintsThem(t *testing.T) {
	o := &Outcome{
		Inherited: []string{"JAVA_TOOL_OPTIONS=-Xmx64m -Djavax.net.ssl.keyStorePassword=hunter2", "NODE_OPTIONS=--max-old-space-size=64", "_JAVA_OPTIONS=-Dpassword=x"},
		Output: "Picked up JAVA_TOOL_OPTIONS: -Xmx64m -Djavax.net.ssl.keyStorePassword=hunter2\nPicked up _JAVA_OPTIONS: -Dpassword=x\n" +
			"opened with hunter2, --max-old-space-size=64\n",
		Timeline: []Sample{},
	}
	require.Equal(t, "Picked up JAVA_TOOL_OPTIONS: -Xmx64m -Djavax.net.ssl.keyStorePassword=[hidden]\nPicked up _JAVA_OPTIONS: -Dpassword=[hidden]\n"+
		"opened with [hidden], --max-old-space-size=64\n", o.WithoutSecrets().Output)
	require.Contains(t, o.Output, "hunter2", "what was given is as it was")
}
