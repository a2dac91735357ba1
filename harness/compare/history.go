package compare

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// History is the results of several builds, the oldest first.
type History struct {
	Dir    string
	Builds []Build
	Series []string // names of all series, as they were met first

	// Dated is set where the builds are in the order in which their sweeps began; otherwise in that of their names.
	Dated bool
}

// Build is what a file of results says of each series.
type Build struct {
	Name  string // the file's, without what all files have
	Start time.Time
	Of    map[string]State
}

// State is a series at one build.
type State struct {
	Limit    outcome.Bytes // the smallest that was survived; 0 for none
	HasLimit bool          // several limits were tried
	Peak     Summary       // of the runs at the highest limit that all survived; zero without any
	At       outcome.Bytes // that limit; 0 where there was none

	// LimitChanged and PeakChanged tell that it differs from the build before, beyond noise.
	LimitChanged, PeakChanged bool

	limitBy, peakBy float64 // by how much, of which the sign is of interest: the build before may not be shown, or have its peak at another limit
}

// ReadHistory reads the files of results (*.jsonl) in a folder and those below it, one for each build. They are put in the order
// in which their sweeps began, where all files tell that, and otherwise in that of their names, in which numbers count as such.
// Of each file no more is kept than is shown. With torn, a last line that is torn is left out, and so is
// a file without an outcome; without, each is an error.
func ReadHistory(dir string, torn bool) (*History, error) {
	var files []string
	root := dir
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		root += string(filepath.Separator) // behind a link too, which is not followed without
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".jsonl") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no file of results: it needs one for each build, such as COMMIT.jsonl", dir)
	}
	h := &History{Dir: dir, Dated: true}
	starts := map[string]time.Time{}
	for _, path := range files {
		start, some, err := startOf(path)
		if err != nil {
			return nil, err
		}
		starts[path] = start
		h.Dated = h.Dated && (!some || !start.IsZero())
	}
	slices.SortStableFunc(files, func(a, b string) int {
		if h.Dated && !starts[a].Equal(starts[b]) {
			return starts[a].Compare(starts[b])
		}
		return natural(a, b)
	})
	var before *Results
	for _, path := range files {
		r, err := Read(path)
		if torn && errors.Is(err, errEmpty) {
			continue
		}
		if err != nil && !(torn && errors.Is(err, sweep.ErrTorn)) {
			return nil, err
		}
		h.add(buildName(dir, path), before, r)
		before = r
	}
	if len(h.Builds) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, errEmpty)
	}
	return h, nil
}

// startOf is when the sweep of a file began, by its first outcome; some is set where it has one.
func startOf(path string) (start time.Time, some bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return start, false, err
	}
	defer f.Close()
	r := sweep.NewReader(f)
	r.Summary = true
	o, err := r.Next()
	if err != nil {
		return start, false, nil //nolint:nilerror // whoever reads all of the file says what is wrong with it
	}
	return o.Origin.Start, true, nil
}

// buildName is a file's name without what says nothing: "2026-11-27-abc" for dir/2026-11-27-abc/results.jsonl.
func buildName(dir, path string) string {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		name = path
	}
	name = strings.TrimSuffix(filepath.ToSlash(name), ".jsonl")
	if short, ok := strings.CutSuffix(name, "/results"); ok {
		return short
	}
	return name
}

// add takes in the results of one more build.
func (h *History) add(name string, before, r *Results) {
	b := Build{Name: name, Start: r.Origin.Start, Of: map[string]State{}}
	limits, peaks := map[string]*Series{}, map[string]*Point{}
	if before != nil {
		c := Compare(before, r)
		for _, s := range c.Series {
			limits[s.Name] = s
		}
		for _, p := range c.Points {
			peaks[p.Name] = p
		}
	}
	rungs, _ := r.rungs()
	for _, name := range r.order {
		p := r.points[name]
		if _, there := b.Of[p.series]; there {
			continue
		}
		if !slices.Contains(h.Series, p.series) {
			h.Series = append(h.Series, p.series)
		}
		points := rungs[p.series]
		if p.limit() == 0 {
			points = []*point{p}
		}
		s := stateOf(points)
		if moved := limits[p.series]; moved != nil {
			s.LimitChanged, s.limitBy = moved.Changed, moved.by()
		}
		if at := highestSurvived(points); at != nil && peaks[at.name] != nil {
			s.PeakChanged, s.peakBy = peaks[at.name].Peak.Changed, peaks[at.name].Peak.By()
		}
		b.Of[p.series] = s
	}
	h.Builds = append(h.Builds, b)
}

// stateOf sums up a series, the lowest limit first.
func stateOf(points []*point) (s State) {
	s.HasLimit, s.Limit = len(points) > 1, smallest(ladder(points))
	if at := highestSurvived(points); at != nil {
		s.At = at.limit()
		if peaks := at.values(measureOf("peak").of); len(peaks) > 0 {
			slices.Sort(peaks)
			s.Peak = summary(peaks)
		}
	}
	return s
}

// highestSurvived is the point with the highest limit of those that all runs survived, or nil.
func highestSurvived(points []*point) *point {
	for _, p := range slices.Backward(points) {
		if p.survives() == 1 {
			return p
		}
	}
	return nil
}

// natural orders names as people do: run-9 comes before run-10.
func natural(a, b string) int {
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	for i, j := 0, 0; ; {
		if i == len(a) || j == len(b) {
			return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), strings.Compare(a, b))
		}
		if m, n := digits(a[i:]), digits(b[j:]); m > 0 && n > 0 {
			x, y := strings.TrimLeft(a[i:i+m], "0"), strings.TrimLeft(b[j:j+n], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			i, j = i+m, j+n
			continue
		}
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
		i, j = i+1, j+1
	}
}

// newest are the states of a series at the last builds that have it, and how many older ones are left out.
func (h *History) newest(series string, most int) (names []Build, older int) {
	for _, b := range h.Builds {
		if _, there := b.Of[series]; there {
			names = append(names, b)
		}
	}
	if older = len(names) - most; older > 0 {
		return names[older:], older
	}
	return names, 0
}

// sparks draws values as a row of blocks, the lowest as the lowest one; a gap for what is not there.
func sparks(values []float64) string {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range values {
		switch {
		case v <= 0:
			b.WriteRune('·')
		case hi == lo:
			b.WriteRune(blocks[0])
		default:
			b.WriteRune(blocks[int((v-lo)/(hi-lo)*float64(len(blocks)-1)+0.5)])
		}
	}
	return b.String()
}
