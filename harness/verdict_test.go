package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

var (
	sigkill = Status{Ended: true, Code: -1, Signal: "SIGKILL"}
	sigterm = Status{Ended: true, Code: -1, Signal: "SIGTERM"}
)

func exit(code int) Status { return Status{Ended: true, Code: code} }

func TestClassify(t *testing.T) {
	ownKill := Events{Max: 24, OOM: 1, OOMKill: 1}
	fromAbove := Events{OOMKill: 1}
	above := func(local Events) []Ancestor {
		return []Ancestor{{Path: "/oomcage/run-1"}, {Path: "/oomcage", EventsLocal: local}}
	}
	for _, c := range []struct {
		name string
		e    Evidence
		want Verdict
		why  string
	}{
		{"alive after its load", Evidence{Ready: true, Peak: 5, Limits: Limits{Max: 9}}, Survived, "5 of 9 bytes"},
		{"alive and reclaimed, but not out of time", Evidence{Ready: true, Events: Events{High: 9, Max: 3}}, Survived, "alive"},
		{"killed at its own limit", Evidence{Status: sigkill, Ready: true, Events: ownKill, EventsLocal: ownKill, Peak: 8, Limits: Limits{Max: 8}}, OOMKilled, "8 of 8 bytes"},
		{"killed before it was ready", Evidence{Status: sigkill, Events: ownKill, EventsLocal: ownKill}, OOMKilled, "before it was ready"},
		{"killed with its group", Evidence{Status: sigkill, Events: Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}, EventsLocal: Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}}, OOMGroupKilled, "memory.oom.group"},
		{"its child was killed, it lives", Evidence{Ready: true, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "the target lives"},
		{"its child was killed, it lives past its time", Evidence{Ready: true, TimedOut: true, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "the target lives"},
		{"its child was killed, then it gave up", Evidence{Status: exit(1), Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "exit code 1"},
		{"its child was killed, then it was terminated", Evidence{Status: sigterm, Events: ownKill, EventsLocal: ownKill}, ChildOOMKilled, "SIGTERM"},
		{"a kill in a cgroup below, and SIGKILL from elsewhere", Evidence{Status: sigkill, Events: ownKill}, ChildOOMKilled, "below the cage"},
		{"a limit above", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{OOM: 1})}, AncestorOOMKilled, "limit of /oomcage "},
		{"no limit at all", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Ancestors: above(Events{})}, HostOOMKilled, "whole machine"},
		{"no limit that can be seen", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, AncestorsHidden: true}, Inconclusive, "namespace"},
		{"limits above that cannot be read", Evidence{Status: sigkill, Events: fromAbove, EventsLocal: fromAbove, Unread: map[string]string{"/sys/fs/cgroup/oomcage/memory.events.local": "gone"}}, Inconclusive, "gone"},
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
		{"never ready", Evidence{TimedOut: true}, TimedOut, "time was up"},
		{"never ready, and the probe gave up", Evidence{}, Inconclusive, "never became ready"},
		{"out of memory and nobody killed", Evidence{Ready: true, Events: Events{OOM: 2}, EventsLocal: Events{OOM: 2}}, Inconclusive, "nothing was killed"},
		{"unreadable counters", Evidence{Status: sigkill, Unread: map[string]string{"memory.events": "no such file"}}, Inconclusive, "no such file"},
		{"a time-out without its statistics", Evidence{Ready: true, TimedOut: true, Unread: map[string]string{"memory.stat": "too many open files"}}, Inconclusive, "too many open files"},
		{"an end that nobody has seen", Evidence{Status: statusOf(nil)}, Inconclusive, "wait status"},
		{"counters that contradict each other", Evidence{Status: sigkill, EventsLocal: ownKill}, Inconclusive, "which includes them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, why := judge(c.e)
			assert.Equal(t, c.want, got)
			assert.Contains(t, why, c.why)
			assert.Equal(t, got, Classify(c.e))
		})
	}
}
