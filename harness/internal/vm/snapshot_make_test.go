package vm

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsKnownOfAGuestThatCannotBeSavedIsKept(t *testing.T) {
	const saidNothing = 10 * time.Millisecond
	for want, test := range map[string]struct {
		kind    failureKind
		console string
		stderr  string
		silent  bool
	}{
		"the guest to be saved said nothing for 10ms after QEMU was started": {kind: silentGuest, stderr: "qemu: a warning", silent: true},
		"the guest's kernel panicked: double fault":                          {kind: guestPanic, console: "[    1.2] Kernel panic - not syncing: double fault\n"},
		"the guest to be saved did not boot: no such disk":                   {kind: qemuFailed, stderr: "qemu: no such disk\n"},
		"the guest to be saved did not boot: EOF":                            {kind: qemuFailed, console: "Booting\n"},
	} {
		t.Run(want, func(t *testing.T) {
			m := testMachine(t)
			require.NoError(t, os.WriteFile(m.console, []byte(test.console), 0o600))
			p, guest := played(t)
			p.stderr.WriteString(test.stderr)
			limit := saidNothing
			if !test.silent {
				limit = time.Minute
				guest.Close()
			}
			err := p.awaitSaved(t.Context(), m, Options{Stderr: io.Discard, Artifacts: t.TempDir()}, limit)
			f := asFailure(err)
			assert.Equal(t, want, f.Found)
			assert.Equal(t, test.kind, f.kind)
			assert.FileExists(t, filepath.Join(f.Artifacts, commandFile))
			for file, has := range map[string]bool{consoleFile: test.console != "", stderrFile: test.stderr != "", machineFile: test.silent} {
				_, err := os.Stat(filepath.Join(f.Artifacts, file))
				assert.Equal(t, has, err == nil, "%s: %v", file, err)
			}
		})
	}
}

func TestOfAGuestToBeSavedThatCtrlCEndsNothingIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, guest := played(t)
	guest.Close()
	dir := t.TempDir()
	err := p.awaitSaved(ctx, testMachine(t), Options{Stderr: io.Discard, Artifacts: dir}, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	kept, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, kept)
}
