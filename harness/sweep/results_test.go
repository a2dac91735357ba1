//go:build linux

package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

func stored(name string) *harness.Outcome {
	o := &harness.Outcome{Name: name, Timeline: []outcome.Sample{}}
	o.Evidence.Ready = true
	o.Verdict, o.Why = o.Judge()
	return o
}

func mustAppend(t *testing.T, r *Results, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, r.Append(stored(name)))
	}
}

func TestResultsAreKeptLineByLineAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r, err := Create(path)
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB", "max=2MiB")
	require.NotNil(t, r.done["max=2MiB"])
	require.Nil(t, r.done["max=3MiB"])
	_, err = Resume(path)
	require.ErrorContains(t, err, "by another sweep")
	require.NoError(t, r.Close())

	_, err = Create(path)
	require.ErrorIs(t, err, os.ErrExist)

	r, err = Resume(path)
	require.NoError(t, err)
	require.NotNil(t, r.done["max=1MiB"])
	mustAppend(t, r, "max=3MiB")
	require.NoError(t, r.Close())
	outcomes, err := Read(path)
	require.NoError(t, err)
	require.Len(t, outcomes, 3)
	require.Equal(t, stored("max=3MiB"), outcomes[2])
}

// A sweep may be killed within a write: any beginning of a file must do.
func TestAFileThatEndsAnywhereIsGoneOnWithAfterItsLastWholeLine(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // garbage collection was half of the time in an emulated guest
	if unix.Access("/dev/shm", unix.W_OK) == nil {
		t.Setenv("TMPDIR", "/dev/shm") // thousands of syncs take minutes on a disk, and where a file ends is the same here
	}
	whole := filepath.Join(t.TempDir(), "whole")
	r, err := Create(whole)
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB", "max=2MiB")
	require.NoError(t, r.Close())
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	torn := filepath.Join(t.TempDir(), "torn")
	for n := range len(data) + 1 {
		require.NoError(t, os.WriteFile(torn, data[:n], 0o600))
		lines := strings.Count(string(data[:n]), "\n")
		before, err := Read(torn)
		switch {
		case n == 0 || data[n-1] == '\n':
			require.NoError(t, err)
			require.Len(t, before, lines)
		case n+1 == len(data) || data[n] == '\n':
			require.NoError(t, err, "the line is whole, but for its end")
			require.Len(t, before, lines+1)
		default:
			require.ErrorIs(t, err, ErrTorn)
			require.Len(t, before, lines)
			require.ErrorContains(t, err, []string{":1:", ":2:"}[lines])
		}
		r, err := Resume(torn)
		require.NoError(t, err)
		for _, name := range []string{"max=1MiB", "max=2MiB"} {
			if r.done[name] == nil {
				mustAppend(t, r, name)
			}
		}
		require.NoError(t, r.Close())
		got, err := os.ReadFile(torn)
		require.NoError(t, err)
		require.Equal(t, string(data), string(got))
	}
}

func TestOtherDamageIsNamedAndNothingIsChanged(t *testing.T) {
	good := `{"name":"max=1MiB","verdict":"survived","evidence":{}}` + "\n"
	for text, want := range map[string]string{
		good + "{broken}\n" + good:                  ":2: no outcome",
		`{"name":"x","evidence":{}}` + "\n":         `no "verdict"`,
		good + good:                                 "has the point max=1MiB twice",
		good + "{\"name\":\"x\"}\n" + `{"name":"to`: ":2: no outcome",
	} {
		path := filepath.Join(t.TempDir(), "results.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := Resume(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
}

func TestAnOutcomeThatDoesNotFitOnTheDiskIsAnErrorAndTheFileStaysWhole(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), "results.jsonl"))
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	file := r.file
	r.file = full
	require.ErrorContains(t, r.Append(stored("max=2MiB")), "keep the outcome of max=2MiB")
	require.Nil(t, r.done["max=2MiB"])
	r.file = file
	require.NoError(t, r.Close())
}

