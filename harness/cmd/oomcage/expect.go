//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// expectFlags are what the user says of an outcome; the zero value expects nothing.
type expectFlags struct {
	verdict, acked, output string
	recovered              time.Duration

	ends   outcome.Expectation // of verdict
	window outcome.Prediction  // of acked
	words  *regexp.Regexp      // of output
}

func (e *expectFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.verdict, "expect", "", "exit with 1 unless the `VERDICT` is this, or one of several with commas: oom-killed,exited=3,killed=SIGABRT; stopped, with -stop, is survived and then ended in time with exit code 0, stopped=143 with that one")
	cmd.Flags().StringVar(&e.acked, "acked", "", "exit with 1 unless the acknowledged steps are `N` or LO..HI; predicted is what was predicted")
	cmd.Flags().StringVar(&e.output, "output", "", "exit with 1 unless what is kept of the target's output matches this `REGEX`; ^ and $ are ends of a line")
	cmd.Flags().DurationVar(&e.recovered, "recovered", 0, "exit with 1 unless steps failed, and each time one worked again within this `TIME`; it takes -tolerate or -restart")
	completeExpect(cmd)
}

// completeExpect has a shell complete the names that --expect takes.
func completeExpect(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("expect", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return outcome.ExpectationNames(), cobra.ShellCompDirectiveNoFileComp
	}) // its one error is a flag that is not there
}

const asPredicted = "predicted"

// check refuses what can never be met.
func (e *expectFlags) check() (err error) {
	if e.verdict != "" {
		if e.ends, err = outcome.ParseExpectation(e.verdict); err != nil {
			return usageError{fmt.Errorf("-expect %w", err)}
		}
	}
	if e.recovered < 0 {
		return usageError{fmt.Errorf("-recovered is %v: it must not be negative", e.recovered)}
	}
	if e.output != "" {
		if e.words, err = regexp.Compile("(?m)" + e.output); err != nil {
			return usageError{fmt.Errorf("-output %q: %w", e.output, err)}
		}
	}
	return e.checkAcked()
}

func (e *expectFlags) checkAcked() error {
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
	e.window = outcome.Prediction{Lo: from, Hi: to}
	return nil
}

// checkRecovered refuses what can never be seen: a load that ends with its first failed step.
func (e *expectFlags) checkRecovered(spec harness.Spec) error {
	if e.recovered > 0 && spec.Load.Tolerate == 0 && spec.Target.Restart == 0 {
		return usageError{errors.New("-recovered takes a load that goes on after a failed step, or a program that is started again: give -tolerate or -restart")}
	}
	return nil
}

// checkStop refuses an end that takes a stop where there is none.
func (e *expectFlags) checkStop(spec harness.Spec) error {
	if spec.Stop == nil && slices.ContainsFunc(e.ends, func(end outcome.ExpectedEnd) bool { return end.Stopped }) {
		return usageError{fmt.Errorf("-expect %s is of a target that is asked to end: say how by -stop, as in -stop TERM,5s", e.ends)}
	}
	return nil
}

// unexpected says what of the outcome was not expected, or "". A load that the target did not take is not,
// unless the flags say otherwise: that it survives steps which it refused says nothing of its memory.
func (e *expectFlags) unexpected(o *harness.Outcome) string {
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
	if unmet := e.ends.Unmet(o); unmet != "" {
		return unmet
	}
	if e.recovered > 0 {
		if lasting := o.Unrecovered(e.recovered); lasting != "" {
			return printable.Line(lasting)
		}
	}
	switch {
	case e.words != nil && !e.words.MatchString(o.Output):
		return fmt.Sprintf("the output that is kept does not match %q", e.output)
	case e.acked == "":
		return ""
	case e.acked == asPredicted && o.Predicted == nil:
		return "there is no prediction: it takes a target that was ready, -max, and -step"
	case e.acked == asPredicted:
		return o.Mispredicted()
	case e.acked != asPredicted && !e.window.Contains(o.Acknowledged):
		return fmt.Sprintf("%s acknowledged, not %s", human.Were(o.Acknowledged, "step"), e.acked)
	}
	return ""
}

// refusal says why the target was not tested, or not with the whole load, or "". One that took a step and then no
// other until time was up is none: that is how a load without an end does end. Nor is a kill for want of memory
// during the first step.
func refusal(o *harness.Outcome) string {
	status, waited := o.Evidence.Status, o.Spec.Target.ReadyName != ""
	ended := !o.Evidence.Alive() && o.Evidence.Stop == nil // by itself
	switch {
	case o.Verdict == harness.Inconclusive && o.Evidence.Unsent != "":
		return "the load could not be made: " + printable.Line(o.Evidence.Unsent)
	case ended && waited && !o.Evidence.Ready:
		return fmt.Sprintf("nothing was loaded: the target died before it was ready (%s)", printable.Line(status.String()))
	case o.Spec.Load.Name == "" && waited && !o.Evidence.Ready && o.Error != "":
		return "the target was not ready: " + printable.Line(o.Error)
	case o.Spec.Load.Name == "" || outOfMemory(o.Verdict):
		return ""
	case ended && o.Acknowledged == 0:
		return fmt.Sprintf("nothing was loaded: the target ended before it took a step (%s)%s", printable.Line(status.String()), tooEarly(o))
	case ended || o.Error == "" || o.Verdict != harness.Survived && o.Acknowledged > 0:
		return ""
	}
	loaded := "nothing was loaded"
	switch {
	case o.Acknowledged > 0 && o.Spec.Load.Count > 0:
		loaded = fmt.Sprintf("the load ended after %d of %s", o.Acknowledged, human.Count(o.Spec.Load.Count, "step"))
	case o.Acknowledged > 0:
		loaded = "the load ended after " + human.Count(o.Acknowledged, "step")
	}
	why := "the target was not ready: " + printable.Line(o.Error)
	if step, reason, ok := strings.Cut(o.Error, ": "); ok && o.Attempted > 0 {
		why = printable.Line(step + " was not acknowledged: " + reason)
	}
	return loaded + ": " + why + tooEarly(o)
}

// tooEarly says what may have gone wrong with a first step that nothing was waited for before, or "".
func tooEarly(o *harness.Outcome) string {
	if o.Acknowledged > 0 || o.Attempted == 0 || o.Spec.Target.ReadyName != "" {
		return ""
	}
	return "; a step may have come too early: -ready waits until the program listens"
}

// outOfMemory reports whether an OOM killer ended the target or a part of it, or it gave up for want of memory.
func outOfMemory(v harness.Verdict) bool {
	switch v {
	case harness.OOMKilled, harness.OOMGroupKilled, harness.ChildOOMKilled, harness.AncestorOOMKilled, harness.HostOOMKilled, harness.RuntimeOOM:
		return true
	default:
		return false
	}
}
