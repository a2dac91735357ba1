package outcome

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What slowed others down before, or could not be read then, is not known of this run.
func TestWhatWasBeforeTheRunIsNoEvidenceOfIt(t *testing.T) {
	slow := Reading{Refaults: 4, Pressure: Pressure{Some: 1, Full: 1}, Unread: map[Source]string{}}
	e := Reading{Refaults: 4, Pressure: slow.Pressure, Unread: map[Source]string{}}.Since(slow)
	e.Ready, e.TimedOut = true, true
	require.Equal(t, TimedOut, verdictOf(e))

	blind := Reading{Unread: map[Source]string{EventsFile: "too many open files"}}
	kill := Events{OOM: 1, OOMKill: 1}
	e = Reading{Memory: Memory{Events: kill, EventsLocal: kill}, Unread: map[Source]string{}}.Since(blind)
	e.Status = sigkill
	require.Equal(t, Inconclusive, verdictOf(e), "whether the kill was there before is unknown")
}

// A verdict rests on the evidence alone: what the notifications brought, and what did not come, is
// in the timeline.
func TestNoTimelineChangesAVerdict(t *testing.T) {
	o := killedOutcome("x")
	want := o.Why
	for _, timeline := range [][]Sample{nil, {{Events: Events{}}}, {{Events: Events{OOM: 9, OOMKill: 9}}}, {{At: 1 << 40, Step: 99}}} {
		o.Timeline = timeline
		o.Verdict, o.Why = o.Judge()
		require.Equal(t, OOMKilled, o.Verdict)
		require.Equal(t, want, o.Why)
	}
}

// property is something that holds of every piece of evidence: where the premise does, so does the
// conclusion.
type property struct {
	premise    func(Evidence, Verdict) bool
	conclusion func(Evidence, Verdict) bool
}

// byOOM are the verdicts that say that an OOM killer has killed the target.
var byOOM = []Verdict{OOMKilled, OOMGroupKilled, AncestorOOMKilled, HostOOMKilled}

func is(of ...Verdict) func(Evidence, Verdict) bool {
	return func(_ Evidence, v Verdict) bool { return slices.Contains(of, v) }
}

func isNot(of ...Verdict) func(Evidence, Verdict) bool {
	return func(_ Evidence, v Verdict) bool { return !slices.Contains(of, v) }
}

func names(e Evidence) bool {
	return slices.ContainsFunc(e.Kills, func(k OOMKill) bool { return k.PID == e.PID })
}

func sound(e Evidence) bool {
	_, away := e.outside()
	return !away && e.Unread[EventsFile] == "" && e.EventsLocal.OOMKill <= e.Events.OOMKill && e.Status.Signal != UnknownSignal
}

// hitBelow reports whether a limit below the cage was hit.
func hitBelow(e Evidence) bool {
	return slices.ContainsFunc(e.Below, func(b Ancestor) bool { return b.EventsLocal.OOM > 0 })
}

