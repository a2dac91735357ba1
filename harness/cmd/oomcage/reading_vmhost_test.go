//go:build vmhost

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/golden"
)

const reading = "../../../docs/reading.md"

// death is a command of docs/reading.md, and the lines that the page has of what oomcage explain says of its outcome.
type death struct{ whole, command, lines string }

// deathsOf finds them: a command in a paragraph of its own, and the first lines that are indented below it.
func deathsOf(page string) (all []death) {
	for _, m := range regexp.MustCompile("(?m)^`(oomcage run [^`]+)`\n(?:[^ \n].*\n|\n)*?((?:    .*\n)+)").FindAllStringSubmatch(page, -1) {
		all = append(all, death{m[0], m[1], m[2]})
	}
	return all
}

// said are the lines of an explanation by what they are about, each with those that it goes on in.
func said(lines string) (about []string, by map[string]string) {
	by = map[string]string{}
	for line := range strings.Lines(lines) {
		if word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); word != "" {
			about = append(about, word)
		}
		by[about[len(about)-1]] += line
	}
	return about, by
}

// The deaths of docs/reading.md are staged in a guest, and the page has what is printed of them: with -update it is written, and
// else each line's kind of memory, cause and advice are compared: sizes, times and the allocation that failed differ from run to run.
func TestTheDeathsOfDocsReadingAreStagedInMicroVMs(t *testing.T) {
	text, err := os.ReadFile(reading)
	require.NoError(t, err)
	page := string(text)
	deaths := deathsOf(page)
	require.Len(t, deaths, 6)

	dir := t.TempDir()
	command := filepath.Join(dir, "oomcage")
	mustBuild(t, command, ".")
	mustBuild(t, filepath.Join(dir, "app"), "../../../app")
	// A file on the disk, of which nothing is in memory: sync(2) is needed before it can be dropped (drop_caches, Documentation/admin-guide/sysctl/vm.rst).
	script := `perl -e 'open F, ">big"; print F "x" x (128 << 20); close F; syscall 162; open F, ">/proc/sys/vm/drop_caches"; print F 3'` + "\n"
	for i, d := range deaths {
		script += fmt.Sprintf("%s >%d.json; echo '<<%d'; oomcage explain %d.json; echo '>>%d'\n", strings.Replace(d.command, " run ", " run --json ", 1), i, i, i, i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deaths"), []byte(script), 0o600))
	cmd := exec.CommandContext(t.Context(), command, "vm", "-scratch", "512M", "-add", command+":/usr/local/bin/oomcage", "-add", "app", "-add", "perl", "--", "sh", "deaths")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	for i, d := range deaths {
		_, after, _ := strings.Cut(string(out), fmt.Sprintf("<<%d\n", i))
		printed, _, found := strings.Cut(after, fmt.Sprintf(">>%d\n", i))
		require.True(t, found, "%s", out)
		shown, was := said(strings.ReplaceAll("\n"+d.lines, "\n    ", "\n")[1:])
		_, is := said(printed)
		now := ""
		for _, about := range shown {
			require.NotEmpty(t, is[about], "%s\n%s", d.command, printed)
			if !golden.Update() {
				require.Equal(t, essence(about, was[about]), essence(about, is[about]), "%s\n%s", d.command, printed)
			}
			for line := range strings.Lines(is[about]) {
				now += "    " + line
			}
		}
		page = strings.Replace(page, d.whole, strings.Replace(d.whole, d.lines, now, 1), 1)
	}
	if golden.Update() {
		require.NoError(t, os.WriteFile(reading, []byte(page), 0o644))
	}
}

// essence is what of a line of an explanation is the same in each run: the verdict and its reason, which kind of memory was the most,
// and what helps against it.
func essence(about, lines string) string {
	line := strings.Join(strings.Fields(lines), " ")
	line = regexp.MustCompile(`[0-9]+(\.[0-9]+)?( [KMG]?iB)?`).ReplaceAllString(line, "N")
	switch about {
	case "filled":
		line, _, _ = strings.Cut(line, "(")
	case "help":
		line, _, _ = strings.Cut(line, ":")
	case "ended":
	default: // figures, or the allocation that failed
		line = about
	}
	return line
}
