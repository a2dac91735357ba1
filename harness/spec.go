package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"oomcage/harness/internal/engine"
	"oomcage/harness/internal/guest"
	"oomcage/harness/outcome"
)

// Spec says what to run, in which cage, under which load. All of it but Target.Ready and Load.Step, which are code, and
// Artifacts is data: Data returns it, as outcomes keep it.
type Spec struct {
	// Name tells this run from others in results. RunT sets an empty one to the test's name.
	Name string

	Target Target
	Limits Limits
	Load   Load

	// Schedule are limits that move while the target runs, as an in-place resize of a pod moves them: at a time since it
	// was ready, or after a step. A memory.max that is lowered below what is charged kills at once. In Cage.Run the cage
	// keeps the limits that it has got.
	Schedule Schedule

	// Stop asks a target that lives when its load has ended to end: by a signal to that process alone, as a container's
	// engine does, after which its end is waited for up to a grace. Without a Load.Step that is as soon as it is ready. Evidence.Stop
	// has what came of it, and the verdict is about all until then: one that ends as it was asked to has survived. What lives on
	// is killed like any other when the run ends. A target that was not ready, or whose time was up, is not asked. nil: no target is.
	Stop *Stop

	// Timeout bounds the whole run, from the cage to the evidence: it is back at most about a second later,
	// whatever a step or a probe does. 0 means 1 minute.
	Timeout time.Duration

	// Artifacts is the folder for what Target.Capture fetches, which is made where it is not there. Empty: RunT takes the
	// test's artifact directory, with go test -artifacts; otherwise no files are kept.
	Artifacts string
}

// Target is the program to be caged.
type Target struct {
	// Path of the executable. Without a slash it is looked up in $PATH.
	Path string

	// Args are the arguments after the program's name. $ADDR, $HOST and $PORT (and ${ADDR} …)
	// are replaced by the address that is reserved for this cage; other variables are left
	// alone, as there is no shell.
	Args []string

	// Env is added to the environment of the harness; of two entries the later counts. $ADDR,
	// $HOST and $PORT are replaced here too. TMPDIR is a folder of the target's own, which any user may write to and which
	// is removed when the run or the cage ends; a TMPDIR in Env replaces it.
	Env []string

	// Dir is the working directory; empty means that of the harness.
	Dir string

	// User is who the target runs as: a name, with that user's groups, HOME, USER and LOGNAME, or UID:GID, with no other groups.
	// Empty: as the harness. Another one takes root. The cage stays the same, and so does the TMPDIR.
	User string

	// Stdin is a file that the target reads as its stdin, from the beginning in each run. Empty: there is nothing to read.
	Stdin string

	// OOMScoreAdj is written to the target's oom_score_adj, from -1000 (never chosen by an OOM
	// killer, not even by a group kill) to 1000 (chosen first). nil: 0, the kernel's default,
	// whatever the harness itself was started with; a child inherits it. It is set when the
	// program has been executed; below the harness's own it takes CAP_SYS_RESOURCE (proc(5)).
	OOMScoreAdj *int

	// NoTHP starts the target without transparent huge pages (PR_SET_THP_DISABLE of prctl(2)), which its children inherit: so it
	// takes what it touches, and no whole huge page for a part of one. False: as the system has them.
	NoTHP bool

	// Ready waits until the target can take load. nil: ready as soon as it is started.
	Ready Probe

	// ReadyName tells this probe from others in results, as Load.Name does for steps: for example
	// "GET /ping". It changes nothing in the run.
	ReadyName string

	// ReadyTimeout bounds Ready. A target that is not ready by then is judged as one whose time is up, without a load. 0: the
	// whole run's time.
	ReadyTimeout time.Duration

	// Capture is what is fetched of the target when its cage is nearly full, for example a heap profile, while the load
	// goes on: see Capture. It may take 10 s and 32 MiB, and at the end of the load it is waited for. It takes memory of the
	// target, and so may be what kills it.
	Capture []Capture

	// Restart is how often a target that has died is started again, at once and in the same cage, with its files and TMPDIR
	// as the last life left them; of a run that has a cage of its own, all its processes are ended before. The load goes on
	// with the steps that are left, to Load.Count. The outcome is that of the last life, and Outcome.Lives are those before
	// it. Without a load, exit code 0 is no death. 0: never.
	Restart int

	// Image makes the target the first process of a container of this image, which Engine makes below the cage: the cage has
	// the limits, and its counters outlive the container's own cgroup. The image must be there, as nothing is pulled. Path and Args
	// then replace its command (both may be empty), Env is all that is added to its environment, Dir and User are the container's, and
	// there is no TMPDIR. The container is removed with the cage; each life of Restart is another one. It has no
	// health checks. Cages of it have no children, and no other targets at once.
	Image string

	// Engine is podman or docker. Empty: podman, or else docker.
	Engine string

	// Port is the one on which the container listens, in a network of its own: the engine has the cage's address, $ADDR of
	// steps and probes, lead to it. In Args and Env $ADDR is then 0.0.0.0:Port. 0: the container has the network of the machine, and
	// is to listen on $ADDR as any target.
	Port int

	tmp  *scratch // the TMPDIR of the life before
	made *Process // of a container that is made, and not started; nil: it is made when it is to be started
}

