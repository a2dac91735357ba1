package outcome

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/bar"
	"oomcage/harness/internal/human"
)

// graphRows is how many samples a graph shows at most.
const graphRows = 20

// graph draws the timeline as text: a row for each sample that is shown, then the peak where no
// row has it, and what the evidence says of the end. A bar is full at memory.max, or at the peak
// where there is no limit. It has letters for kinds of memory where more than one matters.
func (o *Outcome) graph() string {
	var b strings.Builder
	rows := pickRows(o.Timeline, graphRows)
	e := o.Evidence

	highest := e.Current
	for _, s := range rows {
		highest = max(highest, s.Current)
	}
	full, of := e.highestMax(), "memory.max"
	if full == 0 || full == Unlimited {
		full, of = max(highest, e.Peak), "the peak"
	}
	shares := BarKindsOf(full, o.seen(rows)...)
	acked, step := "acked", func(n int) string { return fmt.Sprint(n) }
	if o.withoutLoad() {
		acked, step = "", func(int) string { return "" }
	}
	line := func(at, steps string, used Bytes, stat MemoryStat, note string) {
		row := fmt.Sprintf("  %8s  %-5s  %s  %10s %12d   %s", at, steps, shares.Bar(used, full, stat), human.Size(used), used, note)
		b.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	fmt.Fprintf(&b, "  %8s  %-5s  %-*s  %23s   %s\n", "time", acked, bar.Width, fmt.Sprintf("of %d (%s)", full, of), "memory.current", "memory.events that rose")
	var seen Events
	var until time.Duration
	for _, s := range rows {
		line(fmt.Sprintf("%.3fs", s.At.Seconds()), step(s.Step), s.Current, s.Stat, joined(e.appliedIn(until, s.At), risen(seen, s.Events)))
		seen, until = s.Events, s.At
	}
	if e.Peak > highest && o.highestUse(o.earlier()) == e.Peak {
		line("peak", "", e.Peak, o.atPeak(), "")
	}
	// The first stands for all that is read with it. A watched cgroup may have been read last before the last sample was taken.
	older := e.Watched != nil && e.Watched.Removed && e.Watched.ReadAt < until
	if e.Unread[EventsFile] == "" && !older {
		line("end", step(o.Acknowledged), e.Current, e.Stat, joined(e.appliedIn(until, math.MaxInt64), risen(seen, e.Events)))
	}
	if legend := shares.Legend(); legend != "" {
		fmt.Fprintf(&b, "  %8s  %-5s  %s\n", "", "", legend)
	}
	if left := len(o.Timeline) - len(rows); left > 0 {
		fmt.Fprintf(&b, "  %8s  %d of %d readings are shown\n", "", len(rows), len(o.Timeline))
	}
	return b.String()
}

// seen is what the rows of a graph are filled with.
func (o *Outcome) seen(rows []Sample) []MemoryStat {
	all := []MemoryStat{o.atPeak(), o.Evidence.Stat}
	for _, s := range rows {
		all = append(all, s.Stat)
	}
	return all
}

// atPeak is what the cage was filled with at its peak, where that was seen.
func (o *Outcome) atPeak() MemoryStat {
	c := o.Evidence.Fullest
	if c == nil || c.Current < o.Evidence.Peak-o.Evidence.Peak/kindShare {
		return MemoryStat{}
	}
	return c.Stat
}

// risen says which counters rose between two readings, and by how much.
func risen(before, after Events) string {
	d, err := after.Since(before)
	switch {
	case err != nil:
		return err.Error()
	case d == Events{}:
		return ""
	}
	return d.String()
}

// pickRows picks at most n samples, in their order. What tells most comes first: the ends, landmarks, the
// out-of-memory events, the highest reading of all and of each step. The rest is spread evenly.
func pickRows(samples []Sample, n int) []Sample {
	if len(samples) <= n {
		return samples
	}
	var marks, events, all []int
	highest := 0
	for i, s := range samples {
		all = append(all, i)
		if s.Current > samples[highest].Current {
			highest = i
		}
		if s.Landmark {
			marks = append(marks, i)
		}
		if i > 0 && (s.Events.OOM > samples[i-1].Events.OOM || s.Events.OOMKill > samples[i-1].Events.OOMKill) {
			events = append(events, i)
		}
	}
	picked := map[int]bool{}
	for _, wanted := range [][]int{{0, len(samples) - 1, highest}, marks, events, highestOfSteps(samples), all} {
		wanted = slices.DeleteFunc(wanted, func(i int) bool { return picked[i] })
		take := min(n-len(picked), len(wanted))
		for i := range take {
			picked[wanted[i*len(wanted)/take]] = true
		}
	}
	var rows []Sample
	for _, i := range slices.Sorted(maps.Keys(picked)) {
		rows = append(rows, samples[i])
	}
	return rows
}

// highestOfSteps returns where the highest reading of each step is.
func highestOfSteps(samples []Sample) []int {
	var highest []int
	for i, s := range samples {
		last := len(highest) - 1
		switch {
		case last < 0 || samples[highest[last]].Step != s.Step:
			highest = append(highest, i)
		case s.Current > samples[highest[last]].Current:
			highest[last] = i
		}
	}
	return highest
}

// Thin returns at most n samples, in their order: those that tell most, and the rest spread evenly. It is for
// those who show a timeline; see Halve for how that of an Outcome is bounded.
func (t Timeline) Thin(n int) Timeline { return pickRows(t, n) }
