package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness"
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

// disappointed says what of the outcome was not expected, or "".
func (e *expectFlags) disappointed(o *harness.Outcome) string {
	if e.verdict != "" && string(o.Verdict) != e.verdict {
		return fmt.Sprintf("the verdict is %s, not %s", o.Verdict, e.verdict)
	}
	switch {
	case e.acked == "":
		return ""
	case e.acked == asPredicted && o.Window == nil:
		return "there is no prediction: it takes a target that was ready, -max, and -step"
	case e.acked == asPredicted && !o.Window.Contains(o.Acknowledged):
		return fmt.Sprintf("%d steps were acknowledged, and %s were predicted", o.Acknowledged, o.Window)
	case e.acked != asPredicted && !e.window.Contains(o.Acknowledged):
		return fmt.Sprintf("%d steps were acknowledged, not %s", o.Acknowledged, e.acked)
	}
	return ""
}

func verdictTexts() []string {
	var texts []string
	for _, v := range harness.Verdicts() {
		texts = append(texts, string(v))
	}
	return texts
}