var properties = map[string]property{
	"an OOM kill of the target is a SIGKILL, and a kill in the cage": {is(byOOM...), func(e Evidence, _ Verdict) bool {
		return sound(e) && e.Status.Signal == "SIGKILL" && e.Events.OOMKill > 0 && (e.EventsLocal.OOMKill+e.killsBelow() > 0 || names(e))
	}},
	"a kill by the own limit takes the own oom": {is(OOMKilled, OOMGroupKilled), func(e Evidence, _ Verdict) bool { return e.EventsLocal.OOM > 0 }},
	"a group kill is one that was counted": {is(OOMKilled, OOMGroupKilled), func(e Evidence, v Verdict) bool {
		return (v == OOMGroupKilled) == (e.EventsLocal.OOMGroupKill > 0)
	}},
	"what did not end by SIGKILL was not OOM-killed":  {func(e Evidence, _ Verdict) bool { return e.Status.Signal != "SIGKILL" }, isNot(byOOM...)},
	"a kill that was counted is never passed over":    {func(e Evidence, _ Verdict) bool { return e.Events.OOMKill > 0 }, isNot(Survived, Killed, Exited, RuntimeOOM, Stalled, TimedOut)},
	"without a kill that was counted there was none":  {func(e Evidence, _ Verdict) bool { return e.Events.OOMKill == 0 }, isNot(append(byOOM, ChildOOMKilled)...)},
	"evidence that contradicts itself proves nothing": {func(e Evidence, _ Verdict) bool { return !sound(e) }, is(Inconclusive)},
	"a whole log that names others only spares the target": {func(e Evidence, _ Verdict) bool {
		return e.Unread[KernelLog] == "" && !names(e) && !e.MainThreadEnded && e.Events.OOMGroupKill == 0 && uint64(len(e.Kills))+e.UnplacedKills >= e.Events.OOMKill
	}, isNot(byOOM...)},
	"a SIGKILL of the harness is no OOM kill unless the log says so": {func(e Evidence, _ Verdict) bool { return e.HarnessKilled && !names(e) }, isNot(byOOM...)},
	"a target that cannot be chosen was not, unless the log says so": {func(e Evidence, _ Verdict) bool { return e.OOMScoreAdj == -1000 && !names(e) }, isNot(byOOM...)},
	"an ancestor is blamed for its own oom, or by the log":           {is(AncestorOOMKilled), func(e Evidence, _ Verdict) bool { return e.Ancestors[0].EventsLocal.OOM > 0 || names(e) }},
	"the machine is blamed by the log, or where every limit is acquitted": {is(HostOOMKilled), func(e Evidence, _ Verdict) bool {
		return names(e) && e.Kills[0].Global || e.EventsLocal.OOM == 0 && e.Ancestors[0].EventsLocal.OOM == 0 && !e.AncestorsHidden
	}},
	"a target that lives has survived, stalled, timed out or lost a child": {func(e Evidence, _ Verdict) bool { return !e.Status.Ended }, is(Survived, Stalled, TimedOut, ChildOOMKilled, Inconclusive)},
	"only what lives, or has ended as it was asked to, has survived or run out of time": {is(Survived, Stalled, TimedOut), func(e Evidence, _ Verdict) bool {
		return !e.Status.Ended || e.Stop != nil && (e.Status.Signal == "" || e.Status.Signal == e.Stop.Signal)
	}},
	"what was asked to end has not exited: it was alive until then": {func(e Evidence, _ Verdict) bool { return e.Stop != nil }, isNot(Exited)},
	"a stop takes no kill away": {func(e Evidence, _ Verdict) bool { return e.Stop != nil && e.Events.OOMKill > 0 }, func(e Evidence, v Verdict) bool {
		e.Stop = nil
		return verdictOf(e) == v
	}},
	"a stall has a reason in memory, the cage's or its own": {is(Stalled), func(e Evidence, _ Verdict) bool {
		return slowed(e) != "" || e.EventsLocal.OOM > 0 || e.collecting() != ""
	}},
	"a target that computes is not held up by its collector unless there is one at work": {func(e Evidence, _ Verdict) bool {
		return e.CPU > 0 && e.EventsLocal.OOM == 0 && (e.Collector == nil || e.CPU < 2) && (e.SoftLimit == nil || e.Stat.Anon <= e.SoftLimit.Size)
	}, isNot(Stalled)},
	"what exited has ended without a signal": {is(Exited), func(e Evidence, _ Verdict) bool { return e.Status.Ended && e.Status.Signal == "" }},
	"what gave up by its last words has ended by itself": {is(RuntimeOOM), func(e Evidence, _ Verdict) bool {
		return sound(e) && e.LastWords != nil && e.Status.Ended && e.Status.Signal != "SIGKILL" && (e.Status.Signal != "" || e.Status.Code != 0)
	}},
	"last words say nothing where a kill was counted": {func(e Evidence, _ Verdict) bool { return e.LastWords != nil && e.Events.OOMKill > 0 }, isNot(RuntimeOOM)},
	"what was killed has ended by a signal":           {is(Killed), func(e Evidence, _ Verdict) bool { return e.Status.Signal != "" }},
	"time runs out only for what lives past its time": {is(Stalled, TimedOut), func(e Evidence, _ Verdict) bool { return e.TimedOut }},
	"the own limit's kill is never denied": {func(e Evidence, _ Verdict) bool {
		return sound(e) && e.Status.Signal == "SIGKILL" && e.EventsLocal.OOM > 0 && e.EventsLocal.OOMKill > 0 && names(e) && e.Kills[0].Limit == e.Cage
	}, is(OOMKilled, OOMGroupKilled)},
	"nor where there is no log, unless another SIGKILL or limit is known of": {func(e Evidence, _ Verdict) bool {
		return sound(e) && e.Status.Signal == "SIGKILL" && e.EventsLocal.OOM > 0 && e.Ancestors[0].EventsLocal.OOM == 0 && e.EventsLocal.OOMKill > 0 && e.Unread[KernelLog] != "" && len(e.Kills) == 0 && !e.HarnessKilled && e.OOMScoreAdj == 0 && len(e.DaemonKills) == 0 && !hitBelow(e)
	}, is(OOMKilled, OOMGroupKilled)},
	"of two limits neither is blamed, unless the log says which": {func(e Evidence, _ Verdict) bool {
		return e.EventsLocal.OOM > 0 && e.Ancestors[0].EventsLocal.OOM > 0 && !(names(e) && (e.Kills[0].Limit != "" || e.Kills[0].Global))
	}, isNot(byOOM...)},
	"a target that the log calls killed has ended by SIGKILL": {func(e Evidence, _ Verdict) bool {
		return names(e) && e.Events.OOMKill > 0 && e.Status.Signal != "SIGKILL"
	}, is(Inconclusive)},
	"others' kills that the log places spare the target, lost lines or not": {func(e Evidence, _ Verdict) bool {
		return !names(e) && e.Events.OOMGroupKill == 0 && uint64(len(e.Kills)) >= e.Events.OOMKill
	}, isNot(byOOM...)},
	"the log's word for an ancestor is taken": {func(e Evidence, _ Verdict) bool {
		return sound(e) && e.Status.Signal == "SIGKILL" && e.Events.OOMKill > 0 && names(e) && e.Kills[0].Limit == "/up" && e.Ancestors[0].EventsLocal.OOM > 0
	}, is(AncestorOOMKilled)},
	"a target that left its cage proves nothing of it": {func(e Evidence, _ Verdict) bool { _, away := e.outside(); return away }, is(Inconclusive)},
	"one that came back has not survived it":           {func(e Evidence, _ Verdict) bool { _, was := e.excursion(); return was }, isNot(Survived)},
	"a limit below the cage is never taken for another, unless the log says which": {func(e Evidence, _ Verdict) bool {
		return hitBelow(e) && !(names(e) && (e.Kills[0].Limit != "" || e.Kills[0].Global))
	}, isNot(byOOM...)},
	"what systemd-oomd has killed is no OOM kill of the kernel, unless the log says so": {func(e Evidence, _ Verdict) bool { return len(e.DaemonKills) > 0 && !names(e) }, isNot(byOOM...)},
	"a target that lives at a limit where nobody can be killed is stuck": {func(e Evidence, _ Verdict) bool {
		return sound(e) && !e.Status.Ended && e.TimedOut && e.EventsLocal.OOM > 0 && e.Events.OOMKill == 0
	}, is(Stalled)},
	"a limit that changed changes the sentence, not the verdict": {func(e Evidence, _ Verdict) bool { return len(e.LimitChanges) > 0 }, func(e Evidence, v Verdict) bool {
		e.LimitChanges = nil
		return verdictOf(e) == v
	}},
	"pressure that is not known acquits only where no limit was met": {func(e Evidence, v Verdict) bool { return v == TimedOut && e.Unread[PressureFile] != "" }, func(e Evidence, _ Verdict) bool {
		return !e.metLimit()
	}},
	"the log's word for the machine is taken": {func(e Evidence, _ Verdict) bool {
		return sound(e) && e.Status.Signal == "SIGKILL" && e.Events.OOMKill > 0 && names(e) && e.Kills[0].Global
	}, is(HostOOMKilled)},
}

