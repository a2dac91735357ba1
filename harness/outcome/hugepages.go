package outcome

import (
	"fmt"

	"oomcage/harness/internal/human"
)

// CompareTHP says in a sentence how a run came out with transparent huge pages, and the same run without them (Target.NoTHP).
func CompareTHP(with, without *Outcome) string {
	return fmt.Sprintf("with huge pages %s; without them %s", with.taken(), without.taken())
}

// taken says how far a run came, and with how much memory.
func (o *Outcome) taken() string {
	text := fmt.Sprintf("%s after %s, peak %s", o.Verdict, human.Count(o.Acknowledged, "step"), human.Size(o.Peak))
	if c := o.Evidence.Fullest; c != nil && c.Stat.Anon > 0 {
		text += fmt.Sprintf(" (anon %s, of it huge pages %s)", human.Size(c.Stat.Anon), human.Size(c.Stat.AnonTHP))
	}
	return text
}
