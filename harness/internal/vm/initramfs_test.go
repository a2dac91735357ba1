package vm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

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
	require.NoError(t, tr.write(&buf))
	entries = map[string]archived{}
	for r := cpio.NewReader(&buf); ; {
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

	tr := &tree{entries: map[string]entry{}}
	require.NoError(t, tr.mirror(filepath.Join(dir, "link/testdata")))
	require.NoError(t, tr.place(filepath.Join(dir, "shared/outside"), "/opt/renamed"))
	tr.dir("/tmp", 0o777|os.ModeSticky)
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
	tr := &tree{entries: map[string]entry{}}
	require.NoError(t, addInit(tr))
	tr.data("/tmp/go-build1/b001/x.test", 0o755, []byte("x"))
	_, got := unpack(t, tr)
	assert.Equal(t, cpio.FileMode(cpio.TypeDir|cpio.ModeSticky|0o777), got["/tmp"].mode)
	assert.Equal(t, cpio.FileMode(cpio.TypeReg), got["/init"].mode&cpio.ModeType)
	assert.NotZero(t, got["/init"].mode&0o111)
}

func TestPathsFollowTheLinksAtTheRoot(t *testing.T) {
	tr := &tree{entries: map[string]entry{}}
	tr.set("/lib64", entry{mode: cpio.TypeSymlink | 0o777, link: "usr/lib64"})
	tr.data("/lib64/ld.so", 0o755, []byte("x"))
	_, got := unpack(t, tr)
	assert.Contains(t, got, "/usr/lib64/ld.so")
	assert.NotContains(t, got, "/lib64/ld.so")
}

func TestLinksThatGoInCirclesAreAnError(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("b", filepath.Join(dir, "a")))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "b")))
	tr := &tree{entries: map[string]entry{}}
	assert.ErrorContains(t, tr.mirror(filepath.Join(dir, "a")), "too many levels of symbolic links")
}

func TestAddNamesAFileOrWhereItGoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(file, []byte("F"), 0o644))
	tr := &tree{entries: map[string]entry{}}
	require.NoError(t, addFile(tr, file))
	require.NoError(t, addFile(tr, file+":/etc/f"))
	require.NoError(t, addFile(tr, dir+":/srv"))
	_, got := unpack(t, tr)
	for _, path := range []string{file, "/etc/f", "/srv/f"} {
		assert.Equal(t, "F", got[path].content, path)
	}
	assert.ErrorContains(t, addFile(tr, file+":relative"), "must be absolute")
	assert.ErrorContains(t, addFile(tr, filepath.Join(dir, "absent")), "no such file")
}
