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

// keep saves what tells about the guest that ran, and returns the folder, or "" when even that goes wrong.
func (s *session) keep() string {
	return s.opts.keep(filepath.Base(s.job.Path), s.ran, map[string][]byte{
		stderrFile: s.stderr, dmesgFile: s.dmesg, machineFile: s.machineState,
	})
}

// keep saves what tells about a guest on this machine, its console among it, in a folder of that name.
func (o Options) keep(name string, m machine, files map[string][]byte) string {
	complain := func(err error) {
		fmt.Fprintln(o.Stderr, "oomcage vm: keep the artifacts:", printable.Line(err.Error()))
	}
	parent := o.Artifacts
	if parent != "" {
		if err := os.MkdirAll(parent, 0o777); err != nil {
			complain(err)
			parent = ""
		}
	}
	dir, err := os.MkdirTemp(parent, "oomcage-vm-"+name+"-")
	if err != nil {
		complain(err)
		return ""
	}
	files[commandFile] = []byte(m.commandLine())
	files[consoleFile], _ = os.ReadFile(m.console) // QEMU may not have got as far
	for name, data := range files {
		if len(data) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			complain(err)
		}
	}
	return dir
}
