package vm

import (
	"bytes"
	"encoding/gob"
	"os"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/gobuild"
)

// timeVariable tells init when QEMU was started, by the host's clock, in nanoseconds since 1970.
const timeVariable = "OOMCAGE_TIME"

// Paths in the guest. They hide in one folder, so that the root looks as on any machine.
const (
	guestFolder   = "/.oomcage"
	guestJob      = guestFolder + "/job"
	guestManifest = guestFolder + "/built.json"
	guestBin      = guestFolder + "/bin"
	guestModules  = guestFolder + "/modules"
	guestGrowing  = guestFolder + "/growing"
	// The disk of -scratch. Elsewhere, it would hide what is there on the host and was carried here.
	guestDisk    = guestFolder + "/disk"
	guestScratch = guestDisk + "/tmp"  // TMPDIR on it
	guestWork    = guestDisk + "/work" // the working directory on it
)

// job is what the host asks of the guest. It travels in the initramfs, as gob has it: JSON would change paths, arguments and
// variables that are not UTF-8.
type job struct {
	// Probe asks for nothing but a hello: does a guest boot at all?
	Probe bool
	// Save asks for a hello, and to wait there: the guest is saved, and gets another job when it is resumed.
	Save bool
	Path string   // of the program, absolute
	Args []string // argv, with argv[0]
	Env  []string
	Dir  string
	// Emulated is set where the guest has no KVM, so that its CPUs are emulated.
	Emulated bool
	Host     string // host name
	// Merged is set where the program's stdout and stderr are one file, as under go test.
	Merged bool
	// Stdout and Stderr are the terminals that they are on the host, or nil.
	Stdout *terminal
	Stderr *terminal
	Out    []out
	// Modules are the files of kernel modules, in the order of loading.
	Modules []string
	Disks   []string // serials of those to be used
	// WorkOnDisk moves the working directory to the disk of -scratch.
	WorkOnDisk bool
}

// out is a place whose new and changed files go back to the host.
type out struct {
	Path string // absolute, the same on both sides
	Dir  bool   // all files below it; otherwise that one file
	// Grows is set where what is added to the file goes back at once, and not only when the program has ended.
	Grows bool
	// Given is set where the command line names it as the file to write: it replaces an older file.
	Given bool
}

// exitStatus is the guest's last word.
type exitStatus struct {
	Code   int    `json:"code"`             // of the program
	Signal int    `json:"signal,omitempty"` // that ended it, or 0
	OOM    string `json:"oom,omitempty"`    // what the kernel's log says, when the whole guest ran out and it chose the program
	Error  string `json:"error,omitempty"`  // what the guest's init could not do
}

// encode makes of the job what parseJob reads.
func (j job) encode() ([]byte, error) {
	var data bytes.Buffer
	err := gob.NewEncoder(&data).Encode(j)
	return data.Bytes(), err
}

func parseJob(data []byte) (job, error) {
	var j job
	err := gob.NewDecoder(bytes.NewReader(data)).Decode(&j)
	return j, err
}

// newJob is what the guest is to do. Where the results go back to is left to be said.
func (o Options) newJob(path, dir string, m machine, packages bool) job {
	j := job{
		Path: path, Args: append([]string{o.Program}, o.Args...), Dir: dir,
		Emulated: m.accel == accelTCG, WorkOnDisk: o.Scratch != 0, Merged: sameFile(o.Stdout, o.Stderr),
		Stdout: terminalOf(o.Stdout), Stderr: terminalOf(o.Stderr),
		Env: append(guestEnv(os.Environ(), dir, packages, o.Scratch != 0), machineVariable+"="+strings.Join(o.machineFlags(), "\n")),
	}
	j.Host, _ = os.Hostname() // without one, the guest has a name of its own
	for _, d := range m.disks {
		j.Disks = append(j.Disks, d.serial)
	}
	return j
}

// machineVariable tells the program the flags by which its machine differs from the usual one, a word a line,
// so that a failed test can say how to run it again.
const machineVariable = "OOMCAGE_VM_FLAGS"

// machineFlags are the flags that would make the same machine, but for the kernel and for what was compiled.
func (o Options) machineFlags() []string {
	var words []string
	if a, err := findArch(o.Arch); err == nil && a.foreign() {
		words = append(words, "-arch", o.Arch)
	}
	for _, f := range []struct {
		name string
		size int64
	}{{"-mem", o.Memory}, {"-swap", o.Swap}, {"-scratch", o.Scratch}, {"-cpus", int64(o.CPUs)}} {
		if f.size != 0 {
			words = append(words, f.name, strconv.FormatInt(f.size, 10))
		}
	}
	for _, file := range o.Add {
		words = append(words, "-add", file)
	}
	return words
}

// guestEnv is the caller's environment without what names things of the host, and with what a root shell
// has.
func guestEnv(env []string, dir string, packages, scratch bool) []string {
	drop := func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "HOME", "PATH", "PWD", "OLDPWD", "SHELL", "SHLVL", "USER", "LOGNAME", "MAIL", "TMPDIR",
			"LD_PRELOAD", "GOTMPDIR", "GOCACHE", "GOMODCACHE", gobuild.Variable, "OOMCAGE_VM", machineVariable, growingVariable, "OOMCAGE_STRICT",
			"NOTIFY_SOCKET", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY",
			"INVOCATION_ID", "JOURNAL_STREAM":
			return true
		}
		return strings.HasPrefix(name, "XDG_")
	}
	env = slices.DeleteFunc(slices.Clone(env), drop)
	tmp := "/tmp"
	if scratch {
		tmp = guestScratch
	}
	env = append(env, "HOME=/root", "USER=root", "LOGNAME=root", "TMPDIR="+tmp, "PWD="+dir, "OOMCAGE_STRICT=1",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	if packages {
		env = append(env, gobuild.Variable+"="+guestManifest)
	}
	return env
}
