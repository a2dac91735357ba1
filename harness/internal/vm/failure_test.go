package vm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFailureTellsWhatWasFoundWhatHelpsAndWhereToLook(t *testing.T) {
	f := failure(noExitCode, "the guest ended", "do this")
	f.detail, f.Artifacts = "line 1\r\nline 2\n", "/a"
	assert.EqualError(t, f, "the guest ended\n  to help: do this\n  | line 1\n  | line 2\n"+
		"  console log and QEMU command: /a")
	assert.EqualError(t, failure(noExitCode, "the guest ended", ""), "the guest ended")
}

func TestWhatTheConsoleSaysCannotMoveTheTerminalsCursor(t *testing.T) {
	f := readConsole([]byte("[    1.0] a\x1b[2J\r\n[    2.0] Kernel panic - not syncing: \x9b31m\u202eno\n"), true)
	f.Artifacts = "/tmp/\x1bx"
	assert.Equal(t, "the guest's kernel panicked: \\x9b31m\\u202eno\n  to help: read the console log; another kernel may help: -kernel FILE\n"+
		"  | a\\x1b[2J\n  | Kernel panic - not syncing: \\x9b31m\\u202eno\n  console log and QEMU command: /tmp/\\x1bx", f.Error())
}
