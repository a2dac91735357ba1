package outcome

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnyOfSeveralEndsIsExpected(t *testing.T) {
	ended := func(v Verdict, s ExitStatus) *Outcome { return &Outcome{Verdict: v, Evidence: Evidence{Status: s}} }
	sigabrt := ExitStatus{Ended: true, Code: -1, Signal: "SIGABRT"}
	for _, c := range []struct {
		text string
		o    *Outcome
		want string
	}{
		{"survived", ended(Survived, ExitStatus{}), ""},
		{"survived", ended(OOMKilled, sigkill), "the verdict is oom-killed, not survived"},
		{"exited", ended(Exited, exit(3)), ""},
		{"exited=3", ended(Exited, exit(3)), ""},
		{"exited=0", ended(Exited, exit(3)), "the verdict is exited=3, not exited=0"},
		{"exited=0", ended(RuntimeOOM, exit(0)), "the verdict is runtime-oom, not exited=0"},
		{"killed", ended(Killed, sigabrt), ""},
		{"killed=SIGABRT", ended(Killed, sigabrt), ""},
		{"killed=6", ended(Killed, sigabrt), ""},
		{"killed=abrt", ended(Killed, sigabrt), ""},
		{"killed=SIGTERM", ended(Killed, sigabrt), "the verdict is killed=SIGABRT, not killed=SIGTERM"},
		{"killed=SIGKILL", ended(OOMKilled, sigkill), "the verdict is oom-killed, not killed=SIGKILL"},
		{"oom-killed, runtime-oom, exited=3", ended(Exited, exit(3)), ""},
		{"oom-killed,runtime-oom,exited=3", ended(RuntimeOOM, exit(2)), ""},
		{"oom-killed,runtime-oom,exited=3", ended(Exited, exit(4)), "the verdict is exited=4, not oom-killed or runtime-oom or exited=3"},
		{"oom-killed,exited", ended(Survived, ExitStatus{}), "the verdict is survived, not oom-killed or exited"},
	} {
		e, err := ParseExpectation(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, e.Unmet(c.o), c.text)
		again, err := ParseExpectation(e.String())
		require.NoError(t, err)
		require.Equal(t, e, again)
	}
	require.Empty(t, Expectation(nil).Unmet(ended(Killed, sigabrt)), "nothing is expected")
}

func TestAnEndThatCannotBeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                "is no verdict: take one of survived, oom-killed",
		"dead":            `"dead" is no verdict: take one of survived`,
		"oom_killed":      `"oom_killed" is no verdict: did you mean oom-killed? take one of`,
		"survived,":       `"" is no verdict`,
		"exited=x":        `"exited=x" has no exit code: they are from 0 to 255, as in exited=3`,
		"exited=-1":       "from 0 to 255",
		"exited=256":      "from 0 to 255",
		"exited=":         "from 0 to 255",
		"killed=":         "there is no signal: write one such as SIGTERM",
		"killed=ABORT":    "there is no signal \"ABORT\": did you mean SIGABRT? write",
		"killed=SIGDEAD":  `there is no signal "SIGDEAD"`,
		"killed=99":       `there is no signal "99"`,
		"oom-killed=9":    "only exited=CODE, killed=SIGNAL and stopped=CODE|SIGNAL say how, write oom-killed alone",
		"exited=1,killd":  "did you mean killed?",
		"exited=1;killed": "has no exit code",
	} {
		_, err := ParseExpectation(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestAnExpectationIsATextInAFile(t *testing.T) {
	var e Expectation
	require.NoError(t, json.Unmarshal([]byte(`"exited=3,killed=SIGABRT"`), &e))
	text, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, `"exited=3,killed=SIGABRT"`, string(text))
	require.Error(t, json.Unmarshal([]byte(`"dead"`), &e))
}
