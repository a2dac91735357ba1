package vm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	waitMax = 30 * time.Second
	tick    = time.Millisecond
)

// initramfsOf stands for the archive that a file went along in.
func initramfsOf(t *testing.T, path string) (archive string, along alongFiles) {
	t.Helper()
	archive = filepath.Join(t.TempDir(), "initramfs")
	put(t, archive, "head"+content(t, path))
	a := asItIs(t, path)
	a.offset = int64(len("head"))
	return archive, alongFiles{path: a}
}

func TestAFileThatGrowsIsOnTheHostBeforeTheGuestEnds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub/new")
	r := newResults([]out{{Path: dir, Dir: true}}, nil, "")
	take(t, r, line(t, grows("sub/new", 0, "1\n")))
	require.Eventually(t, func() bool { got, _ := os.ReadFile(path); return string(got) == "1\n" }, waitMax, tick)
	take(t, r, line(t, grows("sub/new", 2, "2\n"), grows("sub/new", 4, "3\n")))
	require.Eventually(t, func() bool { got, _ := os.ReadFile(path); return string(got) == "1\n2\n3\n" }, waitMax, tick)
	require.True(t, r.finish(false).empty())
	require.Equal(t, []string{path}, r.grownPaths())
}

func TestAFileThatWentAlongGrowsWhereItIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "results")
	put(t, path, "1\n2\nto")
	archive, along := initramfsOf(t, path)
	r := newResults([]out{{Path: dir, Dir: true}}, along, archive)
	cut := grows("results", 4, "")
	take(t, r, line(t, cut, grows("results", 4, "3\n")))
	require.True(t, r.finish(false).empty())
	require.Equal(t, "1\n2\n3\n", content(t, path))
	require.Equal(t, []string{"results"}, names(t, dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, along[path].stamp.ino, stampOf(info).ino, "it is the same file")
}

func TestAFileThatGrewIsReplacedWhereItWasAlsoChangedInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	r := newResults([]out{{Path: dir, Dir: true}}, nil, "")
	take(t, r, line(t, grows("results", 0, "1\n")))
	require.Eventually(t, func() bool { return len(names(t, dir)) == 1 }, waitMax, tick)
	take(t, r, line(t, file(0, "results", 0o644)))
	require.True(t, r.finish(true).empty())
	require.Equal(t, "content", content(t, filepath.Join(dir, "results")))
	require.Equal(t, []string{"results"}, names(t, dir))
}

func TestAFileThatSomebodyElseChangesGrowsBesideIt(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"added to": func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, append(data, "somebody's\n"...), 0o600))
		},
		"replaced": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte("somebody's\n"), 0o600))
		},
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	} {
		for _, when := range []string{"before", "between", "after"} {
			t.Run(name+" "+when, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "results")
				put(t, path, "1\n")
				archive, along := initramfsOf(t, path)
				r := newResults([]out{{Path: dir, Dir: true}}, along, archive)
				if when == "before" {
					require.NoError(t, change(path))
				}
				take(t, r, line(t, grows("results", 2, "2\n")))
				if when != "before" {
					require.Eventually(t, func() bool { return content(t, path) == "1\n2\n" }, waitMax, tick)
					r.put(0, nil) // taken only when that is done
					require.Eventually(t, func() bool { return len(r.messages) == 0 }, waitMax, tick)
				}
				if when == "between" {
					require.NoError(t, change(path))
				}
				if when != "after" {
					take(t, r, line(t, grows("results", 4, "3\n")))
				} else {
					require.NoError(t, change(path))
					take(t, r, line(t, file(0, "results", 0o644)))
				}
				var said strings.Builder
				r.finish(true).print(&said)
				want := map[bool]string{true: "content", false: "1\n2\n3\n"}[when == "after"]
				assert.Equal(t, want, content(t, path+".guest"))
				assert.Contains(t, said.String(), path+" is the host's own and stays as it is; the guest's is in "+path+".guest")
				assert.Equal(t, 3, strings.Count(said.String(), "\n"))
				if name != "a folder" {
					assert.Contains(t, content(t, path), "somebody's")
				}
			})
		}
	}
}

func TestAFileThatGrowsAndWasRemovedIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "results")
	put(t, path, "1\n")
	archive, along := initramfsOf(t, path)
	r := newResults([]out{{Path: dir, Dir: true}}, along, archive)
	require.NoError(t, os.Remove(path))
	take(t, r, line(t, grows("results", 2, "2\n")))
	require.True(t, r.finish(true).empty())
	require.Equal(t, "1\n2\n", content(t, path))
}

