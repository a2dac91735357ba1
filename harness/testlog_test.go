package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// fakeTest is a test whose end the caller decides.
type fakeTest struct {
	testing.TB // for what is not called
	name       string
	failed     bool
	logs       []string
	attributes []string
	cleanups   []func()
}

func (f *fakeTest) Helper()                   {}
func (f *fakeTest) Name() string              { return f.name }
func (f *fakeTest) Failed() bool              { return f.failed }
func (f *fakeTest) FailNow()                  { f.failed = true }
func (f *fakeTest) Cleanup(c func())          { f.cleanups = append(f.cleanups, c) }
func (f *fakeTest) Log(args ...any)           { f.logs = append(f.logs, fmt.Sprint(args...)) }
func (f *fakeTest) Attr(key, value string)    { f.attributes = append(f.attributes, key+"="+value) }
func (f *fakeTest) Errorf(s string, a ...any) { f.failed = true; f.Log(fmt.Sprintf(s, a...)) }
func (f *fakeTest) end() (printed string) {
	for _, c := range f.cleanups {
		c()
	}
	return strings.Join(f.logs, "\n")
}

func killedOutcome(name string) *Outcome {
	kill := Events{OOM: 1, OOMKill: 1}
	o := &Outcome{
		Name: name, Acknowledged: 4, Attempted: 5, Predicted: &outcome.Prediction{Lo: 4, Hi: 4},
		Evidence: Evidence{Status: sigkill, Ready: true, Events: kill, EventsLocal: kill, Peak: 77, Limits: Limits{Max: 99999744}},
	}
	o.Verdict, o.Why = o.Judge()
	return o
}

func TestATestThatFailsPrintsItsOutcomeOnceAndHowToRunItAgain(t *testing.T) {
	fake := &fakeTest{name: "TestX/sub"}
	o := killedOutcome("a")
	record(fake, o)
	o.RequireVerdict(fake, Survived)
	printed := fake.end()
	require.Len(t, fake.logs, 2, "the assertion and the outcome")
	require.Contains(t, fake.logs[0], "the verdict is oom-killed, not survived")
	require.Equal(t, 1, strings.Count(printed, "killed by its own limit: 0.0 of 95.4 MiB, during step 5"), "right below the assertion")
	require.Equal(t, 1, strings.Count(printed, "memory.events that rose"))
	require.True(t, strings.HasPrefix(fake.logs[1], "oom-killed: killed by its own limit"), fake.logs[1])
	require.Contains(t, fake.logs[1], `-run '^TestX$/^sub$' `)
	require.Contains(t, fake.logs[1], " "+reflect.TypeFor[Cage]().PkgPath())
	require.Empty(t, records.of, "a test that has ended is forgotten")
}

func TestATestThatFailsForAnotherReasonPrintsItsOutcomeToo(t *testing.T) {
	fake := &fakeTest{name: "TestX"}
	record(fake, killedOutcome("a"))
	fake.failed = true
	require.Contains(t, fake.end(), "oom-killed: killed by its own limit")
}

func TestATestThatPassesPrintsNothing(t *testing.T) {
	fake := &fakeTest{name: "TestX"}
	o := killedOutcome("a")
	record(fake, o)
	o.RequireVerdict(fake, OOMKilled)
	require.Empty(t, fake.end())
}

func TestATestOfManyRunsPrintsTheLastOnes(t *testing.T) {
	fake := &fakeTest{name: "TestX"}
	var outcomes []*Outcome
	for i := range 10 {
		o := killedOutcome("")
		o.Output = fmt.Sprintf("run %d\n", i)
		record(fake, o)
		outcomes = append(outcomes, o)
	}
	outcomes[0].RequireVerdict(fake, Survived)
	printed := fake.end()
	require.Contains(t, fake.logs[0], "run 0", "an assertion prints what would not be printed otherwise")
	require.Contains(t, printed, "the last 3 of 10 runs:\n")
	require.NotContains(t, printed, "run 6")
	for _, run := range []string{"run 0", "run 7", "run 8", "run 9", "again "} {
		require.Equal(t, 1, strings.Count(printed, run), run)
	}
}

func TestARunLeavesAttributes(t *testing.T) {
	fake := &fakeTest{name: "TestX"}
	record(fake, killedOutcome("a"))
	unlimited := &Outcome{Verdict: Survived}
	unlimited.Evidence.Fullest = &outcome.Composition{Stat: outcome.MemoryStat{Anon: 5, File: 9}}
	record(fake, unlimited)
	fake.end()
	require.Equal(t, []string{
		"verdict=oom-killed", "acknowledged=4", "limit_bytes=99999744",
		"verdict_2=survived", "acknowledged_2=0", "limit_bytes_2=max",
		"filled_by_2=page cache", "filled_by_bytes_2=9",
	}, fake.attributes)
}

func TestOutcomesOfATestAreLinesOfOneFile(t *testing.T) {
	fake := &fakeTest{name: "TestX"}
	path := filepath.Join(t.TempDir(), "outcome.json")
	r, _ := remember(fake, killedOutcome("a"))
	r.keep(fake, killedOutcome("a"), path)
	r.keep(fake, killedOutcome("b"), path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for _, name := range []string{"a", "b"} {
		require.True(t, lines.Scan())
		var o Outcome
		require.NoError(t, json.Unmarshal(lines.Bytes(), &o))
		require.Equal(t, killedOutcome(name).Why, o.Why)
		require.Equal(t, name, o.Name)
	}
	require.False(t, lines.Scan())
	require.False(t, fake.failed)
	fake.failed = true
	require.Contains(t, fake.end(), "kept       "+path+"\n")
}

func TestAnArtifactThatCannotBeWrittenFailsTheTestThatPrintsTheOutcome(t *testing.T) {
	for path, reason := range map[string]error{"/dev/full": syscall.ENOSPC, "/no/such/folder/outcome.json": syscall.ENOENT} {
		fake := &fakeTest{name: "TestX"}
		o := killedOutcome("a")
		r, _ := remember(fake, o)
		r.keep(fake, o, path)
		require.True(t, fake.failed)
		require.Contains(t, fake.logs[0], "keep the outcome (oom-killed) as an artifact: ")
		require.Contains(t, fake.logs[0], path)
		require.Contains(t, fake.logs[0], reason.Error())
		printed := fake.end()
		require.Contains(t, printed, "oom-killed: killed by its own limit")
		require.NotContains(t, printed, "kept ")
	}
}

// A limit on the size of files is the disk that is full in the middle of a line. The file is larger than
// what go test itself writes meanwhile, for its cache, would be.
func TestALineThatDoesNotFitIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcome.json")
	mustWrite(t, path, strings.Repeat("x", 1<<20)+"\n")
	require.NoError(t, appendLine(path, killedOutcome("a")))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = uint64(len(before) + 100)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err = appendLine(path, killedOutcome("b"))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.ErrorIs(t, err, syscall.EFBIG)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}
