package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archived is one entry as the kernel will unpack it.
type archived struct {
	mode    cpio.FileMode
	content string // of a file, or the target of a link
}

// unpack reads the archive that the tree writes, in order.
func unpack(t *testing.T, tr *tree) (names []string, entries map[string]archived) {
	t.Helper()
	var buf bytes.Buffer
	_, err := tr.write(&buf)
	require.NoError(t, err)
	return readArchive(t, &buf)
}

func readArchive(t *testing.T, archive io.Reader) (names []string, entries map[string]archived) {
	t.Helper()
	entries = map[string]archived{}
	for r := cpio.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, entries
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		a := archived{h.Mode, string(content)}
		if h.Linkname != "" {
			a.content = h.Linkname
		}
		assert.Zero(t, h.Uid, h.Name)
		names = append(names, h.Name)
		entries["/"+h.Name] = a
	}
}

func TestInitramfsHoldsFilesFoldersAndLinks(t *testing.T) {
	dir := t.TempDir()
	write := func(path, content string, mode os.FileMode) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.Chmod(filepath.Dir(path), 0o755)) // whatever the umask is
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		require.NoError(t, os.Chmod(path, mode))
	}
	write("pkg/testdata/a.golden", "A", 0o640)
	write("pkg/testdata/sub/b", "", 0o600)
	write("shared/outside", "O", 0o644)
	require.NoError(t, os.Symlink("a.golden", filepath.Join(dir, "pkg/testdata/inside")))
	require.NoError(t, os.Symlink("../../shared/outside", filepath.Join(dir, "pkg/testdata/out")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "pkg/testdata/dangling")))
	require.NoError(t, os.Symlink("pkg", filepath.Join(dir, "link")))

	tr := emptyTree()
	_, err := tr.mirror(filepath.Join(dir, "link/testdata"))
	require.NoError(t, err)
	_, err = tr.place(filepath.Join(dir, "shared/outside"), "/opt/renamed")
	require.NoError(t, err)
	names, got := unpack(t, tr)

	for path, want := range map[string]archived{
		dir + "/link":                  {cpio.TypeSymlink | 0o777, "pkg"},
		dir + "/pkg/testdata":          {cpio.TypeDir | 0o755, ""},
		dir + "/pkg/testdata/a.golden": {cpio.TypeReg | 0o640, "A"},
		dir + "/pkg/testdata/sub/b":    {cpio.TypeReg | 0o600, ""},
		dir + "/pkg/testdata/inside":   {cpio.TypeSymlink | 0o777, "a.golden"},
		dir + "/pkg/testdata/dangling": {cpio.TypeSymlink | 0o777, "nowhere"},
		dir + "/pkg/testdata/out":      {cpio.TypeSymlink | 0o777, "../../shared/outside"},
		dir + "/shared/outside":        {cpio.TypeReg | 0o644, "O"},
		"/opt/renamed":                 {cpio.TypeReg | 0o644, "O"},
	} {
		assert.Equal(t, want, got[path], path)
	}
	seen := map[string]bool{".": true}
	for _, name := range names {
		assert.True(t, seen[filepath.Dir(name)], "%s comes before its folder", name)
		assert.False(t, seen[name], "%s comes twice", name)
		seen[name] = true
	}
}

func TestTemporaryFolderOfTheGuestIsOpenToAll(t *testing.T) {
	tr := emptyTree()
	require.NoError(t, addInit(t.Context(), newCarrier(tr, hostArch), mustSelf(t)))
	require.NoError(t, tr.data("/tmp/go-build1/b001/x.test", 0o755, []byte("x")))
	_, got := unpack(t, tr)
	assert.Equal(t, cpio.FileMode(cpio.TypeDir|cpio.ModeSticky|0o777), got["/tmp"].mode)
	assert.Equal(t, cpio.FileMode(cpio.TypeReg), got["/init"].mode&cpio.ModeType)
	assert.NotZero(t, got["/init"].mode&0o111)
}

// Of files before 1970, which have lost their time or come from another zone, the header was not one of cpio.
func TestTimesThatAnArchiveCannotHoldAreTheNearest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for is, want := range map[int64]int64{-3600: 0, 0: 0, 1: 1, 1 << 32: 1<<32 - 1} {
		require.NoError(t, os.Chtimes(file, time.Unix(is, 0), time.Unix(is, 0)))
		tr := emptyTree()
		_, err := tr.place(file, "/file")
		require.NoError(t, err)
		var archive bytes.Buffer
		_, err = tr.write(&archive)
		require.NoError(t, err)
		assert.Regexp(t, "^[0-9A-F]{110}$", archive.String()[:110])
		h, err := cpio.NewReader(&archive).Next()
		require.NoError(t, err)
		assert.Equal(t, want, h.ModTime.Unix())
	}
}

