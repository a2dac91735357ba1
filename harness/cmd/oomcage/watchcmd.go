//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/kmsg"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/vm"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

const watchLong = `watch judges what runs already: a cgroup, or a process. It compares the kernel's counters from now on, until nothing
runs in it any more or it is removed, until -for is up, or until Ctrl-C, and then says how it went. It makes no cgroup, and writes
into none.

  oomcage watch /sys/fs/cgroup/web
  oomcage watch -pid 4711 -for 2s -expect survived
  oomcage watch /web -name web -for 2s -json -o results.jsonl
  oomcage watch -unit web.service
  oomcage watch -container web
  oomcage watch -container web -engine docker -expect oom-killed,exited
  oomcage watch -pod shop/web -for 2s

A service manager or a container engine may remove the cgroup a millisecond after the kill. The kernel log, what the cgroups above
it have counted, and the last reading then decide. Where these do not suffice, the verdict is inconclusive and says why.

A unit of systemd is watched through its restarts, each of which is a life of the outcome: of the last one it has all, and of those
before how they ended.

A pod of Kubernetes is watched on the node where it runs, by what the kubelet has there in /var/log: no API server is asked. It is
named by [NAMESPACE/]NAME or its UID. Each end of one of its containers is a life of the outcome, by the counters of its own cgroup: a
limit of the pod is one above that. The watch ends with the pod, and not with a container that is started again.

How a process ended is known to its parent alone, and to others from Linux 6.15 on: "exited" may say no more than that no OOM killer
of the kernel had a part in it.

Any user may watch. Where kernel.dmesg_restrict is 1, the kernel log is open to root alone: without it nobody knows which of
several processes was killed. With -json stdout has the outcome, on one line, and nothing else; -o adds that line to a file, for oomcage report and
explain.`

// watchFlags are what a watch is told.
type watchFlags struct {
	spec   harness.WatchSpec
	expect string
	asJSON bool
	out    string
}

func newWatchCommand() *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:                   "watch CGROUP | -pid N | -unit NAME | -container ID | -pod NAME",
		Short:                 "Say how what runs already comes to its end",
		Long:                  withCodes(watchLong, "watch"),
		DisableFlagsInUseLine: true,
		Args:                  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.spec.Cgroup = args[0]
			}
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.spec.PID, "pid", 0, "watch process `N`, by the counters of its cgroup")
	flags.StringVar(&f.spec.Unit, "unit", "", "watch the unit `NAME` of systemd, of the system or else of this user, and its restarts")
	flags.StringVar(&f.spec.Container, "container", "", "watch a container by its `NAME` or ID")
	flags.StringVar(&f.spec.Engine, "engine", "", "`ENGINE` of the container: podman or docker (default: which of them knows it)")
	flags.StringVar(&f.spec.Pod, "pod", "", "watch the containers of a pod of this node by its `[NAMESPACE/]NAME` or UID")
	flags.DurationVar(&f.spec.For, "for", 0, "end after this `TIME` (default: when it ends)")
	flags.StringVar(&f.spec.Name, "name", "", "`NAME` of the watch in results (default: what is watched)")
	flags.StringVar(&f.expect, "expect", "", "exit with 1 unless the `VERDICT` is this, or one of several with commas: survived,exited")
	flags.BoolVar(&f.asJSON, "json", false, "print the outcome as a line of JSON")
	flags.StringVarP(&f.out, "out", "o", "", "`FILE` to which the outcome is added, on one line")
	completeExpect(cmd)
	return cmd
}

// run watches, and prints to w as it goes on.
func (f *watchFlags) run(ctx context.Context, w, stderr io.Writer) error {
	var ends outcome.Expectation
	if f.expect != "" {
		var err error
		if ends, err = outcome.ParseExpectation(f.expect); err != nil {
			return usageError{fmt.Errorf("-expect %w", err)}
		}
		if slices.ContainsFunc(ends, func(e outcome.ExpectedEnd) bool { return e.Stopped }) {
			return usageError{fmt.Errorf("-expect %s is of a target that is asked to end, and a watch asks nothing of what it watches: take survived, or exited=CODE", ends)}
		}
	}
	if err := f.spec.Validate(); err != nil {
		return usageError{err}
	}
	results := appended{path: f.out}
	if f.out != "" {
		if err := results.prepare(); err != nil {
			return usageError{err}
		}
		defer results.close()
	}
	noteClosedLog(stderr)
	o, err := f.watch(ctx, w)
	if o == nil {
		return err
	}
	err = errors.Join(err, f.print(w, o))
	if f.out != "" {
		err = errors.Join(err, results.keep(o))
	}
	if err != nil {
		return err
	}
	if unmet := ends.Unmet(o); unmet != "" {
		return failed(unmet)
	}
	return nil
}

func (f *watchFlags) print(w io.Writer, o *harness.Outcome) error {
	if f.asJSON {
		return printJSON(w, o)
	}
	if _, err := fmt.Fprintf(w, "\n%s", o); err != nil {
		return fmt.Errorf("print the outcome: %w", err)
	}
	return nil
}

// watch shows the watch on w as it goes on, and ends it where nobody reads that any more.
func (f *watchFlags) watch(ctx context.Context, w io.Writer) (*harness.Outcome, error) {
	if f.asJSON {
		return harness.Watch(ctx, f.spec)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newWatchPrinter(w, cancel)
	defer p.end()
	f.spec.Observe, f.spec.ObserveLife = p.seen, p.lived
	return harness.Watch(ctx, f.spec)
}

// openToAppend opens a file to which an outcome is added. A regular one that has something already must have whole outcomes, as
// far as its first line and its end tell.
func openToAppend(path string) (*os.File, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if _, err = sweep.NewReader(f).Next(); err == nil {
		last := make([]byte, 1)
		if _, err = f.Seek(-1, io.SeekEnd); err == nil {
			_, err = io.ReadFull(f, last)
		}
		if err == nil && last[0] != '\n' {
			err = errors.New("its last line does not end")
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s holds no results to which one can be added: %w; name another file", path, err)
	}
	return f, nil
}

// appended is a file to which an outcome is added. One that is not there is made when there is an outcome: a watch that fails leaves
// none without.
type appended struct {
	path string
	file *os.File // nil: it is to be made
}

// prepare opens the file, or says why it could not be made.
func (a *appended) prepare() (err error) {
	if _, err := os.Lstat(a.path); !errors.Is(err, fs.ErrNotExist) {
		a.file, err = openToAppend(a.path)
		return err
	}
	if _, err = os.Stat(filepath.Dir(a.path)); err == nil {
		err = vm.Creatable(a.path)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", a.path, err)
	}
	return nil
}

func (a *appended) keep(o *harness.Outcome) (err error) {
	if a.file == nil {
		if a.file, err = openToAppend(a.path); err != nil {
			return fmt.Errorf("keep the outcome: %w", err)
		}
	}
	if err := printJSON(a.file, o); err != nil {
		return fmt.Errorf("keep the outcome in %s: %w", a.path, err)
	}
	return a.file.Close()
}

func (a *appended) close() {
	if a.file != nil {
		a.file.Close()
	}
}

// noteClosedLog says what is missing where the kernel log cannot be read.
func noteClosedLog(stderr io.Writer) {
	log, err := kmsg.Open()
	if err == nil {
		log.Close()
		return
	}
	fmt.Fprintf(stderr, "oomcage watch: without the kernel log: %s\n  to help: run it as root, or sysctl kernel.dmesg_restrict=0; the counters decide alone, and do not say which of several processes was killed\n",
		printable.Line(err.Error()))
}
