package outcome

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"oomcage/harness/internal/printable"
)

// httpAnswer is the error of a request that was answered, as "step 1: POST http://127.0.0.1:80/note: 404 Not Found: no such page".
var httpAnswer = regexp.MustCompile(`\b([A-Z]+) \w+://[^/\s]*([^\s?]*)\S*: (\d{3}(?: [A-Za-z'-]+)*)`)

// longestCause is how much of an error has room in the sentence of a verdict; the line "error" has all of it.
const longestCause = 60

// stepCause is why a step was not acknowledged, in short and with a colon before it: an answer's status, or the last words of another
// error, which begins with what was tried. "" where the sentence says it anyway.
func (o *Outcome) stepCause() string {
	if o.Error == "" || o.refusal() != "" {
		return ""
	}
	if answer := httpAnswer.FindStringSubmatch(o.Error); answer != nil {
		return ": " + answer[3]
	}
	return shortly(o.Error)
}

// readyCause is the last that was heard of a target that was never ready, in brackets: what its probe ended with is that its time was up.
func (o *Outcome) readyCause() string {
	_, last, ok := strings.Cut(o.Error, "before that: ")
	if !ok {
		return ""
	}
	if answer := httpAnswer.FindStringSubmatch(last); answer != nil {
		return fmt.Sprintf(" (%s %s answered %s)", answer[1], answer[2], answer[3])
	}
	if short := shortly(last); short != "" {
		return " (the last try" + short + o.untold(short) + ")"
	}
	return ""
}

// untold says that a target at whose address nobody listens was not told of that address, or "".
func (o *Outcome) untold(short string) string {
	t := o.Spec.Target
	if !strings.HasSuffix(short, "connection refused") || t.Image != "" || slices.ContainsFunc(slices.Concat(t.Args, t.Env), addressVariable.MatchString) {
		return ""
	}
	return "; it was told no address: $ADDR and $PORT are in none of its arguments"
}

// addressVariable is what the harness replaces by the cage's address.
var addressVariable = regexp.MustCompile(`\$\{?(?:ADDR|PORT)\b`)

// shortly is the end of an error's first line, with a colon before it; "" where that is too long.
func shortly(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	if text = printable.Line(strings.TrimSpace(text)); text == "" || len(text) > longestCause {
		return ""
	}
	return ": " + text
}

// cutShort says that the load ended before the steps that were predicted for a kill, or "".
func (o *Outcome) cutShort() string {
	if o.Verdict == Survived && o.Spec.Load.Count > 0 && o.Attempted >= o.Spec.Load.Count && o.Acknowledged < o.Predicted.Lo {
		return ": the load ended before it"
	}
	return ""
}
