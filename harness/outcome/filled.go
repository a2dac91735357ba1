package outcome

import (
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
)

// What is worth a word: a kind from a twentieth of all on, and a part from a quarter of its kind on.
const (
	kindShare = 20
	partShare = 4
)

// Filled says what the cage was filled with, "" where that is not known: "sock 41.2 MiB (64 %), kernel 14.0 MiB (of it page
// tables 9.1 MiB), anon 8.1 MiB".
func (c *Composition) Filled() string {
	if c == nil {
		return ""
	}
	var named []string
	for i, f := range c.Fills() {
		if f.Size < c.Current/kindShare {
			break
		}
		notes := f.parts()
		if i == 0 {
			notes = slices.Insert(notes, 0, fmt.Sprintf("%d %%", percent(f.Size, c.Current)))
		}
		text := f.Kind + " " + human.Size(f.Size)
		if notes != nil {
			text += " (" + strings.Join(notes, ", ") + ")"
		}
		named = append(named, text)
	}
	if size := c.unknown(); size > 0 && named != nil {
		named = append(named, human.Size(size)+" that memory.stat did not have yet")
	}
	if c.Swap > 0 && c.SwapLimit > 0 && c.Swap >= c.SwapLimit-c.SwapLimit/kindShare {
		named = append(named, "and swap was full: "+human.Of(c.Swap, c.SwapLimit))
	}
	return strings.Join(named, ", ")
}

// parts names those of a kind that are much of it.
func (f Fill) parts() []string {
	var named []string
	for _, part := range f.Parts {
		if part.Size >= f.Size/partShare {
			named = append(named, part.Kind+" "+human.Size(part.Size))
		}
	}
	if named != nil {
		named[0] = "of it " + named[0]
	}
	return named
}

func percent(part, whole Bytes) int {
	return int((100*float64(part))/float64(max(whole, 1)) + 0.5)
}

// filled is what the sentence says of it where memory was why a run ended as it did.
func (o *Outcome) filled(v Verdict) string {
	c := o.Evidence.Fullest
	text := c.Filled()
	switch v {
	case OOMKilled, OOMGroupKilled, ChildOOMKilled, AncestorOOMKilled, Stalled:
	default:
		return ""
	}
	if text == "" {
		return ""
	}
	what := "filled by "
	if v == AncestorOOMKilled {
		what = "the cage itself was filled by "
	}
	if peak := o.Evidence.Peak; !c.Kernel && c.Current < peak-peak/kindShare {
		what = fmt.Sprintf("when it was seen last, at %s, it was filled by ", human.Size(c.Current))
	}
	return "; " + what + text
}

// causes are what else has a part in it, each with a semicolon before it.
func (o *Outcome) causes(v Verdict) string {
	e := o.Evidence
	c := e.Fullest
	if o.filled(v) == "" {
		return ""
	}
	notes := o.hugePages()
	if c.Copied >= c.Current/kindShare && c.Copied > 0 {
		notes += fmt.Sprintf("; %s of it are copies of pages that were shared with a forked child: each side that writes gets its own", human.Size(c.Copied))
	}
	if c.Inherited >= c.Current/kindShare && c.Inherited >= o.Baseline.StatLag() {
		notes += fmt.Sprintf("; %s were charged before the target was started", human.Size(c.Inherited))
	}
	limit, is := e.inForce()
	for _, a := range e.Ancestors {
		if is && a.Max == limit {
			notes += fmt.Sprintf("; the limit of %s is the same", a.Path)
		}
	}
	if v == OOMKilled {
		notes += e.relieved(limit)
	}
	return notes
}

// hugePages says where huge pages hold more than the steps were to take, the one that was not acknowledged too: each step
// less than one. Where it is more, the steps took more.
func (o *Outcome) hugePages() string {
	c, asked := o.Evidence.Fullest, Bytes(o.Attempted)*o.Spec.Load.Bytes
	over := c.Stat.Anon - asked - o.Baseline.Current
	switch {
	case asked == 0 || c.Stat.AnonTHP < over || over < c.Current/kindShare:
		return ""
	case o.Measured == nil || o.Measured.Step-o.Spec.Load.Bytes > o.Baseline.HugePage:
		return ""
	}
	return fmt.Sprintf("; huge pages hold %s more than the steps were to take: see what it takes without them", human.Size(over))
}

// relieved returns a clause that says that earlier victims gave back too little, or "".
func (e Evidence) relieved(limit Bytes) string {
	if len(e.Kills) < 2 || limit == 0 {
		return ""
	}
	var freed Bytes
	earlier := e.Kills[:len(e.Kills)-1]
	for _, k := range earlier {
		freed += k.Anon + k.Shmem
	}
	if freed >= limit/kindShare {
		return ""
	}
	return fmt.Sprintf("; %s before had held %s together, which relieved nothing", human.Count(len(earlier), "victim"), human.Size(freed))
}
