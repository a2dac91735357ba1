package compare

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/nearest"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
)

// Gate is a change that a comparison may not show: of the verdict, the smallest limit, the peak, the steps, the latency, or of
// what filled the cage; or that points of the base are missing in the head, where no other gate can look. No gate looks at what
// is within noise.
type Gate struct {
	Measure string  // verdict, limit, peak, steps, latency, filled or missing
	Sign    int     // 1 for what rises, -1 for what falls, 0 for both
	Share   float64 // by more than this share of the base
	Amount  float64 // or, where that is 0, by more than this: bytes, steps, points or nanoseconds

	bare bool // any change for the worse
	text string
}

// Failure is what a gate has found.
type Failure struct {
	Gate  string `json:"gate"`  // as it was given
	Point string `json:"point"` // or the name of a series
	Text  string `json:"text"`
}

// measures are what a gate can look at.
var measures = []string{"verdict", "limit", "peak", "steps", "latency", "filled", missing}

// missing is the measure of points that are not there any more. Each list of gates has it.
const missing = "missing"

var gateSyntax = regexp.MustCompile(`^([a-z]+)\s*(.*)$`)

// ParseGates reads a list like "peak +5%, verdict, steps -2, latency +10ms, limit +4MiB". What has no amount is any change for
// the worse, and what has no sign a change in both directions. A list that does not name "missing" has it nevertheless, so that no
// gate is passed by what was not run: "missing 100%" lets every point be missing.
func ParseGates(list string) ([]Gate, error) {
	var gates []Gate
	for item := range strings.SplitSeq(list, ",") {
		g, err := parseGate(strings.TrimSpace(item))
		if err != nil {
			return nil, fmt.Errorf("parse %q of %q: %w", strings.TrimSpace(item), list, err)
		}
		gates = append(gates, g)
	}
	if !slices.ContainsFunc(gates, func(g Gate) bool { return g.Measure == missing }) {
		gates = append(gates, Gate{Measure: missing, bare: true, text: missing})
	}
	return gates, nil
}

func parseGate(item string) (Gate, error) {
	m := gateSyntax.FindStringSubmatch(item)
	const example = "'verdict, peak +5%, limit +4MiB, steps -2, latency +10ms'"
	switch {
	case m == nil:
		return Gate{}, fmt.Errorf("it names nothing to fail on; there are %s, as in %s", strings.Join(measures, ", "), example)
	case !slices.Contains(measures, m[1]):
		return Gate{}, fmt.Errorf("there is no %q to fail on: %sthere are %s, as in %s", m[1], nearest.Hint(m[1], measures), strings.Join(measures, ", "), example)
	}
	g := Gate{Measure: m[1], text: strings.Join(strings.Fields(item), " ")}
	by := strings.TrimSpace(m[2])
	switch {
	case by == "":
		g.bare = true
		return g, nil
	case g.Measure == "verdict" || g.Measure == "filled":
		return Gate{}, fmt.Errorf("%s has no amount: it changes, or it does not", g.Measure)
	case g.Measure == missing && by[0] == '-':
		return Gate{}, errors.New("no fewer than none can be missing; it looks like missing, missing 2 or missing 10%")
	case by[0] == '+' || by[0] == '-':
		g.Sign = map[byte]int{'+': 1, '-': -1}[by[0]]
		by = strings.TrimSpace(by[1:])
	}
	err := g.parseAmount(by)
	return g, err
}

// parseAmount reads a share of the base, or an amount of what is measured.
func (g *Gate) parseAmount(by string) error {
	if text, ok := strings.CutSuffix(by, "%"); ok {
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(n >= 0) || math.IsInf(n, 0) {
			return fmt.Errorf("%q is no share; it looks like 5%% or 0.5%%", by)
		}
		g.Share = n / 100
		return nil
	}
	switch g.Measure {
	case "steps", missing:
		n, err := strconv.ParseUint(by, 10, 31)
		if err != nil {
			return fmt.Errorf("%q is no count of %s; it looks like 2, or 5%%", by, map[bool]string{true: "points", false: "steps"}[g.Measure == missing])
		}
		g.Amount = float64(n)
	case "latency":
		d, err := time.ParseDuration(by)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no time; it looks like 10ms, or 5%%", by)
		}
		g.Amount = float64(d)
	default:
		if _, err := strconv.ParseFloat(by, 64); err == nil {
			return fmt.Errorf("%q has no unit, and may be bytes, MiB or %%; it looks like 3MiB, or 5%%", by)
		}
		n, err := outcome.ParseBytes(by)
		if err != nil {
			return err
		}
		if n == outcome.Unlimited {
			return errors.New("max is no size to differ by; it looks like 3MiB, or 5%")
		}
		g.Amount = float64(n)
	}
	return nil
}

