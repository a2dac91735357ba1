package report

import (
	"fmt"
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
	Asked string // of a run beside that it survives
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
	works, headroom, _ := sweep.BisectCommand(s.command())
	for _, o := range s.Outcomes {
		if _, _, ok := sweep.BisectCommand(o.Origin.Command); !ok {
			return nil
		}
	}
	all := sweep.AnswersOf(s.Outcomes, works)
	if len(all) == 0 {
		return nil
	}
	found := &answers{Asked: works.String(), More: max(len(all)-maxAnswers, 0)}
	for _, a := range all[:len(all)-found.More] {
		found.All = append(found.All, answerText(a, works, headroom, s.Outcomes[0].Spec))
	}
	if found.Title = "oomcage bisect: " + found.All[0].Limit; len(all) > 1 {
		found.Title = "oomcage bisect: " + human.Count(len(all), "answer")
	}
	return found
}

// answerText is an answer as oomcage bisect prints it.
func answerText(a *sweep.Answer, works sweep.Criteria, headroom float64, spec outcome.Spec) pageAnswer {
	p := pageAnswer{Name: printable.Line(a.Name), Limit: "no limit"}
	if a.Max == 0 {
		top := a.Trials[len(a.Trials)-1]
		p.fact("Survived", fmt.Sprintf("not even the highest limit, %s: %d of %s", sizeText(top.Max), top.Survived, human.Count(top.Runs, "run")))
		return p
	}
	p.Limit = sizeText(a.Max)
	at, below := a.At(a.Max), a.Below()
	survived := fmt.Sprintf("%d of %s at %s, and all at each higher limit that was tried", at.Survived, human.Count(at.Runs, "run"), p.Limit)
	if below.Runs > 0 {
		survived += fmt.Sprintf("; %d of %d at %s", below.Survived, below.Runs, sizeText(below.Max))
	}
	p.fact("Survived", survived)
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
	v := a.Advise(spec, works, headroom, "")
	if v == nil {
		return p
	}
	p.fact("To write", fmt.Sprintf("%s, %.4g %% above %s", sizeText(v.Limit), 100*headroom, sizeText(v.From)))
	p.fact("Highest peak", fmt.Sprintf("%s at %s", sizeText(a.Peak), sizeText(v.From)))
	return p
}

func (p *pageAnswer) fact(name, text string) {
	p.Facts = append(p.Facts, [2]string{name, printable.Line(text)})
}

// brand is the command that made the outcomes.
func (s *Set) brand() string {
	words := strings.Fields(s.command())
	if len(words) > 1 && words[0] == "oomcage" && (words[1] == "run" || words[1] == "bisect") {
		return "oomcage " + words[1]
	}
	return "oomcage sweep"
}

// command is that of the first outcome; "" where there is none, as of a suite in which nothing ran.
func (s *Set) command() string {
	if len(s.Outcomes) == 0 {
		return ""
	}
	return s.Outcomes[0].Origin.Command
}
