package outcome

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is what an assertion sees of a test.
type recorder struct{ message string }

func (r *recorder) Errorf(format string, args ...any) { r.message += fmt.Sprintf(format, args...) }

func (r *recorder) FailNow() {}

func (r *recorder) Helper() {}

func TestOneStepIsNotPlural(t *testing.T) {
	one := &Outcome{Acknowledged: 1, Attempted: 1, Predicted: &Prediction{2, 3}}
	var r recorder
	one.RequireAcknowledged(&r, 4, 5)
	require.Contains(t, r.message, "1 step was acknowledged, not 4..5")
	one.RequireNoLoss(&r, 0)
	require.Contains(t, r.message, "1 step was acknowledged, and the service has 0: it has lost 1")
	one.RequireNoLoss(&r, 2)
	require.Contains(t, r.message, "1 step was sent, and the service has 2: it took some twice")
	require.Equal(t, "1 step was acknowledged, and 2..3 were predicted", one.Mispredicted())
}

func TestAFailedAssertionPrintsTheWholeOutcome(t *testing.T) {
	o := &Outcome{
		Spec: Spec{Target: Target{Path: "/bin/app"}}, Acknowledged: 4, Attempted: 5, Predicted: &Prediction{4, 4},
		Evidence: Evidence{Status: sigkill, Ready: true, Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1}, Peak: 77, Limits: Limits{Max: 77}},
		Output:   "the last words\n", Error: "step 5: EOF", Timeline: []Sample{{Step: 4, Current: 66}},
	}
	o.Verdict, o.Why = o.Judge()
	for want, assertion := range map[string]func(*recorder){
		"the verdict is oom-killed, not survived":    func(r *recorder) { o.RequireVerdict(r, Survived) },
		"4 steps were acknowledged, not 5..6":        func(r *recorder) { o.RequireAcknowledged(r, 5, 6) },
		"counts oom_kill 1, not 0":                   func(r *recorder) { o.RequireOOMKills(r, 0) },
		"there is no prediction":                     func(r *recorder) { c := *o; c.Predicted = nil; c.RequirePredicted(r) },
		"4 steps were acknowledged, and 5..5 were p": func(r *recorder) { c := *o; c.Predicted = &Prediction{5, 5}; c.RequirePredicted(r) },
	} {
		var r recorder
		assertion(&r)
		for _, part := range []string{want, "oom-killed: killed by its own limit: 77 of 77 B", "SIGKILL", "oom 1, oom_kill 1", "4 acknowledged of 5", "the last words", "step 5: EOF", "4      ██████████████████████████████████······        66 B           66\n"} {
			require.Contains(t, r.message, part)
		}
	}
	var quiet recorder
	o.RequireVerdict(&quiet, OOMKilled)
	o.RequireAcknowledged(&quiet, 4, 4)
	o.RequirePredicted(&quiet)
	o.RequireOOMKills(&quiet, 1)
	require.Empty(t, quiet.message)
}
