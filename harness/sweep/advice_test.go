package sweep

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheLimitToWriteIsInTheUnitOfEachManifest(t *testing.T) {
	a := &Answer{Max: 143 * outcome.MiB}
	v := a.Advise(outcome.Spec{}, Criteria{}, 0.2, "")
	require.Equal(t, &Advice{Limit: 172 * outcome.MiB, From: 143 * outcome.MiB, High: 143 * outcome.MiB}, v, "171.6 MiB, rounded up")
	require.Equal(t, "resources:\n  requests:\n    memory: 172Mi\n  limits:\n    memory: 172Mi\n", v.Kubernetes())
	require.Equal(t, "mem_limit: 172m\nmemswap_limit: 172m\n", v.Compose())
	require.Equal(t, "[Service]\nMemoryMax=172M\nMemoryHigh=143M\nMemorySwapMax=0\n", v.Systemd())

	v = a.Advise(outcome.Spec{}, Criteria{}, 0, "")
	require.Equal(t, "[Service]\nMemoryMax=143M\nMemorySwapMax=0\n", v.Systemd(), "there is nothing between the two")
	odd := &Answer{Max: 100 * outcome.KiB}
	v = odd.Advise(outcome.Spec{}, Criteria{}, 0.2, "")
	require.Equal(t, outcome.MiB, v.Limit)
	require.Equal(t, "# 1m would do, and docker refuses less than 6m\nmem_limit: 6m\nmemswap_limit: 6m\n", v.Compose(), "and the others take it")
	require.Equal(t, "[Service]\nMemoryMax=1M\nMemorySwapMax=0\n", v.Systemd())
	require.Equal(t, 110*outcome.MiB, (&Answer{Max: 100 * outcome.MiB}).Advise(outcome.Spec{}, Criteria{}, 0.1, "").Limit, "1.1 times 100 is a little more than 110")
	require.Nil(t, (&Answer{}).Advise(outcome.Spec{}, Criteria{}, 0.2, ""))
}

// That the API takes the manifest in the documentation is tested with the API's own types in .ci/tools/kubernetes.
func TestTheDocumentationHasTheManifestThatIsPrinted(t *testing.T) {
	page, err := os.ReadFile("testdata/bisect.md")
	require.NoError(t, err)
	v := (&Answer{Max: 166 * outcome.MiB}).Advise(outcome.Spec{}, Criteria{}, 0.2, RuntimeGo)
	require.Contains(t, string(page), "\n"+v.Kubernetes()+"```\n")
}

func TestTheSwapOfTheRunsIsWrittenToo(t *testing.T) {
	a := &Answer{Max: 100 * outcome.MiB}
	v := a.Advise(outcome.Spec{Limits: outcome.Limits{Swap: 64 * outcome.MiB}}, Criteria{}, 0, "")
	require.Equal(t, "mem_limit: 100m\nmemswap_limit: 164m\n", v.Compose(), "memory and swap together")
	require.Contains(t, v.Systemd(), "\nMemorySwapMax=67108864\n")
	require.Contains(t, v.Kubernetes(), "# measured with 64MiB of swap: ")
	v = a.Advise(outcome.Spec{Limits: outcome.Limits{Swap: outcome.Unlimited}}, Criteria{}, 0, "")
	require.Contains(t, v.Compose(), "memswap_limit: -1\n")
	require.Contains(t, v.Systemd(), "MemorySwapMax=infinity\n")
}