// circumstances are what a target, or somebody else, may have done to the run. Each is met in turn by the
// combinations: all with all would take too long, and their number has no factor in common with these.
var circumstances = []func(*Evidence){
	func(*Evidence) {},
	func(e *Evidence) { e.Moves = []Move{{1, "/up/cage/pod"}, {2, "/other"}} },
	func(e *Evidence) { e.Moves = []Move{{1, "/other"}, {2, "/up/cage"}} },
	func(e *Evidence) {
		e.Moves, e.Below = []Move{{1, "/up/cage/pod"}}, []Ancestor{{Path: "/up/cage/pod", EventsLocal: Events{OOMKill: 1}}}
	},
	func(e *Evidence) {
		e.Moves, e.Below = []Move{{1, "/up/cage/pod"}}, []Ancestor{{Path: "/up/cage/pod", Max: 5, EventsLocal: Events{OOM: 1, OOMKill: 1}}}
	},
	func(e *Evidence) {
		e.Moves, e.Unread[EventsOf("/up/cage/pod")] = []Move{{1, "/up/cage/pod"}}, "no such file"
	},
	func(e *Evidence) { e.DaemonKills = []DaemonKill{{"systemd-oomd", "/up", 1, 3}} },
	func(e *Evidence) { e.MainThreadEnded = true },
	func(e *Evidence) {
		e.LimitChanges = []LimitChange{{1, "/up/cage", "memory.max", 5, Unlimited, false}, {2, "/up", "memory.max", 5, 0, false}, {3, "/up/cage", "memory.max", Unlimited, 3, true}}
	},
	func(e *Evidence) { e.LastWords = &RuntimeEnd{"Go", "fatal error: out of memory"} },
	func(e *Evidence) { e.LastWords = &RuntimeEnd{"", "Out of memory"} },
	func(e *Evidence) { e.Took, e.CPU, e.Collector = 10, 9, &Collector{"JVM", 8, 9} },
	func(e *Evidence) { e.Took, e.CPU, e.Collector = 10, 1, &Collector{"JVM", 8, 9} },
	func(e *Evidence) {
		e.Took, e.CPU, e.Stat.Anon, e.SoftLimit, e.Pace = 10, 9, 5, &SoftLimit{"GOMEMLIMIT", 4}, &Pace{1, 9}
	},
	func(e *Evidence) {
		e.Took, e.CPU, e.Stat.Anon, e.SoftLimit, e.Pace = 10, 9, 4, &SoftLimit{"GOMEMLIMIT", 4}, &Pace{1, 9}
	},
	func(e *Evidence) { e.Stop = &Stopped{Stop: Stop{Signal: "SIGTERM", Grace: 5}, Took: 1} },
	func(e *Evidence) { e.Stop = &Stopped{Stop: Stop{Signal: "SIGINT", Grace: 5}, Took: 1} },
	func(e *Evidence) { e.Unread[PressureFile] = "switched off" },
	func(e *Evidence) { e.Unread[PressureFile], e.Events.Max = "switched off", 3 },
}