// A lock of git's, for example, while -add . looks at the folder.
func TestWhatVanishesFromAFolderMeanwhileStaysBehind(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"kept", "seen", "sub/read"} {
		put(t, in(name), "x")
	}
	c := newCarrier(emptyTree(), hostArch)
	files, err := c.place(dir, dir)
	require.NoError(t, err)
	require.NoError(t, os.Remove(in("seen")))
	for _, file := range files {
		more, err := c.needsOf(t.Context(), file)
		require.NoError(t, err)
		require.Empty(t, more)
	}
	require.NoError(t, os.RemoveAll(in("sub")))
	_, entries := unpack(t, c.tree)
	assert.Contains(t, entries, in("kept"))
	assert.NotContains(t, entries, in("seen"))
	assert.NotContains(t, entries, in("sub/read"))

	named := emptyTree()
	_, err = named.place(in("kept"), in("kept"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(in("kept")))
	_, err = named.write(io.Discard)
	require.ErrorIs(t, err, fs.ErrNotExist, "somebody wants that one")
}

func TestAFolderInWhichFilesComeAndGoCanBeAdded(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "kept"), "x")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			name := filepath.Join(dir, fmt.Sprint(i%50))
			_ = os.Mkdir(name, 0o700)
			_ = os.WriteFile(filepath.Join(name, "lock"), nil, 0o600)
			_ = os.RemoveAll(name)
		}
	}()
	defer func() { stop(); <-ended }()
	for range 100 {
		c := newCarrier(emptyTree(), hostArch)
		require.NoError(t, c.mustRun(ctx, dir, ""))
		_, err := c.write(io.Discard)
		require.NoError(t, err)
		require.True(t, c.has(filepath.Join(dir, "kept")))
	}
}

// Ctrl-C is to end all in ten seconds, and what goes along may be many gigabytes on a slow disk.
func TestAnInterruptEndsTheWritingOfTheArchive(t *testing.T) {
	tr := emptyTree()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	cancel(why)
	_, _, err := writeTree(ctx, tr, filepath.Join(t.TempDir(), "archive"), job{})
	require.ErrorIs(t, err, why)
}

func TestPathsFollowTheLinksAtTheRoot(t *testing.T) {
	tr := emptyTree()
	require.NoError(t, tr.set("/lib64", entry{mode: cpio.TypeSymlink | 0o777, link: "usr/lib64"}))
	require.NoError(t, tr.data("/lib64/ld.so", 0o755, []byte("x")))
	_, got := unpack(t, tr)
	assert.Contains(t, got, "/usr/lib64/ld.so")
	assert.NotContains(t, got, "/lib64/ld.so")
}

func TestLinksThatGoInCirclesAreAnError(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("b", filepath.Join(dir, "a")))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "b")))
	tr := emptyTree()
	require.NoError(t, os.Symlink("below/x", filepath.Join(dir, "below")))
	for _, name := range []string{"a", "below"} {
		path := filepath.Join(dir, name)
		_, err := tr.mirror(path)
		assert.ErrorContains(t, err, "add "+path+" to the guest: too many levels of symbolic links")
	}
}

func TestAddNamesAFileOrWhereItGoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(file, []byte("F"), 0o644))
	tr := emptyTree()
	for _, spec := range []string{file, file + ":/etc/f", dir + ":/srv"} {
		assert.Empty(t, added(t, tr, spec))
	}
	_, got := unpack(t, tr)
	for _, path := range []string{file, "/etc/f", "/srv/f"} {
		assert.Equal(t, "F", got[path].content, path)
	}
	a, err := parseAdd(filepath.Join(dir, "absent"))
	require.NoError(t, err)
	assert.ErrorContains(t, newCarrier(tr, hostArch).add(t.Context(), a, nil), "absent: no such file or folder is here")
	for _, spec := range []string{"", ":/srv"} { // of a variable that is not set
		_, err := parseAdd(spec)
		assert.Equal(t, badRequest, asFailure(err).kind)
		assert.ErrorContains(t, err, "-add \""+spec+"\" names no file")
	}
}

// added adds what -add names and returns the warnings.
func added(t *testing.T, tr *tree, spec string) (warnings []string) {
	t.Helper()
	a, err := parseAdd(spec)
	require.NoError(t, err)
	require.NoError(t, newCarrier(tr, hostArch).add(t.Context(), a, func(line string) { warnings = append(warnings, line) }))
	return warnings
}

