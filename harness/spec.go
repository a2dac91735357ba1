package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/guest"
)

// Spec says what to run, in which cage, under which load. It is data: it may be copied, stored
// as JSON and run again. The two fields that are code, Target.Ready and Load.Step, are left out
// of the JSON.
type Spec struct {
	// Name tells this run from others in results. RunT sets an empty one to the test's name.
	Name string `json:"name,omitempty"`

	Target Target `json:"target"`
	Limits Limits `json:"limits"`
	Load   Load   `json:"load"`

	// Timeout bounds the whole run, from the cage to the evidence: it is back at most about a second later,
	// whatever a step or a probe does. 0 means 1 minute.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Target is the program to be caged.
type Target struct {
	// Path of the executable. Without a slash it is looked up in $PATH.
	Path string `json:"path"`

	// Args are the arguments after the program's name. $ADDR, $HOST and $PORT (and ${ADDR} …)
	// are replaced by the address that is reserved for this cage; other variables are left
	// alone, as there is no shell.
	Args []string `json:"args,omitempty"`

	// Env is added to the environment of the harness; of two entries the later counts. $ADDR,
	// $HOST and $PORT are replaced here too. TMPDIR is a folder of the target's own, which any user may write to and which
	// is removed when the run or the cage ends; a TMPDIR in Env replaces it.
	Env []string `json:"env,omitempty"`

	// Dir is the working directory; empty means that of the harness.
	Dir string `json:"dir,omitempty"`

	// OOMScoreAdj is written to the target's oom_score_adj, from -1000 (never chosen by an OOM
	// killer, not even by a group kill) to 1000 (chosen first). nil: 0, the kernel's default,
	// whatever the harness itself was started with; a child inherits it. It is set when the
	// program has been executed; below the harness's own it takes CAP_SYS_RESOURCE (proc(5)).
	OOMScoreAdj *int `json:"oom_score_adj,omitempty"`

	// Ready waits until the target can take load. nil: ready as soon as it is started.
	Ready Probe `json:"-"`

	// ReadyName tells this probe from others in results, as Load.Name does for steps: for example
	// "GET /ping". It changes nothing in the run.
	ReadyName string `json:"ready_name,omitempty"`
}

// Limits are the memory limits of a cage. All are written before the target starts, and read
// back. The kernel rounds a size down to a page.
type Limits struct {
	Max  Bytes `json:"max,omitempty"`  // memory.max: above it the OOM killer comes; 0 leaves the kernel's default, no limit
	High Bytes `json:"high,omitempty"` // memory.high: above it tasks are throttled and memory is reclaimed, never killed; 0 leaves the default, no limit
	Low  Bytes `json:"low,omitempty"`  // memory.low: protected from reclaim as far as possible, see Min; 0 leaves the default, none
	Min  Bytes `json:"min,omitempty"`  // memory.min: protected from reclaim, but never more than the cgroups above are; the guard over all cages is not; 0 leaves the default, none
	Swap Bytes `json:"swap"`           // memory.swap.max: how much may be swapped out; 0 forbids swap, Unlimited is "max"

	// OOMGroup is memory.oom.group: an OOM kill takes every process of the cage.
	OOMGroup bool `json:"oom_group,omitempty"`

	// Files are other files of the cage and what is written to them, for example
	// "pids.max": "64". They are not read back. The controllers are memory and pids.
	Files map[string]string `json:"files,omitempty"`
}

// Load is what the harness does to the target, one step after the other.
type Load struct {
	// Name tells this load from others in results, where the Step itself cannot be: for example
	// "POST /take?bytes=1048576". It changes nothing in the run.
	Name string `json:"name,omitempty"`

	// Step is one push. nil: no load; the run waits for the target to end.
	Step Step `json:"-"`

	// Count is how many steps there are at most. 0: until the target ends or time is up.
	Count int `json:"count,omitempty"`

	// Bytes is what one step should take. 0: unknown, so there is no prediction.
	Bytes Bytes `json:"bytes,omitempty"`
}

// Step pushes p once; n counts from 1. nil says that the target acknowledged the push. An
// error is evidence, never a test failure: it ends the load. The context ends with the run,
// and shortly after the target has ended; a step that has not returned 0.7 s later is left behind with its
// goroutine, as no goroutine can be stopped, and the outcome's error names it. It runs on a goroutine of its own;
// when it panics or ends its test, so does the run.
type Step func(ctx context.Context, p *Process, n int) error

// Probe waits until p can take load. The context ends with the run and with the target; a probe
// that does not heed it is left behind as a step is. An error is evidence: the run goes on to collect it.
type Probe func(ctx context.Context, p *Process) error

const defaultTimeout = time.Minute

// OOM_SCORE_ADJ_MIN and OOM_SCORE_ADJ_MAX of include/uapi/linux/oom.h.
const oomScoreAdjMin, oomScoreAdjMax = -1000, 1000

// Validate says what of the spec cannot be run, as Run does before it touches the kernel.
func (s Spec) Validate() error {
	switch {
	case s.Target.Path == "":
		return errors.New("the spec has no Target.Path: name the executable to be caged")
	case s.Target.OOMScoreAdj != nil && (*s.Target.OOMScoreAdj < oomScoreAdjMin || *s.Target.OOMScoreAdj > oomScoreAdjMax):
		return fmt.Errorf("the spec's Target.OOMScoreAdj is %d: it must be from %d to %d", *s.Target.OOMScoreAdj, oomScoreAdjMin, oomScoreAdjMax)
	case s.Timeout < 0:
		return fmt.Errorf("the spec's Timeout is %v: it must not be negative", s.Timeout)
	case s.Load.Count < 0:
		return fmt.Errorf("the spec's Load.Count is %d: it must not be negative", s.Load.Count)
	case s.Load.Bytes < 0:
		return fmt.Errorf("the spec's Load.Bytes is %d: it must not be negative", s.Load.Bytes)
	case s.Load.Step == nil && (s.Load.Count != 0 || s.Load.Bytes != 0):
		return errors.New("the spec's Load has a Count or Bytes but no Step: set Step, for example HTTPPost(path)")
	}
	if err := checkDir(s.Target.Dir); err != nil {
		return fmt.Errorf("the spec's Target.Dir: %w", err)
	}
	return s.Limits.validate()
}

// checkDir refuses a working directory that no program can be started in. The kernel's own error would name the program.
func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the working directory %s does not exist%s", dir, guest.AddHint(dir))
	case err != nil:
		return fmt.Errorf("the working directory %s cannot be used: %w", dir, err)
	case !info.IsDir():
		return fmt.Errorf("the working directory %s is not a directory", dir)
	}
	return nil
}

