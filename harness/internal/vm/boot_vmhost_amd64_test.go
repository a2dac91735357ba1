//go:build vmhost

package vm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnEmulatedKernelLeavesCmpxchg16bToPrograms(t *testing.T) {
	const script = `while read -r line; do
		case $line in "model name"*TCG*) tcg=1 ;; flags*) case "$line " in *" cx16 "*) cx16=1 ;; esac ;; esac
	done </proc/cpuinfo
	echo "emulated=$tcg cx16=$cx16"`
	for _, kernel := range testedKernels(t) {
		g := boot(t, "", func(o *Options) { o.Kernel, o.Program, o.Args = kernel, "sh", []string{"-c", script} })
		require.NoError(t, g.err)
		assert.Contains(t, []string{"emulated=1 cx16=\n", "emulated= cx16=1\n"}, g.stdout.String(), kernel)
	}
}
