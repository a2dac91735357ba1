package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// explained is what the command says, and its exit code.
func explained(t *testing.T, stdin string, args ...string) (said, complained string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRootCommand(&stdout, &stderr)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(append([]string{"explain"}, args...))
	cmd, err := root.ExecuteC()
	code = exitStatus(cmd, err, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestAnOutcomeIsExplained(t *testing.T) {
	var o outcome.Outcome
	require.NoError(t, json.Unmarshal([]byte(stored(t, "max=64MiB", outcome.OOMKilled)), &o))
	o.Evidence.Fullest = &outcome.Composition{Current: 64 * outcome.MiB, Stat: outcome.MemoryStat{Sock: 60 * outcome.MiB}, Kernel: true}
	line, err := json.Marshal(o)
	require.NoError(t, err)
	said, complained, code := explained(t, string(line), "-")
	assert.Zero(t, code, complained)
	assert.True(t, strings.HasPrefix(said, "max=64MiB\nended     oom-killed: killed by its own limit: "), said)
	assert.Contains(t, said, "sock is 60.0 MiB, 94 %")
	assert.Contains(t, said, "help      sockets (60.0 MiB): read faster than is sent")
	for l := range strings.Lines(said) {
		assert.LessOrEqual(t, len([]rune(l)), 101, l)
	}
}

func TestOfSeveralOutcomesTheNamedOneIsExplained(t *testing.T) {
	two := stored(t, "max=64MiB", outcome.OOMKilled) + "\n" + stored(t, "kind=it's", outcome.OOMKilled) + "\n"
	said, _, code := explained(t, two, "--name", "kind=it's", "-")
	assert.Zero(t, code)
	assert.True(t, strings.HasPrefix(said, "kind=it's\n"), said)

	_, _, code = explained(t, two, "-", "--name", "kind=it's")
	assert.Zero(t, code, "as the README has it")

	_, complained, code := explained(t, two, "-")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, complained, "it has 2 outcomes, and one at a time is explained: name it by --name; it has\n")
	assert.Contains(t, complained, "--name max=64MiB\n")
	assert.Contains(t, complained, `--name 'kind=it'\''s'`)

	_, complained, code = explained(t, two, "--name", "none", "-")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, complained, `it has no outcome named "none"; it has`)

	_, complained, _ = explained(t, strings.Repeat(stored(t, "x", outcome.OOMKilled)+"\n", 120), "-")
	assert.Contains(t, complained, "and 20 more")
	_, complained, _ = explained(t, "", "-")
	assert.Contains(t, complained, "-: it is empty; one outcome a line is needed")
}

// Runs that were added to one file may have one name, and those of a test none: neither is explained for another.
func TestOutcomesThatANameDoesNotTellApartAreNamedByTheirLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out comes.jsonl")
	web, other := stored(t, "web", outcome.OOMKilled), stored(t, "other", outcome.OOMKilled)
	require.NoError(t, os.WriteFile(file, []byte(web+"\n\n"+other+"\n"+web+"\n"+stored(t, "", outcome.OOMKilled)+"\n"), 0o600))
	_, complained, code := explained(t, "", file)
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, complained, "it has\n  sed -n 1p '"+file+"' | oomcage explain -\n  --name other\n  sed -n 4p '"+file+"' | oomcage explain -\n  sed -n 5p '"+file+"' | oomcage explain -\n")

	_, complained, code = explained(t, "", file, "--name", "web")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, complained, "the outcomes of the lines 1 and 4 have that name, and one at a time is explained; name one as in\n  sed -n 1p '"+file+"' | oomcage explain -\n")

	said, complained, code := explained(t, "", file, "--name", "other")
	assert.Zero(t, code, complained)
	assert.True(t, strings.HasPrefix(said, "other\n"), said)
}

func TestWhatASweepHasTriedWithoutHugePagesIsTold(t *testing.T) {
	with, without := stored(t, "max=64MiB/no_thp=0/repeat=1", outcome.OOMKilled), stored(t, "max=64MiB/no_thp=1/repeat=1", outcome.Survived)
	without = strings.Replace(without, `"target":{`, `"target":{"no_thp":true,`, 1)
	require.Contains(t, without, "no_thp\":true")
	for _, name := range []string{"max=64MiB/no_thp=0/repeat=1", "max=64MiB/no_thp=1/repeat=1"} {
		said, complained, code := explained(t, without+"\n"+with+"\n", "--name", name, "-")
		assert.Zero(t, code, complained)
		assert.Regexp(t, `(?s)thp +with huge pages oom-killed after \d+ steps?, peak .*; without them\s+survived after`, said)
	}
	for _, rest := range []string{"", with[:50], "no outcome\n"} {
		said, complained, code := explained(t, with+"\n"+rest, "--name", "max=64MiB/no_thp=0/repeat=1", "-")
		assert.Zero(t, code, complained)
		assert.NotContains(t, said, "thp ")
	}
	said, _, _ := explained(t, strings.Replace(without, `"name":"max=64MiB/no_thp=1/repeat=1"`, `"name":""`, 1)+"\n"+stored(t, "a", outcome.OOMKilled)+"\n", "--name", "a", "-")
	assert.NotContains(t, said, "thp ", "an outcome without a name is nobody's other one")
}

func TestALongTextIsWrappedBetweenItsWords(t *testing.T) {
	assert.Equal(t, "aa bb\n  cc dd\n  eeeeeeee", wrapped("aa bb cc dd eeeeeeee", 5, 2))
	assert.Empty(t, wrapped("", 5, 2))
}

// A file may have a million outcomes.
func TestNoMoreOutcomesAreHeldThanAreListed(t *testing.T) {
	var c choices
	for i := range 10_000 {
		c.add(fmt.Sprint(i), i+1)
	}
	c.add("7", 10_001) // after those that are listed
	require.Len(t, c.first, 100)
	require.Len(t, c.called, 100)
	list := c.list("file", 10_001)
	require.Contains(t, list, "\n  --name 6\n  sed -n 8p file | oomcage explain -\n")
	require.Contains(t, list, "\n  and 9901 more")
}
