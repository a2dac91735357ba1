package compare

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// Results are the runs of one file of results. Of each no more is kept than a comparison needs.
type Results struct {
	File   string
	Origin outcome.Origin // of the first run
	Runs   int

	points map[string]*point
	order  []string // names of points, as they were met first

	builds map[string][]string // the SHA-256 of a program's files, by its path; one where all runs are of one build
}

// point is what was run once or several times: the runs whose names are the same but for the repeat.
type point struct {
	name   string
	series string // its name without memory.max
	max    outcome.Bytes
	runs   []run
}

// run is what is kept of an outcome.
type run struct {
	ending   string
	survived bool
	acked    int
	peak     outcome.Bytes // 0 where the kernel does not say
	latency  time.Duration // p95 of the steps; 0 without any
	filled   outcome.Kind  // "" where it is not known
	kinds    [kinds]outcome.Bytes
}

// kinds is how many kinds of memory there are.
const kinds = 5

// errEmpty is the error of a file without an outcome, as a sweep leaves that was killed before its first one.
var errEmpty = errors.New("no outcome is in there, so there is nothing to compare")

// Read reads a file of results. Points of one name are repeats of it; a name with a repeat in it, there twice, is an error, as
// the same runs would count twice. Where nothing is wrong but a last line that is torn (sweep.ErrTorn), the results of all others
// are returned with the error.
func Read(path string) (*Results, error) {
	r := &Results{File: path, points: map[string]*point{}}
	repeats := map[string]bool{}
	err := sweep.ReadEach(path, true, func(o *outcome.Outcome) error {
		if hasRepeat(o.Name) {
			if repeats[o.Name] {
				return fmt.Errorf("%s has the run %s twice: a sweep runs each once; take one of the lines out", path, printable.Line(o.Name))
			}
			repeats[o.Name] = true
		}
		r.add(o)
		return nil
	})
	if err != nil && !errors.Is(err, sweep.ErrTorn) {
		return nil, err
	}
	if r.Runs == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s: %w", path, errEmpty))
	}
	return r, err
}

// add takes in one outcome.
func (r *Results) add(o *outcome.Outcome) {
	if r.Runs == 0 {
		r.Origin = o.Origin
		r.Origin.Command = strings.Clone(o.WithoutSecrets().Origin.Command)
	}
	r.Origin.Points = max(r.Origin.Points, o.Origin.Points)
	if start := o.Origin.Start; !start.IsZero() && start.Before(r.Origin.Start) {
		r.Origin.Start = start
	}
	r.Runs++
	if program, sum := cmp.Or(o.Spec.Target.Image, o.Spec.Target.Path), o.Executable.SHA256; sum != "" && !slices.Contains(r.builds[program], sum) {
		if r.builds == nil {
			r.builds = map[string][]string{}
		}
		r.builds[strings.Clone(program)] = append(r.builds[program], strings.Clone(sum))
	}
	name := sweep.Without(o.Name, sweep.RepeatAxis)
	p := r.points[name]
	if p == nil {
		p = &point{name: name, series: sweep.Without(name, "max"), max: o.Evidence.Limits.Max}
		r.points[name] = p
		r.order = append(r.order, name)
	}
	p.runs = append(p.runs, runOf(o))
}

func runOf(o *outcome.Outcome) run {
	r := run{ending: sweep.EndingOf(o).String(), survived: sweep.Survived(o), acked: o.Acknowledged, peak: o.Peak}
	if o.Latency != nil && o.Latency.Count > 0 {
		r.latency = o.Latency.P95
	}
	if c := o.Evidence.Fullest; c != nil {
		r.filled, _ = c.FilledBy()
		for i, k := range outcome.Kinds() {
			r.kinds[i] = c.Stat.Of(k)
		}
	}
	return r
}

func hasRepeat(name string) bool {
	return slices.ContainsFunc(sweep.ParseName(name), func(v sweep.Value) bool { return v.Axis == sweep.RepeatAxis })
}

// limit is memory.max of a point; 0 without one.
func (p *point) limit() outcome.Bytes {
	if p.max <= 0 || p.max == math.MaxInt64 {
		return 0
	}
	return p.max
}

// share is how many of the runs survived.
func (p *point) share() share {
	s := share{runs: len(p.runs)}
	for _, r := range p.runs {
		if r.survived {
			s.such++
		}
	}
	return s
}

// told is how many of the runs have the figure.
func (p *point) told(f figure) share { return share{runs: len(p.runs), such: len(p.values(f.of))} }

// survives is the share of runs that survived.
func (p *point) survives() float64 { return float64(p.share().such) / float64(len(p.runs)) }

// values are what one measure says of the runs, without those that it says nothing of.
func (p *point) values(of func(run) (float64, bool)) []float64 {
	all := make([]float64, 0, len(p.runs))
	for _, r := range p.runs {
		if v, ok := of(r); ok {
			all = append(all, v)
		}
	}
	return all
}
