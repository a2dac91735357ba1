package sweep

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// killedAt is an outcome as a kernel makes it that keeps its limits: the steps that fit above a base
// of 8 MiB, and then a kill.
func killedAt(limit, step outcome.Bytes) *outcome.Outcome {
	n := int((limit - 8*outcome.MiB) / step)
	o := &outcome.Outcome{
		Name: fmt.Sprintf("max=%v/step=%v", limit, step), Spec: outcome.Spec{Load: outcome.Load{Bytes: step}},
		Acknowledged: n, Attempted: n + 1, Predicted: &outcome.Prediction{Lo: n, Hi: n},
	}
	o.Evidence.Limits.Max = limit
	o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	o.Evidence.Ready = true
	o.Evidence.Events = outcome.Events{OOM: 1, OOMKill: 1}
	o.Evidence.EventsLocal = o.Evidence.Events
	o.Verdict, o.Why = o.Judge()
	return o
}

func survivedAt(limit outcome.Bytes, steps int) *outcome.Outcome {
	o := &outcome.Outcome{Name: fmt.Sprintf("max=%v", limit), Acknowledged: steps, Attempted: steps}
	o.Evidence.Limits.Max = limit
	o.Evidence.Ready = true
	o.Verdict, o.Why = o.Judge()
	return o
}

// exitedAt is an outcome of a program without steps.
func exitedAt(limit outcome.Bytes, code int) *outcome.Outcome {
	o := survivedAt(limit, 0)
	o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: code}
	o.Verdict, o.Why = o.Judge()
	return o
}

func truthfulSweep() []*outcome.Outcome {
	var all []*outcome.Outcome
	for _, step := range []outcome.Bytes{10 * outcome.MiB, 20 * outcome.MiB} {
		for limit := 32 * outcome.MiB; limit <= 512*outcome.MiB; limit += 16 * outcome.MiB {
			all = append(all, killedAt(limit, step))
		}
	}
	return all
}

func TestASweepThatKeepsTheKernelsArithmeticHasNoFindings(t *testing.T) {
	require.Empty(t, Check(truthfulSweep()))
	require.Empty(t, Check(nil))
	require.Empty(t, Check(truthfulSweep()[:1]))
	require.Empty(t, Check(truthfulSweep()[3:5]), "two points, whose slope is mostly rounding")
	require.Empty(t, Check([]*outcome.Outcome{exitedAt(32*outcome.MiB, 1), exitedAt(64*outcome.MiB, 0), exitedAt(96*outcome.MiB, 0)}))
	refused := survivedAt(96*outcome.MiB, 5)
	refused.Error = "step 6: 500"
	require.Empty(t, Check([]*outcome.Outcome{survivedAt(64*outcome.MiB, 5), refused}), "it lives, and it took as many")
}

