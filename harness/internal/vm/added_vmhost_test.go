//go:build vmhost

package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	roles["shell"] = func() int {
		cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", "echo from the shell")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		_ = cmd.Run() // its exit code counts
		return cmd.ProcessState.ExitCode()
	}
	roles["work"] = func() int {
		var here, above unix.Statfs_t
		must(unix.Statfs(".", &here))
		must(unix.Statfs("..", &above))
		fmt.Printf("%#x, above %#x\n", here.Type, above.Type)
		return appendTo(os.Args[1:])
	}
}

// compile compiles C with the compiler that the race detector takes too.
func compile(t *testing.T, source, output string, flags ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(output), 0o755))
	file := filepath.Join(t.TempDir(), "source.c")
	writeFile(t, file, source, 0o644)
	text, err := exec.CommandContext(t.Context(), "gcc", append([]string{"-o", output, file}, flags...)...).CombinedOutput()
	require.NoError(t, err, string(text))
}

// The program finds one library by $ORIGIN, and loads another by itself, which needs a third. It is moved, so what
// lies beside it on the host does not lie beside it in the guest.
// libraryWithNeeds is a shared library of the host that needs another than the C library, and what it needs.
func libraryWithNeeds(t *testing.T) (library string, its []string) {
	t.Helper()
	ls, err := exec.LookPath("ls")
	require.NoError(t, err)
	n, err := hostArch.needs(t.Context(), ls)
	require.NoError(t, err)
	for _, file := range n.files[1:] {
		of, err := hostArch.needs(t.Context(), file)
		require.NoError(t, err)
		if len(of.files) > len(its) {
			library, its = file, of.files
		}
	}
	require.NotEmpty(t, its, "no library of %s needs another", ls)
	return library, its
}

func TestLibrariesOfALibraryThatIsNotExecutableGoAlong(t *testing.T) {
	library, its := libraryWithNeeds(t)
	content, err := os.ReadFile(library)
	require.NoError(t, err)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "lib/libplugin.so"), string(content), 0o644)
	tr := emptyTree()
	assert.Empty(t, added(t, tr, dir))
	for _, lib := range its {
		assert.True(t, tr.has(lib) || tr.follow(lib) != lib, lib)
	}
	assert.True(t, tr.has("/etc/ld.so.cache"), "by which the guest finds them")
}

func TestAddedProgramIsFoundByItsNameWithAllItsLibraries(t *testing.T) {
	dir := t.TempDir()
	in := func(path string) string { return filepath.Join(dir, path) }
	compile(t, `int beside(void) { return 1; }`, in("lib/libbeside.so"), "-shared", "-fPIC")
	compile(t, `int third(void) { return 2; }`, in("plugin/third/libthird.so"), "-shared", "-fPIC")
	compile(t, `int third(void); int plugin(void) { return 4 + third(); }`, in("plugin/libplugin.so"), "-shared", "-fPIC",
		"-L"+in("plugin/third"), "-lthird", "-Wl,-rpath,"+in("plugin/third"))
	compile(t, `
		#include <dlfcn.h>
		#include <stdio.h>
		int beside(void);
		int main(int n, char **v) {
			void *h = dlopen(v[1], RTLD_NOW);
			if (!h) return puts(dlerror()), 1;
			printf("%d\n", beside() + ((int (*)(void))dlsym(h, "plugin"))());
			return 0;
		}`, in("bin/prog"), "-L"+in("lib"), "-lbeside", "-ldl", "-Wl,-rpath,$ORIGIN/../lib")
	for _, lib := range []string{"lib/libbeside.so", "plugin/libplugin.so", "plugin/third/libthird.so"} {
		require.NoError(t, os.Chmod(in(lib), 0o644))
	}
	t.Chdir(t.TempDir())
	g := boot(t, "", func(o *Options) {
		o.Program, o.Args = "moved", []string{in("plugin/libplugin.so")}
		o.Add = []string{in("bin/prog") + ":/opt/x/bin/moved", in("plugin/libplugin.so")}
	})
	require.NoError(t, g.err)
	assert.Zero(t, g.code, g.stderr.String())
	assert.Equal(t, "7\n", g.stdout.String())
}

func TestMissingShellIsSaid(t *testing.T) {
	g := boot(t, "shell", nil)
	require.NoError(t, g.err)
	assert.Equal(t, noShellCode, g.code)
	assert.Contains(t, g.stderr.String(), `the guest has no /bin/sh to run "echo from the shell": -add /bin/sh`)
	g = boot(t, "shell", func(o *Options) { o.Add = []string{"/bin/sh"} })
	require.NoError(t, g.err)
	assert.Zero(t, g.code, g.stderr.String())
	assert.Equal(t, "from the shell\n", g.stdout.String())
}

func TestWithScratchTheWorkingDirectoryIsOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"named", "folder/in it"} {
		writeFile(t, name, "from the host\n", 0o644)
	}
	g := boot(t, "work", func(o *Options) {
		o.Args, o.Scratch = []string{"named", "folder/in it", "new"}, 64<<20
	})
	require.NoError(t, g.err)
	require.Zero(t, g.code, g.stderr.String())
	assert.Equal(t, "0xef53, above 0x1021994\n", g.stdout.String())
	for name, want := range map[string]string{
		"named": "from the host\nfrom the guest\n", "folder/in it": "from the host\nfrom the guest\n", "new": "from the guest\n",
	} {
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), name)
	}
}