// lockedBuffer is the line, which the guest writes while the host reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) frames(t *testing.T) *bytes.Reader {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.NewReader(bytes.Clone(l.buf.Bytes()))
}

// added is what the line says of a file that grows, put together.
func (l *lockedBuffer) added(t *testing.T) string {
	t.Helper()
	var all []byte
	var size int64
	for r := newFrameReader(l.frames(t)); ; {
		kind, payload, err := r.next()
		if err != nil {
			return string(all)
		}
		switch kind {
		case frameFile:
			h := fileHeader{}
			require.NoError(t, json.Unmarshal(payload, &h))
			require.True(t, h.Grows)
			size = h.Size
			all = all[:min(int64(len(all)), size)]
		case frameData:
			offset, data, err := decodePiece(payload)
			require.NoError(t, err)
			require.EqualValues(t, len(all), offset)
			all = append(all, data...)
		}
	}
}

func TestTheGuestSendsWhatIsAdded(t *testing.T) {
	for name, named := range map[string]bool{"the job names it": false, "the program names it": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, list := filepath.Join(dir, "new/results"), filepath.Join(t.TempDir(), "list")
			j := job{Out: []out{{Path: path, Grows: !named}, {Path: dir, Dir: true}}}
			if named {
				j.Out = j.Out[1:]
			}
			sent := &lockedBuffer{}
			g, err := watchGrowing(&frameWriter{w: sent}, j, stampsBefore(j), list)
			require.NoError(t, err)
			put(t, path, "")
			if named {
				put(t, list, path+"\n/etc/passwd\nnot absolute\n")
			}
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			defer f.Close()
			for _, text := range []string{"1\n", "1\n2\n", "1\n2\n" + strings.Repeat("x", 3*frameMax)} {
				_, err = f.WriteString(text[len(sent.added(t)):])
				require.NoError(t, err)
				require.Eventually(t, func() bool { return sent.added(t) == text }, waitMax, tick)
			}
			require.NoError(t, f.Truncate(2))
			require.Eventually(t, func() bool { return sent.added(t) == "1\n" }, waitMax, tick)
			_, err = f.WriteString("last")
			require.NoError(t, err)
			done, err := g.finish()
			require.NoError(t, err)
			require.Equal(t, "1\nlast", sent.added(t))
			require.Equal(t, map[string]bool{path: true}, done)
		})
	}
}

func TestTheGuestSendsWhatIsAddedToAFileThatWasNamedBeforeItWasMade(t *testing.T) {
	real := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(real, link))
	list := filepath.Join(t.TempDir(), "list")
	j := job{Out: []out{{Path: real, Dir: true}}}
	sent := &lockedBuffer{}
	g, err := watchGrowing(&frameWriter{w: sent}, j, stampsBefore(j), list)
	require.NoError(t, err)
	put(t, list, link+"/new/results\n")
	path := filepath.Join(real, "new/results")
	require.Eventually(t, func() bool { return watches(t, g, real) }, waitMax, tick, "the name was not read")
	put(t, path, "1\n")
	require.Eventually(t, func() bool { return sent.added(t) == "1\n" }, waitMax, tick)
	done, err := g.finish()
	require.NoError(t, err)
	require.Equal(t, map[string]bool{path: true}, done)
}

// watches reports whether the guest has asked for the events of the folder.
func watches(t *testing.T, g *growing, dir string) bool {
	t.Helper()
	conn, err := g.events.SyscallConn()
	require.NoError(t, err)
	var info []byte
	require.NoError(t, conn.Control(func(fd uintptr) { info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }))
	require.NoError(t, err)
	st, err := os.Stat(dir)
	require.NoError(t, err)
	return strings.Contains(string(info), fmt.Sprintf(" ino:%x ", stampOf(st).ino))
}

func TestTheGuestSendsAllOfAFileThatWasChangedInTheMiddle(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"written to": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("X"), 0)
			return errors.Join(err, f.Close())
		},
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+"2", []byte("12"), 0o600), os.Rename(path+"2", path))
		},
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "results")
			put(t, path, "1")
			j := job{Out: []out{{Path: path, Grows: true}}}
			sent := &lockedBuffer{}
			g, err := watchGrowing(&frameWriter{w: sent}, j, stampsBefore(j), filepath.Join(t.TempDir(), "list"))
			require.NoError(t, err)
			require.NoError(t, change(path))
			done, err := g.finish()
			require.NoError(t, err)
			require.Empty(t, done)
			require.Empty(t, sent.added(t))
		})
	}
}