// String is the gate as it was given.
func (g Gate) String() string { return g.text }

// Check looks for what the gates do not let through, and keeps it as Failures. It writes Notes anew, with what a gate would not let
// through if it were sure.
func (c *Comparison) Check(gates []Gate) []Failure {
	c.Failures, c.Notes = nil, c.notes()
	tested := c.testedSeries()
	for _, g := range gates {
		fail := func(name, format string, args ...any) {
			c.Failures = append(c.Failures, Failure{g.text, name, fmt.Sprintf(format, args...)})
		}
		switch g.Measure {
		case "limit":
			var unsure []*Series
			for _, s := range c.Series {
				if s.Base == s.Head || !g.meets(float64(s.Base), s.by(), 1) {
					continue
				}
				if s.Changed {
					fail(s.Name, "%s", s.text())
				} else {
					unsure = append(unsure, s)
				}
			}
			c.noteUnsure(g, unsure, tested)
			c.noteUntold(g)
			continue
		case missing:
			if gone := c.missing(); g.meets(float64(c.Base.Points), float64(len(gone)), 1) {
				for _, name := range gone {
					fail(name, "%s does not have it, so nothing is known of it there", printable.Line(c.Head.File))
				}
			}
			continue
		}
		for _, p := range c.Points {
			switch g.Measure {
			case "verdict":
				if p.Verdict.Changed && p.worse {
					fail(p.Name, "%s", p.Verdict.text())
				}
			case "filled":
				if p.Filled.Changed {
					fail(p.Name, "%s", p.Filled.text())
				}
			default:
				m := measureOf(g.Measure)
				base, head := c.base.points[p.Name].told(m), c.head.points[p.Name].told(m)
				switch change := m.at(p); {
				case base.such == base.runs && head.such == 0: // and not by chance: of a point near its first step some runs have a latency
					fail(p.Name, "%s does not tell its %s, so nothing is known of it there", printable.Line(c.Head.File), m.what)
				case change.Changed && g.meets(change.Base.Median, change.By(), m.worse):
					fail(p.Name, "%s", m.text(*change))
				}
			}
		}
		c.noteUntold(g)
	}
	return c.Failures
}

// noteUntold says of a gate that it lets everything through, as nothing tells what it looks at: the base has its figure of no point
// (memory.peak is there from Linux 5.19 on, and a latency where there were steps), or each series has one limit alone.
func (c *Comparison) noteUntold(g Gate) {
	const through = "so this lets everything through"
	note := func(format string, args ...any) { c.Notes = append(c.Notes, g.text+": "+fmt.Sprintf(format, args...)) }
	none := func(told func(p *Point) bool) bool { return len(c.Points) > 0 && !slices.ContainsFunc(c.Points, told) }
	switch m := measureOf(g.Measure); {
	case g.Measure == "limit" && len(c.Series) == 0:
		note("no points differ in memory.max alone, %s; verdict tells what was survived at the one limit", through)
	case g.Measure == "filled" && none(func(p *Point) bool { return len(p.Filled.Base) > 0 }):
		note("it is not known on both sides of any point, %s", through)
	case m.name != "" && none(func(p *Point) bool { return c.base.points[p.Name].told(m).such > 0 }):
		note("%s does not tell the %s of any point, %s", c.Base.File, m.what, through)
	}
}

// missing are the points of the base of which the head has nothing. The limits of a search differ from one to the next: there, the
// head has what it needs of a point where it has any of its series.
func (c *Comparison) missing() (gone []string) {
	searched := c.Base.Origin.Points == 0 || c.Head.Origin.Points == 0
	series := map[string]bool{}
	for _, p := range c.head.points {
		if p.limit() > 0 {
			series[p.series] = true
		}
	}
	for _, name := range c.OnlyBase {
		if p := c.base.points[name]; !searched || p.limit() == 0 || !series[p.series] {
			gone = append(gone, name)
		}
	}
	return gone
}