// inTheGuest writes the initramfs of a job in dir and returns what it holds.
func inTheGuest(t *testing.T, dir string) map[string]archived {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte("data"), 0o755))
	file := filepath.Join(t.TempDir(), "initramfs")
	j := job{Path: program, Dir: dir, Out: resultPlaces(testFlags{}, dir)}
	_, _, err := writeInitramfs(t.Context(), file, j, testFlags{}, carried{arch: hostArch, init: mustSelf(t), program: program}, nil)
	require.NoError(t, err)
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	_, entries := readArchive(t, f)
	return entries
}

// A program with TZ=Europe/Berlin had UTC in the guest.
func TestTheTimeZoneOfTheEnvironmentGoesAlong(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	put(t, filepath.Join(dir, "Europe/Berlin"), "TZif2")
	require.NoError(t, os.Symlink("Europe/Berlin", filepath.Join(dir, "Alias")))
	for zone, want := range map[string][]string{
		"Europe/Berlin":              {"Europe/Berlin"},
		":Europe/Berlin":             {"Europe/Berlin"},
		"Alias":                      {"Alias", "Europe/Berlin"},
		":" + dir + "/Europe/Berlin": {"Europe/Berlin"},
		"CET-1CEST":                  nil,
		"../Europe":                  nil,
		"Europe":                     nil,
		"":                           nil,
	} {
		tr := emptyTree()
		require.NoError(t, addZone(tr, []string{"A=B", "TZ=" + zone, "TZDIR=" + dir}), zone)
		for _, name := range []string{"Europe/Berlin", "Alias"} {
			assert.Equal(t, slices.Contains(want, name), tr.has(filepath.Join(dir, name)), "%s of %q", name, zone)
		}
	}
	assert.Equal(t, "/usr/share/zoneinfo/Europe/Berlin", zoneFile([]string{"TZ=Europe/Berlin"}))
}

// The arguments name it too, and the host's file of that path went along.
func TestWhatIsAddedWithAPathOfItsOwnIsNotReplaced(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	other := filepath.Join(t.TempDir(), "other")
	put(t, other, "other")
	put(t, filepath.Join(dir, "config/pod.yaml"), "the host's")
	put(t, filepath.Join(dir, "config/more"), "the host's")
	more := carried{arch: hostArch, init: mustSelf(t), program: mustSelf(t), files: named([]string{"config", "config/pod.yaml"}, dir)}
	more.add, err = parseAdds([]string{other + ":" + filepath.Join(dir, "config/pod.yaml")})
	require.NoError(t, err)
	archive := filepath.Join(t.TempDir(), "archive")
	_, along, err := writeInitramfs(t.Context(), archive, job{Path: mustSelf(t), Dir: dir}, testFlags{}, more, nil)
	require.NoError(t, err)
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	_, got := readArchive(t, f)
	assert.Equal(t, "other", got[filepath.Join(dir, "config/pod.yaml")].content)
	assert.Equal(t, "the host's", got[filepath.Join(dir, "config/more")].content)
	assert.Zero(t, along[filepath.Join(dir, "config/pod.yaml")].stamp, "the host's is another file")
}

func TestTestdataOfAProjectReachedByALinkIsCarried(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	require.NoError(t, os.MkdirAll(filepath.Join(real, "testdata"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(real, "testdata", "f"), []byte("F"), 0o644))
	require.NoError(t, os.Symlink("real", link))
	got := inTheGuest(t, link)
	assert.Equal(t, archived{cpio.TypeSymlink | 0o777, "real"}, got[link])
	assert.Equal(t, "F", got[real+"/testdata/f"].content)
	assert.Equal(t, []out{{Path: real, Dir: true}}, resultPlaces(testFlags{}, link), "a walk ends at a link")
}

func TestFolderAndLinkNeverTakeEachOthersPlace(t *testing.T) {
	tr := emptyTree()
	link := entry{mode: cpio.TypeSymlink | 0o777, link: "b"}
	require.NoError(t, tr.dir("/a", 0o755))
	require.ErrorContains(t, tr.set("/a", link), "it is a folder there already")
	require.NoError(t, tr.set("/l", link))
	require.NoError(t, tr.dir("/l", 0o755), "the link stands for the folder")
	require.NoError(t, tr.data("/f", 0o644, nil))
	require.ErrorContains(t, tr.data("/f/below", 0o644, nil), "it is a file there already")
}

func TestExecutablesInTestdataAreData(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "testdata", "script")
	require.NoError(t, os.Mkdir(filepath.Dir(script), 0o755))
	require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755))
	assert.Contains(t, inTheGuest(t, dir), script)

	tr := emptyTree()
	warnings := added(t, tr, script)
	require.Len(t, warnings, 1, "what -add names shall run, or be said not to")
	assert.Contains(t, warnings[0], script+" will not run: its interpreter is not on this machine: lstat /no: no such file")
	_, got := unpack(t, tr)
	assert.Contains(t, got, script)
}

// mustSelf is this executable.
func mustSelf(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return self
}