// What -resume is given by mistake is not changed, whatever it is.
func TestAFileThatIsNoneOfOursIsLeftAsItIs(t *testing.T) {
	const good = `{"format":1,"name":"max=1MiB","verdict":"survived","evidence":{}}` + "\n"
	for name, text := range map[string]string{
		"JSON on one line":           `{"editor": {"tabSize": 4}}`,
		"the same with an end":       `{"editor": {"tabSize": 4}}` + "\n",
		"an array":                   "[1,2]",
		"lines of JSON":              "{\"a\":1}\n{\"b\":2}\n",
		"a newer format":             `{"format":99,"name":"max=64MiB","verdict":"exited","evidence":{}}` + "\n",
		"a newer format torn":        `{"format":99,"name":"max=6`,
		"another format's beginning": `{"format":"A4","na`,
		"binary":                     "\x7fELF\x02\x01\x01\x00\x00\x00",
		"zeros":                      strings.Repeat("\x00", 4096),
		"a text":                     "a list of things to do",
		"results and then a note":    good + "to be run again",
		"results and then JSON":      good + `{"editor": 1`,
		"a point twice":              good + good,
		"a key twice":                `{"verdict":"survived","verdict":"exited","evidence":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "settings.json")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			before, err := os.Stat(path)
			require.NoError(t, err)
			_, err = Resume(path)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "nothing was changed")
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, text, string(got))
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, before.ModTime(), after.ModTime())
		})
	}
}

func TestResultsAreKeptInARegularFileAlone(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(fifo, link))
	for _, path := range []string{t.TempDir(), os.DevNull, fifo, link} {
		_, err := Resume(path)
		require.ErrorIs(t, err, ErrNotAFile, path)
	}
	file := filepath.Join(t.TempDir(), "results.jsonl")
	require.NoError(t, os.Symlink(file, link+"2"))
	for range 2 {
		r, err := Resume(link + "2")
		require.NoError(t, err)
		mustAppend(t, r, fmt.Sprint(len(r.done)))
		require.NoError(t, r.Close())
	}
	outcomes, err := Read(file)
	require.NoError(t, err)
	require.Len(t, outcomes, 2)
}

// Blank lines, CRLF, a byte order mark and a last line without an end are what editors and shells leave.
func TestResultsThatAnEditorHasSavedAreGoneOnWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	text := "\uFEFF\r\n" + `{"name":"max=1MiB","verdict":"survived","evidence":{}}` + "\r\n\r\n " + `{"name":"max=2MiB","verdict":"survived","evidence":{}}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	r, err := Resume(path)
	require.NoError(t, err)
	for _, name := range []string{"max=1MiB", "max=2MiB"} {
		o, err := r.Earlier(Point{Name: name})
		require.NoError(t, err)
		require.Equal(t, name, o.Name)
	}
	mustAppend(t, r, "max=3MiB")
	o, err := r.Earlier(Point{Name: "max=3MiB"})
	require.NoError(t, err)
	require.Equal(t, stored("max=3MiB"), o)
	require.NoError(t, r.Close())
	outcomes, err := Read(path)
	require.NoError(t, err)
	require.Len(t, outcomes, 3)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(got), text), "what was there is as it was")
}

func TestZerosAfterAPowerCutAreCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	const good = `{"format":1,"name":"max=1MiB","verdict":"survived","evidence":{}}` + "\n"
	for _, tail := range []string{good[:20] + strings.Repeat("\x00", 100), strings.Repeat("\x00", 100)} {
		require.NoError(t, os.WriteFile(path, []byte(good+tail), 0o600))
		r, err := Resume(path)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, strings.Split(good, "\n"), strings.Split(string(got), "\n"))
	}
}

func TestAnEmptyFileIsRemovedOnlyByTheSweepThatMadeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	for _, open := range []func(string) (*Results, error){Create, Resume} {
		r, err := open(path)
		require.NoError(t, err)
		require.NoError(t, r.Discard())
		require.NoFileExists(t, path)
	}
	r, err := Create(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, r.Discard())
	require.FileExists(t, path, "another one of that name")
	r, err = Resume(path)
	require.NoError(t, err)
	require.NoError(t, r.Discard())
	require.FileExists(t, path, "the user's own")
	r, err = Resume(path)
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB")
	require.NoError(t, r.Discard())
	require.FileExists(t, path)
}

func TestAFileThatIsRemovedDuringASweepEndsIt(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), "results.jsonl"))
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB")
	require.NoError(t, os.Remove(r.file.Name()))
	require.ErrorContains(t, r.Append(stored("max=2MiB")), "was removed while the sweep ran")
	require.NoError(t, r.Close())
}

func TestNothingIsWrittenBehindALineThatCouldNotBeTakenBack(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), "results.jsonl"))
	require.NoError(t, err)
	whole := r.file
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0) // it cannot be truncated
	require.NoError(t, err)
	r.file = full
	require.ErrorIs(t, r.Append(stored("max=1MiB")), unix.ENOSPC)
	require.NoError(t, full.Close())
	r.file = whole
	require.ErrorIs(t, r.Append(stored("max=2MiB")), unix.ENOSPC)
	require.NoError(t, r.Close())
	require.Empty(t, r.done)
}

