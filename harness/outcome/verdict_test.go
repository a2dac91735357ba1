package outcome

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	sigkill = ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	sigterm = ExitStatus{Ended: true, Code: -1, Signal: "SIGTERM"}
)

func exit(code int) ExitStatus { return ExitStatus{Ended: true, Code: code} }

func verdictOf(e Evidence) Verdict {
	v, _ := Classify(e)
	return v
}

func killedOutcome(name string) *Outcome {
	kill := Events{OOM: 1, OOMKill: 1}
	o := &Outcome{
		Name: name, Acknowledged: 4, Attempted: 5, Predicted: &Prediction{4, 4},
		Evidence: Evidence{Status: sigkill, Ready: true, Events: kill, EventsLocal: kill, Peak: 77, Limits: Limits{Max: 99999744}},
	}
	o.Verdict, o.Why = o.Judge()
	return o
}

func TestClassify(t *testing.T) {
	ownKill := Events{Max: 24, OOM: 1, OOMKill: 1}
	fromAbove := Events{OOMKill: 1}
	above := func(local Events) []Ancestor {
		return []Ancestor{{Path: "/oomcage/run-1"}, {Path: "/oomcage", EventsLocal: local}}
	}
	logged := func(pid int, limit string) OOMKill {
		return OOMKill{PID: pid, Name: "app", Limit: limit, Group: "/cage"}
	}
	killed := func(log ...OOMKill) Evidence {
		n := uint64(len(log))
		return Evidence{Status: sigkill, Ready: true, PID: 7, Cage: "/cage", Events: Events{OOM: n, OOMKill: n}, EventsLocal: Events{OOM: n, OOMKill: n}, Kills: log}
	}
	hidden := func(log OOMKill) Evidence {
		return Evidence{Status: sigkill, PID: 7, Cage: "/cage", Events: fromAbove, EventsLocal: fromAbove, AncestorsHidden: true, Kills: []OOMKill{log}}
	}
	for _, c := range []struct {
		name string
		e    Evidence
		want Verdict
		why  string
	}{
		{"alive after its load", Evidence{Ready: true, Peak: 5, Limits: Limits{Max: 9}}, Survived, "5 of 9 B"},
		{"alive and reclaimed, but not out of time", Evidence{Ready: true, Events: Events{High: 9, Max: 3}}, Survived, "alive"},
		{"killed at its own limit", Evidence{Status: sigkill, Ready: true, Events: ownKill, EventsLocal: ownKill, Peak: 8, Limits: Limits{Max: 8}}, OOMKilled, "8 of 8 B"},
		{"killed before it was ready", Evidence{Status: sigkill, Events: ownKill, EventsLocal: ownKill}, OOMKilled, "before it was ready"},
		{"killed with its group", Evidence{Status: sigkill, Events: Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}}, OOMGroupKilled, "memory.oom.group"},
		{"its child was killed, it lives", Evidence{Ready: true, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "the target lives"},
		{"two children were killed, it lives", Evidence{Ready: true, Events: Events{OOM: 2, OOMKill: 2}, EventsLocal: Events{OOM: 2, OOMKill: 2}}, ChildOOMKilled, "2 processes inside were killed"},
		{"its child was killed, it lives past its time", Evidence{Ready: true, TimedOut: true, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "the target lives"},
		{"its child was killed, then it gave up", Evidence{Status: exit(1), Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "exit code 1"},
		{"its child was killed, then it was terminated", Evidence{Status: sigterm, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "SIGTERM"},
		{"a kill in a cgroup below, and SIGKILL from elsewhere", Evidence{Status: sigkill, Events: ownKill}, ChildOOMKilled, "below the cage"},
		{"a limit above", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{OOM: 1})}, AncestorOOMKilled, "limit of /oomcage "},
		{"no limit at all", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{})}, HostOOMKilled, "whole machine"},
		{"no limit that can be seen", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, AncestorsHidden: true}, Inconclusive, "namespace"},
		{"limits above that cannot be read", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Unread: map[Source]string{"/sys/fs/cgroup/oomcage/memory.events.local": "gone"}}, Inconclusive, "gone"},
		{"SIGKILL from outside", Evidence{Status: sigkill, Ready: true}, Killed, "oom_kill did not rise"},
		{"SIGKILL from outside, at the limit", Evidence{Status: sigkill, Ready: true, Events: Events{Max: 100}, EventsLocal: Events{Max: 100}}, Killed, "oom_kill did not rise"},
		{"SIGTERM", Evidence{Status: sigterm}, Killed, "SIGTERM"},
		{"exit 0", Evidence{Status: exit(0), Ready: true}, Exited, "exit code 0"},
		{"exit 137 proves nothing", Evidence{Status: exit(137), Ready: true}, Exited, "exit code 137"},
		{"Go's own out of memory", Evidence{Status: exit(2), Ready: true, Events: Events{Max: 7}, EventsLocal: Events{Max: 7}}, Exited, "exit code 2"},
		{"throttled", Evidence{Ready: true, TimedOut: true, Events: Events{High: 85}}, Stalled, "memory.high 85 times"},
		{"under pressure", Evidence{Ready: true, TimedOut: true, Pressure: Pressure{Some: 1}}, Stalled, "pressure"},
		{"thrashing", Evidence{Ready: true, TimedOut: true, Refaults: 4}, Stalled, "4 pages"},
		{"out of time for another reason", Evidence{Ready: true, TimedOut: true}, TimedOut, "memory was not the cause"},
		{"never ready", Evidence{TimedOut: true}, TimedOut, "time was up, never ready"},
		{"never ready for want of memory", Evidence{TimedOut: true, Refaults: 1}, Stalled, "time was up, never ready, and memory"},
		{"terminated before it was ready", Evidence{Status: sigterm}, Killed, "before it was ready"},
		{"no step was taken", Evidence{Ready: true, Unloaded: true}, Inconclusive, "nothing was loaded"},
		{"no step was taken in time", Evidence{Ready: true, Unloaded: true, TimedOut: true}, TimedOut, "time was up;"},
		{"another one answered", Evidence{Ready: true, OtherListener: "sshd[1], which is not in the cage"}, Inconclusive, "sshd[1], which is not in the cage listened"},
		{"no descriptor was left to send a step", Evidence{Ready: true, Unsent: "dial tcp: socket: too many open files"}, Inconclusive, "for want of what the harness needs, not for the target's: dial tcp: socket: too many open files"},
		{"none was left, and the target was killed", Evidence{Status: sigkill, Ready: true, Unsent: "too many open files", Events: Events{OOM: 1, OOMKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 1}}, OOMKilled, ""},
		{"another one answered in the end", Evidence{Ready: true, TimedOut: true, OtherListener: "sshd[1]"}, Inconclusive, "sshd[1]"},
		{"a daemon that forked away", Evidence{Status: exit(0), LeftRunning: []string{"redis[9]"}}, Exited, "before it was ready, while redis[9] ran on in the cage"},
		{"many of them", Evidence{Status: exit(0), Ready: true, LeftRunning: []string{"a", "b", "c", "d", "e"}}, Exited, "a, b, c and 2 more"},
		{"never ready, and the probe gave up", Evidence{}, Inconclusive, "never became ready"},
		{"out of memory and nobody killed", Evidence{Ready: true, Events: Events{OOM: 2}, EventsLocal: Events{OOM: 2}}, Inconclusive, "nothing was killed"},
		{"unreadable counters", Evidence{Status: sigkill, Unread: map[Source]string{EventsFile: "no such file"}}, Inconclusive, "no such file"},
		{"a time-out without its statistics", Evidence{Ready: true, TimedOut: true, Unread: map[Source]string{StatFile: "too many open files"}}, Inconclusive, "too many open files"},
		{"an end that nobody has seen", Evidence{Status: ExitStatus{Ended: true, Code: -1, Signal: UnknownSignal}}, Inconclusive, "wait status"},
		{"counters that contradict each other", Evidence{Status: sigkill, EventsLocal: ownKill}, Inconclusive, "which includes them"},
		{"its child was killed, then SIGKILL from elsewhere, by the log", killed(logged(12, "/cage")), ChildOOMKilled, "another SIGKILL"},
		{"killed by its own limit, by the log", killed(logged(7, "/cage")), OOMKilled, "its own limit"},
		{"a limit above that a namespace hides, by the log", hidden(logged(7, "/machine/container")), AncestorOOMKilled, "limit of /machine/container"},
		{"a whole machine that a namespace hides, by the log", hidden(OOMKill{PID: 7, Global: true}), HostOOMKilled, "whole machine"},
		{"the log's limit was rate-limited away", killed(OOMKill{PID: 7}), OOMKilled, "its own limit"},
		{"a child at the cage's limit, and then itself by one above", killed(logged(12, "/cage"), logged(7, "/up")), AncestorOOMKilled, "limit of /up"},
		{"the log against the cage's counter", hidden(logged(7, "/cage")), Inconclusive, "its own counter oom did not rise"},
		{"the log against a counter above", Evidence{Status: sigkill, PID: 7, Cage: "/oomcage/c", Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{}), Kills: []OOMKill{logged(7, "/oomcage")}}, Inconclusive, "its own counter oom did not rise"},
		{"a limit of the target's own making", killed(logged(7, "/cage/below")), Inconclusive, "below the cage"},
		{"SIGKILL by the harness", Evidence{Status: sigkill, HarnessKilled: true}, Killed, "through the harness"},
		{"SIGKILL by the harness after a child's kill, and no log", Evidence{Status: sigkill, HarnessKilled: true, Events: ownKill, EventsLocal: ownKill}, Inconclusive, "does not say which"},
		{"SIGKILL by the harness too late", func() Evidence { e := killed(logged(7, "/cage")); e.HarnessKilled = true; return e }(), OOMKilled, "its own limit"},
		{"a log that lost lines, but not a child's kill", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.Unread = map[Source]string{KernelLog: "overrun"}
			return e
		}(), ChildOOMKilled, "another SIGKILL"},
		{"a log of another PID namespace proves nothing", func() Evidence { e := killed(logged(12, "/cage")); e.PID = 0; return e }(), OOMKilled, "its own limit"},
		{"a group kill that the log tells of by another thread's id", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.Events.OOMGroupKill, e.EventsLocal.OOMGroupKill = 1, 1
			return e
		}(), OOMGroupKilled, "memory.oom.group"},
		{"killed with all below a cage above", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{OOM: 1, OOMGroupKill: 1})}, AncestorOOMKilled, "together with all below it"},
		{"not in its cage any more", Evidence{Ready: true, Cage: "/cage", Moves: []Move{{5, "/other"}}}, Inconclusive, "but in /other, first seen outside after"},
		{"killed where it moved to", Evidence{Status: sigkill, Cage: "/cage", Moves: []Move{{5, "/cage2"}}}, Inconclusive, "in /cage2"},
		{"back in its cage", Evidence{Ready: true, Cage: "/cage", Moves: []Move{{5, "/other"}, {6, "/cage"}}}, Inconclusive, "not all of the time"},
		{"stuck at its limit", Evidence{Ready: true, TimedOut: true, OOMScoreAdj: -1000, EventsLocal: Events{OOM: 300}, Events: Events{OOM: 300}}, Stalled, "oom_score_adj -1000"},
		{"stuck at its limit for another reason", Evidence{Ready: true, TimedOut: true, EventsLocal: Events{OOM: 300}, Events: Events{OOM: 300}}, Stalled, "nothing was killed"},
		{"out of time without PSI, far from any limit", Evidence{TimedOut: true, Unread: map[Source]string{PressureFile: "switched off"}}, TimedOut, "pressure is unknown: switched off"},
		{"out of time without PSI, at its limit", Evidence{TimedOut: true, Events: Events{Max: 3}, Unread: map[Source]string{PressureFile: "switched off"}}, Inconclusive, "unknown"},
		{"out of time without PSI, at a limit above", Evidence{TimedOut: true, Ancestors: above(Events{Max: 3}), Unread: map[Source]string{PressureFile: "switched off"}}, Inconclusive, "unknown"},
		{"killed by systemd-oomd", Evidence{Status: sigkill, DaemonKills: []DaemonKill{{"systemd-oomd", "/cage", 1, 3}}}, Killed, "systemd-oomd chose /cage and killed 3 processes there"},
		{"killed by systemd-oomd, which has not counted yet", Evidence{Status: sigkill, DaemonKills: []DaemonKill{{"systemd-oomd", "/cage", 1, 0}}}, Killed, "systemd-oomd chose /cage,"},
		{"ended by SIGTERM where systemd-oomd has killed others", Evidence{Status: sigterm, DaemonKills: []DaemonKill{{"systemd-oomd", "/cage", 1, 3}}}, Killed, "ended by SIGTERM, and no kernel OOM killer"},
		{"killed by systemd-oomd after a child, by the log", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.DaemonKills = []DaemonKill{{"systemd-oomd", "/cage", 1, 3}}
			return e
		}(), ChildOOMKilled, "another SIGKILL: systemd-oomd"},
		{"its child was killed, and systemd-oomd killed, and no log", Evidence{Status: sigkill, Events: ownKill, EventsLocal: ownKill, DaemonKills: []DaemonKill{{"oomd", "/", 1, 3}}}, Inconclusive, "oomd chose /"},
		{"killed by the cage's limit below it, without a log", Evidence{Status: sigkill, Cage: "/cage", Events: ownKill, EventsLocal: Events{OOM: 1}, Moves: []Move{{1, "/cage/pod"}},
			Below: []Ancestor{{Path: "/cage/pod", EventsLocal: fromAbove}}}, OOMKilled, "its own limit"},
		{"killed by a limit of its own making, without a log", Evidence{Status: sigkill, Cage: "/cage", Events: ownKill, Moves: []Move{{1, "/cage/pod"}},
			Below: []Ancestor{{Path: "/cage/pod", Max: 5, EventsLocal: ownKill}}}, Inconclusive, "limit of /cage/pod (memory.max 5 B), which is below"},
		{"killed while both were hit, without a log", Evidence{Status: sigkill, Cage: "/cage", Events: ownKill, EventsLocal: Events{OOM: 1}, Moves: []Move{{1, "/cage/pod"}},
			Below: []Ancestor{{Path: "/cage/pod", Max: 5, EventsLocal: ownKill}}}, Inconclusive, "does not say which"},
		{"killed in a cgroup that is gone", Evidence{Status: sigkill, Cage: "/cage", Events: ownKill, EventsLocal: Events{OOM: 1}, Moves: []Move{{1, "/cage/pod"}},
			Unread: map[Source]string{"/cage/pod/memory.events.local": "no such file"}}, Inconclusive, "no such file"},
		{"another of its cgroups had the kill", Evidence{Status: sigkill, Cage: "/cage", Events: ownKill, EventsLocal: Events{OOM: 1}, Moves: []Move{{1, "/cage/pod"}},
			Below: []Ancestor{{Path: "/cage/pod"}}}, ChildOOMKilled, "below the cage"},
		{"a victim with the target's memory", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.Kills[0].SharedWith = []int{7}
			return e
		}(), OOMKilled, "together with app[12], which has the same memory"},
		{"a victim with the target's figures, and the target lives", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.Kills[0].SharedWith, e.Status = []int{7}, ExitStatus{}
			return e
		}(), ChildOOMKilled, "the target lives"},
		{"a victim with the target's memory, and SIGKILL by the harness", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.Kills[0].SharedWith, e.HarnessKilled = []int{7}, true
			return e
		}(), Inconclusive, "harness had sent"},
		{"a thread that the log does not place", func() Evidence {
			e := killed(OOMKill{PID: 7})
			e.Kills, e.UnplacedKills, e.MainThreadEnded = nil, 1, true
			return e
		}(), OOMKilled, "its own limit"},
		{"a child's kill, where the main thread had ended", func() Evidence {
			e := killed(logged(12, "/cage"))
			e.MainThreadEnded = true
			return e
		}(), ChildOOMKilled, "another SIGKILL"},
		{"a target that gave up its -1000, without a log", Evidence{Status: sigkill, OOMScoreAdj: -1000, OOMScoreAdjAtEnd: new(int), Events: ownKill, EventsLocal: ownKill}, OOMKilled, "its own limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, why := Classify(c.e)
			assert.Equal(t, c.want, got)
			assert.Contains(t, why, c.why)
		})
	}
}

func TestTheSentenceNamesTheVictims(t *testing.T) {
	app := OOMKill{PID: 132, Name: "app", Anon: 96700000}
	for want, kills := range map[string][]OOMKill{
		"":                                 nil,
		"; victim app[132], anon 92.2 MiB": {app},
		"; victims app[132], anon 92.2 MiB; sh[2], anon 0 B": {app, {PID: 2, Name: "sh"}},
		"sh[3], anon 0 B; and 2 more":                        {app, app, {PID: 2, Name: "sh"}, {PID: 3, Name: "sh"}, {PID: 4}, {PID: 5}},
	} {
		o := Outcome{Evidence: Evidence{Kills: kills}}
		o.Verdict, o.Why = o.Judge()
		require.True(t, strings.HasSuffix(o.Why, want), o.Why)
	}
}

// The kernel counts a process again that a group kill finds while it dies.
func TestTheVictimsOfAGroupKillAreNotNumbered(t *testing.T) {
	group := Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}
	_, why := Classify(Evidence{Ready: true, Events: group, EventsLocal: group})
	require.Equal(t, "processes inside were killed by an OOM killer; the target lives", why)
}
