// Package vm runs a program in a QEMU microVM as if it ran on a root shell of a cgroup v2 machine: same
// output, same exit code, and the files that it writes come back, none over a file that it was not given. What it
// deletes stays on the host.
//
// The guest is a stock distribution kernel with an initramfs that holds only this executable as /init, the
// program, its testdata, and what the caller adds. Host and guest talk over the second serial port.
package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/kernels"
	"oomcage/harness/internal/printable"
)

// Options says what to run and in which machine.
type Options struct {
	Program string   // executable: a path, or a name to look up in PATH
	Args    []string // its arguments, without argv[0]

	Arch      string        // processor of the guest, "amd64" or "arm64"; empty: the host's. Another one's is emulated
	Kernel    string        // file, or name of one that `oomcage kernels` has, such as "6.12"; empty: found as the manual says
	Build     []string      // Go main packages to compile on the host, relative to the main module's root
	Results   []string      // files that the program goes on with, or makes: they go along, and come back as they grow, wherever they are
	Outputs   []string      // files that the program writes: they come back, wherever they are
	Add       []string      // FILE or FILE:PATH of files and folders that the program needs
	Memory    int64         // RAM of the guest in bytes; 0: 1 GiB, or more if the initramfs needs it
	Swap      int64         // swap device of the guest in bytes, its header included; 0: none
	Scratch   int64         // ext4 disk of the guest in bytes, which becomes its TMPDIR; 0: none
	CPUs      int           // virtual CPUs; 0: the host's, at most 4
	Timeout   time.Duration // from the guest's first word on; 0: -test.timeout and 30 s more, or none without it
	Artifacts string        // folder for logs; empty: -test.outputdir, or a fresh temporary folder on failure
	Accel     string        // "kvm", "tcg", or "auto" and "": KVM if a guest really boots with it
	Resume    bool          // without KVM, resume a guest that was saved when it had booted, and save one if there is none

	Stdout, Stderr io.Writer // of the program, live; Stderr also takes this package's own few lines

	test stage
}

// stage is for tests of guests that go wrong; its zero value changes nothing. Boots are counted from 0.
type stage struct {
	machine func(boot int, m *machine)   // changes what is booted
	running func(boot int, p *process)   // is called when QEMU has been started
	hello   func(boot int, p *process)   // and when the guest has said its first word
	begin   func(boot int) time.Duration // instead of beginTime
	saved   func(boot int, m *machine)   // changes what is booted to be saved
	save    func(boot int) time.Duration // instead of bootTime, of guests to be saved
	over    <-chan struct{}              // is closed when the time limit is reached, at which the program has begun
}

const (
	defaultMemory = 1 << 30
	// Time that a test binary gets beyond its own -test.timeout, to print its goroutines. The go command
	// itself waits a minute before it gives up.
	timeoutGrace = 30 * time.Second
)

