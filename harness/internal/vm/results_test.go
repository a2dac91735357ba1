package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sent is what a guest sends of results, whose content is "content" unless it grows.
type sent struct {
	header  fileHeader
	content string
	torn    bool // its end does not come
}

func file(place int, name string, mode uint32) sent {
	return sent{header: fileHeader{Place: place, Name: []byte(name), Mode: mode, Size: int64(len("content"))}, content: "content"}
}

func folder(place int, name string, mode uint32) sent {
	return sent{header: fileHeader{Place: place, Name: []byte(name), Mode: mode, Dir: true}}
}

// grows is what follows the first offset bytes.
func grows(name string, offset int, added string) sent {
	size := int64(offset + len(added))
	return sent{header: fileHeader{Name: []byte(name), Mode: 0o644, Size: size, Grows: true}, content: strings.Repeat("-", offset) + added}
}

// line is what the guest's sender writes of the results.
func line(t *testing.T, all ...sent) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	s := sender{w: &frameWriter{w: &buf}}
	for _, one := range all {
		require.NoError(t, s.json(frameFile, one.header))
		if one.header.Dir {
			continue
		}
		content := strings.TrimLeft(one.content, "-")
		piece, err := s.encode(int64(len(one.content)-len(content)), []byte(content))
		require.NoError(t, err)
		require.NoError(t, s.w.frame(frameData, piece))
		if !one.torn {
			require.NoError(t, s.w.frame(frameFileEnd, nil))
		}
	}
	return &buf
}

// take hands all frames of the line over.
func take(t *testing.T, r *results, line io.Reader) {
	t.Helper()
	for frames := newFrameReader(line); ; {
		kind, payload, err := frames.next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		r.put(kind, payload)
	}
}

// written writes results and returns the notes.
func written(t *testing.T, outs []out, along alongFiles, all ...sent) string {
	t.Helper()
	r := newResults(outs, along, "")
	take(t, r, line(t, all...))
	var said strings.Builder
	r.finish(true).print(&said)
	return said.String()
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// names are all below dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}))
	return found
}

// asItIs is a file of the host that goes along into the guest.
func asItIs(t *testing.T, path string) alongFile {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return alongFile{stamp: stampOf(info), size: info.Size()}
}

func TestResultsOutsideOfTheirPlacesAreRefused(t *testing.T) {
	for name, s := range map[string]sent{
		"above":                 file(0, "../escaped", 0o644),
		"above from below":      file(0, "a/../../escaped", 0o644),
		"absolute":              file(0, "/etc/escaped", 0o644),
		"the place itself":      file(0, "", 0o644),
		"the place as a dot":    file(0, ".", 0o644),
		"no such place":         file(2, "escaped", 0o644),
		"a negative place":      file(-1, "escaped", 0o644),
		"beside a single file":  file(1, "escaped", 0o644),
		"a folder for the file": folder(1, "", 0o755),
		"a folder above":        folder(0, "../escaped", 0o755),
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "dir")
			require.NoError(t, os.Mkdir(dir, 0o755))
			said := written(t, []out{{Path: dir, Dir: true}, {Path: filepath.Join(top, "c.out")}}, nil, s, file(0, "next", 0o644))
			assert.Contains(t, said, "refuse a result")
			assert.Equal(t, []string{"dir", "dir/next"}, names(t, top), "the next one is written")
		})
	}
}

