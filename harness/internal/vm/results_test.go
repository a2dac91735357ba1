package vm

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archive makes a tar stream; every file holds "content".
func archive(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len("content"))
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := w.Write([]byte("content"))
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return &buf
}

func TestResultsOutsideOfTheirPlacesAreRefused(t *testing.T) {
	for name, h := range map[string]tar.Header{
		"above":                 {Typeflag: tar.TypeReg, Name: "0/../escaped"},
		"above from below":      {Typeflag: tar.TypeReg, Name: "0/a/../../escaped"},
		"absolute":              {Typeflag: tar.TypeReg, Name: "0//etc/escaped"},
		"through a link":        {Typeflag: tar.TypeReg, Name: "0/link/escaped"},
		"a link":                {Typeflag: tar.TypeSymlink, Name: "0/escaped", Linkname: "/etc"},
		"a hard link":           {Typeflag: tar.TypeLink, Name: "0/escaped", Linkname: "../secret"},
		"a device":              {Typeflag: tar.TypeChar, Name: "0/escaped"},
		"no such place":         {Typeflag: tar.TypeReg, Name: "2/escaped"},
		"a negative place":      {Typeflag: tar.TypeReg, Name: "-1/escaped"},
		"no place":              {Typeflag: tar.TypeReg, Name: "escaped"},
		"beside a single file":  {Typeflag: tar.TypeReg, Name: "1/escaped"},
		"below a single file":   {Typeflag: tar.TypeReg, Name: "1/c.out/escaped"},
		"a folder for the file": {Typeflag: tar.TypeDir, Name: "1/escaped/"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "dir")
			require.NoError(t, os.Mkdir(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(top, "secret"), []byte("s"), 0o600))
			require.NoError(t, os.Symlink("..", filepath.Join(dir, "link")))
			outs := []out{{Path: dir, Dir: true}, {Path: filepath.Join(top, "c.out")}}
			assert.Error(t, extract(archive(t, h), outs, nil))
			found, err := filepath.Glob(filepath.Join(top, "escaped"))
			require.NoError(t, err)
			assert.Empty(t, found)
			assert.NoFileExists(t, filepath.Join(dir, "escaped"))
		})
	}
}

func TestResultsAreWrittenBelowTheirPlaces(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "made", "by the program")
	existing := filepath.Join(top, "c.out")
	require.NoError(t, os.WriteFile(existing, []byte("something longer than before"), 0o600))
	stream := archive(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "0//", Mode: 0o755},
		tar.Header{Typeflag: tar.TypeDir, Name: "0/sub/", Mode: 0o555},
		tar.Header{Typeflag: tar.TypeReg, Name: "0/sub/f", Mode: 0o640},
		tar.Header{Typeflag: tar.TypeReg, Name: "0/other/deep/f", Mode: 0o755},
		tar.Header{Typeflag: tar.TypeReg, Name: "1/c.out", Mode: 0o644},
	)
	require.NoError(t, extract(stream, []out{{Path: dir, Dir: true}, {Path: existing}}, nil))
	for path, mode := range map[string]os.FileMode{
		filepath.Join(dir, "sub/f"): 0o640, filepath.Join(dir, "other/deep/f"): 0o755, existing: 0o644,
	} {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "content", string(got))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestCutOffResultsAreAnError(t *testing.T) {
	whole := archive(t, tar.Header{Typeflag: tar.TypeReg, Name: "0/f", Mode: 0o644}).Bytes()
	err := extract(bytes.NewReader(whole[:515]), []out{{Path: t.TempDir(), Dir: true}}, nil)
	assert.Error(t, err)
}

func TestNewAndChangedFilesAreCarriedBackAndDeletionsAreNot(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	put := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(from, name), []byte(content), 0o644))
	}
	put("same", "1")
	put("changed", "1")
	put("sub/deleted", "1")
	j := job{Out: []out{{Path: from, Dir: true}, {Path: filepath.Join(from, "changed")}, {Path: filepath.Join(from, "never")}}}
	before, err := snapshot(j)
	require.NoError(t, err)
	put("changed", "22")
	put("sub/new", "3")
	require.NoError(t, os.Remove(filepath.Join(from, "sub/deleted")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(from, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(from, "empty"), 0o755))

	var stream bytes.Buffer
	require.NoError(t, sendResults(&stream, j, before))
	require.NoError(t, os.MkdirAll(filepath.Join(to, "sub"), 0o755))
	for _, name := range []string{"same", "sub/deleted", "sub/only here"} {
		require.NoError(t, os.WriteFile(filepath.Join(to, name), []byte("1"), 0o644))
	}
	require.NoError(t, extract(&stream, []out{{Path: to, Dir: true}, {Path: filepath.Join(to, "changed")}, {Path: filepath.Join(to, "never")}}, nil))
	var got []string
	require.NoError(t, filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		if path != to {
			rel, relErr := filepath.Rel(to, path)
			require.NoError(t, relErr)
			got = append(got, rel)
		}
		return err
	}))
	assert.Equal(t, []string{"changed", "empty", "same", "sub", "sub/deleted", "sub/new", "sub/only here"}, got)
}

func TestFoldersOfTheGuestAreNoResultsOfAProgramRunInTheRoot(t *testing.T) {
	assert.True(t, isPrivate("/", "/proc"))
	assert.True(t, isPrivate("/", "/tmp"))
	assert.False(t, isPrivate("/tmp/work", "/tmp/work"))
	assert.False(t, isPrivate("/", "/srv"))
	assert.False(t, isPrivate("/tmp", "/tmp"))
}

func TestAFileThatWasWrittenToMeanwhileIsNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(file("same"), []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(file("grown"), []byte("old"), 0o600))
	earlier := onTheHost{}
	for _, name := range []string{"same", "grown", "new", "made"} {
		earlier.look(file(name))
	}
	require.NoError(t, os.WriteFile(file("grown"), []byte("old and more"), 0o600))
	require.NoError(t, os.WriteFile(file("made"), []byte("somebody's"), 0o600))

	entry := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: "0/" + name, Mode: 0o600} }
	err := extract(archive(t, entry("same"), entry("grown"), entry("new"), entry("made")), []out{{Path: dir, Dir: true}}, earlier)
	kept := fmt.Sprintf(".guest-%d", os.Getpid())
	require.ErrorContains(t, err, file("grown")+" was written to while the guest ran; what the guest wrote is in "+file("grown")+kept)
	require.ErrorContains(t, err, file("made")+kept)
	for name, want := range map[string]string{
		"same": "content", "new": "content", "grown": "old and more", "grown" + kept: "content", "made": "somebody's", "made" + kept: "content",
	} {
		got, err := os.ReadFile(file(name))
		require.NoError(t, err)
		require.Equal(t, want, string(got), name)
	}
}
