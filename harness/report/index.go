package report

import (
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// index is what the page draws its map, plot and table from. It holds no text that can be long.
type index struct {
	Axes     []sweep.Axis               `json:"axes"` // without the repeats
	Points   []point                    `json:"points"`
	Checks   []string                   `json:"checks"`   // of each finding
	Verdicts []outcome.Verdict          `json:"verdicts"` // in the order of their table
	Letters  map[outcome.Verdict]string `json:"letters"`
	Own      []outcome.Verdict          `json:"own"`   // of kills by the cage's own limit
	Marks    []string                   `json:"marks"` // of the series, each a path around where the pen is
	Kills    *kills                     `json:"kills"` // null where the limit does not vary
	Chunk    int                        `json:"chunk"` // how many points' details are in one block
}

// point is a row of the page's table, in the order in which it is shown first.
type point struct {
	Name      string          `json:"name"`
	Rank      int             `json:"rank"`   // its place in the order of the axes' values
	Values    []int           `json:"values"` // places in the axes' values; -1 where the name has none
	Verdict   outcome.Verdict `json:"verdict"`
	Acked     int             `json:"acked"`
	Attempted int             `json:"attempted"`
	Predicted string          `json:"predicted,omitempty"`
	Each      int64           `json:"each,omitempty"` // bytes that a step took
	EachText  string          `json:"eachText,omitempty"`
	Max       int64           `json:"max,omitempty"` // memory.max; 0 where there is none
	MaxText   string          `json:"maxText"`
	Peak      int64           `json:"peak"` // memory.peak
	PeakText  string          `json:"peakText"`
	Filled    outcome.Kind    `json:"filled,omitempty"` // the kind that filled it most
	FillText  string          `json:"filledText,omitempty"`
	Took      int64           `json:"took"` // microseconds
	TookText  string          `json:"tookText"`
	Findings  []int           `json:"findings,omitempty"` // places in Checks
}

// kills is the plot of the steps over memory.max.
type kills struct {
	From   string        `json:"from"` // the smallest memory.max
	To     string        `json:"to"`
	Max    scale         `json:"max"`
	Steps  scale         `json:"steps"`
	Series []killsSeries `json:"series"`
}

type killsSeries struct {
	Name   string   `json:"name"`
	Points []int    `json:"points"` // places in the index, the lowest limit first
	Band   []window `json:"band"`
	Steps  scale    `json:"steps"` // where it is shown alone
}

// index makes the page's table.
func (s *Set) index(outcomes []*outcome.Outcome, chunk int) index {
	x := index{Chunk: chunk, Axes: []sweep.Axis{}, Checks: []string{}, Verdicts: outcome.Verdicts(), Letters: map[outcome.Verdict]string{}, Own: ownLimit}
	for v, l := range looks {
		x.Letters[v] = l.letter
	}
	for _, m := range marks {
		x.Marks = append(x.Marks, m.path(4.5))
	}
	for _, f := range s.Findings {
		x.Checks = append(x.Checks, checkText(f.Check))
	}
	at := x.addAxes(outcomes)
	found := s.found()
	rank := map[*outcome.Outcome]int{}
	for i, o := range s.Outcomes {
		rank[o] = i
	}
	for _, o := range outcomes {
		p := pointOf(o)
		p.Rank, p.Findings = rank[o], found[o.Name]
		p.Values = make([]int, len(x.Axes))
		for i := range p.Values {
			p.Values[i] = -1
		}
		for _, v := range sweep.ParseName(o.Name) {
			if place, ok := at[v]; ok {
				p.Values[place.axis] = place.value
			}
		}
		x.Points = append(x.Points, p)
	}
	x.Kills = killsOf(s.series(), outcomes)
	return x
}

// axisPlace is where a value is among the axes of an index.
type axisPlace struct{ axis, value int }

// addAxes adds the axes of the points, and returns where their values are.
func (x *index) addAxes(outcomes []*outcome.Outcome) map[sweep.Value]axisPlace {
	at := map[sweep.Value]axisPlace{}
	for _, a := range axesOf(outcomes) {
		if a.Name == sweep.RepeatAxis {
			continue
		}
		shown := sweep.Axis{Name: printable.Line(a.Name)}
		for i, v := range a.Values {
			at[sweep.Value{Axis: a.Name, Text: v}] = axisPlace{len(x.Axes), i}
			shown.Values = append(shown.Values, printable.Line(v))
		}
		x.Axes = append(x.Axes, shown)
	}
	return at
}

// pointOf is a row without what other points have a part in.
func pointOf(o *outcome.Outcome) point {
	kind, _ := o.Evidence.Fullest.FilledBy()
	var each int64
	if o.Measured != nil {
		each = int64(o.Measured.Step)
	}
	return point{
		Each: each, EachText: tookEach(o),
		Name: printable.Line(o.Name), Verdict: o.Verdict, Acked: o.Acknowledged, Attempted: o.Attempted, Predicted: predicted(o),
		Max: finite(o.Evidence.Limits.Max), MaxText: limit(o), Peak: int64(o.Peak), PeakText: sizeText(o.Peak),
		Filled: kind, FillText: filledBy(o),
		Took: took(o).Microseconds(), TookText: human.Duration(took(o)),
	}
}

// killsOf makes the plot of series whose points are among the outcomes.
func killsOf(all []series, outcomes []*outcome.Outcome) *kills {
	if len(all) == 0 {
		return nil
	}
	at := map[*outcome.Outcome]int{}
	for i, o := range outcomes {
		at[o] = i
	}
	k := &kills{}
	k.Max, k.Steps = killsScales(all...)
	lowest, highest := maxOf(all[0].outcomes[0]), int64(0)
	for _, s := range all {
		shown := killsSeries{Name: s.name, Band: s.band()}
		_, shown.Steps = killsScales(s)
		for _, o := range s.outcomes {
			shown.Points = append(shown.Points, at[o])
		}
		lowest, highest = min(lowest, maxOf(s.outcomes[0])), max(highest, maxOf(s.outcomes[len(s.outcomes)-1]))
		k.Series = append(k.Series, shown)
	}
	k.From, k.To = sizeText(outcome.Bytes(lowest)), sizeText(outcome.Bytes(highest))
	return k
}

// finite is a limit as the page's script can count with it: its numbers are exact to 2^53.
func finite(b outcome.Bytes) int64 {
	if b >= 1<<53 {
		return 0
	}
	return int64(b)
}