func TestResultsAreWrittenBelowTheirPlaces(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "made", "by the program")
	profile := filepath.Join(top, "c.out")
	put(t, profile, "something longer than before")
	said := written(t, []out{{Path: dir, Dir: true}, {Path: profile, Given: true}}, nil,
		folder(0, "sub", 0o555), file(0, "sub/f", 0o640), file(0, "other/deep/f", 0o755), file(0, "a\nb\xff", 0o600), file(1, "", 0o644))
	require.Empty(t, said)
	for path, mode := range map[string]os.FileMode{
		filepath.Join(dir, "sub/f"): 0o640, filepath.Join(dir, "other/deep/f"): 0o755, profile: 0o644, filepath.Join(dir, "a\nb\xff"): 0o600,
	} {
		assert.Equal(t, "content", content(t, path))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
	info, err := os.Stat(filepath.Join(dir, "sub"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(), "the user can write into it")
}

func TestWhatTheHostHasAndTheGuestNeverHadIsKept(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"history.log", "twice", "twice.guest", "folder is a file", "along", "along but changed"} {
		put(t, in(name), "the host's")
	}
	put(t, in("same"), "content")
	put(t, in("file is a folder/x"), "the host's")
	require.NoError(t, os.Mkdir(in("elsewhere"), 0o755))
	require.NoError(t, os.Symlink("elsewhere", in("link")))
	require.NoError(t, os.Symlink("nowhere", in("dangling")))
	require.NoError(t, unix.Mkfifo(in("pipe"), 0o600))
	along := alongFiles{in("along"): asItIs(t, in("along")), in("along but changed"): asItIs(t, in("along but changed"))}
	put(t, in("along but changed"), "the host's, and longer")

	said := written(t, []out{{Path: dir, Dir: true}}, along,
		folder(0, "folder is a file", 0o755), file(0, "folder is a file/x", 0o644), file(0, "folder is a file/y/z", 0o644),
		file(0, "link/x", 0o644), file(0, "dangling", 0o644), file(0, "pipe", 0o644), file(0, "file is a folder", 0o644),
		file(0, "history.log", 0o644), file(0, "twice", 0o644), file(0, "along", 0o644), file(0, "along but changed", 0o644),
		file(0, "same", 0o644), file(0, "new", 0o644))

	for path, want := range map[string]string{
		"history.log": "the host's", "history.log.guest": "content", "twice.guest": "the host's", "twice.guest-2": "content",
		"folder is a file": "the host's", "folder is a file.guest/x": "content", "folder is a file.guest/y/z": "content",
		"link.guest/x": "content", "dangling.guest": "content", "pipe.guest": "content",
		"file is a folder/x": "the host's", "file is a folder.guest": "content",
		"along": "content", "along but changed": "the host's, and longer", "along but changed.guest": "content",
		"same": "content", "new": "content",
	} {
		assert.Equal(t, want, content(t, in(path)), path)
	}
	assert.NoFileExists(t, in("elsewhere/x"))
	assert.NoFileExists(t, in("same.guest"), "the same content is no other file")
	for _, name := range []string{"history.log", "twice", "folder is a file", "link", "dangling", "pipe", "file is a folder", "along but changed"} {
		assert.Contains(t, said, in(name)+" is the host's own and stays as it is; the guest's is in "+in(name)+".guest")
	}
	assert.Equal(t, 10, strings.Count(said, "\n"), said)
	assert.Contains(t, said, "-add FILE")
}

func TestNothingIsWrittenIntoGit(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "worktree/.git"), "gitdir: elsewhere")
	said := written(t, []out{{Path: dir, Dir: true}, {Path: filepath.Join(dir, ".git/config"), Given: true}}, nil,
		file(0, ".git/hooks/post-checkout", 0o755), file(0, "sub/.GIT/hooks/x", 0o755), folder(0, "a/.Git", 0o755),
		file(0, "worktree/.git", 0o644), file(1, "", 0o644), file(0, ".gitignore", 0o644))
	assert.Equal(t, []string{".gitignore", "worktree", "worktree/.git"}, names(t, dir))
	assert.Equal(t, "gitdir: elsewhere", content(t, filepath.Join(dir, "worktree/.git")))
	assert.Equal(t, 5, strings.Count(said, errInGit.Error()), said)
}

func TestAFileThatCameInPartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "along"), "the host's")
	along := alongFiles{filepath.Join(dir, "along"): asItIs(t, filepath.Join(dir, "along"))}
	torn := file(0, "along", 0o644)
	torn.torn = true
	said := written(t, []out{{Path: dir, Dir: true}}, along, torn)
	assert.Contains(t, said, filepath.Join(dir, "along")+": the guest ended before all of it had come")
	assert.Equal(t, "the host's", content(t, filepath.Join(dir, "along")))
	assert.Equal(t, []string{"along"}, names(t, dir))
}

