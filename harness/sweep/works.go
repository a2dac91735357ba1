package sweep

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Works says when a run that survived was still well. The zero value asks for nothing more than survival.
type Works struct {
	Latency  Quantile // how long a step may take
	Pressure float64  // part of the run's time, above 0 and at most 1, in which something may wait for memory (memory.pressure, some); 0: any
	Refaults *uint64  // how many pages may come back soon after the kernel has dropped them; nil: any
	Rate     float64  // steps in a second at least; 0: any
}

// Quantile is a bound of a quantile of the steps' times. Its zero value bounds nothing. It is a value for flag and pflag.
type Quantile struct {
	Name string // p50, p95, p99 or max
	Most time.Duration
}

// Set reads "p99=200ms".
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

// String is what Set reads, or "".
func (q *Quantile) String() string {
	if q.Most == 0 {
		return ""
	}
	return q.Name + "=" + q.Most.String()
}

// Type names the value in help texts of pflag.
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

// Asked reports whether anything is.
func (w Works) Asked() bool {
	return w.Latency.Most != 0 || w.Pressure != 0 || w.Refaults != nil || w.Rate != 0
}

// Timed reports whether what is asked depends on what else the machine does.
func (w Works) Timed() bool { return w.Latency.Most != 0 || w.Pressure != 0 || w.Rate != 0 }

// Validate says what of it makes no sense, for a load with steps or without.
func (w Works) Validate(steps bool) error {
	switch {
	case w.Pressure < 0 || w.Pressure > 1:
		return fmt.Errorf("the pressure is %v: it is a part of the time, from 0 to 1", w.Pressure)
	case w.Rate < 0:
		return fmt.Errorf("the rate is %v steps in a second: it must not be negative", w.Rate)
	case !steps && (w.Latency.Most != 0 || w.Rate != 0):
		return errors.New("a latency and a rate are those of steps, and the load has none")
	}
	return nil
}

// String prints "p99 ≤ 200 ms, pressure ≤ 5 %, at most 100 refaults, at least 50 steps/s"; "" where nothing is asked.
func (w Works) String() string {
	var parts []string
	if w.Latency.Most != 0 {
		parts = append(parts, w.Latency.Name+" ≤ "+human.Duration(w.Latency.Most))
	}
	if w.Pressure != 0 {
		parts = append(parts, "pressure ≤ "+percent(w.Pressure))
	}
	if w.Refaults != nil {
		parts = append(parts, "at most "+human.Count(*w.Refaults, "refault"))
	}
	if w.Rate != 0 {
		parts = append(parts, fmt.Sprintf("at least %.4g steps/s", w.Rate))
	}
	return strings.Join(parts, ", ")
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// Fault says why a run is not well, in a few words; "" where it is.
func (w Works) Fault(o *outcome.Outcome) string {
	l := o.Latency
	switch {
	case !Survived(o):
		return Failure(o)
	case (w.Latency.Most != 0 || w.Rate != 0) && (l == nil || l.Count == 0):
		return "it has no times of steps"
	case w.Latency.Most != 0 && w.Latency.of(l) > w.Latency.Most:
		return fmt.Sprintf("%s was %s", w.Latency.Name, human.Duration(w.Latency.of(l)))
	case w.Rate != 0 && l.PerSecond < w.Rate:
		return fmt.Sprintf("it took %.4g steps/s", l.PerSecond)
	case w.Pressure != 0 && o.Evidence.Unread[outcome.PressureFile] != "":
		return "its pressure could not be read: " + o.Evidence.Unread[outcome.PressureFile]
	case w.Pressure != 0 && PressureOf(o) > w.Pressure:
		return "its pressure was " + percent(PressureOf(o))
	case w.Refaults != nil && o.Evidence.Refaults > *w.Refaults:
		return "it had " + human.Count(o.Evidence.Refaults, "refault")
	}
	return ""
}

// PressureOf is the part of a run's time in which something waited for memory.
func PressureOf(o *outcome.Outcome) float64 {
	if o.Took <= 0 {
		return 0
	}
	return min(float64(o.Evidence.Pressure.Some)/float64(o.Took), 1)
}
