package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArchiveIsUnpackedAsTheKernelDoes(t *testing.T) {
	src, root := t.TempDir(), t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	program := filepath.Join(src, "program")
	content := bytes.Repeat([]byte("oomcage "), 100_001)
	require.NoError(t, os.WriteFile(program, content, 0o755))
	require.NoError(t, os.Chtimes(program, at, at))
	tr := emptyTree()
	require.NoError(t, tr.set("/bin/program", entry{mode: cpio.TypeReg | cpio.ModeSetuid | 0o755, src: program}))
	require.NoError(t, tr.data("/etc/empty", 0o600, nil))
	require.NoError(t, tr.data("/etc/there", 0o644, []byte("new")))
	require.NoError(t, tr.set("/link", entry{mode: cpio.TypeSymlink | 0o777, link: "bin/program"}))
	require.NoError(t, tr.dir("/tmp", 0o777|os.ModeSticky))
	require.NoError(t, tr.dir("/private", 0o700))
	require.NoError(t, tr.data("/private/file", 0o400, []byte("in it")))
	var archive bytes.Buffer
	_, err := tr.write(&archive)
	require.NoError(t, err)
	archive.Write(make([]byte, 5000)) // to the end of the disk

	// What init itself runs from keeps its content.
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	there := filepath.Join(root, "etc", "there")
	require.NoError(t, os.WriteFile(there, []byte("old"), 0o600))
	open, err := os.Open(there)
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(root, "link")))

	require.NoError(t, unpackArchive(&archive, root))
	got, err := os.ReadFile(filepath.Join(root, "link"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, got))
	info, err := os.Stat(filepath.Join(root, "bin", "program"))
	require.NoError(t, err)
	assert.Equal(t, 0o755|os.ModeSetuid, info.Mode())
	assert.True(t, info.ModTime().Equal(at), "%v", info.ModTime())
	for path, want := range map[string]os.FileMode{
		"tmp": os.ModeDir | os.ModeSticky | 0o777, "private": os.ModeDir | 0o700, "private/file": 0o400, "etc/empty": 0o600, "etc/there": 0o644,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode(), path)
	}
	require.NoError(t, os.Chmod(filepath.Join(root, "private"), 0o700)) // for its removal
	got, err = os.ReadFile(there)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
	old := make([]byte, 3)
	_, err = open.Read(old)
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))
}

func TestArchiveThatIsCutOffIsNotUnpacked(t *testing.T) {
	tr := emptyTree()
	require.NoError(t, tr.data("/file", 0o644, bytes.Repeat([]byte("x"), 10_000)))
	var archive bytes.Buffer
	_, err := tr.write(&archive)
	require.NoError(t, err)
	for _, size := range []int{0, 50, 5000, archive.Len() - 130} {
		require.Error(t, unpackArchive(bytes.NewReader(archive.Bytes()[:size]), t.TempDir()), "%d bytes", size)
	}
}

func TestWhatTheKernelMountsIsNotUnpackedInto(t *testing.T) {
	for path, fits := range map[string]bool{"/dev/shm/x": false, "/sys/x": false, "/proc": false, "/devel/x": true, "/home/dev/x": true} {
		tr := emptyTree()
		require.NoError(t, tr.data(path, 0o644, nil))
		assert.Equal(t, fits, tr.suits() == nil, path)
	}
}