func TestARuntimeThatIsKnownIsToldOfTheLimit(t *testing.T) {
	a := &Answer{Max: 100 * outcome.MiB}
	spec := outcome.Spec{}
	for runtime, want := range map[string]Setting{
		RuntimeGo:  {RuntimeGo, "GOMEMLIMIT", "108MiB"},
		RuntimeJVM: {RuntimeJVM, "JAVA_TOOL_OPTIONS", "-Xmx90m"},
		RuntimeV8:  {RuntimeV8, "NODE_OPTIONS", "--max-old-space-size=90"},
	} {
		v := a.Advise(spec, Criteria{}, 0.2, runtime)
		require.Equal(t, &want, v.Setting)
		require.Contains(t, v.Kubernetes(), "env:\n- name: "+want.Name+"\n  value: \""+want.Value+"\"\n")
		require.Contains(t, v.Compose(), "environment:\n  "+want.Name+": \""+want.Value+"\"\n")
		require.Contains(t, v.Systemd(), "\nEnvironment=\""+want.Name+"="+want.Value+"\"\n")
	}
	require.Nil(t, a.Advise(spec, Criteria{}, 0.2, "Erlang").Setting)
	require.Nil(t, a.Advise(spec, Criteria{}, 0.1, RuntimeGo).Setting, "99 MiB is less than it needs, so it would collect without end")

	spec.Target.Env = []string{"GOMEMLIMIT=48MiB"}
	require.Nil(t, a.Advise(spec, Criteria{}, 0.2, RuntimeGo).Setting, "it is told already")
	spec.Target.Env = nil
	require.Nil(t, (&Answer{Name: "GOMEMLIMIT=48MiB/GOGC=50", Max: outcome.GiB}).Advise(spec, Criteria{}, 0.2, RuntimeGo).Setting)
	spec.Target.Args = []string{"-Xmx64m", "-jar", "x.jar"}
	require.Nil(t, a.Advise(spec, Criteria{}, 0.2, RuntimeJVM).Setting)
}

// A manifest with -Xmx alone took away the agent that the user's JAVA_TOOL_OPTIONS names.
func TestAnOptionIsAddedToThoseThatAreThere(t *testing.T) {
	spec := outcome.Spec{Target: outcome.Target{Env: []string{`JAVA_TOOL_OPTIONS=-javaagent:/a.jar -Da="50%\$x" -Dpassword=hunter2`}}}
	v := (&Answer{Max: 100 * outcome.MiB}).Advise(spec, Criteria{}, 0.2, RuntimeJVM)
	require.Equal(t, `-javaagent:/a.jar -Da="50%\$x" -Dpassword=[hidden] -Xmx90m`, v.Setting.Value)
	require.Contains(t, v.Kubernetes(), `value: "-javaagent:/a.jar -Da=\"50%\\$x\" -Dpassword=[hidden] -Xmx90m"`+"\n")
	require.Contains(t, v.Compose(), `JAVA_TOOL_OPTIONS: "-javaagent:/a.jar -Da=\"50%\\$$x\" `)
	require.Contains(t, v.Systemd(), `Environment="JAVA_TOOL_OPTIONS=-javaagent:/a.jar -Da=\"50%%\\$x\" `)

	had := &Answer{Max: 100 * outcome.MiB, Trials: []Trial{{Outcomes: []*outcome.Outcome{{Inherited: []string{"GOMEMLIMIT=48MiB", "NODE_OPTIONS=--enable-source-maps"}}}}}}
	require.Nil(t, had.Advise(outcome.Spec{}, Criteria{}, 0.2, RuntimeGo).Setting, "it was told by what it inherits")
	require.Equal(t, "--enable-source-maps --max-old-space-size=90", had.Advise(outcome.Spec{}, Criteria{}, 0.2, RuntimeV8).Setting.Value)
	spec.Target.Env = []string{"NODE_OPTIONS="}
	require.Equal(t, "--max-old-space-size=90", had.Advise(spec, Criteria{}, 0.2, RuntimeV8).Setting.Value, "the spec has emptied it")
}

