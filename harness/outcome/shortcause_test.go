package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSentenceSaysWhyAStepWasNotAcknowledged(t *testing.T) {
	for text, want := range map[string]string{
		"step 1: POST http://127.0.0.1:16669/note: 404 Not Found: 404 page not found": ": 404 Not Found",
		"step 1: POST http://127.0.0.1:16669/?key=a: 418 I'm a teapot":                ": 418 I'm a teapot",
		"step 1: dial tcp 127.0.0.1:80: connect: connection refused":                  ": connection refused",
		"step 1: run curl: exit status 7":                                             ": exit status 7",
		"step 1: no\x1b[2J":                                                           ": no\\x1b[2J",
		"step 1: ":                                                                    ": step 1:",
		"":                                                                            "",
	} {
		o := &Outcome{Attempted: 1, Error: text, Evidence: Evidence{Ready: true, Unloaded: true}}
		_, why := o.Judge()
		require.Equal(t, "alive, but nothing was loaded: it acknowledged no step; step 1 was not acknowledged"+want, why)
	}
	o := &Outcome{Attempted: 1, Evidence: Evidence{Ready: true, Unloaded: true}, Error: "step 1: POST http://a/: 507 Insufficient Storage: MemoryError"}
	_, why := o.Judge()
	require.NotContains(t, why, "acknowledged: 507", "what it refused is said behind it")
}

func TestTheSentenceSaysWhatWasHeardLastOfATargetThatWasNeverReady(t *testing.T) {
	for text, want := range map[string]string{
		"wait until notes is ready: the run's time is up; before that: GET http://127.0.0.1:29316/healthz?x=1: 404 Not Found: 404 page not found": " (GET /healthz answered 404 Not Found)",
		"wait until notes is ready: the run's time is up; before that: dial tcp 127.0.0.1:80: connect: connection refused":                        " (the last try: connection refused; it was told no address: $ADDR and $PORT are in none of its arguments)",
		"wait until notes is ready: the run's time is up": "",
	} {
		o := &Outcome{Error: text, Evidence: Evidence{TimedOut: true}}
		v, why := o.Judge()
		require.Equal(t, TimedOut, v)
		require.Contains(t, why, "alive when the time was up, never ready"+want+"; memory was not the cause")
	}
	for _, told := range []Target{{Args: []string{"-addr", "${ADDR}"}}, {Env: []string{"PORT=$PORT"}}, {Image: "app"}} {
		o := &Outcome{Spec: Spec{Target: told}, Error: "wait until a is ready: its time is up; before that: connect: connection refused", Evidence: Evidence{TimedOut: true}}
		_, why := o.Judge()
		require.Contains(t, why, " (the last try: connection refused); ")
	}
}

func TestALoadThatEndedBeforeThePredictionSaysSo(t *testing.T) {
	o := &Outcome{Verdict: Survived, Attempted: 2, Acknowledged: 2, Predicted: &Prediction{5, 7}, Spec: Spec{Load: Load{Count: 2}}}
	require.Contains(t, o.String(), "2 acknowledged of 2 attempted, predicted 5..7: the load ended before it\n")
	o.Attempted, o.Acknowledged, o.Spec.Load.Count = 6, 6, 6
	require.NotContains(t, o.String(), "ended before it")
}
