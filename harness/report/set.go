package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// Set is the outcomes of one sweep, for a report. NewSet and Read make one.
type Set struct {
	Outcomes []*outcome.Outcome // in the order of sweep.Sort
	Findings []sweep.Finding    // what sweep.Check finds in them

	// ShowSecrets shows all that the outcomes have in a page. Without it the page shows them as Outcome.WithoutSecrets returns them.
	ShowSecrets bool

	readings map[*outcome.Outcome]int // of the timelines that were thinned: how many they had
}

// Read reads files of results for a report in the given format. Several files are taken for the shards of one sweep.
//
// A point that is there twice is an error, and so are a file that is given twice, files of sweeps with different axes or numbers of points, files without an
// outcome, and lines that sweep.ReadEach refuses. Where last lines are torn and nothing else is wrong, the set of all other
// outcomes is returned beside an error that is sweep.ErrTorn.
//
// For HTML, which alone shows timelines and output, it keeps as much of each outcome as a page with that many has room for. For
// other formats it keeps what outcome.ParseSummary has, without the kernel's reports. So a large file does not need as much memory.
func Read(f Format, paths ...string) (*Set, error) {
	keep := keeper{page: f == HTML, readings: map[*outcome.Outcome]int{}, texts: map[string]string{}}
	var torn error
	var known sweepFile
	in := map[string]string{} // the file of each point
	for i, path := range paths {
		if slices.Contains(paths[:i], path) {
			return nil, fmt.Errorf("%s is given twice: give each shard's file once", path)
		}
		from := len(keep.outcomes)
		err := sweep.ReadEach(path, !keep.page, func(o *outcome.Outcome) error {
			switch first, twice := in[o.Name]; {
			case twice && first == path:
				return fmt.Errorf("%s has the point %s twice: a sweep runs each once; take one of the lines out", path, printable.Line(o.Name))
			case twice:
				return fmt.Errorf("the point %s is in %s and in %s: give each shard's file once, and only those of one sweep", printable.Line(o.Name), first, path)
			}
			in[o.Name] = path
			keep.add(o)
			return nil
		})
		if errors.Is(err, sweep.ErrTorn) {
			torn = errors.Join(torn, err)
		} else if err != nil {
			return nil, err
		}
		if known, err = known.with(path, keep.outcomes[from:]); err != nil {
			return nil, err
		}
	}
	if len(keep.outcomes) == 0 {
		return nil, errors.Join(torn, fmt.Errorf("%s: no outcome is in there, so there is nothing to show", strings.Join(paths, ", ")))
	}
	s := NewSet(keep.outcomes)
	s.readings = keep.readings
	return s, torn
}

// sweepFile is what is known of the sweep that files are from, and from which file that is.
type sweepFile struct {
	axes, axesFrom string
	points         int // 0 where no file says
	pointsFrom     string
}

// with adds what another file says, or refuses it as one of another sweep.
func (f sweepFile) with(path string, outcomes []*outcome.Outcome) (sweepFile, error) {
	const help = "give the files of one sweep, and make a report of each"
	if len(outcomes) == 0 {
		return f, nil
	}
	if points := pointsOf(outcomes); f.points == 0 {
		f.points, f.pointsFrom = points, path
	} else if points != 0 && points != f.points {
		return f, fmt.Errorf("%s is of a sweep of %s, and %s of one of %d: %s", f.pointsFrom, human.Count(f.points, "point"), path, points, help)
	}
	var names []string
	for _, a := range axesOf(outcomes) {
		names = append(names, printable.Line(a.Name))
	}
	slices.Sort(names)
	axes := strings.Join(names, ", ")
	if f.axesFrom == "" {
		f.axes, f.axesFrom = axes, path
	}
	if axes != f.axes {
		return f, fmt.Errorf("the points of %s are named by %s, and those of %s by %s: %s", f.axesFrom, f.axes, path, axes, help)
	}
	return f, nil
}

// NewSet returns a set of these outcomes, sorted by sweep.Sort and checked by sweep.Check. The slice stays as it is.
func NewSet(outcomes []*outcome.Outcome) *Set {
	s := &Set{Outcomes: slices.Clone(outcomes)}
	sweep.Sort(s.Outcomes)
	s.Findings = sweep.Check(s.Outcomes)
	return s
}

