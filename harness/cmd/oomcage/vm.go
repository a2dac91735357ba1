//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/vm"
	"oomcage/harness/outcome"
)

var vmLong = `vm runs PROGRAM in a QEMU microVM with cgroup v2, as root, and ends with its exit code. No root and no
KVM is needed for it. Made for go test:

  go test -exec 'go tool oomcage vm -build ./app' ./...

Output is live and byte for byte what PROGRAM prints, and a terminal is one for PROGRAM too. -run, -v, -race, -coverprofile, -outputdir,
-artifacts, -timeout, -fuzz and the other test flags do what they do without the VM. PROGRAM may be oomcage
itself, whose own programs go along where they lie in the working directory, and by -add from elsewhere:

  oomcage vm -- oomcage run --max 64M --post /upload -- ./service -addr '$ADDR'

The guest holds PROGRAM, what -build and -add name, and the shared libraries and script interpreters that all
of them need. The working directory is at its own path; of what lies in it on the host, testdata and the files and
folders that the arguments name go along, and nothing else: -add . takes all of it along. With -scratch it is
on the disk, and else in the guest's memory, as all that goes along is. The guest has no network but lo.

-add FILE takes a file or folder along at its own path, with the links on the way to it and what links in
the folder lead to, and -add FILE:PATH puts it at PATH. A bare name that is no file here is looked up in $PATH,
so -add redis-cli does. What was added is found by its name: PATH in the guest begins with the folders of
added files, added folders, and each bin and sbin in those. What will not run there, such as a script whose
interpreter the host has not got either, is a warning. For example:

  oomcage vm -add /usr/lib/python3.11 -- /usr/bin/python3 service.py

The library of an interpreter does not go along with it. Ruby takes /usr/lib/ruby and /usr/lib/x86_64-linux-gnu/ruby as well,
Perl /usr/share/perl and perl and perl-base of /usr/lib/x86_64-linux-gnu, and Node.js nothing more. A JDK goes along as its
folder below /usr/lib/jvm, and PostgreSQL as /usr/lib/postgresql, /usr/share/postgresql and /usr/share/zoneinfo. gcc takes
/usr/lib/gcc, as, ld, /usr/include, and to link also Scrt1.o, crti.o, crtn.o, libc.so and libc_nonshared.a of
/usr/lib/x86_64-linux-gnu.

/bin/sh is there when a script of these needs it, or by -add /bin/sh; else what tries to run it is told so. The
locales that LANG and LC_* name go along with programs that are linked with the C library; one that only a
program's configuration names (lc_messages of PostgreSQL) goes along by naming it so too, or by -add its folder below
/usr/lib/locale. So does the time zone that TZ names.

What PROGRAM creates or changes below its working directory, and where test flags point, comes back when it has
ended. A file gets its own name where the host has nothing of that name, where it went along and the host's
is still as it was then, or where a flag such as -coverprofile names it. Else the host's stays as it is, and the
guest's is kept beside it as NAME.guest. What PROGRAM deletes stays on the host; links, pipes and devices stay in
the guest; nothing is ever written into .git. Holes stay holes. A file that cannot be written costs no other.
What cannot be written where it belongs is kept in a new folder below $TMPDIR. What has not its own name in the
end is listed on stderr, and the exit code is 123 where it would be 0. A file that a flag of oomcage names, such as
-o, is back wherever it is, and where it cannot be made no guest is booted.

What a sweep has written to its results is on the host within a second, and is not lost when the guest is
killed. Other programs get the same for a file by adding its path, and a line break, to the file that
OOMCAGE_VM_GROWING names. All else is lost with a guest that is killed. On Ctrl-C PROGRAM is told to end, and
all is over in 10 seconds; after a time limit it has 10 seconds to end, and 30 more for its files.

The kernel is -kernel, else $OOMCAGE_KERNEL, else the newest that "oomcage kernels" has fetched or was given, else the
newest readable one in /boot and /lib/modules. -kernel takes a file, or a name that "oomcage kernels" lists, such as 6.1.

-arch arm64 boots a guest of that processor on a machine of the other, emulated. PROGRAM is then one for it; what -build
names, and oomcage itself, are compiled for it by the go command. Its kernels are those of "oomcage kernels --arch arm64":

  GOARCH=arm64 go test -exec 'oomcage vm -arch arm64 -build ./app' ./...
  oomcage vm -arch arm64 -kernel 6.12-16k -build ./app -- oomcage demo

-swap gives the guest a swap device, of which a page is the header; it has no swap without. -scratch gives
it a disk with ext4, which has TMPDIR and the working directory; without, TMPDIR is /tmp, which is in memory as
all else is. Both take room in the host's $TMPDIR as they fill, until the guest ends. The kernel's modules for them, where it
needs any, come from lib/modules/RELEASE beside it, or from /lib/modules/RELEASE.

A guest whose kernel measured its timer wrong, as happens on a busy machine, or that does not start the
program in time is given up before anything has run, and another is booted, which stderr says. -timeout
counts from the first word of the first.

Without KVM a guest takes seconds to boot. So the first one of its kind is saved when it has booted, and later ones are resumed
from it in a fraction of that, with a clock, random numbers and a boot_id of their own. -snapshot=false boots each:

  oomcage vm -snapshot=false -- cat /proc/sys/kernel/random/boot_id

What is saved lies in oomcage/snapshots of the user's cache, for this boot of the host, this QEMU and kernel, and this memory and number of
CPUs; there are 6 at most, of 2 GiB in all. One that is damaged or cannot be resumed is thrown away, and a guest is booted, which stderr
says.

In the guest OOMCAGE_VM is the kernel's release, OOMCAGE_STRICT is 1, and OOMCAGE_BUILT names a list of
what -build compiled. OOMCAGE_VM_FLAGS has the flags that make the same machine, a word a line.

Where the exit code counts, as in CI, build the command: go tool of Go 1.26 ends with 0 when a signal ends
its tool.

  go build -o oomcage ` + modulePath() + `/harness/cmd/oomcage
  go test -exec "$PWD/oomcage vm -build ./app" ./...`

