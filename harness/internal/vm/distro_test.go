package vm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheAdviceIsOfThisDistribution(t *testing.T) {
	for osRelease, want := range map[string]string{
		"NAME=x\nID=debian\n":                          "sudo apt-get install --no-install-recommends qemu-system-x86",
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n":    "sudo apt-get install --no-install-recommends qemu-system-x86",
		"ID=fedora\n":                                  "sudo dnf install qemu-system-x86-core",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"": "sudo dnf install qemu-system-x86-core",
		"ID=arch\n":                                    "install qemu-system-x86_64, which Debian has in qemu-system-x86, with this system's own tools",
		"":                                             "install qemu-system-x86_64, which Debian has in qemu-system-x86, with this system's own tools",
	} {
		assert.Equal(t, want, archAMD64.qemu.install(osRelease), osRelease)
	}
}
