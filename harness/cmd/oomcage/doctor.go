//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"oomcage/harness"
	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/kernels"
	"oomcage/harness/internal/kmsg"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
)

const doctorLong = `doctor says what works on this machine, and which command helps where something does not. It changes nothing; where KVM
can be opened it boots a guest, once per boot of the machine.

  oomcage doctor

ok means that it works, no that it does not, and partly that oomcage does without and says less.`

func newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Say what works on this machine",
		Long: withCodes(doctorLong, "doctor"), Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd.Context(), cmd.OutOrStdout()) },
	}
}

// finding is a line of the doctor's.
type finding struct {
	name, state, found string
	help               string // a command, or ""
}

// States of a finding.
const (
	works   = "ok"
	partly  = "partly"
	worksNo = "no"
)

// doctor prints the findings, and fails where neither a cage nor the microVM works.
func doctor(ctx context.Context, w io.Writer) error {
	cages := findingOf("cages", "this process can make them on this kernel", harness.Supported(), worksNo)
	machine, booting := findMachine(ctx)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	all := append([]finding{cages}, findKernel(cgroup.LookAround())...)
	if err := printFindings(w, append(all, machine...)); err != nil {
		return err
	}
	said, state := "Neither cages nor the microVM work here.", error(exitCode(exitFailed))
	switch {
	case cages.state == works:
		said, state = "Cages work here: go test ./... needs nothing else.", nil
	case booting:
		said, state = "The microVM works here: put `oomcage vm --` before a command, or go test -exec.", nil
	}
	if _, err := fmt.Fprintln(w, said); err != nil {
		return err
	}
	return state
}

// findingOf is what was found, or the error and its state.
func findingOf(name, found string, err error, state string) finding {
	f := finding{name: name, state: works, found: found}
	if err != nil {
		f.state = state
		f.found, f.help = advise.Parts(err)
	}
	return f
}

// findKernel is what this machine's kernel has for cages.
func findKernel(l cgroup.Look) []finding {
	v2 := finding{name: "cgroup v2", state: works, found: "mounted at " + l.V2}
	switch {
	case l.V2 == "":
		v2.state, v2.found = worksNo, "not mounted"
	case l.ReadOnly:
		v2.state, v2.found = worksNo, "mounted read-only at "+l.V2
	}
	controllers := finding{name: "controllers", state: worksNo, found: "no memory"}
	if slices.Contains(l.Controllers, "memory") {
		controllers.state, controllers.found = works, strings.Join(l.Controllers, " ")
	} else if l.V1 != "" {
		controllers.found += ", which is bound to cgroup v1 at " + l.V1
	}
	limits := finding{name: "limits above", state: works, found: "none is above this process"}
	if controllers.state != works {
		limits.state, limits.found = partly, "not known without the memory controller"
	} else if len(l.Limits) > 0 {
		limits.state, limits.found = partly, strings.Join(l.Limits, ", ")
	}
	return []finding{v2, controllers, limits, findLog(), findSwap(), findHugePages()}
}

func findLog() finding {
	f := finding{name: "kernel log", state: works, found: "/dev/kmsg can be read"}
	log, err := kmsg.Open()
	if err != nil {
		f.state, f.found = partly, err.Error()
		if errors.Is(err, os.ErrPermission) {
			f.help = "sudo sysctl kernel.dmesg_restrict=0"
		}
		return f
	}
	log.Close()
	return f
}

func findSwap() finding {
	f := finding{name: "swap", state: partly, found: "none: nothing can be swapped out", help: "oomcage vm -swap 256M, for a guest that has some"}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		f.found, f.help = err.Error(), ""
	} else if info.Totalswap > 0 {
		f.state, f.found, f.help = works, human.Size(int64(info.Totalswap)*int64(info.Unit)), ""
	}
	return f
}

func findHugePages() finding {
	f := finding{name: "huge pages", state: works}
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		f.found = "the kernel has no transparent ones"
	} else {
		f.found = "transparent ones: " + strings.TrimSpace(string(mode))
	}
	return f
}

// findMachine is what the microVM needs, and whether it can boot.
func findMachine(ctx context.Context) (all []finding, booting bool) {
	qemu, err := vm.FindQEMU()
	if machineErr := kernels.Host.Check(); machineErr != nil {
		err = machineErr
	}
	kernel, kernelErr := vm.FindKernel("")
	all = []finding{findingOf("QEMU", qemu, err, worksNo), findingOf("kernel", kernel, kernelErr, worksNo)}
	kvm := finding{name: "KVM", state: works, found: "a guest has booted with it"}
	if yes, reason, err := vm.KVM(ctx); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		kvm.state, kvm.found = partly, "not tried: "+line
	} else if !yes {
		kvm.state, kvm.found = partly, reason+": guests are emulated, several times slower"
		if strings.Contains(reason, "permission") {
			file, err := os.Stat("/dev/kvm")
			kvm.help = kvmHelp(file, err, user.LookupGroupId)
		}
	}
	return append(all, kvm, findingOf("mkfs.ext4", "for vm -scratch", vm.CheckScratch(), partly)), err == nil && kernelErr == nil
}

// printFindings prints a line for each, and one for what helps.
func printFindings(w io.Writer, all []finding) error {
	for _, f := range all {
		if _, err := fmt.Fprintf(w, "%-12s  %-6s  %s\n", f.name, f.state, printable.Line(f.found)); err != nil {
			return err
		}
		if f.help != "" {
			if _, err := fmt.Fprintf(w, "%-22sto help: %s\n", "", printable.Line(f.help)); err != nil {
				return err
			}
		}
	}
	return nil
}

// kvmHelp is what lets this user have KVM: the group of its file, where there is one that may use it, and else root, who can make it so.
func kvmHelp(file os.FileInfo, err error, groupOf func(gid string) (*user.Group, error)) string {
	const asRoot = "run it with sudo, or have all users use it until the next boot: sudo chmod 666 /dev/kvm"
	if err != nil {
		return asRoot
	}
	stat, ok := file.Sys().(*syscall.Stat_t)
	if !ok || stat.Gid == 0 || file.Mode().Perm()&0o060 != 0o060 {
		return asRoot
	}
	group, err := groupOf(strconv.Itoa(int(stat.Gid)))
	if err != nil {
		return asRoot
	}
	return fmt.Sprintf("sudo usermod -a -G %s $USER, and log in again", printable.Line(group.Name))
}