// Each fault is put into one point of a sweep that is sound.
func TestEachCheckFindsItsFaultAndNamesThePoint(t *testing.T) {
	for _, c := range []struct {
		check, text string
		fault       func(all []*outcome.Outcome) []*outcome.Outcome
	}{
		{"prediction", "max=112MiB/step=10MiB: killed after 10 steps, and 12..12 were predicted", func(all []*outcome.Outcome) []*outcome.Outcome {
			all[5].Predicted = &outcome.Prediction{Lo: 12, Hi: 12}
			return all
		}},
		{"monotone", "max=128MiB/step=10MiB acknowledged 9 steps, and max=112MiB/step=10MiB, which has less memory, 10", func(all []*outcome.Outcome) []*outcome.Outcome {
			all[6].Acknowledged = 9
			all[6].Predicted = &outcome.Prediction{Lo: 9, Hi: 9}
			return all
		}},
		{"monotone", "max=96MiB was inconclusive, and max=64MiB, which has less memory, survived", func([]*outcome.Outcome) []*outcome.Outcome {
			o := survivedAt(96*outcome.MiB, 5)
			o.Verdict = outcome.Inconclusive
			return []*outcome.Outcome{survivedAt(64*outcome.MiB, 5), o}
		}},
		{"monotone", "max=96MiB was oom-killed, and max=64MiB, which has less memory, survived", func([]*outcome.Outcome) []*outcome.Outcome {
			o := killedAt(96*outcome.MiB, 10*outcome.MiB)
			o.Name, o.Acknowledged, o.Attempted, o.Predicted = "max=96MiB", 0, 0, nil
			return []*outcome.Outcome{exitedAt(64*outcome.MiB, 0), o}
		}},
		{"monotone", "max=96MiB was exited (code 1), and max=64MiB, which has less memory, survived", func([]*outcome.Outcome) []*outcome.Outcome {
			return []*outcome.Outcome{exitedAt(32*outcome.MiB, 1), exitedAt(64*outcome.MiB, 0), exitedAt(96*outcome.MiB, 1)}
		}},
		{"slope", "step=10MiB: 0.499 steps for each 10MiB", func(all []*outcome.Outcome) []*outcome.Outcome {
			for _, o := range all[:31] {
				o.Acknowledged /= 2
				o.Predicted = &outcome.Prediction{Lo: o.Acknowledged, Hi: o.Acknowledged}
			}
			return all
		}},
		{"flaky", "max=64MiB: survived 1, oom-killed 1, of 2", func([]*outcome.Outcome) []*outcome.Outcome {
			a, b := survivedAt(64*outcome.MiB, 5), killedAt(64*outcome.MiB, 10*outcome.MiB)
			a.Name, b.Name = "max=64MiB/repeat=1", "max=64MiB/repeat=2"
			return []*outcome.Outcome{a, b}
		}},
		{"flaky", "max=64MiB: exited (code 0) 2, exited (code 1) 1, of 3", func([]*outcome.Outcome) []*outcome.Outcome {
			a, b, c := exitedAt(64*outcome.MiB, 1), exitedAt(64*outcome.MiB, 0), exitedAt(64*outcome.MiB, 0)
			a.Name, b.Name, c.Name = "max=64MiB/repeat=1", "max=64MiB/repeat=2", "max=64MiB/repeat=3"
			return []*outcome.Outcome{a, b, c}
		}},
		{"flaky", "max=64MiB: 5 to 7 steps in 2 runs", func([]*outcome.Outcome) []*outcome.Outcome {
			a, b := killedAt(64*outcome.MiB, 10*outcome.MiB), killedAt(64*outcome.MiB, 10*outcome.MiB)
			a.Name, b.Name = "max=64MiB/repeat=1", "max=64MiB/repeat=2"
			a.Predicted, b.Predicted, b.Acknowledged = &outcome.Prediction{Lo: 5, Hi: 6}, &outcome.Prediction{Lo: 7, Hi: 8}, 7
			return []*outcome.Outcome{a, b}
		}},
		{"inconclusive", "max=64MiB: the cage's counters could not be read: gone", func([]*outcome.Outcome) []*outcome.Outcome {
			o := survivedAt(64*outcome.MiB, 5)
			o.Evidence.Unread = map[outcome.Source]string{outcome.EventsFile: "gone"}
			o.Verdict, o.Why = o.Judge()
			return []*outcome.Outcome{o}
		}},
	} {
		t.Run(c.text, func(t *testing.T) {
			found := Check(c.fault(truthfulSweep()))
			var texts []string
			for _, f := range found {
				if f.Check == c.check {
					texts = append(texts, f.Text)
					require.NotEmpty(t, f.Points)
				}
			}
			require.Len(t, texts, 1, "%v", found)
			require.Contains(t, texts[0], c.text)
			require.True(t, known(c.check))
		})
	}
}

func known(check string) bool { return rank(check) >= 0 }

// Near a boundary a run may take a step more or less, as its prediction says.
func TestCountsWithinTheWindowsWidthAreNoFindings(t *testing.T) {
	a, b := killedAt(64*outcome.MiB, 10*outcome.MiB), killedAt(65*outcome.MiB, 10*outcome.MiB)
	a.Predicted, b.Predicted = &outcome.Prediction{Lo: 5, Hi: 6}, &outcome.Prediction{Lo: 5, Hi: 6}
	a.Acknowledged, b.Acknowledged = 6, 5
	require.Empty(t, Check([]*outcome.Outcome{a, b}))
	a.Name, b.Name = "max=64MiB/repeat=1", "max=64MiB/repeat=2"
	require.Empty(t, Check([]*outcome.Outcome{a, b}))
}

// Reports cut a long list of findings off at its end.
func TestFlakyPointsAreFoundFirst(t *testing.T) {
	late, early := killedAt(64*outcome.MiB, 10*outcome.MiB), killedAt(64*outcome.MiB, 10*outcome.MiB)
	early.Name, late.Name = "max=64MiB/repeat=1", "max=64MiB/repeat=2"
	late.Acknowledged = 8
	var checks []string
	for _, f := range Check([]*outcome.Outcome{early, late}) {
		checks = append(checks, f.Check)
	}
	require.Equal(t, []string{"flaky", "prediction"}, checks)
}
