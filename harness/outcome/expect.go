package outcome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/nearest"
)

// Expectation is a list of ends, any of which is expected. Empty, it expects nothing.
type Expectation []ExpectedEnd

// ExpectedEnd is a verdict, and of a target that exited or was killed how. Of one that survived it may say how Spec.Stop
// made it end: "stopped" within the grace with exit code 0, and "stopped=143" or "stopped=SIGTERM" otherwise.
type ExpectedEnd struct {
	Verdict Verdict
	Stopped bool   // of Survived: it ended as it was asked to
	Code    *int   // of Exited; nil: any. Of one that was stopped; nil: 0, where there is no Signal
	Signal  string // of Killed, as "SIGABRT"; empty: any. Of one that was stopped; empty: none
}

// stoppedName is the name of a target that survived, and ended as it was asked to.
const stoppedName = "stopped"

// ParseExpectation reads what ExpectedEnd prints, several with commas between them: "oom-killed,exited=3,killed=SIGABRT". The
// SIG of a signal may be missing. An unknown name is an error that has the nearest known one.
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

// ExpectationNames are the names that an Expectation may have.
func ExpectationNames() []string {
	var names []string
	for _, v := range Verdicts() {
		names = append(names, string(v))
	}
	return append(names, stoppedName)
}

// String is what ParseExpectation reads.
func (e Expectation) String() string {
	var all []string
	for _, end := range e {
		all = append(all, end.String())
	}
	return strings.Join(all, ",")
}

// String is the verdict, with the exit code or the signal behind it: "exited=3".
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

// UnmarshalText makes an Expectation of what ParseExpectation reads, for files and flags.
func (e *Expectation) UnmarshalText(text []byte) (err error) {
	*e, err = ParseExpectation(string(text))
	return err
}

// MarshalText is String.
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Unmet says what the outcome is instead, or "" where it is one of the ends or none is expected.
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
