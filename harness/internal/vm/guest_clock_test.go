package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lists are what kernels really had; the file's name is the condition and the kernel. QEMU was stopped with the
// calibration's first reading, for 0.08 s ("early"), or in its middle, for 1 s ("late").
func TestWrongTimerOfTheGuestIsSeen(t *testing.T) {
	for file, want := range map[string]string{
		"right-6.1":  "",
		"right-6.12": "",
		"late-6.12":  "its kernel took the timer of the CPUs to run at 10.34 times its frequency",
		"early-6.12": "", // 0.28 times: each sleep takes a few interrupts more
	} {
		t.Run(file, func(t *testing.T) {
			list, err := os.ReadFile(filepath.Join("testdata", "timer_list", file+".txt"))
			require.NoError(t, err)
			assert.Equal(t, want, timerFlaw(list))
		})
	}
	assert.Empty(t, timerFlaw(nil), "nothing is known against it")
	kvm := "Tick Device: mode:     1\nClock Event Device: lapic-deadline\n mult:           16777216\n shift:          27\n"
	assert.Empty(t, timerFlaw([]byte(kvm)), "a device that counts otherwise")
	dead := "Tick Device: mode:     0\nClock Event Device: lapic\n mult:           36507\n shift:          32\n"
	assert.Equal(t, "its kernel took the timer of the CPUs to run at 0.000136 times its frequency", timerFlaw([]byte(dead)))
}