// maxNamed is how many missing points an error names: a lost shard may be thousands.
const maxNamed = 10

// Complete returns an error that says how many of the sweep's points are missing, and which; nil where none is, or where no outcome
// has Origin.Points. Outcomes of two sweeps may be as many as those of one: their values make a grid with holes then, which are
// named as missing.
func (s *Set) Complete() error {
	points := pointsOf(s.Outcomes)
	if points == 0 {
		return nil
	}
	names := s.missing()
	missing := max(points-len(s.Outcomes), len(names))
	if missing == 0 {
		return nil
	}
	verb := "are"
	if missing == 1 {
		verb = "is"
	}
	text := fmt.Sprintf("%s to be run, and %d %s missing", human.Were(points, "point"), missing, verb)
	if grid := len(s.Outcomes) + missing; grid > points {
		text = fmt.Sprintf("%s to be run, and the values that are there make a grid of %d, of which %d %s missing", human.Were(points, "point"), grid, missing, verb)
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names[:min(len(names), maxNamed)], ", ")
	}
	switch unnamed := missing - min(len(names), maxNamed); {
	case len(names) == 0:
		text += "; which ones, those that are there do not tell"
	case unnamed > 0:
		text += fmt.Sprintf(", and %d more", unnamed)
	}
	return fmt.Errorf("%s; give the files of all shards of one sweep, and resume one that was killed", text)
}

// pointsOf is how many points the sweep of the outcomes has; 0 where nobody says. A sweep that was gone on with
// on a larger grid has outcomes that know of fewer.
func pointsOf(outcomes []*outcome.Outcome) int {
	points := 0
	for _, o := range outcomes {
		points = max(points, o.Origin.Points)
	}
	return points
}

// missing names the points that the values of the axes make and that are not there. A value of which
// no outcome is there is not known, so they may be fewer than are missing; it is none where the names
// have different axes.
func (s *Set) missing() []string {
	axes := axesOf(s.Outcomes)
	total := 1
	for _, a := range axes {
		if total > sweep.MaxPoints/len(a.Values) {
			return nil
		}
		total *= len(a.Values)
	}
	there := map[string]bool{}
	for _, o := range s.Outcomes {
		values := sweep.ParseName(o.Name)
		if len(values) != len(axes) {
			return nil
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = v.Axis + "=" + v.Text // the name of a point without axes is the target's, which has no "="
		}
		there[strings.Join(parts, "/")] = true
	}
	var names []string
	for i := range total {
		parts := make([]string, len(axes))
		for j := len(axes) - 1; j >= 0; j-- { // the last axis turns fastest
			parts[j] = axes[j].Name + "=" + axes[j].Values[i%len(axes[j].Values)]
			i /= len(axes[j].Values)
		}
		if name := strings.Join(parts, "/"); !there[name] {
			names = append(names, printable.Line(name))
		}
	}
	return names
}

// found maps each point that a finding is about to the findings' places in s.Findings.
func (s *Set) found() map[string][]int {
	of := map[string][]int{}
	for i, f := range s.Findings {
		for _, name := range f.Points {
			of[name] = append(of[name], i)
		}
	}
	return of
}

// listed are the findings that a list has room for: the first ones of each check.
func (s *Set) listed() []sweep.Finding {
	var listed []sweep.Finding
	of := map[string]int{}
	for _, f := range s.Findings {
		if of[f.Check]++; of[f.Check] <= maxFindings {
			listed = append(listed, f)
		}
	}
	return listed
}

// ranked returns the outcomes with those first that somebody should look at: the flaky ones, then those with
// other findings.
func (s *Set) ranked() []*outcome.Outcome {
	rank := map[string]int{}
	for _, f := range s.Findings {
		for _, name := range f.Points {
			rank[name] = max(rank[name], 1)
			if f.Check == "flaky" {
				rank[name] = 2
			}
		}
	}
	ranked := slices.Clone(s.Outcomes)
	slices.SortStableFunc(ranked, func(a, b *outcome.Outcome) int { return rank[b.Name] - rank[a.Name] })
	return ranked
}