// Load is what the harness does to the target, step by step.
type Load struct {
	// Name tells this load from others in results, where the Step itself cannot be: for example
	// "POST /take?bytes=1048576". It changes nothing in the run.
	Name string

	// Step is one push. nil: no load; the run waits for the target to end, unless Spec.Stop ends it.
	Step Step

	// Count is how many steps there are at most. 0: until the target ends or time is up.
	Count int

	// Bytes is what one step should take. 0: unknown, so there is no prediction.
	Bytes Bytes

	// Clients is how many steps are under way at once, each counted by itself; the next is sent when one of them has been
	// answered. 0: 1, or with a Rate 1000.
	Clients int

	// Rate sends that many steps a second, however slow the target is: an open loop. A step's time counts from when it was
	// to be sent, so that one which had to wait for a free client is late by that. 0: the next step waits for an answer.
	Rate float64

	// Tolerate is how many failed steps the load goes on after, so that recovery is seen: Outcome.Outages has when steps
	// failed and when one worked again. Without a Rate the next step then waits for 10 ms. 0: the first failed step ends the
	// load.
	Tolerate int

	// UntilEmpty has the run go on until the cage is empty or the load has ended, and not only until the target has: for a
	// program that makes a daemon of itself. Evidence.Followed has what became of that, and the verdict is about it where the
	// target itself has ended with exit code 0. Stop then is for all that runs in the cage. Not for Cage.Run, where others may.
	UntilEmpty bool

	// Observe, where set, is told of each step when it has ended and its time was taken, by the goroutine of the step: what it
	// does is no part of the step's time, but the client sends no other one until it returns. It is for who shows a run.
	Observe func(p *Process, n int, err error)

	sent     int                // in earlier lives of the target
	failures int                // of these: that failed, and were tolerated
	outages  *outcome.OutageLog // of all its lives
}

// Step pushes p once; n counts from 1. nil says that the target acknowledged the push. An
// error is evidence, never a test failure: it ends the load, unless Load.Tolerate lets it go on. With more than one client
// it is called by several goroutines at once. The context ends with the run,
// and shortly after the target has ended; a step that has not returned 0.7 s later is left behind with its
// goroutine, as no goroutine can be stopped, and the outcome's error names it. It runs on a goroutine of its own;
// when it panics or ends its test, so does the run.
type Step func(ctx context.Context, p *Process, n int) error

// Probe waits until p can take load. The context ends with the run and with the target; a probe
// that does not heed it is left behind as a step is. An error is evidence: the run goes on to collect it.
type Probe func(ctx context.Context, p *Process) error

const defaultTimeout = outcome.DefaultTimeout

// Data is the spec without its code.
func (s Spec) Data() outcome.Spec {
	return outcome.Spec{
		Target:   s.Target.data(),
		Limits:   s.Limits,
		Load:     s.Load.data(),
		Schedule: s.Schedule,
		Stop:     s.Stop,
		Timeout:  s.Timeout,
	}
}

