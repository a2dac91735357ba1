package outcome

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Stop is how a target that lives when its load has ended is asked to end. The zero value is SIGTERM, and DefaultGrace.
type Stop struct {
	Signal string        `json:"signal,omitempty"` // its name, as "SIGTERM", or its number; empty: SIGTERM
	Grace  time.Duration `json:"grace,omitempty"`  // how long the target may take to end; 0: DefaultGrace
}

// DefaultGrace is what a Grace of 0 means: as long as docker and podman give a container.
const DefaultGrace = 10 * time.Second

// ParseStop reads "TERM,5s" or "TERM". An unknown signal, and a grace that is not above 0, are errors.
func ParseStop(text string) (Stop, error) {
	signal, grace, hasGrace := strings.Cut(text, ",")
	name, _, err := parseSignal(strings.TrimSpace(signal))
	if err != nil {
		return Stop{}, err
	}
	s := Stop{Signal: name}
	if hasGrace {
		s.Grace, err = time.ParseDuration(strings.TrimSpace(grace))
		if err != nil || s.Grace <= 0 {
			return Stop{}, fmt.Errorf("the grace %q is no duration above 0: write it as TERM,5s", grace)
		}
	}
	return s, nil
}

// String returns what ParseStop reads, with the defaults: "SIGTERM,10s".
func (s Stop) String() string {
	return fmt.Sprintf("%s,%v", cmp.Or(s.Signal, "SIGTERM"), cmp.Or(s.Grace, DefaultGrace))
}

// Explicit returns the stop with its defaults filled in, and the signal's number. An unknown signal is an error.
func (s Stop) Explicit() (Stop, int, error) {
	name, number, err := parseSignal(cmp.Or(s.Signal, "SIGTERM"))
	return Stop{Signal: name, Grace: cmp.Or(s.Grace, DefaultGrace)}, number, err
}

func (s *Stop) validate(run time.Duration) error {
	if s == nil {
		return nil
	}
	with, _, err := s.Explicit()
	switch {
	case err != nil:
		return fmt.Errorf("the spec's Stop.Signal: %w", err)
	case with.Grace < 0:
		return fmt.Errorf("the spec's Stop.Grace is %v: it must not be negative", with.Grace)
	case with.Grace >= run:
		return fmt.Errorf("the spec's Stop.Grace is %v, and the whole run has %v: give Timeout more", with.Grace, run)
	}
	return nil
}

// Stopped is what became of a target that lived when its load had ended, and was then asked to end.
type Stopped struct {
	Stop               // with its defaults filled in
	At   time.Duration `json:"at"`   // when the signal was sent, since the run began
	Took time.Duration `json:"took"` // from then until the target had ended, or until nobody waited any more

	// Ended is set where the target had ended by then; Evidence.Status says how. Otherwise its grace ran out or, where TimeUp is
	// set, the time of the run.
	Ended  bool `json:"ended"`
	TimeUp bool `json:"time_up,omitempty"`

	Error string `json:"error,omitempty"` // why the signal could not be sent; empty: it was
}

// stopped reports whether the target has ended as it was asked to: by itself, or by the very signal.
func (e Evidence) stopped() bool {
	if e.Followed != nil { // nobody knows how they ended
		return e.Stop != nil && !e.Alive()
	}
	return e.Stop != nil && e.Status.Ended && (e.Status.Signal == "" || e.Status.Signal == e.Stop.Signal)
}

// StopText says what came of Evidence.Stop, as a clause: "SIGTERM did not end it within its grace of 5s"; "" where that is nil.
func (e Evidence) StopText() string {
	s := e.Stop
	switch {
	case s == nil:
		return ""
	case s.Error != "":
		return fmt.Sprintf("it could not be sent %s: %s", s.Signal, s.Error)
	case e.Alive() && s.TimeUp:
		return fmt.Sprintf("%s had not ended it after %s, when the run's time was up, before its grace of %v was", s.Signal, human.Duration(s.Took), s.Grace)
	case e.Alive():
		return fmt.Sprintf("%s did not end it within its grace of %v", s.Signal, s.Grace)
	case e.Followed != nil && e.Events.OOMKill == 0:
		return fmt.Sprintf("%s emptied its cage in %s", s.Signal, human.Duration(s.Took))
	case e.stopped() && e.Followed == nil && e.Status.Signal != "":
		return fmt.Sprintf("%s ended it in %s, not by itself%s", s.Signal, human.Duration(s.Took), e.leftNote())
	case e.stopped() && e.Followed == nil:
		return fmt.Sprintf("%s made it end in %s with %s%s", s.Signal, human.Duration(s.Took), e.Status, e.leftNote())
	default:
		return fmt.Sprintf("that was in its shutdown, %s after %s", human.Duration(s.Took), s.Signal)
	}
}

func (e Evidence) leftNote() string {
	if len(e.LeftRunning) == 0 {
		return ""
	}
	return ", while " + listed(e.LeftRunning) + " ran on in the cage"
}

// stopNote is the clause with a semicolon before it.
func (e Evidence) stopNote() string {
	if clause := e.StopText(); clause != "" {
		return "; " + clause
	}
	return ""
}

// unclean says why the target did not stop as asked: with this exit code, or by this signal. "" where it did.
func (o *Outcome) unclean(code int, signal string) string {
	e := o.Evidence
	switch {
	case o.Spec.Stop == nil:
		return "the spec has no Stop"
	case e.Stop == nil:
		return fmt.Sprintf("it was not asked to stop: %s", o.Verdict)
	case o.Verdict != Survived:
		return fmt.Sprintf("the verdict is %s: %s", o.Verdict, e.StopText())
	case !e.stopped(), signal != e.Status.Signal, signal == "" && e.Status.Code != code, len(e.LeftRunning) > 0:
		return e.StopText()
	}
	return ""
}
