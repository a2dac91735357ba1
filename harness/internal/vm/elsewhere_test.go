package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// unwritableDir is a folder in which nobody can make a file, root neither.
const unwritableDir = "/sys/kernel"

// All that a run of minutes had written was lost, as its user may not write to the working directory.
func TestWhatCannotBeWrittenWhereItBelongsIsKeptElsewhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kept := func(pattern string) string {
		found, err := filepath.Glob(filepath.Join(os.TempDir(), elsewherePrefix+"*", pattern))
		require.NoError(t, err)
		require.Len(t, found, 1, pattern)
		return found[0]
	}
	outs := []out{{Path: unwritableDir, Dir: true}, {Path: "/sys/page.html"}}
	said := written(t, outs, nil, folder(0, "artifacts", 0o755), file(0, "artifacts/log", 0o644), file(0, "junit.xml", 0o640),
		grows("grown", 0, "1\n"), grows("grown", 2, "2\n"), grows("nosuch/grown", 0, "3\n"), file(1, "", 0o600))
	require.Contains(t, said, "exit code of 0 one of 123")
	for name, expected := range map[string]string{
		"artifacts/log": "content", "junit.xml": "content", "grown": "1\n2\n", "nosuch/grown": "3\n", "page.html": "content",
	} {
		path := kept(name)
		require.Equal(t, expected, content(t, path), name)
		require.Contains(t, said, "; it is in "+path+"\n")
	}
	require.Contains(t, said, "  /sys/kernel/grown: permission denied; it is in ")
	require.Contains(t, said, "  /sys/kernel/artifacts: make the folder /sys/kernel/artifacts: ")
	info, err := os.Stat(filepath.Dir(kept("grown")))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestWhereThereIsNoOtherPlaceItIsSaidWhatIsLost(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nosuch"))
	said := written(t, []out{{Path: unwritableDir, Dir: true}}, nil, file(0, "junit.xml", 0o640), grows("grown", 0, "1\n"), grows("nosuch/grown", 0, "3\n"))
	require.Contains(t, said, "  /sys/kernel/junit.xml: permission denied\n")
	require.Contains(t, said, "  /sys/kernel/grown: of 2 bytes, 0 are written: permission denied\n")
	require.Contains(t, said, "  /sys/kernel/nosuch/grown: make the folder /sys/kernel/nosuch: ")
	require.NotContains(t, said, "it is in")
}

// A file that went along, and grows, has its beginning from what the guest was started with.
func TestAGrownFileIsKeptElsewhereWithItsBeginning(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	archive := filepath.Join(t.TempDir(), "archive")
	put(t, archive, "....1\n")
	at, err := os.OpenFile(unwritableDir, openFolder, 0)
	require.NoError(t, err)
	r := newResults(nil, nil, archive)
	g := newGrowingFile(spot{dir: at, name: "grown", path: unwritableDir + "/grown"}, alongFile{offset: 4, size: 2}, archive)
	g.elsewhere = r.elsewhere
	g.cut(fileHeader{Mode: 0o644, Size: 4})
	require.NoError(t, g.add(2, []byte("2\n")))
	g.flush(&r.notes)
	require.Equal(t, "1\n2\n", content(t, g.at.path))
	g.close(&r.notes)
	r.finish(true)
	require.Len(t, r.notes.lines, 1)
}

func TestWhetherAFileCanBeMadeIsKnownBefore(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Creatable(filepath.Join(dir, "page.html")))
	require.NoError(t, Creatable(filepath.Join(dir, "new", "page.html")))
	require.Empty(t, names(t, dir), "nothing is left of it")
	require.ErrorContains(t, Creatable(unwritableDir+"/page.html"), "permission denied")
	require.ErrorContains(t, Creatable(unwritableDir+"/new/page.html"), "permission denied")
}

func TestFilesThatAreWrittenElsewhereComeBack(t *testing.T) {
	dir, there := t.TempDir(), filepath.Join(t.TempDir(), "there.jsonl")
	put(t, there, "")
	page := filepath.Join(filepath.Dir(there), "page.html")
	var j job
	j.Dir = dir
	var more carried
	o := Options{Outputs: []string{filepath.Join(dir, "inside"), page, there, "/dev/null"}}
	require.NoError(t, o.carryOutputs(&j, &more))
	require.Equal(t, []out{{Path: there}, {Path: page}}, j.Out)
	require.Equal(t, []string{there}, more.files)
	require.Equal(t, []string{filepath.Dir(there), filepath.Dir(there)}, more.folders)
}
