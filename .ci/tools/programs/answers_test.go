package programs

import (
	"encoding/json"
	"slices"
	"testing"

	"oomcage/harness/outcome"
)

// answers are programs that oomcage bisect is asked about. The JVM is one that sees its limit: that of Debian 12 does so on
// kernels whose /proc/cgroups names the memory controller, which those from 6.12 on do not.
var answers = group{
	name:  "answers",
	needs: slices.Concat(jvm.needs, tools.needs),
	about: "uname",
	host: jvm.host + `
{ echo 'int a[] = {'; seq -s, 1 100000; echo "};"; } >table.c
seq 200000 | sort -R >numbers`,
	add: append([]string{"sort", "gcc", "$(gcc -print-prog-name=cc1)", "table.c", "numbers"}, jvm.add...),
}

// answer is what oomcage bisect --format json prints, as far as it is looked at here.
type answer struct {
	Max    outcome.Bytes
	Sizing *struct {
		GaveUp int `json:"gave_up"`
	}
	Trials []trial
}

type trial struct {
	Max            outcome.Bytes
	Runs, Survived int
}

func TestAnswers(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		bisect string
		at     outcome.Bytes // least that the answer can be
		limits int           // most that may be tried
		itsOwn bool          // the program sizes itself by its limit
	}{
		"gcc":  {bisect: `--hi 256M -- gcc -ffreestanding -S -o /dev/null "$HERE/table.c"`, at: 16 * mib, limits: 8},
		"sort": {bisect: `--hi 256M -- sort --parallel=1 -S 64M -o /dev/null "$HERE/numbers"`, at: 2 * mib, limits: 8},
		"jvm": {bisect: `--lo 48M --hi 768M --tolerance 8M --repeat 2 --confirm 4 -- java -cp "$HERE" Fill heap 60`, at: 72 * mib, limits: 12,
			itsOwn: true},
	} {
		t.Run(name, func(t *testing.T) {
			script := "set -e\nexport HERE=$PWD\ncd $TMPDIR\noomcage bisect --format json " + c.bisect + "\n"
			_, said := answers.inGuest(t, command(t), script, "-kernel", "6.1")
			var a answer
			if err := json.Unmarshal([]byte(said), &a); err != nil {
				t.Fatalf("%v:\n%s", err, said)
			}
			t.Log(said)
			if a.Max < c.at {
				t.Errorf("the answer is %v, and the program needs %v at least", a.Max, c.at)
			}
			if len(a.Trials) > c.limits {
				t.Errorf("it took %d limits, and %d should do", len(a.Trials), c.limits)
			}
			i := slices.IndexFunc(a.Trials, func(tr trial) bool { return tr.Max == a.Max })
			if i < 1 || i == len(a.Trials)-1 {
				t.Fatalf("the answer has no neighbours:\n%s", said)
			}
			if below, above := a.Trials[i-1], a.Trials[i+1]; below.Survived == below.Runs || above.Survived < above.Runs {
				t.Errorf("the limits next to the answer do not prove it: %+v and %+v", below, above)
			}
			if got := a.Sizing != nil; got != c.itsOwn {
				t.Errorf("it sizes itself by its limit: %v is said, %v is right", got, c.itsOwn)
			}
		})
	}
}
