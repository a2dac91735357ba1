package report

import (
	"slices"
	"strings"

	"oomcage/harness/outcome"
)

// keeper keeps outcomes as they are read, and of each as much as a page of that many has room for.
type keeper struct {
	page     bool // the timelines and the output are shown
	outcomes []*outcome.Outcome
	room     allowance
	readings map[*outcome.Outcome]int // how many a timeline had
	texts    map[string]string        // those that many outcomes share, such as the command
}

// firstThinned is how many outcomes are kept as they are. Then all are thinned each time that their number doubles.
const firstThinned = 512

func (k *keeper) add(o *outcome.Outcome) {
	o.Took = took(o)
	k.share(o)
	k.outcomes = append(k.outcomes, o)
	switch n := len(k.outcomes); {
	case !k.page: // they are summaries
		for i := range o.Evidence.Kills {
			o.Evidence.Kills[i].Report = nil
		}
	case n >= firstThinned && n&(n-1) == 0:
		k.room = kept(n)
		for _, o := range k.outcomes {
			k.thin(o)
		}
	case n > firstThinned:
		k.thin(o)
	}
}

func (k *keeper) thin(o *outcome.Outcome) {
	if len(o.Timeline) > k.room.samples {
		if _, ok := k.readings[o]; !ok {
			k.readings[o] = len(o.Timeline)
		}
		o.Timeline = slices.Clip(o.Timeline.Thin(k.room.samples))
	}
	o.StepTimes = o.StepTimes.Thin(k.room.samples)
	if c := fullestCensus(o.Census); c != nil {
		o.Census = []outcome.Census{c.Largest(k.room.processes())}
	}
	for i, kill := range o.Evidence.Kills {
		if kill.Report != nil {
			o.Evidence.Kills[i].Report = kill.Report.Largest(k.room.processes())
		}
	}
	if len(o.Output) > k.room.text {
		half := k.room.text / 2 // what is left out is not counted: it may be cut again
		o.Output = strings.ToValidUTF8(o.Output[:half]+"\n[more is left out here]\n"+o.Output[len(o.Output)-half:], "")
	}
}

// share makes equal texts of many outcomes one.
func (k *keeper) share(o *outcome.Outcome) {
	for _, text := range []*string{
		&o.Origin.Command, &o.Origin.Kernel, &o.Origin.Arch, &o.Spec.Target.Path, &o.Spec.Target.Dir, &o.Spec.Target.User, &o.Spec.Target.Stdin, &o.Spec.Target.ReadyName,
		&o.Spec.Load.Name, &o.Executable.Path, &o.Executable.SHA256,
	} {
		*text = k.one(*text)
	}
	for _, texts := range [][]string{o.Spec.Target.Args, o.Spec.Target.Env} {
		for i := range texts {
			texts[i] = k.one(texts[i])
		}
	}
	for i := range o.Evidence.Ancestors {
		o.Evidence.Ancestors[i].Path = k.one(o.Evidence.Ancestors[i].Path)
	}
}

// maxShared bounds the texts that are looked at: those of an axis may differ at each point.
const maxShared = 10_000

func (k *keeper) one(text string) string {
	if known, ok := k.texts[text]; ok {
		return known
	}
	if len(k.texts) < maxShared {
		k.texts[text] = text
	}
	return text
}
