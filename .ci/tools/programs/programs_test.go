package programs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"oomcage/harness/outcome"
)

const (
	page     = "../../../docs/programs.md"
	measured = "measured.jsonl"
)

var (
	update  = flag.Bool("update", false, "write what is measured into measured.jsonl, and docs/programs.md from it")
	missing = flag.Bool("missing", false, "run only what is not in measured.jsonl yet")
)

// record is what the page has of an outcome.
type record struct {
	Name         string              `json:"name"` // GROUP/CASE
	Verdict      outcome.Verdict     `json:"verdict"`
	Why          string              `json:"why"`
	Acknowledged int                 `json:"acknowledged"`
	Attempted    int                 `json:"attempted"`
	Predicted    *outcome.Prediction `json:"predicted,omitempty"`
	Max          outcome.Bytes       `json:"max"`
	Peak         outcome.Bytes       `json:"peak"`
	Outages      []outcome.Outage    `json:"outages,omitempty"`
	Took         time.Duration       `json:"took"`
	About        string              `json:"about"`  // the versions of the group's programs
	Kernel       string              `json:"kernel"` // of the microVM
}

// Each group is one microVM; each case has to end as its flags and its sentence say.
func TestPrograms(t *testing.T) {
	oomcage := command(t)
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { runGroup(t, g, oomcage) })
	}
}

// command builds oomcage.
func command(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "oomcage")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./harness/cmd/oomcage")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build oomcage: %v\n%s", err, out)
	}
	return path
}

func runGroup(t *testing.T, g group, oomcage string) {
	if *missing {
		all := readRecords(t)
		g.cases = slices.DeleteFunc(slices.Clone(g.cases), func(c testCase) bool {
			_, is := all[g.name+"/"+c.name]
			return is
		})
		if len(g.cases) == 0 {
			t.Skip("all of it was measured")
		}
	}
	about, said := g.inGuest(t, oomcage, g.script())
	setup, _, _ := strings.Cut(said, "<<")
	for _, c := range g.cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.check(t, said, setup)
			r.Name, r.About = g.name+"/"+c.name, about
			r.Kernel = regexp.MustCompile(`(?m)^kernel (.*)$`).FindStringSubmatch(said)[1]
			compare(t, c, r)
		})
	}
}

// inGuest has a shell in a microVM execute the script, with what the group needs. It returns the programs' versions, and what
// the script printed.
func (g group) inGuest(t *testing.T, oomcage, script string, flags ...string) (about, said string) {
	t.Helper()
	install := exec.CommandContext(t.Context(), "../../install", g.needs...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"vm"}, flags...)
	args = append(args, "-mem", "2GiB", "-scratch", "2GiB", "-timeout", "10m", "-add", oomcage+":/usr/local/bin/oomcage")
	about, added := g.prepare(t, dir)
	for _, what := range added {
		args = append(args, "-add", what)
	}
	for _, tool := range []string{"sh", "mkdir", "cat", "rm", "uname"} {
		args = append(args, "-add", tool)
	}
	guest := exec.CommandContext(t.Context(), oomcage, append(args, "--", "sh", "script")...)
	guest.Dir, guest.Env = dir, append(os.Environ(), "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	guest.Stdout, guest.Stderr = &stdout, &stderr
	begin := time.Now()
	err := guest.Run()
	t.Logf("the microVM took %v", time.Since(begin).Round(time.Second))
	if err != nil {
		t.Errorf("oomcage vm: %v\n%s\n%s", err, stderr.Bytes(), stdout.Bytes())
	}
	return about, stdout.String()
}

// script is what a shell in the guest does. What is between <<CASE and >>CASE CODE is the case's; the setup's output is
// before its <<, as it is for people.
func (g group) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "echo kernel $(uname -r)\nexport HERE=$PWD\nmkdir $TMPDIR/group && cd $TMPDIR/group\nset -e\n%s\nset +e\n", g.setup)
	for _, c := range g.cases {
		fmt.Fprintf(&b, "(\nset -e; mkdir $TMPDIR/%[1]s; cd $TMPDIR/%[1]s\n%[2]s\nset +e\necho '<<%[1]s'\noomcage run --json %[3]s 2>errors\necho \">>%[1]s $?\"; cat errors; echo '==%[1]s'\n)\nrm -rf $TMPDIR/%[1]s /dev/shm/*\n", c.name, c.setup, c.run)
	}
	return b.String() + "echo the end\n"
}