func TestAFileThatDoesNotFitCostsOnlyItself(t *testing.T) {
	dir := t.TempDir()
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	t.Cleanup(func() { assert.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before)) })
	const most = 1 << 20 // more than go test itself writes meanwhile, for its cache
	large := file(0, "large", 0o644)
	large.content = strings.Repeat("-", most) + "x" // a hole, and a byte
	large.header.Size = most + 1
	all := line(t, large, file(0, "small", 0o644))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: before.Max}))
	r := newResults([]out{{Path: dir, Dir: true}}, nil, "")
	take(t, r, all)
	n := r.finish(true)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before))
	assert.Equal(t, []string{filepath.Join(dir, "large") + ": " + syscall.EFBIG.Error()}, n.lines)
	assert.Equal(t, []string{"small"}, names(t, dir))
}

// Not every file system has files without a name.
func TestAFileOnItsWayMayHaveAName(t *testing.T) {
	path := t.TempDir()
	dir, err := openRoot(path)
	require.NoError(t, err)
	defer dir.Close()
	named := func() *pending {
		p, err := namedPending(dir)
		require.NoError(t, err)
		return p
	}
	require.NoError(t, named().as("new"))
	taken := named()
	require.ErrorIs(t, taken.as("new"), fs.ErrExist)
	require.NoError(t, taken.as("other"))
	require.NoError(t, named().over("new"))
	named().discard()
	require.Equal(t, []string{"new", "other"}, names(t, path))

	// Processes of two containers may have the same number.
	first, second := named(), named()
	for content, p := range map[string]*pending{"first": first, "second": second} {
		_, err := p.f.WriteString(content)
		require.NoError(t, err)
	}
	require.NoError(t, first.as("first"))
	require.NoError(t, second.as("second"))
	for _, name := range []string{"first", "second"} {
		require.Equal(t, name, content(t, filepath.Join(path, name)))
	}
}

// One lost what it had in a folder that another made at the same moment.
func TestTwoThatMakeTheSameFoldersLoseNothing(t *testing.T) {
	dir := t.TempDir()
	const folders = 300
	var said [2]string
	var both sync.WaitGroup
	for i := range said {
		var all []sent
		for f := range folders {
			all = append(all, file(0, fmt.Sprintf("%d/%d", f, i), 0o644), folder(0, fmt.Sprintf("%d/sub", f), 0o755))
		}
		r := newResults([]out{{Path: dir, Dir: true}}, nil, "")
		from := line(t, all...)
		both.Go(func() {
			take(t, r, from)
			var notes strings.Builder
			r.finish(true).print(&notes)
			said[i] = notes.String()
		})
	}
	both.Wait()
	assert.Equal(t, [2]string{}, said)
	made := len(names(t, dir))
	assert.Equal(t, 4*folders, made)
}

func TestWhatIsSaidIsBounded(t *testing.T) {
	var all []sent
	for range 3 * notesMax {
		all = append(all, file(7, "x", 0o644))
	}
	said := written(t, []out{{Path: t.TempDir(), Dir: true}}, nil, all...)
	assert.Equal(t, notesMax+2, strings.Count(said, "\n"))
	assert.Contains(t, said, "\n  and 40 more\n")
}