func TestARuntimeIsKnownByTheProgramsNameOrByWhatItDid(t *testing.T) {
	require.Equal(t, RuntimeJVM, (&Answer{}).RuntimeOf(outcome.Target{Path: "/usr/bin/java"}))
	require.Equal(t, RuntimeV8, (&Answer{}).RuntimeOf(outcome.Target{Path: "node"}))
	require.Empty(t, (&Answer{}).RuntimeOf(outcome.Target{Path: "./service"}))
	collected, ended := &outcome.Outcome{}, &outcome.Outcome{}
	collected.Evidence.Collector = &outcome.Collector{Runtime: "JVM"}
	ended.Evidence.LastWords = &outcome.RuntimeEnd{Runtime: "V8"}
	of := func(o *outcome.Outcome) string {
		return (&Answer{Trials: []Trial{{Outcomes: []*outcome.Outcome{{}}}, {Outcomes: []*outcome.Outcome{o}}}}).RuntimeOf(outcome.Target{Path: "./start.sh"})
	}
	require.Equal(t, RuntimeJVM, of(collected))
	require.Equal(t, RuntimeV8, of(ended))
}

func TestARuntimeThatSizesItselfByTheLimitIsRecognised(t *testing.T) {
	at := func(mib, held outcome.Bytes) Trial {
		return Trial{Max: mib * outcome.MiB, Runs: 1, Survived: 1, Held: held * outcome.MiB}
	}
	gaveUp := Trial{Max: 60 * outcome.MiB, Runs: 1, Outcomes: []*outcome.Outcome{{Verdict: outcome.RuntimeOOM}}}
	died := Trial{Max: 60 * outcome.MiB, Runs: 1, Outcomes: []*outcome.Outcome{{Verdict: outcome.OOMKilled}}}
	for _, c := range []struct {
		what   string
		trials []Trial
		want   string
	}{
		{"a quarter of the limit", []Trial{at(100, 60), at(256, 70), at(1024, 250)},
			"the program sizes itself by its limit: it held 60.0 MiB at 100MiB, and 250.0 MiB at 1GiB"},
		{"the service of the README", []Trial{at(165, 165), at(168, 166), at(900, 167)}, ""},
		{"one whose memory differs from run to run", []Trial{at(100, 60), at(101, 95), at(1024, 80)}, ""},
		{"a service whose peak is by a huge page more or less", []Trial{at(20, 20), at(24, 22), at(26, 24), at(30, 24), at(554, 22)}, ""},
		{"what was left at a limit that is survived by chance", []Trial{{Max: 21 * outcome.MiB, Runs: 3, Survived: 1, Held: 20 * outcome.MiB}, at(26, 24), at(30, 24)}, ""},
		{"one that has never enough to be told", []Trial{at(100, 0), at(1024, 200)}, ""},
		{"its own end, once", []Trial{gaveUp, at(100, 60)}, ""},
		{"its own end, again and again", []Trial{gaveUp, gaveUp, died, at(100, 60)},
			"the program sizes itself by its limit; at 2 limits its own runtime ended it, and no OOM killer"},
	} {
		s := sizing(c.trials)
		if c.want == "" {
			require.Nil(t, s, c.what)
			continue
		}
		require.NotNil(t, s, c.what)
		require.Equal(t, c.want, s.String(), c.what)
	}
}

func TestWhatIsWrittenHasTheLimitsOfTheRunsThatWereAnswered(t *testing.T) {
	a := &Answer{Name: "swap=64MiB", Max: 100 * outcome.MiB}
	v := a.Advise(outcome.Spec{Limits: outcome.Limits{High: 90 * outcome.MiB}}, Criteria{}, 0.2, "")
	require.Equal(t, 64*outcome.MiB, v.Swap)
	require.Equal(t, 90*outcome.MiB, v.High, "the runs were throttled from there on")
	require.Contains(t, v.Compose(), "mem_limit: 120m\nmemswap_limit: 184m\n")
	require.Contains(t, v.Systemd(), "MemoryMax=120M\nMemoryHigh=90M\nMemorySwapMax=67108864\n")
}

func TestATargetThatWasStartedAgainHasNotSurvived(t *testing.T) {
	o := &outcome.Outcome{Verdict: outcome.Survived, Lives: []outcome.Life{{Verdict: outcome.OOMKilled}}}
	require.False(t, Survived(o))
	require.False(t, FailedOtherwise(o))
	o.Lives[0].Verdict = outcome.Exited
	require.True(t, FailedOtherwise(o))
}
