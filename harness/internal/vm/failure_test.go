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
