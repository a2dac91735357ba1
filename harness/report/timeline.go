package report

import (
	"slices"
	"time"

	"oomcage/harness/internal/chart"
	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// timeline is the plot of a point's readings.
type timeline struct {
	Time    scale              `json:"time,omitzero"` // microseconds
	Memory  scale              `json:"memory,omitzero"`
	Over    string             `json:"over,omitempty"` // the last reading's time
	Limits  []limitLine        `json:"limits,omitempty"`
	Kinds   []outcome.Kind     `json:"kinds,omitempty"` // of the columns that are stacked, the lowest first
	Kills   []moment           `json:"kills,omitempty"`
	Capture []moment           `json:"captures,omitempty"`
	Steps   *stepsPlot         `json:"steps,omitempty"`
	Some    string             `json:"some,omitempty"` // of the pressure, at the end
	Full    string             `json:"full,omitempty"`
	Columns map[string][]int64 `json:"columns"` // each value less the one before
}

// limitLine is a limit of the cage; it may lie above the scale.
type limitLine struct {
	Name    string        `json:"name"`
	At      int64         `json:"at"`
	Text    string        `json:"text"`
	Changes []limitChange `json:"changes,omitempty"`
}

// limitChange is when a limit was first seen to be another one.
type limitChange struct {
	Time int64  `json:"time"` // microseconds
	At   int64  `json:"at"`   // 0: there was none any more
	Text string `json:"text"`
}

// timelineOf makes the plot. A single reading is not plotted. A limit far above what was used would leave no room for the rest.
func timelineOf(o *outcome.Outcome, a allowance) timeline {
	samples := o.Timeline.Thin(a.samples)
	t := timeline{Columns: columns(samples), Kills: killMoments(o.Evidence, a.moments()), Capture: captureMoments(o.Evidence, a.moments())}
	if len(samples) < 2 {
		return t
	}
	used := max(o.Peak, 1)
	for _, s := range samples {
		used = max(used, s.Current)
	}
	end := samples[len(samples)-1]
	t.Steps = stepsOf(o, o.StepTimes.Thin(a.samples))
	top := used
	for _, l := range []limitLine{{Name: "memory.max", At: finite(o.Evidence.Limits.Max)}, {Name: "memory.high", At: finite(o.Evidence.Limits.High)}} {
		if l.At == 0 {
			continue
		}
		l.Text = sizeText(outcome.Bytes(l.At))
		l.Changes = changesOf(o.Evidence, l.Name)
		for _, c := range l.Changes {
			if outcome.Bytes(c.At) < 4*used {
				top = max(top, outcome.Bytes(c.At))
			}
		}
		t.Limits = append(t.Limits, l)
		if outcome.Bytes(l.At) < 4*used {
			top = max(top, outcome.Bytes(l.At))
		}
	}
	if p := end.Pressure; p.Some > 0 {
		t.Some, t.Full = "some "+human.Duration(p.Some), "full "+human.Duration(p.Full)
	}
	t.Over, t.Time, t.Memory = human.Duration(end.At), timeScale(samples[0].At.Microseconds(), max(1, lastMoment(o, end).Microseconds())), chart.Sizes(float64(top)*1.06, 5)
	for _, k := range outcome.Kinds() {
		if seen(samples, k, top) {
			t.Kinds = append(t.Kinds, k)
		} else {
			delete(t.Columns, string(k))
		}
	}
	return t
}

// seen reports whether there is enough of a kind for a line of a plot that is so high.
func seen(samples []outcome.Sample, k outcome.Kind, top outcome.Bytes) bool {
	const lines = 400
	return slices.ContainsFunc(samples, func(s outcome.Sample) bool { return s.Stat.Of(k) > top/lines })
}

// lastMoment is when the last of all that is drawn was over: a step and a kill may come after the last reading.
func lastMoment(o *outcome.Outcome, end outcome.Sample) time.Duration {
	last := end.At
	for _, s := range o.StepTimes {
		last = max(last, s.Begin+s.Took)
	}
	for _, c := range o.Evidence.Captures {
		last = max(last, c.At+c.Took)
	}
	for _, k := range o.Evidence.KillTimes {
		last = max(last, k.At)
	}
	return last
}

// changesOf are those of a limit of the cage itself.
func changesOf(e outcome.Evidence, file string) (all []limitChange) {
	for _, c := range e.LimitChanges {
		if c.Group == e.Cage && c.File == file && len(all) < maxChanges {
			all = append(all, limitChange{c.At.Microseconds(), finite(c.To), sizeText(c.To)})
		}
	}
	return all
}

// maxChanges is how many changes of a limit are drawn: more cannot be told apart.
const maxChanges = 50

// kindUnit is what the columns of the kinds count, a page: what the kernel charges.
const kindUnit = 4 * outcome.KiB

// columns are the samples by column. What rises slowly makes small numbers, and a column of zeros is left
// out: 10,000 timelines go into one page.
func columns(samples []outcome.Sample) map[string][]int64 {
	all := map[string][]int64{}
	column := func(name string, of func(outcome.Sample) int64) {
		var before int64
		differs := false
		values := make([]int64, len(samples))
		for i, s := range samples {
			v := of(s)
			values[i] = v - before
			differs = differs || v != before
			before = v
		}
		if differs {
			all[name] = values
		}
	}
	column("at", func(s outcome.Sample) int64 { return s.At.Microseconds() })
	column("step", func(s outcome.Sample) int64 { return int64(s.Step) })
	column("current", func(s outcome.Sample) int64 { return int64(s.Current) })
	column("swap", func(s outcome.Sample) int64 { return int64(s.Swap) })
	for _, k := range outcome.Kinds() {
		column(string(k), func(s outcome.Sample) int64 { return int64(s.Stat.Of(k) / kindUnit) })
	}
	column("some", func(s outcome.Sample) int64 { return s.Pressure.Some.Microseconds() })
	column("full", func(s outcome.Sample) int64 { return s.Pressure.Full.Microseconds() })
	column("high", func(s outcome.Sample) int64 { return int64(s.Events.High) })
	column("max", func(s outcome.Sample) int64 { return int64(s.Events.Max) })
	column("oom", func(s outcome.Sample) int64 { return int64(s.Events.OOM) })
	column("oom_kill", func(s outcome.Sample) int64 { return int64(s.Events.OOMKill) })
	return all
}
