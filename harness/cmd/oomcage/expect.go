package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/printable"
)

// expectFlags are what the user says of an outcome; the zero value expects nothing.
type expectFlags struct {
	verdict, acked string
	window         harness.Window // of acked
}

func (e *expectFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.verdict, "expect", "", "exit with 1 unless the `VERDICT` is this")
	cmd.Flags().StringVar(&e.acked, "acked", "", "exit with 1 unless the acknowledged steps are `N` or LO..HI; predicted is what was predicted")
	_ = cmd.RegisterFlagCompletionFunc("expect", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return verdictTexts(), cobra.ShellCompDirectiveNoFileComp
	}) // its one error is a flag that is not there
}

const asPredicted = "predicted"

// check refuses what can never be met.
func (e *expectFlags) check() error {
	if e.verdict != "" && !slices.Contains(harness.Verdicts(), harness.Verdict(e.verdict)) {
		return usageError{fmt.Errorf("-expect %q is no verdict: take one of %s", e.verdict, strings.Join(verdictTexts(), ", "))}
	}
	if e.acked == "" || e.acked == asPredicted {
		return nil
	}
	lo, hi, isRange := strings.Cut(e.acked, "..")
	if !isRange {
		hi = lo
	}
	from, err := strconv.Atoi(lo)
	to := math.MaxInt
	if err == nil && (hi != "" || !isRange) {
		to, err = strconv.Atoi(hi)
	}
	if err != nil || from < 0 || to < from {
		return usageError{fmt.Errorf("-acked %q is neither a number of steps nor LO..HI", e.acked)}
	}
	e.window = harness.Window{Lo: from, Hi: to}
	return nil
}

// disappointed says what of the outcome was not expected, or "". A load that the target did not take is not,
// unless the flags say otherwise: that it survives steps which it refused says nothing of its memory.
func (e *expectFlags) disappointed(o *harness.Outcome) string {
	unmet, refused := e.unmet(o), refusal(o)
	switch {
	case unmet != "" && refused != "":
		return unmet + ": " + refused
	case unmet != "":
		return unmet
	case refused != "" && e.acked == "" && e.verdict == "":
		return refused
	}
	return ""
}

// unmet says which of the flags the outcome does not meet, or "".
func (e *expectFlags) unmet(o *harness.Outcome) string {
	if e.verdict != "" && string(o.Verdict) != e.verdict {
		return fmt.Sprintf("the verdict is %s, not %s", o.Verdict, e.verdict)
	}
	switch {
	case e.acked == "":
		return ""
	case e.acked == asPredicted && o.Window == nil:
		return "there is no prediction: it takes a target that was ready, -max, and -step"
	case e.acked == asPredicted:
		return o.AsPredicted()
	case e.acked != asPredicted && !e.window.Contains(o.Acknowledged):
		return fmt.Sprintf("%d steps were acknowledged, not %s", o.Acknowledged, e.acked)
	}
	return ""
}

// refusal says which step a target that lives did not acknowledge, and why, or "". One that took a step and then no
// other until time was up is none: that is how a load without an end does end.
func refusal(o *harness.Outcome) string {
	untouched := o.Acknowledged == 0 && (o.Verdict == harness.TimedOut || o.Verdict == harness.Inconclusive && !o.Evidence.Status.Ended)
	alive := o.Verdict == harness.Survived || untouched
	if !alive || o.Spec.Load.Step == nil || o.Error == "" {
		return ""
	}
	loaded := "nothing was loaded"
	switch {
	case o.Acknowledged > 0 && o.Spec.Load.Count > 0:
		loaded = fmt.Sprintf("the load ended after %d of %s", o.Acknowledged, count(o.Spec.Load.Count, "step"))
	case o.Acknowledged > 0:
		loaded = "the load ended after " + count(o.Acknowledged, "step")
	}
	why := "the target was not ready: " + printable.Line(o.Error)
	if step := fmt.Sprintf("step %d", o.Attempted); o.Attempted > 0 {
		why = step + " was not acknowledged: " + printable.Line(strings.TrimPrefix(o.Error, step+": "))
	}
	if o.Acknowledged == 0 && o.Spec.Target.ReadyName == "" {
		why += "; a step may have come too early: -ready waits until the program listens"
	}
	return loaded + ": " + why
}

func verdictTexts() []string {
	var texts []string
	for _, v := range harness.Verdicts() {
		texts = append(texts, string(v))
	}
	return texts
}
