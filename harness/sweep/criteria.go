package sweep

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Criteria say what a run must meet beside survival. The zero value asks for nothing.
type Criteria struct {
	Latency  Quantile // how long steps may take; zero: any time
	Pressure float64  // the most that PressureOf may be, above 0 and at most 1; 0: anything
	Refaults *uint64  // the most pages that may come back soon after the kernel has dropped them (Evidence.Refaults); nil: any number
	Rate     float64  // the fewest acknowledged steps in a second (Latency.PerSecond); 0: any
}

// Quantile is a bound of a quantile of the steps' times. Its zero value bounds nothing. It is a value for flag and pflag.
type Quantile struct {
	Name string        // p50, p95, p99 or max
	Max  time.Duration // the bound, which a run may just meet; 0: none
}

// Set reads "p99=200ms". Another name than p50, p95, p99 and max, and a time that is not above 0, are errors.
func (q *Quantile) Set(text string) error {
	name, time_, ok := strings.Cut(text, "=")
	d, err := time.ParseDuration(time_)
	switch {
	case !ok:
		return errors.New("it looks like p99=200ms")
	case name != "p50" && name != "p95" && name != "p99" && name != "max":
		return fmt.Errorf("there is no quantile %q: take p50, p95, p99 or max", name)
	case err != nil || d <= 0:
		return fmt.Errorf("%q is no time above 0; times look like 200ms", time_)
	}
	*q = Quantile{name, d}
	return nil
}

// String returns what Set reads; "" where nothing is bounded.
func (q *Quantile) String() string {
	if q.Max == 0 {
		return ""
	}
	return q.Name + "=" + q.Max.String()
}

// Type returns what help texts call the value, as pflag.Value has it.
func (*Quantile) Type() string { return "QUANTILE=TIME" }

// of is that quantile of a run.
func (q Quantile) of(l *outcome.Latency) time.Duration {
	switch q.Name {
	case "p50":
		return l.P50
	case "p95":
		return l.P95
	case "p99":
		return l.P99
	default:
		return l.Max
	}
}

// Asked reports whether anything is asked for.
func (c Criteria) Asked() bool {
	return c.Latency.Max != 0 || c.Pressure != 0 || c.Refaults != nil || c.Rate != 0
}

// Timed reports whether anything is asked for that depends on what else the machine does: a latency, a pressure or a rate.
func (c Criteria) Timed() bool { return c.Latency.Max != 0 || c.Pressure != 0 || c.Rate != 0 }

// validate says in an error what of the criteria makes no sense, for a load with steps or without.
func (c Criteria) validate(steps bool) error {
	switch {
	case c.Pressure < 0 || c.Pressure > 1:
		return fmt.Errorf("the pressure is %v: it is a part of the time, from 0 to 1", c.Pressure)
	case c.Rate < 0:
		return fmt.Errorf("the rate is %v steps in a second: it must not be negative", c.Rate)
	case !steps && (c.Latency.Max != 0 || c.Rate != 0):
		return errors.New("a latency and a rate are those of steps, and the load has none")
	}
	return nil
}

// String returns "p99 ≤ 200 ms, pressure ≤ 5 %, at most 100 refaults, at least 50 steps/s"; "" where nothing is asked.
func (c Criteria) String() string {
	var parts []string
	if c.Latency.Max != 0 {
		parts = append(parts, c.Latency.Name+" ≤ "+human.Duration(c.Latency.Max))
	}
	if c.Pressure != 0 {
		parts = append(parts, "pressure ≤ "+percent(c.Pressure))
	}
	if c.Refaults != nil {
		parts = append(parts, "at most "+human.Count(*c.Refaults, "refault"))
	}
	if c.Rate != 0 {
		parts = append(parts, fmt.Sprintf("at least %.4g steps/s", c.Rate))
	}
	return strings.Join(parts, ", ")
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// unmet says why a run is not well, in a few words; "" where it is.
func (c Criteria) unmet(o *outcome.Outcome) string {
	l := o.Latency
	switch {
	case !Survived(o):
		return Failure(o)
	case (c.Latency.Max != 0 || c.Rate != 0) && (l == nil || l.Count == 0):
		return "it has no times of steps"
	case c.Latency.Max != 0 && c.Latency.of(l) > c.Latency.Max:
		return fmt.Sprintf("%s was %s", c.Latency.Name, human.Duration(c.Latency.of(l)))
	case c.Rate != 0 && l.PerSecond < c.Rate:
		return fmt.Sprintf("it took %.4g steps/s", l.PerSecond)
	case c.Pressure != 0 && o.Evidence.Unread[outcome.PressureFile] != "":
		return "its pressure could not be read: " + o.Evidence.Unread[outcome.PressureFile]
	case c.Pressure != 0 && PressureOf(o) > c.Pressure:
		return "its pressure was " + percent(PressureOf(o))
	case c.Refaults != nil && o.Evidence.Refaults > *c.Refaults:
		return "it had " + human.Count(o.Evidence.Refaults, "refault")
	}
	return ""
}

// PressureOf returns the share of the run's time, from 0 to 1, in which some process of the cage waited for memory: "some" of
// memory.pressure (Documentation/accounting/psi.rst) over Outcome.Took. It is 0 where either is not known.
func PressureOf(o *outcome.Outcome) float64 {
	if o.Took <= 0 {
		return 0
	}
	return min(float64(o.Evidence.Pressure.Some)/float64(o.Took), 1)
}
