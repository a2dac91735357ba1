package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/stretchr/testify/require"
)

func TestTheLinksOfTheTreeAreFollowedAsTheKernelDoes(t *testing.T) {
	tr := emptyTree()
	for path, link := range map[string]string{
		"/bin": "usr/bin", "/usr/lib": "../opt/lib", "/opt/lib/v": "./1//", "/abs": "/usr/lib", "/up": "../../opt",
		"/loop": "loop/x", "/one": "two", "/two": "one", "/self": ".", "/dangling": "nothing/here",
	} {
		require.NoError(t, tr.set(path, entry{mode: cpio.TypeSymlink | 0o777, link: link}))
	}
	for path, want := range map[string]string{
		"/": "/", "": "/", "/bin": "/usr/bin", "/bin/sh": "/usr/bin/sh", "/bin/../x": "/usr/x", "/usr/lib/v/x": "/opt/lib/1/x", "/abs/v": "/opt/lib/1",
		"/up/lib/./v/..": "/opt/lib", "/self/self/bin": "/usr/bin", "/dangling/x": "/nothing/here/x", "/none/x": "/none/x",
	} {
		require.Equal(t, want, tr.follow(path), path)
	}
	require.Equal(t, "/bin", tr.resolve("/bin"), "the last one is not followed")
	require.Equal(t, "/usr/bin/sh", tr.resolve("/bin/sh"))
}

// A link to what is below itself made one of the tree's links be followed until the stack was full.
func TestLinksThatLeadNowhereEnd(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"loop": "loop/x", "one": "two", "two": "one/two", "both": "both/both/both"} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	tr := emptyTree()
	require.NoError(t, newCarrier(tr, hostArch).add(t.Context(), addition{src: dir}, nil))
	for _, name := range []string{"loop", "one", "two", "both"} {
		path := filepath.Join(dir, name)
		require.Equal(t, cpio.FileMode(cpio.TypeSymlink|0o777), tr.entries[path].mode, "it goes along as it is")
		require.Equal(t, path, tr.follow(path))
		require.EqualError(t, tr.set(filepath.Join(path, "below"), entry{mode: cpio.TypeReg | 0o644}), "add "+path+"/below to the guest: too many levels of symbolic links: one on the way leads to itself, or they are more than 40; name another path")
	}
}