// newVMCommand has stderr as it is: the program's own is passed on byte for byte, and on a terminal it is one.
func newVMCommand(stderr io.Writer) *cobra.Command {
	var o vm.Options
	cmd := &cobra.Command{
		Use:                   "vm [flags] [--] PROGRAM [ARGS…]",
		Short:                 "Run a program or a test binary in a microVM with cgroup v2",
		Long:                  withCodes(vmLong, "vm"),
		Annotations:           map[string]string{programFirst: "yes"},
		DisableFlagsInUseLine: true,
		Args:                  atLeastOne("no program to run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Program, o.Args = args[0], args[1:]
			if filepath.Base(o.Program) == "oomcage" {
				if err := ofOomcage(&o); err != nil {
					return err
				}
			}
			if o.Program == "oomcage" { // this one, which need not be in $PATH
				self, err := os.Executable()
				if err != nil {
					return err
				}
				o.Program = self
			}
			o.Stdout, o.Stderr = cmd.OutOrStdout(), stderr
			code, err := vm.Run(cmd.Context(), o)
			if err == nil && code != 0 {
				err = exitCode(code)
			}
			return asUsage(meantItself(o.Program, err))
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.SortFlags = false
	f.StringVar(&o.Arch, "arch", "", "processor of the guest: amd64 or arm64; another than this machine's is emulated (default this machine's)")
	f.StringVar(&o.Kernel, "kernel", "", "kernel to boot: a `FILE`, or a name that oomcage kernels lists, such as 6.1")
	f.StringArrayVar(&o.Build, "build", nil, "Go main `PKG` to compile for the program; relative to the main module's root (repeatable)")
	f.StringArrayVar(&o.Add, "add", nil, "`FILE[:PATH]`: file or folder to put into the guest, with what it needs to run (repeatable)")
	f.Var(&size{&o.Memory, minMemory}, "mem", "RAM of the guest (default 1GiB, or more if what it holds is large)")
	f.Var(&size{&o.Swap, minSwap}, "swap", "swap device of the guest, for example 256MiB (default none)")
	f.Var(&size{&o.Scratch, minScratch}, "scratch", "ext4 disk of the guest for TMPDIR and the working directory, for example 512MiB (default none)")
	f.IntVar(&o.CPUs, "cpus", 0, "virtual CPUs (default as many as the host has, at most 4)")
	f.DurationVar(&o.Timeout, "timeout", 0, "time limit from the guest's first word on (default -test.timeout and 30s more, or none)")
	f.StringVar(&o.Artifacts, "artifacts", "", "`DIR` for the logs of a failure (default -test.outputdir, or a fresh temporary folder)")
	f.StringVar(&o.Accel, "accel", "auto", "auto, kvm or tcg; auto is kvm if a guest has really booted with it, and else says why, once per boot of the host")
	f.BoolVar(&o.Resume, "snapshot", true, "resume a guest that was saved, and save one first if need be; with KVM each is booted")
	return cmd
}

// size is the value of a flag in bytes, and the least that it may be.
type size struct {
	bytes *int64
	min   int64
}

const (
	minMemory  = 32 << 20 // a kernel alone needs more
	minSwap    = 1 << 20
	minScratch = 16 << 20
	maxBytes   = 1 << 40 // what a microvm can address
)

// String is the size with its unit, "" for 0. The flag package calls it on a zero value.
func (s *size) String() string {
	if s.bytes == nil || *s.bytes == 0 {
		return ""
	}
	return outcome.Bytes(*s.bytes).String()
}

// Set reads a size such as 512MiB, and refuses one that is out of range.
func (s *size) Set(text string) error {
	n, err := outcome.ParseBytes(text)
	if err != nil {
		return err
	}
	if int64(n) < s.min || n > maxBytes {
		return fmt.Errorf("%s is out of range: from %v to %v", text, outcome.Bytes(s.min), outcome.Bytes(maxBytes))
	}
	*s.bytes = int64(n)
	return nil
}

// Type is the word for the value in the help.
func (*size) Type() string { return "SIZE" }