// Run runs the program in a fresh guest and returns its exit code, or 128+n when signal n ended it, or 123 where
// that would be 0 and not all that it wrote has its own name on the host, which Stderr is told. An
// error means that the program's fate is unknown; it is a *Failure unless ctx ended.
func Run(ctx context.Context, o Options) (int, error) {
	code, err := run(ctx, o)
	if err == nil {
		return code, nil
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return 0, asFailure(err)
}

func run(ctx context.Context, o Options) (int, error) {
	if err := o.check(); err != nil {
		return 0, err
	}
	guest, err := findArch(o.Arch)
	if err != nil {
		return 0, err
	}
	tsc := guest.sampleTSC()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	more := carried{arch: guest}
	if more.add, err = parseAdds(o.Add); err != nil {
		return 0, err
	}
	program, path, err := findProgram(o.Program, more.add)
	if err != nil {
		f := failure(notThere, "the program cannot be run: "+err.Error(), "")
		f.Kind = err
		return 0, f
	}
	tmp, remove, err := privateDir()
	if err != nil {
		return 0, err
	}
	defer remove()
	if more.init, err = guest.initFor(ctx, tmp); err != nil {
		return 0, err
	}
	if program, err = guest.program(program, more.init); err != nil {
		return 0, err
	}
	warn := warner(o.Stderr)
	m, err := o.newMachine(ctx, guest, tmp, warn)
	if err != nil {
		return 0, err
	}
	if more.packages, err = buildPackages(ctx, guest, o.Build, tmp); err != nil {
		return 0, err
	}
	more.program, more.files = program, named(o.Args, dir)
	flags := parseTestFlags(o.Args, dir)
	j := o.newJob(path, dir, m, len(more.packages) > 0)
	j.Out = resultPlaces(flags, dir)
	if err := o.carryBack(&j, &more); err != nil {
		return 0, err
	}
	o.Artifacts = cmp.Or(o.Artifacts, flags.outputDir)
	s := session{machine: m, job: j, opts: o, limit: o.limit(flags), flags: flags, carried: more, warn: warn}
	if s.saved, err = o.findSnapshot(ctx, m, tsc, warn); err != nil {
		return 0, err
	}
	s.machine.tscKHz = tscKHz(tsc)
	if err := s.pack(ctx); err != nil {
		return 0, err
	}
	return s.run(ctx)
}

// warner tells of what has names that others have chosen, such as those of the files in a folder that goes along.
func warner(w io.Writer) func(line string) {
	return func(line string) { fmt.Fprintln(w, "oomcage vm:", printable.Indented(line)) }
}

// newMachine finds what the guest is booted with, and makes its disks in tmp.
func (o Options) newMachine(ctx context.Context, guest arch, tmp string, warn func(string)) (m machine, err error) {
	m = machine{
		arch: guest, memory: o.Memory, cpus: cmp.Or(o.CPUs, min(runtime.NumCPU(), 4)),
		initramfs: filepath.Join(tmp, "initramfs.cpio"), console: filepath.Join(tmp, consoleFile),
	}
	if m.qemu, err = guest.findQEMU(); err != nil {
		return m, err
	}
	if m.kernel, err = guest.findKernel(o.Kernel); err != nil {
		return m, err
	}
	var note string
	if m.accel, note, err = chooseAccel(ctx, o.Accel, m); err != nil {
		return m, err
	}
	if note != "" && firstTime(note) {
		warn(note)
	}
	pageSize, err := kernels.PageSize(m.kernel)
	if err != nil {
		return m, err
	}
	m.disks, err = makeDisks(ctx, o, tmp, pageSize)
	return m, err
}

// limit is how long the program may take, or 0.
func (o Options) limit(flags testFlags) time.Duration {
	if o.Timeout == 0 && flags.timeout > 0 {
		return flags.timeout + timeoutGrace
	}
	return o.Timeout
}

// check refuses what makes no sense, whatever is there.
func (o Options) check() error {
	if !slices.Contains([]string{"", "auto", accelKVM, accelTCG}, o.Accel) {
		return failure(badRequest, "-accel is auto, kvm or tcg, not "+o.Accel, "")
	}
	if o.CPUs < 0 || o.Timeout < 0 || o.Memory < 0 || o.Swap < 0 || o.Scratch < 0 {
		return failure(badRequest, fmt.Sprintf("-cpus %d, -timeout %v, -mem %d, -swap %d, -scratch %d: none may be negative",
			o.CPUs, o.Timeout, o.Memory, o.Swap, o.Scratch), "")
	}
	return o.checkMemory()
}

// checkMemory refuses a guest with more RAM than this machine has. QEMU takes it, and the guest's kernel then needs
// so long for what describes it that nothing is heard of it.
func (o Options) checkMemory() error {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return fmt.Errorf("read how much memory this machine has: %w", err)
	}
	if has := int64(info.Totalram) * int64(info.Unit); o.Memory > has {
		return failure(badRequest, fmt.Sprintf("-mem %s is more than this machine has, which is %s", human.Size(o.Memory), human.Size(has)),
			fmt.Sprintf("a guest takes its memory of this machine's: -mem %dMiB, for example", has/2>>20))
	}
	return nil
}

// findProgram returns where the program is on the host and in the guest. One that is not in the host's PATH may be
// among what is added.
func findProgram(name string, adds []addition) (src, guest string, err error) {
	path, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		path, err = filepath.Abs(path)
		return path, path, err
	}
	if src, guest := addedProgram(name, adds); src != "" {
		return src, guest, nil
	}
	return "", "", err
}

// sameFile reports whether what is written to a and b ends up in one file, where its order can be seen.
func sameFile(a, b io.Writer) bool {
	f, ok := a.(*os.File)
	g, also := b.(*os.File)
	if !ok || !also {
		return false
	}
	fi, err := f.Stat()
	if err != nil {
		return false
	}
	gi, err := g.Stat()
	return err == nil && os.SameFile(fi, gi)
}