// meets reports whether a change is one that the gate does not let through. worse is the sign of a change for the worse.
func (g Gate) meets(base, by float64, worse int) bool {
	sign := 1
	if by < 0 {
		sign = -1
	}
	switch {
	case by == 0:
		return false
	case g.bare:
		return sign == worse
	case g.Sign != 0 && g.Sign != sign:
		return false
	case g.Share > 0:
		return math.Abs(by) > g.Share*base
	}
	return math.Abs(by) > g.Amount
}

// by is how much more is needed: without end where nothing was survived.
func (s *Series) by() float64 {
	switch {
	case s.Head == 0:
		return math.Inf(1)
	case s.Base == 0:
		return math.Inf(-1)
	}
	return float64(s.Head - s.Base)
}

// Of each gate so many notes are written, and a name in them is so long at most. A note is then no longer than markdownNote.
const (
	unsureNotes = 5
	unsureName  = 80
)

// noteUnsure says of which series it is not sure whether the gate lets them through.
func (c *Comparison) noteUnsure(g Gate, series []*Series, tested int) {
	for _, s := range series[:min(len(series), unsureNotes)] {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: %s %s", g.text, s.label(), s.unsure(tested)))
	}
	if more := len(series) - unsureNotes; more > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: and %d more that may be chance", g.text, more))
	}
}

// label is what a sentence about the series begins with.
func (s *Series) label() string {
	if s.Name == "" {
		return s.text()
	}
	return shortened(printable.Line(s.Name), unsureName) + ": " + s.text()
}

// unsure says what would tell whether the two answers differ by more than chance, where so many series were tested.
func (s *Series) unsure(tested int) string {
	if !s.Apart {
		return "may be chance, as no limit tells the two apart: sweep both at the same limits"
	}
	text := "may be chance"
	if p := s.Test.P; p != nil && *p <= alpha {
		text = fmt.Sprintf("differs no more than some of %d series do by chance", tested)
	}
	// Where many are corrected for, this one is to be found as if the others were as they were.
	if n := repeatsToTell(s.tables(), s.Worse(), min(alpha, falseShare/float64(max(tested, 1)))); n > 0 {
		return fmt.Sprintf("%s; if the shares of those that survive are as they seem, %d runs of each limit on both sides would tell", text, n)
	}
	if maxRuns(s.tables()) >= maxRepeats {
		return text
	}
	return fmt.Sprintf("%s; %d runs of each limit on both sides would not tell", text, maxRepeats)
}

// testedSeries is how many series there are of which limits tell the two sides apart: the p of each is corrected for all of them.
func (c *Comparison) testedSeries() (n int) {
	for _, s := range c.Series {
		if s.Apart {
			n++
		}
	}
	return n
}

// text prints "64 MiB → 68 MiB".
func (s *Series) text() string { return limitText(s.Base) + " → " + limitText(s.Head) }

func limitText(b outcome.Bytes) string {
	if b == 0 {
		return "none survived"
	}
	return sizeText(b)
}

// text prints "survived → oom-killed", with counts where the repeats differ.
func (k Kinds) text() string { return kindsText(k.Base) + " → " + kindsText(k.Head) }

// text prints "60.1 MiB → 63.2 MiB, +5.2 %".
func (f figure) text(c Change) string {
	return f.print(c.Base.Median) + " → " + f.print(c.Head.Median) + ", " + f.difference(c)
}

// difference prints "+3.1 MiB, +5.2 %".
func (f figure) difference(c Change) string {
	by := "+" + f.print(c.By())
	if c.By() < 0 {
		by = "-" + f.print(-c.By())
	}
	if share := c.Share(); !math.IsInf(share, 0) {
		by += fmt.Sprintf(", %+.1f %%", 100*share)
	}
	return by
}

func printSize(v float64) string  { return sizeText(outcome.Bytes(math.Round(v))) }
func printCount(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
func printTime(v float64) string  { return human.Duration(time.Duration(v)) }

// shown is a name as it is shown: one without axes has none.
func shown(name string) string {
	if name == "" {
		return "(all)"
	}
	return printable.Line(name)
}