// eachEvidence goes through every combination of a few values of all that a verdict rests on.
func eachEvidence(yield func(Evidence)) {
	n := 0
	statuses := []ExitStatus{{}, exit(0), exit(137), sigterm, sigkill, {Ended: true, Code: -1, Signal: UnknownSignal}}
	logs := []struct {
		kills    []OOMKill
		unplaced uint64
		err      string
	}{
		{}, {err: "permission denied"}, {unplaced: 1}, {kills: []OOMKill{{PID: 12, Group: "/up/cage", Limit: "/up/cage"}}},
		{kills: []OOMKill{{PID: 7, Group: "/up/cage", Limit: "/up/cage"}}}, {kills: []OOMKill{{PID: 7}}}, {kills: []OOMKill{{PID: 7, Group: "/up/cage", Limit: "/up"}}},
		{kills: []OOMKill{{PID: 7, Global: true}}}, {kills: []OOMKill{{PID: 12, Group: "/up/cage"}}, err: "overrun"},
	}
	// A bit is one of two values.
	const bits = 7
	for _, status := range statuses {
		for _, log := range logs {
			for kills := range 9 { // own ones, and those of all
				for bit := range 1 << bits {
					set := func(n int) uint64 { return uint64(bit >> n & 1) }
					e := Evidence{
						Status: status, Ready: true, PID: 7, Cage: "/up/cage", Kills: log.kills, UnplacedKills: log.unplaced,
						EventsLocal:   Events{OOM: set(0), OOMKill: uint64(kills % 3), OOMGroupKill: set(1)},
						Events:        Events{OOM: set(0), OOMKill: uint64(kills / 3), OOMGroupKill: set(1)},
						Ancestors:     []Ancestor{{Path: "/up", EventsLocal: Events{OOM: set(2)}}},
						HarnessKilled: set(3) == 1 && status.Signal == "SIGKILL", TimedOut: set(4) == 1,
						AncestorsHidden: set(5) == 1, OOMScoreAdj: -1000 * int(set(5)), Unread: map[Source]string{},
					}
					if set(6) == 1 {
						e.Unread[EventsFile] = "no such device"
					}
					if log.err != "" {
						e.Unread[KernelLog] = log.err
					}
					circumstances[n%len(circumstances)](&e)
					n++
					yield(e)
				}
			}
		}
	}
}

func TestNoEvidenceMakesAVerdictLie(t *testing.T) {
	met := map[string]int{}
	eachEvidence(func(e Evidence) {
		v, why := Classify(e)
		if why == "" || strings.HasSuffix(why, ".") || !slices.Contains(Verdicts(), v) {
			t.Fatalf("%s: %q is no reason: %s", v, why, asJSON(t, e))
		}
		for name, p := range properties {
			if !p.premise(e, v) {
				continue
			}
			met[name]++
			if !p.conclusion(e, v) {
				t.Fatalf("%s: but %s: %s: %s", name, v, why, asJSON(t, e))
			}
		}
	})
	for name := range properties {
		require.Positive(t, met[name], "%s: nothing is like that", name)
	}
}

func asJSON(t *testing.T, e any) string {
	t.Helper()
	data, err := json.MarshalIndent(e, "", " ")
	require.NoError(t, err)
	return string(data)
}
