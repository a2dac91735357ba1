package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// stored is a line of a result file: a run that its own limit has ended, judged as given.
func stored(t *testing.T, name string, verdict outcome.Verdict) string {
	t.Helper()
	kill := outcome.Events{Max: 24, OOM: 1, OOMKill: 1}
	line, err := json.Marshal(outcome.Outcome{
		Name: name, Verdict: verdict, Acknowledged: 4, Attempted: 5,
		Evidence: outcome.Evidence{
			Status: outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}, Ready: true,
			Limits: outcome.Limits{Max: 99999744}, Peak: 99999744, Events: kill, EventsLocal: kill,
		},
	})
	require.NoError(t, err)
	return string(line)
}

func mustStore(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outcome.json")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	return path
}

func TestOutcomesThatAreJudgedAsBeforeAgree(t *testing.T) {
	path := mustStore(t, stored(t, "short", outcome.OOMKilled), "", stored(t, "a longer name", outcome.OOMKilled)+"\r", "")
	var stdout, stderr bytes.Buffer
	code := execute([]string{"judge", path}, &stdout, &stderr)
	assert.Equal(t, `short          oom-killed           oom-killed
a longer name  oom-killed           oom-killed
2 outcomes judged again: 2 agree, 0 differ
`, stdout.String())
	assert.Zero(t, code)
	assert.Empty(t, stderr.String())
}

func TestAnOutcomeThatIsJudgedDifferentlyIsMarkedWithTheReason(t *testing.T) {
	same := mustStore(t, stored(t, "same", outcome.OOMKilled))
	path := mustStore(t, stored(t, "", outcome.OOMKilled), stored(t, "not\nso", outcome.Killed))
	var stdout, stderr bytes.Buffer
	code := execute([]string{"judge", same, path}, &stdout, &stderr)
	lines := strings.Split(stdout.String(), "\n")
	require.Len(t, lines, 5)
	assert.True(t, strings.HasPrefix(lines[1], path+":1 "), "what has no name is named by its place: %s", lines[1])
	assert.Regexp(t, `^not\\nso +killed +oom-killed +differs: killed by its own limit: 95.4 of 95.4 MiB, during step 5 \(.*outcome.json:2\)$`, lines[2])
	assert.Equal(t, "3 outcomes judged again: 2 agree, 1 differ", lines[3])
	assert.Equal(t, 1, code)
	assert.Empty(t, stderr.String())
}

func TestWhatIsNoOutcomeIsNamedAndTheRestIsJudged(t *testing.T) {
	good := stored(t, "good", outcome.OOMKilled)
	for name, c := range map[string]struct{ line, want string }{
		"other JSON":          {`{"name": "x", "evidence": {}}`, `no outcome: it has no "verdict"`},
		"no evidence":         {`{"verdict": "killed"}`, `no outcome: it has no "evidence"`},
		"null":                {`null`, `no outcome: it has no "verdict"`},
		"an unknown verdict":  {`{"verdict": "eaten", "evidence": {}}`, `the verdict "eaten" is unknown; known are survived, oom-killed`},
		"an empty verdict":    {`{"verdict": "", "evidence": {}}`, `the verdict "" is unknown`},
		"an array":            {`[1]`, "it is a JSON array, and an object is needed"},
		"no JSON":             {"panic: \x1b[31mred", `and this begins "panic: \x1b[31mred"`},
		"a line cut off":      {good[:100], "unexpected end of JSON input"},
		"two outcomes a line": {good + good, "after top-level value"},
		"a text as a size":    {`{"verdict": "killed", "evidence": {"peak": "much"}}`, `parse the size "much"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := mustStore(t, good, c.line, stored(t, "different", outcome.Killed))
			var stdout, stderr bytes.Buffer
			code := execute([]string{"judge", path}, &stdout, &stderr)
			assert.Equal(t, exitUsage, code)
			assert.True(t, strings.HasPrefix(stderr.String(), "oomcage judge: "+path+":2: "), stderr.String())
			assert.Contains(t, stderr.String(), c.want)
			assert.Equal(t, 1, strings.Count(stderr.String(), "\n"))
			assert.Contains(t, stdout.String(), "2 outcomes judged again: 1 agree, 1 differ; 1 error\n")
		})
	}
}

func TestAFileThatCannotBeReadHidesNoOther(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := execute([]string{"judge", "/no/such/file", t.TempDir(), mustStore(t), mustStore(t, stored(t, "good", outcome.OOMKilled))}, &stdout, &stderr)
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, stderr.String(), "open /no/such/file: no such file")
	assert.Contains(t, stderr.String(), "is a directory")
	assert.Contains(t, stderr.String(), "outcome.json: it is empty", "it would agree with everything")
	assert.Contains(t, stdout.String(), "1 outcome judged again: 1 agree, 0 differ; 3 errors")
}

func TestAnOutcomeOfALaterVersionIsReadFromStdin(t *testing.T) {
	later := strings.Replace(stored(t, "later", outcome.OOMKilled), `"evidence":{`, `"sooner":[1],"evidence":{"oracle":{"says":"no"},`, 1)
	var stdout, stderr bytes.Buffer
	require.NoError(t, judge([]string{"-"}, strings.NewReader(later), &stdout, &stderr))
	assert.Contains(t, stdout.String(), "later  oom-killed           oom-killed\n")
	assert.Empty(t, stderr.String())
}

func TestALineMayBeAsLongAsATimelineAndTheOutputMakeIt(t *testing.T) {
	o := outcome.Outcome{Name: "long", Verdict: outcome.Survived, Evidence: outcome.Evidence{Ready: true}, Output: strings.Repeat("\x00", 64<<10)}
	for i := range 20000 {
		o.Timeline = append(o.Timeline, outcome.Sample{At: 123456789012, Step: 1234, Current: 99999744, Events: outcome.Events{High: uint64(i), Max: uint64(i)}, Stat: outcome.MemoryStat{Anon: outcome.Bytes(99990000 + i)}})
	}
	line, err := json.Marshal(o)
	require.NoError(t, err)
	require.Greater(t, len(line), 2<<20)
	var stdout, stderr bytes.Buffer
	require.NoError(t, judge([]string{mustStore(t, string(line), string(line))}, nil, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "2 outcomes judged again: 2 agree")
	assert.Empty(t, stderr.String())
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestALineWithoutAnEndIsRefusedAndTheNextOneIsJudged(t *testing.T) {
	endless := io.MultiReader(io.LimitReader(zeroes{}, 64<<20+1), strings.NewReader("\n"+stored(t, "next", outcome.OOMKilled)))
	var stdout, stderr bytes.Buffer
	err := judge([]string{"-"}, endless, &stdout, &stderr)
	assert.Equal(t, exitCode(exitUsage), err)
	assert.Equal(t, "oomcage judge: stdin:1: no outcome: the line is longer than 64 MiB\n", stderr.String())
	assert.Contains(t, stdout.String(), "1 outcome judged again: 1 agree, 0 differ; 1 error")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestVerdictsThatCannotBePrintedAreAnError(t *testing.T) {
	err := judge([]string{"-"}, strings.NewReader(stored(t, "x", outcome.OOMKilled)), fullDisk{}, io.Discard)
	assert.ErrorIs(t, err, io.ErrShortWrite)
}
