/*
Package harness tests how a program dies when memory runs out.

It starts an executable inside a cgroup v2 of its own, the cage, with chosen memory limits, makes it
take memory step by step, and says exactly how it ended: between which counts of acknowledged
steps, by whose limit, with the kernel's memory.events as the witness.

	func TestMain(m *testing.M) { harness.VerifyTestMain(m) }

	func TestServiceDiesAtItsLimit(t *testing.T) {
		o := harness.RunT(t, harness.Spec{
			Target: harness.Target{
				Path:  harness.BuildT(t, "./cmd/service"),
				Args:  []string{"-addr", "$ADDR"},
				Ready: harness.HTTPReady("/healthz"),
			},
			Limits: harness.Limits{Max: 100 * harness.MiB},
			Load:   harness.Load{Step: harness.HTTPPost("/upload"), Bytes: 20 * harness.MiB},
		})
		o.RequireVerdict(t, harness.OOMKilled)
		o.RequirePredicted(t)
	}

# A run

A [Spec] is data: target, limits, load. [Run] makes a [Cage] from it, starts the target inside by
clone3 (it is never moved, so all its memory is charged to the cage), waits until it is ready,
and sends the steps of the [Load] one after the other. A step that the target answers is
acknowledged; an error ends the load and is evidence, never a failure of the test. Then the
[Evidence] is read, while the cage still exists, and the cage is killed, emptied and removed.
What comes back is an [Outcome], with a [Verdict] that [outcome.Classify] has drawn from the evidence alone.
An outcome is one line of JSON, and can be judged again anywhere.

[RunT], [NewCageT] and [BuildT] are for tests. The functions without a T return errors.

# Verdicts

	survived             the target was alive when the load ended
	                     (running, or ended as Stop asked it to; no OOM in the cage, and a step taken if there was one)
	oom-killed           the cage's own limit killed the target
	                     (SIGKILL, and the cage's own oom and oom_kill both rose)
	oom-group-killed     the same, and memory.oom.group took the rest along
	                     (oom_group_kill rose as well)
	child-oom-killed     a process inside was killed, the target was not
	                     (oom_kill rose, the target lives or ended otherwise)
	ancestor-oom-killed  a limit above the cage killed it
	                     (oom_kill rose, own oom did not, an ancestor's own did)
	host-oom-killed      the whole machine ran out
	                     (oom_kill rose, no cgroup's own oom did)
	killed               a signal that no kernel OOM killer sent
	                     (signalled, oom_kill did not rise; systemd-oomd is named)
	exited               it ended by itself
	                     (exit code, and nothing says that it was for want of memory)
	runtime-oom          its own runtime gave up for want of memory
	                     (it ended by itself, oom_kill did not rise, and its last words say so)
	stalled              time ran out while it was throttled or thrashing
	                     (alive at the timeout, with pressure, high, refaults or own oom risen, or its garbage collector at work all the time)
	timed-out            time ran out, and memory was not the cause
	                     (alive at the timeout, none of those risen)
	inconclusive         the evidence contradicts itself or could not be read
	                     (said in words)

Neither exit code 137 nor SIGKILL proves an OOM kill. The kernel's counters do: oom rises at the
cgroup whose limit was hit, oom_kill at the one whose process was killed, and both before the
signal is sent.

# Nesting

[NewCage] makes a cage that stays until it is closed. [Cage.Child] makes one below it, with limits of its
own: a child's memory is charged to its parent too, and the verdict says whose limit it was.
[Cage.Run] runs a Spec in a cage that exists: several targets at once, or one after the other, each
with an outcome about itself. The kernel allows processes only in cgroups that have no children
with controllers; so make the children first, and the harness puts the targets of a cage that has
some into a leaf of their own.

# Prediction

[outcome.Predict] computes from the [outcome.Baseline] at readiness how many steps fit below memory.max. The
Outcome carries it as Predicted, and [Outcome.RequirePredicted] asserts that the acknowledged steps
are within it, up to the first OOM kill in the cage. What a step took in fact stands beside it as Measured, and
[Outcome.Differs] says when that is not what was declared.

# Limits that move

[Spec].Schedule changes limits while the target runs, at a time since it was ready or after a step, as an in-place resize of a pod does:

	Schedule: harness.Schedule{{Step: 20, Limit: "max", To: 64 * harness.MiB}},

Where a lowered memory.max is less than what is charged, the kernel kills at once, and the sentence says so. The prediction follows
the limits.

# Before the end

[Target].Capture fetches a URL of the target, or runs a command, when memory comes to a share of memory.max:

	Capture: []harness.Capture{{Get: "/debug/pprof/heap?gc=1", Share: 0.9}},

The text of the outcome has the five largest allocations of a Go heap profile, and go test -artifacts keeps the file. A capture
takes memory of the target itself, so it may be the last straw; the evidence says when one was under way. Each step's time and
answer are in Outcome.StepTimes, and summed up in Outcome.Latency: the median, the slowest, the last one before the end, and how
full the cage was when steps began to take twice as long.

# Containers

[Target].Image makes the target the first process of a container, which podman or docker starts below the cage:

	Target: harness.Target{Image: "localhost/app", Path: "/app", Args: []string{"-addr", "$ADDR"}, Ready: harness.HTTPReady("/ping")},

The cage has the limits, so its counters outlive the container's own cgroup. Nothing is pulled, and the container is removed with
its cage.

# One run after the other

Each target has a TMPDIR of its own that is removed with it. What a run leaves in other files on tmpfs stays in memory: its
outcome names that as Left, and those of later runs of the same process as Found. A run is refused where something
listens on the cage's address already. A target that has acknowledged none of its steps was not loaded, and
has not survived but is inconclusive.

# Sweeps

Package sweep runs a spec over a grid of limits and loads, and finds the smallest limit that a load
survives. Package report shows the outcomes. The command oomcage does both, for any program.

# What runs already

[Watch] judges what somebody else has started, and writes nothing: a cgroup, a process, a unit of systemd with its restarts, a container,
the containers of a pod. Its outcome has a verdict by the same judgement, and says in Evidence.Watched how much was known: the cgroup
may be removed at once when its last process is gone.

# Requirements

Linux 5.14 or later with cgroup v2 and the memory controller, and root or a delegated cgroup.
Elsewhere [Run] and [NewCage] return an error that wraps [ErrNotSupported] and names what helps;
RunT and NewCageT then skip, unless OOMCAGE_STRICT=1 turns that into a failure. The microVM needs
none of this:

	go test -exec 'go tool oomcage vm -build ./cmd/service' ./...

All cages of root, or of what a user was delegated, hang below one cgroup, oomcage, with a memory.max of
three quarters of what was available, so that tests that go wild cannot take the machine with them. The
harness itself stays outside. What a killed run left behind is removed by the next one, which says so on stderr.

# A transcript

This is what make demo prints:

	The gin service under memory.max 100000000 and memory.swap.max 0, 20MiB a step.
	Linux 6.12.117+deb13-cloud-amd64 in a microVM.

	step   of 95.4 MiB                                   current   memory.events
	ready  ██······································      5226496   none
	1      ███████████·····························     26722304   none
	2      ███████████████████·····················     47955968   none
	3      ████████████████████████████············     69189632   none
	4      ████████████████████████████████████····     90423296   none
	5      ████████████████████████████████████████    100003840   max 23, oom 1, oom_kill 1 (no answer; the peak)

	oom-killed: killed by its own limit: 95.4 of 95.4 MiB, during step 5; filled by anon 94.9 MiB (99 %, of it huge pages 92.0 MiB); victim app[151].
	The service acknowledged 4 steps; 4..4 were predicted.
	verdict=oom-killed acked=4 predicted=4..4 oom=1 oom_kill=1 limit_bytes=99999744 peak_bytes=100003840
*/
package harness
