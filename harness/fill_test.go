package harness

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// Each kind of memory drives a cage to its end, and the sentence says which it was. What was taken is counted by the target,
// or by the kernel for the whole machine; what the sentence says is the kernel's report, or the recorder's.
func TestTheSentenceSaysWhatFilledTheCage(t *testing.T) {
	requireRoot(t)
	requireCages(t) // before the machine's settings are changed for them
	for _, c := range []struct {
		fill, kind, part string
	}{
		{"anon", "anon", ""},
		{"huge pages", "anon", "huge pages"},
		{"dirty file", "page cache", "dirty"},
		{"mapped file", "page cache", "mapped"},
		{"tmpfs", "shmem", "files on"},
		{"memfd", "shmem", "memfd"},
		{"sock", "sock", ""},
		{"pipe", "kernel", "pipe buffers and other pages"},
		{"page tables", "kernel", "page tables"},
		{"kernel stacks", "kernel", "kernel stacks"},
		{"names", "kernel", "names and inodes"},
		{"swap", "anon", "swap"},
		{"copy-on-write", "anon", "copies"},
		{"mlock", "anon", "locked"},
	} {
		t.Run(c.fill, func(t *testing.T) {
			dir, counter := fillDir(t, c.fill), filepath.Join(t.TempDir(), "counter")
			limits := Limits{Max: 64 * MiB}
			switch c.fill {
			case "swap":
				limits.Swap = 32 * MiB
				requireSwap(t, 2*limits.Swap) // each CPU keeps some of it for itself
			case "names": // which take long
				limits.Max = 32 * MiB
			}
			awaitPlacesInTheLog(t, 1) // without which there is no report either
			o := RunT(t, Spec{Target: filler(t, c.fill, dir, counter), Limits: limits, Timeout: fillTime})
			require.Contains(t, []Verdict{OOMKilled, ChildOOMKilled}, o.Verdict, o.Why)
			took := readCounter(t, counter)
			require.Greater(t, took, limits.Max/4, "it took what it was to take")
			t.Log(o.Why, "it took", took)
			requireFilled(t, o, c.kind, c.part, took)

			closed := *o
			closed.Evidence.Kills = nil
			closed.Evidence.Fullest = outcome.NewComposition(closed.Evidence, o.Timeline, o.Census)
			recorded := closed.Evidence.Fullest
			require.NotNil(t, recorded, "without the kernel log")
			if _, why := closed.Judge(); recorded.Current < o.Evidence.Peak*3/4 { // a busy machine left the recorder no time between there and the kill; below it, the runtime's own memory may be more
				require.Contains(t, why, "when it was seen last, at "+human.Size(recorded.Current)+", it was filled by "+recorded.Filled())
				return
			}
			require.Equal(t, c.kind, recorded.Fills()[0].Kind, "without the kernel log: %s", recorded.Filled())
		})
	}
}

// fillTime is how long a target may take to fill its cage: with names, 22 s under emulation on a busy machine (2026-11).
const fillTime = 5 * time.Minute

// filler is a target that takes this kind of memory, and no huge pages but where they are meant: its Go runtime would take some while
// it fills, 2 MiB each.
func filler(t *testing.T, fill, dir, counter string) Target {
	t.Helper()
	target := as(t, "fill", fill, dir, counter)
	target.NoTHP = fill != "huge pages"
	if fill == "copy-on-write" {
		target.Capture = []Capture{marking(t, seenAt, filepath.Join(dir, seenFile))}
	}
	return target
}

// requireFilled asserts that the sentence names the kind, or its part, with what was taken.
func requireFilled(t *testing.T, o *Outcome, kind, part string, took Bytes) {
	t.Helper()
	c := o.Evidence.Fullest
	require.NotNil(t, c)
	size := Bytes(0)
	switch part {
	case "swap":
		require.Contains(t, o.Why, fmt.Sprintf("and swap was full: %.1f of 32.0 MiB", float64(c.Swap)/float64(MiB)))
		size = c.Swap + c.Stat.Anon
	case "copies":
		require.Contains(t, o.Why, "copies of pages that were shared with a forked child")
		size = c.Copied
	case "dirty":
		// The kernel writes all the time, so that nobody but it knows how much is dirty. How large the file is, is known. What is
		// written to while the kernel writes it is in both counts, so that these have more than the file has.
		require.Contains(t, o.Why, "filled by "+kind)
		size = c.Fills()[0].Size
		dirty := min(c.Stat.Dirty+c.Stat.Writeback, size)
		require.Equal(t, dirty >= size/4, strings.Contains(o.Why, fmt.Sprintf("dirty %.1f", float64(dirty)/float64(MiB))), o.Why)
	default:
		for _, f := range c.Fills() {
			if f.Kind != kind {
				continue
			}
			if size = f.Size; part != "" {
				size = 0
			}
			for _, p := range f.Parts {
				if part != "" && strings.HasPrefix(p.Kind, part) {
					size, part = p.Size, p.Kind
				}
			}
		}
		require.Contains(t, o.Why, "filled by "+kind)
		require.Contains(t, o.Why, fmt.Sprintf("%s %.1f", cmp.Or(part, kind), float64(size)/float64(MiB)))
	}
	toSwap := Bytes(0)
	if part == "swap" {
		toSwap = c.Stat.SwapCached // is of swap, too
	}
	unknown := max(c.Current-c.Stat.Anon-c.Stat.File-c.Stat.Sock-c.Stat.Kernel-toSwap, 0)
	require.InDelta(t, int64(took), int64(size), float64(took)/20+float64(unknown), "%s\nfullest: %+v", o.Why, *c)
	require.Equal(t, unknown > c.Current/20, strings.Contains(o.Why, "that memory.stat did not have yet"), "%s\nfullest: %+v", o.Why, *c)
}

// fillDir is where a kind of memory that has files is taken.
func fillDir(t *testing.T, fill string) string {
	t.Helper()
	switch fill {
	case "tmpfs", "names":
		dir, err := os.MkdirTemp("/dev/shm", "fill") //nolint:usetesting // t.TempDir is on no tmpfs
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
		return dir
	case "dirty file":
		writeLate(t)
		dir := onDisk(t)
		writeSynced(t, filepath.Join(dir, "clean")) // without clean pages somewhere, none may be dirty
		return dir
	case "mapped file":
		dir := onDisk(t)
		f := writeSynced(t, filepath.Join(dir, "file"))
		require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		return dir
	default:
		return t.TempDir()
	}
}

// writeSynced writes a file that is on the disk and in memory.
func writeSynced(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.Write(make([]byte, fileSize))
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	return f
}

// writeLate lets nearly all of a cgroup's page cache be dirty until the kernel writes it, and those who write have to wait
// (domain_dirty_limits in mm/page-writeback.c, which halves a background ratio that is not the smaller one).
func writeLate(t *testing.T) {
	t.Helper()
	for file, ratio := range map[string]string{"dirty_background_ratio": "99", "dirty_ratio": "100"} {
		path := "/proc/sys/vm/" + file
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		mustWrite(t, path, ratio)
		t.Cleanup(func() { mustWrite(t, path, string(before)) })
	}
}

func readCounter(t *testing.T, path string) Bytes {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return Bytes(binary.LittleEndian.Uint64(b))
}