// SpecOf is the spec that has this data, and no code.
func SpecOf(d outcome.Spec) Spec {
	return Spec{
		Target:   targetWithoutCode(d.Target),
		Limits:   d.Limits,
		Load:     loadWithoutCode(d.Load),
		Schedule: d.Schedule,
		Stop:     d.Stop,
		Timeout:  d.Timeout,
	}
}

// data has none of the code, and nothing of how far the load has come.
func (l Load) data() outcome.Load {
	return outcome.Load{Name: l.Name, Count: l.Count, Bytes: l.Bytes, Clients: l.Clients, Rate: l.Rate, Tolerate: l.Tolerate, UntilEmpty: l.UntilEmpty}
}

func loadWithoutCode(l outcome.Load) Load {
	return Load{Name: l.Name, Count: l.Count, Bytes: l.Bytes, Clients: l.Clients, Rate: l.Rate, Tolerate: l.Tolerate, UntilEmpty: l.UntilEmpty}
}

func (t Target) data() outcome.Target {
	return outcome.Target{
		Path: t.Path, Args: t.Args, Env: t.Env, Dir: t.Dir, User: t.User, Stdin: t.Stdin, OOMScoreAdj: t.OOMScoreAdj, NoTHP: t.NoTHP,
		ReadyName: t.ReadyName, ReadyTimeout: t.ReadyTimeout, Restart: t.Restart, Capture: t.Capture,
		Image: t.Image, Engine: t.Engine, Port: t.Port,
	}
}

func targetWithoutCode(d outcome.Target) Target {
	return Target{
		Path: d.Path, Args: d.Args, Env: d.Env, Dir: d.Dir, User: d.User, Stdin: d.Stdin, OOMScoreAdj: d.OOMScoreAdj, NoTHP: d.NoTHP,
		ReadyName: d.ReadyName, ReadyTimeout: d.ReadyTimeout, Restart: d.Restart, Capture: d.Capture,
		Image: d.Image, Engine: d.Engine, Port: d.Port,
	}
}

// Validate says what of the spec cannot be run, as Run does before it touches the kernel.
func (s Spec) Validate() error {
	if err := s.Data().Validate(); err != nil {
		return err
	}
	if l := s.Load.data(); s.Load.Step == nil && l != (outcome.Load{Name: l.Name, UntilEmpty: l.UntilEmpty}) {
		return errors.New("the spec's Load has a Count, Bytes, Clients, Rate or Tolerate but no Step: set Step, for example HTTPPost(path)")
	}
	if s.Load.Step == nil && s.Schedule.HasSteps() {
		return errors.New("the spec's Schedule has a change after a step, and the Load has no Step: give the change a time, or set Step")
	}
	for _, c := range s.Schedule {
		if err := checkHigh(Limits{High: highOf(c)}); err != nil {
			return fmt.Errorf("the change %s of the schedule: %w", c, err)
		}
	}
	if s.Load.UntilEmpty && s.Target.Restart > 0 {
		return errors.New("the spec's Load.UntilEmpty and Target.Restart are for different programs: one that makes a daemon of itself does not end to be started again")
	}
	if s.Stop != nil && s.Load.Step == nil && s.Target.Ready == nil {
		return errors.New("the spec has a Stop, and neither a Load.Step nor a Target.Ready: the target would be asked to end as soon as it is started")
	}
	if s.Target.Ready == nil && s.Target.ReadyTimeout != 0 {
		return errors.New("the spec's Target has a ReadyTimeout but no Ready: set Ready, for example TCPReady()")
	}
	if s.Target.Image != "" { // whose folders and users are others
		return errors.Join(engine.Known(s.Target.Engine), checkHigh(s.Limits))
	}
	if err := checkDir(s.Target.Dir); err != nil {
		return fmt.Errorf("the spec's Target.Dir: %w", err)
	}
	if err := checkUser(s.Target.User); err != nil {
		return fmt.Errorf("the spec's Target.User: %w", err)
	}
	if err := checkStdin(s.Target.Stdin); err != nil {
		return fmt.Errorf("the spec's Target.Stdin: %w", err)
	}
	return checkHigh(s.Limits)
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
