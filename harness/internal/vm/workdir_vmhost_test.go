//go:build vmhost

package vm

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func init() {
	roles["copies-here"] = func() int {
		text, err := os.ReadFile(os.Args[1])
		must(err)
		must(os.WriteFile(os.Args[2], text, 0o644))
		fmt.Printf("%s", text)
		return 0
	}
}

// The guest has file systems of its own in some folders. They hide no working directory.
func TestTheWorkingDirectoryLiesWhereTheGuestHasItsOwnFileSystem(t *testing.T) {
	for _, parent := range []string{"/dev/shm", "/run"} {
		t.Run(parent, func(t *testing.T) {
			dir, err := os.MkdirTemp(parent, "oomcage-test-") //nolint:usetesting // the place matters
			if os.IsPermission(err) {
				dir, err = os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "oomcage-test-") //nolint:usetesting // below /run too
			}
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
			t.Chdir(dir)
			writeFile(t, "in", "along", 0o644)
			g := boot(t, "copies-here", func(o *Options) { o.Args = []string{"in", "out"} })
			require.NoError(t, g.err)
			require.Zero(t, g.code, g.stderr.String())
			assert.Equal(t, "along", g.stdout.String())
			assert.Equal(t, "along", content(t, "out"))
		})
	}
}
