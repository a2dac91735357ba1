package compare

import (
	"fmt"
	"maps"
	"slices"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// repeats is how many runs the points have on the side that has fewer: of the point with the fewest, and with the most.
func (c *Comparison) repeats() (least, most int) {
	for i, p := range c.Points {
		n := min(p.Verdict.Test.N[0], p.Verdict.Test.N[1])
		if i == 0 {
			least, most = n, n
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most
}

// repeated reports whether both sides have repeats, though of points that the other has not: two searches meet at few limits.
func (c *Comparison) repeated() bool {
	return len(c.Series) > 0 && c.Base.Runs > c.Base.Points && c.Head.Runs > c.Head.Points
}

// notes says what the reader should know before the figures.
func (c *Comparison) notes() (notes []string) {
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	least, most := c.repeats()
	switch {
	case len(c.Points) == 0 && len(c.Series) == 0:
		say("no point is in both files, so nothing is compared")
	case len(c.Points) == 0:
		say("no limit is in both files: the smallest limits alone are compared")
	case most == 1 && c.repeated():
		say("no point has repeats in both files: the figures of points have no significance, and the smallest limits are judged by all runs")
	case most == 1:
		say("there are no repeats, so there is no significance: what differs may be noise; take %d runs of each point on both sides (--repeat %d)", fewest, fewest)
	case least < fewest:
		say("points with fewer than %d runs on either side have no significance: there, a change counts when all runs of one side lie beyond those of the other", fewest)
	}
	if n := repeatsFor(len(c.Points)); n > least && least >= fewest {
		if alone := c.byChance(); alone > 0 {
			differ, count := "differ", "count"
			if alone == 1 {
				differ, count = "differs", "counts"
			}
			say("%s %s no more than some of so many do by chance, and %s as noise; %d repeats would tell", human.Count(alone, "figure"), differ, count, n)
		}
	}
	for _, s := range []Side{c.Base, c.Head} {
		if p := s.Origin.Points; p > s.Runs {
			say("%s has %d of the %d runs of its sweep", s.File, s.Runs, p)
		}
	}
	for _, r := range []*Results{c.base, c.head} {
		for _, program := range slices.Sorted(maps.Keys(r.builds)) {
			if n := len(r.builds[program]); n > 1 {
				say("%s has runs of %d builds of %s: what differs may be due to that", r.File, n, program)
			}
		}
	}
	b, h := c.Base.Origin, c.Head.Origin
	if b.Kernel != "" && h.Kernel != "" && (b.Kernel != h.Kernel || b.Arch != h.Arch || b.CPUs != h.CPUs || b.MicroVM != h.MicroVM) {
		say("the machines differ (%s; %s): what differs may be due to that", machine(b), machine(h))
	}
	return notes
}

// byChance is how many figures differ so that each by itself would count.
func (c *Comparison) byChance() (n int) {
	for _, p := range c.Points {
		for _, one := range []Change{p.Peak, p.Steps, p.Latency} {
			if t := one.Test; t.P != nil && *t.P <= alpha && *t.Q > falseShare && !one.Changed {
				n++
			}
		}
	}
	return n
}

func machine(o outcome.Origin) string {
	text := fmt.Sprintf("Linux %s, %s, %d CPUs", o.Kernel, o.Arch, o.CPUs)
	if o.MicroVM {
		text += ", microVM"
	}
	return text
}
