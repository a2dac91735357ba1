package report

import (
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// maxAnswers is how many a page names.
const maxAnswers = 50

// answers is what stands at the top of the page of a search.
type answers struct {
	Title string // "oomcage bisect: 25 MiB"
	All   []pageAnswer
	More  int
}

// pageAnswer is an answer in words.
type pageAnswer struct {
	Name  string // of several
	Limit string
	Facts [][2]string // a name and a text each
}

// answers are those of a search, with what to write into a manifest; nil where the outcomes are not all of one.
func (s *Set) answers() *answers {
	search, headroom, _ := sweep.BisectCommand(s.lastCommand())
	for _, o := range s.Outcomes {
		if _, _, ok := sweep.BisectCommand(o.Origin.Command); !ok {
			return nil
		}
	}
	all := sweep.AnswersOf(s.Outcomes, search)
	if len(all) == 0 {
		return nil
	}
	found := &answers{More: max(len(all)-maxAnswers, 0)}
	unfinished := 0
	for i, a := range all {
		if i < maxAnswers {
			found.All = append(found.All, answerText(a, search.Criteria, headroom, s.Outcomes[0].Spec))
		}
		if a.Unfinished {
			unfinished++
		}
	}
	if len(all) == 1 {
		found.Title = "oomcage bisect: " + found.All[0].Limit
		return found
	}
	if found.Title = "oomcage bisect: " + human.Count(len(all), "answer"); unfinished > 0 {
		found.Title += fmt.Sprintf(", of which %d not finished", unfinished)
	}
	return found
}

// answerText is an answer as oomcage bisect prints it.
func answerText(a *sweep.Answer, works sweep.Criteria, headroom float64, spec outcome.Spec) pageAnswer {
	p := pageAnswer{Name: printable.Line(a.Name), Limit: "no limit"}
	switch {
	case a.Stopped != "":
		p.Limit = "no answer"
		p.fact("Stopped", a.Stopped)
	case a.Unfinished:
		p.Limit = "not finished"
		p.fact("So far", survivedText(a))
		p.fact("To go on", "the same command with --resume and this file")
	case a.Max == 0:
		p.fact("Survived", survivedText(a))
	default:
		p.Limit = sizeText(a.Max)
		p.fact("Survived", survivedText(a))
		p.found(a, works, headroom, spec)
	}
	if a.Sizing != nil {
		p.fact("Note", a.Sizing.String())
	}
	for _, w := range a.Warnings {
		p.fact("Note", w)
	}
	return p
}

// survivedText is how many runs survived at the answer, and below it.
func survivedText(a *sweep.Answer) string {
	if a.Max == 0 {
		top := a.Trials[len(a.Trials)-1]
		return fmt.Sprintf("not even the highest limit, %s: %d of %s", sizeText(top.Max), top.Survived, human.Count(top.Runs, "run"))
	}
	at, below := a.At(a.Max), a.Below()
	survived := fmt.Sprintf("%d of %s at %s, and all at each higher limit that was tried", at.Survived, human.Count(at.Runs, "run"), sizeText(a.Max))
	if below.Runs > 0 {
		survived += fmt.Sprintf("; %d of %d at %s", below.Survived, below.Runs, sizeText(below.Max))
	}
	return survived
}

// found adds what is known of an answer, and what to write for it.
func (p *pageAnswer) found(a *sweep.Answer, works sweep.Criteria, headroom float64, spec outcome.Spec) {
	if b := a.Border; b != nil {
		text := "not sharp: below " + sizeText(b.Hi) + " some runs survived at each limit that was tried"
		if b.Lo != 0 {
			text = fmt.Sprintf("not sharp: from %s, where no run survived, to %s, where all did", sizeText(b.Lo), sizeText(b.Hi))
		}
		p.fact("Border", text+fmt.Sprintf(" (95 %% confidence: %.0f %% of runs or more)", 100*b.Sure.Lo))
	}
	if works.Asked() {
		text := "at no limit that was tried"
		if a.Well != 0 {
			text = fmt.Sprintf("from %s on", sizeText(a.Well))
		}
		p.fact("Well", text+": "+works.String())
	}
	if v := a.Advise(spec, works, headroom, ""); v != nil {
		p.fact("To write", fmt.Sprintf("%s, %.4g %% above %s", sizeText(v.Limit), 100*headroom, sizeText(v.From)))
		p.fact("Highest peak", fmt.Sprintf("%s at %s", sizeText(a.Peak), sizeText(v.From)))
	}
}

func (p *pageAnswer) fact(name, text string) {
	p.Facts = append(p.Facts, [2]string{name, printable.Line(text)})
}

// brand is the command that made the outcomes, as far as they tell: those of a watch do not.
func (s *Set) brand() string {
	words := strings.Fields(s.command())
	if len(words) > 1 && words[0] == "oomcage" && slices.Contains([]string{"run", "bisect", "sweep"}, words[1]) {
		return "oomcage " + words[1]
	}
	return "oomcage"
}

// command is that of the first outcome; "" where there is none, as of a suite in which nothing ran.
func (s *Set) command() string {
	if len(s.Outcomes) == 0 {
		return ""
	}
	return s.Outcomes[0].Origin.Command
}

// lastCommand is that of the outcome which was begun last: a search that was gone on with may ask for more than it did at first.
func (s *Set) lastCommand() string {
	if len(s.Outcomes) == 0 {
		return ""
	}
	return slices.MaxFunc(s.Outcomes, func(a, b *outcome.Outcome) int { return a.Origin.Start.Compare(b.Origin.Start) }).Origin.Command
}