// prepare does what the host does for a group. It returns the versions, and what goes along.
func (g group) prepare(t *testing.T, dir string) (about string, add []string) {
	t.Helper()
	const javaHome = `JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")` + "\n"
	script := "set -e\nPATH=$PATH:/usr/sbin\n" + javaHome + g.host + "\necho '<<about'\n" + g.about + "\necho '<<add'\n"
	for _, what := range g.add {
		script += fmt.Sprintf("echo \"%s\"\n", what)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-c", script)
	sh.Dir = dir
	var errs bytes.Buffer
	sh.Stderr = &errs
	out, err := sh.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs.Bytes())
	}
	_, rest, _ := strings.Cut(string(out), "<<about\n")
	versions, files, _ := strings.Cut(rest, "<<add\n")
	return strings.Join(strings.Split(strings.TrimSpace(versions), "\n"), "; "), strings.Split(strings.TrimSpace(files), "\n")
}

// check judges what the guest has said of a case.
func (c testCase) check(t *testing.T, said, setup string) record {
	t.Helper()
	_, after, found := strings.Cut(said, "<<"+c.name+"\n")
	line, rest, ended := strings.Cut(after, ">>"+c.name+" ")
	if !found || !ended {
		t.Fatalf("it was not run:\n%s\n%s", setup, said)
	}
	code, rest, _ := strings.Cut(rest, "\n")
	errs, _, _ := strings.Cut(rest, "=="+c.name+"\n")
	o, err := outcome.ParseOutcome([]byte(strings.TrimSpace(line)))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, line, errs)
	}
	keep(t, line)
	if code != "0" {
		t.Errorf("oomcage run ended with %s: %s\n%s", code, errs, o)
	}
	if !regexp.MustCompile(c.says).MatchString(o.Why) {
		t.Errorf("the sentence does not match %q:\n%s", c.says, o)
	}
	return record{Verdict: o.Verdict, Why: o.Why, Acknowledged: o.Acknowledged, Attempted: o.Attempted, Predicted: o.Predicted,
		Max: o.Evidence.Limits.Max, Peak: o.Peak, Outages: o.Outages, Took: o.Took}
}

// keep adds the outcome to $ARTIFACTS/outcomes.jsonl, for oomcage report and explain.
func keep(t *testing.T, line string) {
	t.Helper()
	dir := os.Getenv("ARTIFACTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "outcomes.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line); err != nil {
		t.Fatal(err)
	}
}

// compare holds a record against the one that the page is made of, or replaces that. Figures vary, and what the flags and
// the sentence have to say was checked, so the verdicts are what is compared, where there is one that is right.
func compare(t *testing.T, c testCase, r record) {
	t.Helper()
	all := readRecords(t)
	if !*update {
		if was, ok := all[r.Name]; !ok || was.Verdict != r.Verdict && !strings.Contains(c.expected(), " or ") {
			t.Errorf("docs/programs.md has the verdict %q, and this is %q: make programs-update, if that is right", was.Verdict, r.Verdict)
		}
		return
	}
	if t.Failed() {
		return
	}
	all[r.Name] = r
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, g := range groups {
		for _, c := range g.cases {
			if r, ok := all[g.name+"/"+c.name]; ok {
				if err := encoder.Encode(r); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := os.WriteFile(measured, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readRecords returns what was measured, by name.
func readRecords(t *testing.T) map[string]record {
	t.Helper()
	all := make(map[string]record)
	f, err := os.Open(measured)
	if errors.Is(err, fs.ErrNotExist) {
		return all
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", measured, err)
		}
		all[r.Name] = r
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// docs/programs.md is made of the cases and of what was measured, by -update. It stands behind TestPrograms, as tests run in the order of
// files and lines: before, -update wrote the page of what had been measured the time before.
func TestPage(t *testing.T) {
	want := render(readRecords(t))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, c := range g.cases {
			if _, ok := readRecords(t)[g.name+"/"+c.name]; !ok {
				t.Errorf("%s/%s was not measured: make programs-update", g.name, c.name)
			}
		}
	}
	if string(got) != want {
		t.Errorf("%s is not what the cases and %s make: go test -C .ci/tools/programs -run TestPage -update", page, measured)
	}
}
