package sweep

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness"
)

func outcome(name string) *harness.Outcome {
	o := &harness.Outcome{Name: name, Timeline: []harness.Sample{}}
	o.Evidence.Ready = true
	o.Judge()
	return o
}

func mustAppend(t *testing.T, r *Results, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, r.Append(outcome(name)))
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
	require.ErrorContains(t, err, "-resume")

	r, err = Resume(path)
	require.NoError(t, err)
	require.NotNil(t, r.done["max=1MiB"])
	mustAppend(t, r, "max=3MiB")
	require.NoError(t, r.Close())
	outcomes, err := Read(path)
	require.NoError(t, err)
	require.Len(t, outcomes, 3)
	require.Equal(t, outcome("max=3MiB"), outcomes[2])
}

// Whether a folder is synced cannot be seen, but it has to be opened for that, which nothing else does.
func TestTheFolderOfANewFileIsSynced(t *testing.T) {
	dir := t.TempDir()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.NoError(t, err)
	defer unix.Close(watch)
	_, err = unix.InotifyAddWatch(watch, dir, unix.IN_OPEN|unix.IN_ONLYDIR)
	require.NoError(t, err)
	r, err := Create(filepath.Join(dir, "results.jsonl"))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	var events [4096]byte
	n, err := unix.Read(watch, events[:])
	require.NoError(t, err)
	opened := false
	for at := 0; at < n; {
		mask := binary.NativeEndian.Uint32(events[at+4:])
		opened = opened || mask&unix.IN_ISDIR != 0
		at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[at+12:]))
	}
	require.True(t, opened)
}

// A sweep may be killed within a write: any beginning of a file must do.
func TestAFileThatEndsAnywhereIsGoneOnWithAfterItsLastWholeLine(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	r, err := Create(whole)
	require.NoError(t, err)
	mustAppend(t, r, "max=1MiB", "max=2MiB")
	require.NoError(t, r.Close())
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	for n := range len(data) + 1 {
		torn := filepath.Join(t.TempDir(), "torn")
		require.NoError(t, os.WriteFile(torn, data[:n], 0o600))
		if lines := strings.Count(string(data[:n]), "\n"); n > 0 && data[n-1] != '\n' {
			before, err := Read(torn)
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
		good + "\n":                                 ":2: no outcome",
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
	require.ErrorContains(t, r.Append(outcome("max=2MiB")), "keep the outcome of max=2MiB")
	require.Nil(t, r.done["max=2MiB"])
	r.file = file
	require.NoError(t, r.Close())
}
