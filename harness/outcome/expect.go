package outcome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/nearest"
)

// Expectation is a list of ends, of which one is expected. nil or empty: any end is. In JSON it is the text of ParseExpectation.
type Expectation []ExpectedEnd

// ExpectedEnd is a verdict and, of a target that exited, was killed or was stopped, how it ended.
type ExpectedEnd struct {
	Verdict Verdict

	// Stopped, of Survived alone, is set where Spec.Stop has to make the target end within its grace: with Code or by Signal.
	Stopped bool

	Code   *int   // of Exited, nil is any exit code; where Stopped is set and Signal is empty, nil is 0
	Signal string // as "SIGABRT"; of Killed, empty is any signal; where Stopped is set, empty is none
}

// stoppedName is the name of a target that survived, and ended as it was asked to.
const stoppedName = "stopped"

// ParseExpectation reads ends with commas between them: "oom-killed,exited=3,killed=SIGABRT", or "stopped", "stopped=143" and
// "stopped=SIGTERM" for a target that Spec.Stop made end. The SIG of a signal may be missing. An unknown name, an exit code above 255 and
// an unknown signal are errors that say what is near.
func ParseExpectation(text string) (Expectation, error) {
	var all Expectation
	for part := range strings.SplitSeq(text, ",") {
		end, err := parseEnd(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, end)
	}
	return all, nil
}

func parseEnd(text string) (ExpectedEnd, error) {
	name, how, hasHow := strings.Cut(text, "=")
	e := ExpectedEnd{Verdict: Verdict(name)}
	if name == stoppedName {
		e = ExpectedEnd{Verdict: Survived, Stopped: true}
	}
	if !slices.Contains(ExpectationNames(), name) {
		return e, fmt.Errorf("%q is no verdict: %stake one of %s", name, nearest.Hint(name, ExpectationNames()), strings.Join(ExpectationNames(), ", "))
	}
	if !hasHow {
		return e, nil
	}
	code, err := strconv.Atoi(how)
	isCode := err == nil && code >= 0 && code <= maxExitCode
	signal, _, noSignal := parseSignal(how)
	switch {
	case e.Verdict == Exited && !isCode:
		return e, fmt.Errorf("%q has no exit code: they are from 0 to %d, as in exited=3", text, maxExitCode)
	case e.Verdict == Exited, e.Stopped && isCode:
		e.Code = &code
	case e.Verdict != Killed && !e.Stopped:
		return e, fmt.Errorf("%q: only exited=CODE, killed=SIGNAL and stopped=CODE|SIGNAL say how, write %s alone", text, name)
	case noSignal != nil:
		return e, fmt.Errorf("%q: %w", text, noSignal)
	default:
		e.Signal = signal
	}
	return e, nil
}

// maxExitCode is the largest one: the kernel keeps 8 bits (wait(2)).
const maxExitCode = 255

// ExpectationNames returns the names that ParseExpectation knows: the verdicts and "stopped".
func ExpectationNames() []string {
	var names []string
	for _, v := range Verdicts() {
		names = append(names, string(v))
	}
	return append(names, stoppedName)
}

// String returns what ParseExpectation reads.
func (e Expectation) String() string {
	var all []string
	for _, end := range e {
		all = append(all, end.String())
	}
	return strings.Join(all, ",")
}

// String returns the name and how it ended: "exited=3", "stopped".
func (e ExpectedEnd) String() string {
	name := string(e.Verdict)
	if e.Stopped {
		name = stoppedName
	}
	switch {
	case e.Code != nil:
		return fmt.Sprintf("%s=%d", name, *e.Code)
	case e.Signal != "":
		return name + "=" + e.Signal
	default:
		return name
	}
}

// UnmarshalText sets e to what ParseExpectation reads.
func (e *Expectation) UnmarshalText(text []byte) (err error) {
	*e, err = ParseExpectation(string(text))
	return err
}

// MarshalText returns String.
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Unmet says what the outcome is instead; "" where it is one of the ends, or none is expected.
func (e Expectation) Unmet(o *Outcome) string {
	if len(e) == 0 || slices.ContainsFunc(e, func(end ExpectedEnd) bool { return end.is(o) }) {
		return ""
	}
	found := string(o.Verdict)
	if i := slices.IndexFunc(e, func(end ExpectedEnd) bool { return end.Verdict == o.Verdict }); i >= 0 { // the verdict alone was right
		found = endOf(o).String()
		if e[i].Stopped {
			found += ", and " + e[i].unclean(o)
		}
	}
	var wanted []string
	for _, end := range e {
		wanted = append(wanted, end.String())
	}
	return fmt.Sprintf("the verdict is %s, not %s", found, strings.Join(wanted, " or "))
}

// endOf is the end that the outcome alone has.
func endOf(o *Outcome) ExpectedEnd {
	e := ExpectedEnd{Verdict: o.Verdict}
	switch o.Verdict {
	case Exited:
		e.Code = &o.Evidence.Status.Code
	case Killed:
		e.Signal = o.Evidence.Status.Signal
	}
	return e
}

// unclean says why the target did not end as it was asked to.
func (e ExpectedEnd) unclean(o *Outcome) string {
	code := 0
	if e.Code != nil {
		code = *e.Code
	}
	return o.unclean(code, e.Signal)
}

func (e ExpectedEnd) is(o *Outcome) bool {
	status := o.Evidence.Status
	if e.Stopped {
		return e.unclean(o) == ""
	}
	return e.Verdict == o.Verdict && (e.Code == nil || *e.Code == status.Code) && (e.Signal == "" || e.Signal == status.Signal)
}