func TestNamesInNotesAreQuoted(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a\nb\x1b[2J"), "the host's")
	said := written(t, []out{{Path: dir, Dir: true}}, nil, file(0, "a\nb\x1b[2J", 0o644))
	assert.Contains(t, said, `a\nb\x1b[2J"`)
	assert.NotContains(t, said, "\x1b")
}

func TestLongNamesHaveRoomBesideThem(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("n", 255)
	put(t, filepath.Join(dir, long), "the host's")
	written(t, []out{{Path: dir, Dir: true}}, nil, file(0, long, 0o644))
	assert.Equal(t, "content", content(t, filepath.Join(dir, long[:249]+".guest")))
}

func TestNewAndChangedFilesAreCarriedBackAndDeletionsAreNot(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	put(t, filepath.Join(from, "same"), "1")
	put(t, filepath.Join(from, "changed"), "1")
	put(t, filepath.Join(from, "sub/deleted"), "1")
	places := func(dir string) []out {
		return []out{{Path: filepath.Join(dir, "changed"), Given: true}, {Path: filepath.Join(dir, "never")}, {Path: dir, Dir: true}}
	}
	j := job{Out: places(from)}
	before := stampsBefore(j)
	put(t, filepath.Join(from, "changed"), "22")
	put(t, filepath.Join(from, "sub/new"), "3")
	put(t, filepath.Join(from, "done"), "4")
	put(t, filepath.Join(from, ".git/hooks/x"), "5")
	require.NoError(t, os.Remove(filepath.Join(from, "sub/deleted")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(from, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(from, "empty"), 0o755))

	var stream bytes.Buffer
	s := sender{w: &frameWriter{w: &stream}}
	require.NoError(t, s.sendResults(j, before, map[string]bool{filepath.Join(from, "done"): true}))
	for _, name := range []string{"same", "sub/deleted", "sub/only here", "changed"} {
		put(t, filepath.Join(to, name), "1")
	}
	r := newResults(places(to), nil, "")
	take(t, r, &stream)
	var said strings.Builder
	r.finish(true).print(&said)
	assert.Contains(t, said.String(), filepath.Join(from, ".git/hooks/x")+": "+errInGit.Error())
	assert.Equal(t, []string{"changed", "empty", "same", "sub", "sub/deleted", "sub/new", "sub/only here"}, names(t, to))
	assert.Equal(t, "22", content(t, filepath.Join(to, "changed")))
}

func TestHolesStayHoles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	f, err := os.Create(filepath.Join(from, "sparse"))
	require.NoError(t, err)
	const size = 64 << 30
	require.NoError(t, f.Truncate(size))
	_, err = f.WriteAt([]byte("in the middle"), size/2)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	var stream bytes.Buffer
	s := sender{w: &frameWriter{w: &stream}}
	require.NoError(t, s.sendResults(job{Out: []out{{Path: from, Dir: true}}}, nil, nil))
	require.Less(t, stream.Len(), 1<<20)
	r := newResults([]out{{Path: to, Dir: true}}, nil, "")
	take(t, r, &stream)
	require.True(t, r.finish(true).empty())
	info, err := os.Stat(filepath.Join(to, "sparse"))
	require.NoError(t, err)
	require.EqualValues(t, size, info.Size())
	require.Less(t, storedBytes(info), int64(1<<20))
	got, err := os.Open(filepath.Join(to, "sparse"))
	require.NoError(t, err)
	defer got.Close()
	var middle [13]byte
	_, err = got.ReadAt(middle[:], size/2)
	require.NoError(t, err)
	require.Equal(t, "in the middle", string(middle[:]))
}

func TestWhatDidNotComeIsNamed(t *testing.T) {
	dir := t.TempDir()
	var stream bytes.Buffer
	s := sender{w: &frameWriter{w: &stream}}
	require.NoError(t, s.json(frameComing, coming{Files: 40, Last: []string{"/a", "/b"}}))
	r := newResults([]out{{Path: dir, Dir: true}}, nil, "")
	take(t, r, &stream)
	take(t, r, line(t, file(0, "came", 0o644)))
	n := r.finish(false)
	require.Equal(t, []string{"/a: it had not come back when the guest ended", "/b: it had not come back when the guest ended"}, n.lines)
	require.Equal(t, 37, n.more)
}

func TestFoldersOfTheGuestAreNoResultsOfAProgramRunInTheRoot(t *testing.T) {
	assert.True(t, isPrivate("/", "/proc"))
	assert.True(t, isPrivate("/", "/tmp"))
	assert.False(t, isPrivate("/tmp/work", "/tmp/work"))
	assert.False(t, isPrivate("/", "/srv"))
	assert.False(t, isPrivate("/tmp", "/tmp"))
	assert.True(t, hidden("/", "/proc/1/root"))
	assert.False(t, hidden("/tmp/work", "/tmp/work/results"))
}
