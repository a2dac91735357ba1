package imports

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Each place that the README has is in docs/places.md, with a proof: a command whose target or script is in the tree, a
// date, a commit, and how long it took.
func TestEachPlaceOfTheReadmeHasAProof(t *testing.T) {
	proofs := map[string][]string{}
	// A tree without its history, or with the last commit of it, does not know the others.
	shallow, err := git(t, "rev-parse", "--is-shallow-repository")
	whole := err == nil && shallow == "false"
	for _, row := range rows(t, "docs/places.md", 6) {
		place, command := row[0], strings.Trim(row[2], "`")
		proofs[place] = row
		if !isThere(t, command) {
			t.Errorf("docs/places.md: %s: there is no %q", place, command)
		}
		if _, err := time.Parse(time.DateOnly, row[3]); err != nil {
			t.Errorf("docs/places.md: %s: %v", place, err)
		}
		if !regexp.MustCompile("^[0-9a-f]{7,40}$").MatchString(row[4]) {
			t.Errorf("docs/places.md: %s: %q is no commit", place, row[4])
		} else if whole {
			if out, err := git(t, "cat-file", "-e", row[4]+"^{commit}"); err != nil {
				t.Errorf("docs/places.md: %s: there is no commit %s: %s", place, row[4], out)
			}
		}
		if took, err := time.ParseDuration(strings.ReplaceAll(row[5], " ", "")); err != nil || took <= 0 {
			t.Errorf("docs/places.md: %s: %q is no duration", place, row[5])
		}
	}
	for _, row := range rows(t, "README.md", 2) {
		if proofs[row[0]] == nil {
			t.Errorf("README.md: %s: there is no such row in docs/places.md", row[0])
		}
	}
}

// git runs it in the tree, and returns what it printed.
func git(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", "../../.."}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// rows are those of the first table of a file that begins with places.
func rows(t *testing.T, file string, columns int) (all [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n| place | ")
	for line := range strings.Lines(table[strings.Index(table, "\n")+1:]) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|\n"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != columns {
			t.Fatalf("%s: %q has %d columns of %d", file, line, len(cells), columns)
		}
		if cells[0] != "---" {
			all = append(all, cells)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no table of places", file)
	}
	return all
}

// isThere reports whether the tree has what a command runs: a target of make, or a script.
func isThere(t *testing.T, command string) bool {
	t.Helper()
	words := strings.Fields(command)
	for len(words) > 0 && (words[0] == "sudo" || strings.Contains(words[0], "=")) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	if words[0] != "make" {
		info, err := os.Stat("../../../" + words[0])
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	}
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	return len(words) > 1 && regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(words[1])+`:`).Match(makefile)
}
