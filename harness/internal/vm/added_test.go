package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeFile writes a file below a folder that may be new.
func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), mode))
}

func TestScriptsWithoutTheirInterpreterAreAFewWarnings(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		writeFile(t, filepath.Join(dir, name), "#!/no/such/"+name+"\n", 0o755)
	}
	writeFile(t, filepath.Join(dir, "text"), "text", 0o644)
	tr := emptyTree()
	warnings := added(t, tr, dir)
	require.Len(t, warnings, maxWarnings+1)
	assert.Equal(t, "-add "+dir+": 2 more files need what is not there", warnings[maxWarnings])
	for _, name := range []string{"a", "e", "text"} {
		assert.True(t, tr.has(filepath.Join(dir, name)), name)
	}
}

func TestNamesInWarningsCannotMoveTheTerminalsCursor(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a\x1b[2J"), "#!/no/such\n", 0o755)
	var said bytes.Buffer
	a, err := parseAdd(dir)
	require.NoError(t, err)
	require.NoError(t, newCarrier(emptyTree(), hostArch).add(t.Context(), a, warner(&said)))
	assert.Contains(t, said.String(), `a\x1b[2J will not run: its interpreter`)
	assert.NotContains(t, said.String(), "\x1b")
}

func TestAScriptWhoseInterpreterIsAFolderTakesNothingAlong(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "lib/data"), "x", 0o644)
	writeFile(t, filepath.Join(dir, "bin/script"), "#!"+filepath.Join(dir, "lib")+"\n", 0o755)
	tr := emptyTree()
	warnings := added(t, tr, filepath.Join(dir, "bin"))
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "its interpreter, "+filepath.Join(dir, "lib")+", is a folder")
	assert.False(t, tr.has(filepath.Join(dir, "lib/data")))
}

func TestLinksToWhatTheGuestHasOfItsKernelStayLinks(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "program"), "x", 0o755)
	for name, to := range map[string]string{"history": "/dev/null", "proc": "/proc", "fd": "/proc/self/fd", "mounts": "/proc/self/mounts"} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	tr := emptyTree()
	require.Empty(t, added(t, tr, dir))
	for _, name := range []string{"program", "history", "proc", "fd", "mounts"} {
		assert.True(t, tr.has(filepath.Join(dir, name)), name)
	}
	assert.False(t, tr.has("/proc/self"))
	assert.False(t, tr.has("/dev/null"))
}

func TestWhatIsAddedIsFoundByItsName(t *testing.T) {
	host := t.TempDir()
	writeFile(t, filepath.Join(host, "jdk/bin/javac"), "x", 0o755)
	writeFile(t, filepath.Join(host, "jdk/lib/data"), "x", 0o644)
	writeFile(t, filepath.Join(host, "server/15/sbin/serverd"), "x", 0o755)
	writeFile(t, filepath.Join(host, "tools/hammer"), "x", 0o755)
	writeFile(t, filepath.Join(host, "alone"), "x", 0o755)
	require.NoError(t, os.Symlink("jdk", filepath.Join(host, "default-jdk")))
	jdk, server, tools, alone := filepath.Join(host, "default-jdk"), filepath.Join(host, "server"),
		filepath.Join(host, "tools")+":/opt/tools", filepath.Join(host, "alone")+":/opt/one/renamed"
	var adds []addition
	tr := emptyTree()
	for _, spec := range []string{jdk, server, tools, alone} {
		a, err := parseAdd(spec)
		require.NoError(t, err)
		adds = append(adds, a)
		assert.Empty(t, added(t, tr, spec))
	}
	dirs := tr.programFolders(adds)
	for name, want := range map[string]string{
		"javac": filepath.Join(jdk, "bin/javac"), "serverd": filepath.Join(server, "15/sbin/serverd"),
		"hammer": "/opt/tools/hammer", "renamed": "/opt/one/renamed",
	} {
		_, guest := addedProgram(name, adds)
		assert.Equal(t, want, guest, name)
		i := slices.IndexFunc(dirs, func(dir string) bool { return tr.has(filepath.Join(tr.follow(dir), name)) })
		assert.GreaterOrEqual(t, i, 0, "%s in %v", name, dirs)
	}
	for _, name := range []string{"alone", "data", "absent", "15/sbin/serverd"} {
		src, _ := addedProgram(name, adds)
		assert.Empty(t, src, name)
	}
	assert.Equal(t, []string{"A=1", "PATH=/opt/tools:/usr/bin:/bin"},
		withPath([]string{"A=1", "PATH=/usr/bin:/bin"}, []string{"/opt/tools", "/bin"}))
}

func TestNameThatIsNoFileHereIsLookedUpInThePath(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "tool"), "x", 0o755)
	writeFile(t, filepath.Join(dir, "with:colon"), "x", 0o644)
	t.Setenv("PATH", dir)
	a, err := parseAdd("tool")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "tool"), a.guest())
	a, err = parseAdd("tool:/opt/tool")
	require.NoError(t, err)
	assert.Equal(t, addition{"tool:/opt/tool", filepath.Join(dir, "tool"), "/opt/tool"}, a)
	a, err = parseAdd(filepath.Join(dir, "with:colon"))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "with:colon"), a.guest())
	_, err = parseAdd("tool:opt")
	assert.ErrorContains(t, err, "must be absolute")
}

func TestLinksOfAnAddedFolderAreKeptAndLeadSomewhere(t *testing.T) {
	host, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	in := func(path string) string { return filepath.Join(host, path) }
	writeFile(t, in("etc/java/security/policy"), "P", 0o644)
	writeFile(t, in("etc/java/conf/net"), "N", 0o644)
	writeFile(t, in("jdk/bin/java"), "J", 0o755)
	require.NoError(t, os.MkdirAll(in("jdk/lib"), 0o755))
	require.NoError(t, os.MkdirAll(in("alternatives"), 0o755))
	for link, target := range map[string]string{
		"jdk/lib/security": "../../etc/java/security", "jdk/conf": in("etc/java/conf"), "jdk/etc": in("etc/java"),
		"jdk/lib/up": "..", "jdk/above": host, "alternatives/java": in("jdk/bin/java"), "java": "alternatives/java",
	} {
		require.NoError(t, os.Symlink(target, in(link)))
	}

	tr := emptyTree()
	assert.Empty(t, added(t, tr, in("jdk")))
	assert.Empty(t, added(t, tr, in("java")))
	assert.Empty(t, added(t, tr, in("jdk")+":/opt/x/jdk"))
	_, got := unpack(t, tr)
	for _, path := range []string{"jdk/lib/security", "jdk/conf", "jdk/etc", "java", "alternatives/java"} {
		assert.Contains(t, got, in(path))
	}
	for _, path := range []string{"etc/java/security/policy", "etc/java/conf/net"} {
		assert.Contains(t, got, in(path), "though a folder above it was there already")
	}
	assert.Equal(t, "../../etc/java/security", got["/opt/x/jdk/lib/security"].content)
	assert.Equal(t, "P", got["/opt/x/etc/java/security/policy"].content, "where the link leads in the guest")
}

// It was "left out", with a warning, and missed in the guest.
func TestWhatIsAddedAndCannotBeReadIsAnError(t *testing.T) {
	found, err := filepath.Glob("/sys/bus/*/drivers_probe") // which root cannot read either
	require.NoError(t, err)
	require.NotEmpty(t, found)
	a, err := parseAdd(found[0])
	require.NoError(t, err)
	require.EqualError(t, newCarrier(emptyTree(), hostArch).add(t.Context(), a, nil), "-add "+found[0]+": it cannot be read: permission denied\n  to help: give this user the right to read it")
}
