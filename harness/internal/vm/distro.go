package vm

import (
	"os"
	"strings"
)

// aPackage is what brings a program, by the names that it has in distributions.
type aPackage struct{ program, debian, fedora string }

var mkfsPackage = aPackage{"mkfs.ext4", "e2fsprogs", "e2fsprogs"}

// install is the command that installs it on the distribution that the text of os-release is of, or says what to install
// where that is not known.
func (p aPackage) install(osRelease string) string {
	family := ""
	for line := range strings.Lines(osRelease) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "ID" || name == "ID_LIKE" {
			family += " " + strings.Trim(value, `"'`)
		}
	}
	for _, word := range strings.Fields(family) {
		switch word {
		case "debian", "ubuntu":
			return "sudo apt-get install --no-install-recommends " + p.debian
		case "fedora", "rhel":
			return "sudo dnf install " + p.fedora
		}
	}
	return "install " + p.program + ", which Debian has in " + p.debian + ", with this system's own tools"
}

// installHere is install on this machine.
func (p aPackage) installHere() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		text, _ = os.ReadFile("/usr/lib/os-release") // without either, it is not known
	}
	return p.install(string(text))
}