// JSON has no bytes that are not UTF-8, and file names do.
func TestASpecWithBytesThatAreNotUTF8IsTheSameAfterItWasStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	spec := func(dir string) outcome.Spec {
		return outcome.Spec{Target: outcome.Target{
			Path: "/srv/" + dir + "/app", Args: []string{dir, "\uFFFD", `\ufffd`}, Env: []string{"A=" + dir},
		}, Limits: harness.Limits{Max: 64 << 20}}
	}
	points := []Point{{Name: "A=caf\xe9", Spec: spec("caf\xe9")}, {Name: "A=\xff\xfe", Spec: spec("\xff\xfe")}}
	r, err := Create(path)
	require.NoError(t, err)
	for _, p := range points {
		require.NoError(t, r.Append(&harness.Outcome{Name: p.Name, Spec: p.Spec, Verdict: harness.Exited}))
	}
	for range 2 {
		for _, p := range points {
			o, err := r.Earlier(p)
			require.NoError(t, err)
			require.NotNil(t, o)
			other := p
			other.Spec.Target.Dir = "/"
			_, err = r.Earlier(other)
			require.ErrorIs(t, err, ErrOtherSweep)
		}
		require.NoError(t, r.Close())
		r, err = Resume(path)
		require.NoError(t, err)
	}
	require.NoError(t, r.Close())
	_, err = Run(t.Context(), []Point{{Name: "A=\xe8", Spec: spec("x")}, {Name: "A=\xe9", Spec: spec("x")}}, Options{})
	require.ErrorContains(t, err, `two points have the name "A=�"`)
}

func TestCodeWithoutANameCannotBeGoneOnWith(t *testing.T) {
	p := Point{Name: "max=1MiB", Spec: outcome.Spec{Target: outcome.Target{Path: "/bin/app"}}}
	for want, code := range map[string]Code{
		"step (Load.Name)":         {Step: harness.HTTPGet("/")},
		"probe (Target.ReadyName)": {Ready: harness.TCPReady()},
	} {
		r := &Results{}
		require.NoError(t, r.Append(&harness.Outcome{Name: p.Name, Spec: p.Spec, Verdict: harness.Exited}))
		_, err := Run(t.Context(), []Point{p}, Options{Results: r, Code: code})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "name it")
	}
}

func TestResultsOfAnotherExecutableAreGoneOnWithOnlyAtAWord(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	write := func(text string) outcome.Executable {
		require.NoError(t, os.WriteFile(program, []byte(text), 0o700))
		e, err := harness.Target{Path: program}.Executable()
		require.NoError(t, err)
		return e
	}
	p := Point{Name: "max=1MiB", Spec: outcome.Spec{Target: outcome.Target{Path: program}}}
	path := filepath.Join(t.TempDir(), "results.jsonl")
	r, err := Create(path)
	require.NoError(t, err)
	before := write("#!/bin/true 1")
	require.NoError(t, r.Append(&harness.Outcome{Name: p.Name, Spec: p.Spec, Verdict: harness.Exited, Executable: before}))
	require.NoError(t, r.Close())
	r, err = Resume(path)
	require.NoError(t, err)
	defer r.Close()
	o, err := r.Earlier(p)
	require.NoError(t, err)
	require.Equal(t, before, o.Executable)

	after := write("#!/bin/true 2")
	_, err = r.Earlier(p)
	require.ErrorIs(t, err, ErrRebuilt)
	require.ErrorContains(t, err, "the SHA-256 of "+program+" was "+before.SHA256+", and is "+after.SHA256)
	_, err = Run(t.Context(), []Point{p}, Options{Results: r})
	require.ErrorIs(t, err, ErrRebuilt)
	r.Rebuilt = true
	o, err = r.Earlier(p)
	require.NoError(t, err)
	require.Equal(t, before, o.Executable)
	r.Rebuilt = false
	require.NoError(t, os.Remove(program))
	o, err = r.Earlier(p)
	require.NoError(t, err, "what is not there any more is no other one")
	require.NotNil(t, o)
}

// An executable that is being built may not be there for a moment, after which it is another one.
func TestAnExecutableThatIsRebuiltWhileASweepRunsIsNamed(t *testing.T) {
	of := func(sum string) *harness.Outcome {
		return &harness.Outcome{Spec: outcome.Spec{Target: outcome.Target{Path: "./app"}}, Executable: outcome.Executable{SHA256: sum}}
	}
	s := &sweeper{Options: Options{Results: &Results{}}, executables: map[string]string{}}
	for _, sum := range []string{"", "1", "1", ""} {
		require.NoError(t, s.sameExecutable(of(sum)))
	}
	require.ErrorIs(t, s.sameExecutable(of("2")), ErrRebuilt)
	s.Results.Rebuilt = true
	require.NoError(t, s.sameExecutable(of("2")))
}
