package vm

import (
	"fmt"
	"os"
	"path/filepath"

	"oomcage/harness/internal/printable"
)

// Names of the files in the artifacts.
const (
	consoleFile = "console.log"
	commandFile = "qemu.txt"
	stderrFile  = "qemu-stderr.txt"
	dmesgFile   = "dmesg.txt"
	machineFile = "machine.txt"
)

// keep saves what tells about the guest and returns the folder, or "" when even that goes wrong.
func (s *session) keep() string {
	parent := s.opts.Artifacts
	if parent != "" {
		if err := os.MkdirAll(parent, 0o777); err != nil {
			fmt.Fprintln(s.opts.Stderr, "oomcage vm: keep the artifacts:", printable.Line(err.Error()))
			parent = ""
		}
	}
	dir, err := os.MkdirTemp(parent, "oomcage-vm-"+filepath.Base(s.job.Path)+"-")
	if err != nil {
		fmt.Fprintln(s.opts.Stderr, "oomcage vm: keep the artifacts:", printable.Line(err.Error()))
		return ""
	}
	console, _ := os.ReadFile(s.machine.console) // QEMU may not have got as far
	for name, data := range map[string][]byte{
		consoleFile: console, commandFile: []byte(s.ran.commandLine()),
		stderrFile: s.stderr, dmesgFile: s.dmesg, machineFile: s.machineState,
	} {
		if len(data) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			fmt.Fprintln(s.opts.Stderr, "oomcage vm: keep the artifacts:", printable.Line(err.Error()))
		}
	}
	return dir
}