// smallestMax is the limit below which execve itself fails, with ENOMEM or E2BIG or by a signal,
// instead of the OOM killer coming (6.12: from 64 KiB on a program is killed, 2026-11).
const smallestMax = 64 * KiB

// ownFields are the files that have a field in Limits.
var ownFields = map[string]string{
	"memory.max": "Max", "memory.high": "High", "memory.low": "Low", "memory.min": "Min",
	"memory.swap.max": "Swap", "memory.oom.group": "OOMGroup",
}

func (l Limits) validate() error {
	for _, f := range []struct {
		name string
		size Bytes
	}{{"Max", l.Max}, {"High", l.High}, {"Low", l.Low}, {"Min", l.Min}, {"Swap", l.Swap}} {
		if f.size < 0 {
			return fmt.Errorf("the limit %s is %d: it must not be negative; Unlimited stands for max", f.name, f.size)
		}
	}
	if l.Max > 0 && l.Max < smallestMax {
		return fmt.Errorf("the limit Max is %d bytes: below %v no program can be executed, and nothing would be learned; was a unit forgotten, as in 100 * harness.MiB?", l.Max, smallestMax)
	}
	page := Bytes(os.Getpagesize())
	if l.High > 0 && l.High < page {
		return fmt.Errorf("the limit High is %d bytes, which the kernel rounds down to 0: at least a page of %d is needed", l.High, page)
	}
	for file := range l.Files {
		if file == "" || strings.ContainsAny(file, "/\x00") || !strings.Contains(file, ".") {
			return fmt.Errorf("Limits.Files names %q: a cage's files look like pids.max", file)
		}
		if field, ok := ownFields[file]; ok {
			return fmt.Errorf("Limits.Files names %q: use Limits.%s, which is read back and judged", file, field)
		}
		if strings.HasPrefix(file, "cgroup.") && file != "cgroup.max.descendants" && file != "cgroup.max.depth" {
			return fmt.Errorf("Limits.Files names %q: the harness itself uses that file", file)
		}
	}
	return nil
}

// String prints the limits that are set, by the names of the kernel's files.
func (l Limits) String() string {
	var parts []string
	for _, f := range l.sizes() {
		if *f.size != 0 {
			parts = append(parts, f.file+" "+limitText(*f.size))
		}
	}
	parts = append(parts, "memory.swap.max "+limitText(l.Swap))
	if l.OOMGroup {
		parts = append(parts, "memory.oom.group 1")
	}
	for _, file := range slices.Sorted(maps.Keys(l.Files)) {
		parts = append(parts, file+" "+l.Files[file])
	}
	return strings.Join(parts, ", ")
}

// limitText prints a limit as the kernel does: in bytes, or max.
func limitText(b Bytes) string {
	if b == Unlimited {
		return b.String()
	}
	return strconv.FormatInt(int64(b), 10)
}
