package outcome

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAWatchedTargetIsJudgedByWhatIsKnownOfIt(t *testing.T) {
	one, kill := Events{OOM: 1, OOMKill: 1}, Events{OOMKill: 1}
	closed := map[Source]string{KernelLog: "permission denied"}
	mine := func(limit string) []OOMKill {
		return []OOMKill{{PID: 7, Name: "web", Group: "/s/web", Limit: limit}}
	}
	type change func(*Evidence)
	final := func(e *Evidence) { e.Watched.Final = true }
	gone := func(e *Evidence) { e.Watched.Removed, e.Watched.ReadAt = true, time.Second }
	above := func(c CountedAbove) change {
		return func(e *Evidence) { c.Path = "/s"; e.Watched.Above = &c }
	}
	ownCounted := above(CountedAbove{Events: Events{OOM: 3, OOMKill: 3}, Beside: Events{OOM: 2, OOMKill: 2}})
	log := func(k ...OOMKill) change { return func(e *Evidence) { e.Kills = k } }
	counted := func(events, local Events) change {
		return func(e *Evidence) { e.Events, e.EventsLocal = events, local }
	}
	noLog := func(e *Evidence) { e.Unread = closed }
	groupAbove := above(CountedAbove{Events: Events{OOM: 1, OOMKill: 1, OOMGroupKill: 1}})
	group := func(e *Evidence) { e.Limits.OOMGroup = true }
	several := func(e *Evidence) { e.Watched.Most = 3 }
	ended := func(s ExitStatus) change { return func(e *Evidence) { e.Status = s } }
	aboveHit := func(e *Evidence) { e.Ancestors = []Ancestor{{Path: "/s", Max: MiB, EventsLocal: Events{OOM: 1}}} }
	helperLives := func(e *Evidence) { e.Watched.Ended = false }
	lives := func(e *Evidence) { e.Watched.Ended, e.Status = false, ExitStatus{} }
	moved := func(e *Evidence) { e.Watched.Moved, e.Status = "/elsewhere", ExitStatus{} }
	endedThere := func(e *Evidence) {
		e.Watched.Moved, e.Status = "/elsewhere", ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	}
	for name, c := range map[string]struct {
		what []change
		want Verdict
		why  string
	}{
		"it was moved, and killed there":       {[]change{final, endedThere}, Inconclusive, "web[7] was moved to /elsewhere, and ended there with SIGKILL: what is counted there was not watched"},
		"it was moved":                         {[]change{final, moved}, Inconclusive, "web[7] lives, and was moved to /elsewhere: what is counted there was not watched"},
		"it was moved, and others were killed": {[]change{final, moved, counted(one, one)}, ChildOOMKilled, "a process inside was killed by an OOM killer; web[7] lives, and was moved to /elsewhere"},
		"it lives":                             {[]change{final, lives}, Survived, "alive when the watch ended: 60.0 of 64.0 MiB"},
		"it lives, and a part was killed":      {[]change{final, lives, counted(one, one)}, ChildOOMKilled, "a process inside was killed by an OOM killer; it lives"},
		"it lives, and none can be killed": {[]change{final, lives, counted(Events{OOM: 9}, Events{OOM: 9})}, Inconclusive,
			"it ran out of memory (oom 9), and nothing was killed"},
		"it ended":                    {[]change{final}, Exited, "ended; how is not known, but that no kernel OOM killer had a part in it: oom_kill did not rise"},
		"it ended with a code":        {[]change{final, ended(exit(3))}, Exited, "ended by itself with exit code 3"},
		"it was killed by a stranger": {[]change{final, ended(sigkill)}, Killed, "ended by SIGKILL, and no kernel OOM killer had a part in it: oom_kill did not rise"},
		"it was killed":               {[]change{final, counted(one, one), log(mine("/s/web")...)}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"it was killed, no log":       {[]change{final, counted(one, one), noLog}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"one of several, no log": {[]change{final, counted(one, one), noLog, several}, Inconclusive,
			"an OOM killer has killed a process in it, there were up to 3, and which it was is not known: the kernel log could not be read: permission denied"},
		"one of several, no log, and how the main one ended is known": {[]change{final, counted(one, one), noLog, several, ended(exit(137))}, ChildOOMKilled,
			"a process inside was killed by an OOM killer, and web[7] ended with exit code 137"},
		"one of several, no log, and the main one was killed": {[]change{final, counted(one, one), noLog, several, ended(sigkill)}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"all of several, no log": {[]change{final, several, noLog, counted(Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}, Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1})}, OOMGroupKilled,
			"killed by its own limit together with all of the cage (memory.oom.group): 60.0 of 64.0 MiB"},
		"all of it was killed, and gone before the kernel had counted that, no log": {[]change{final, several, noLog, counted(one, one), group}, OOMGroupKilled,
			"killed by its own limit together with all of the cage (memory.oom.group): 60.0 of 64.0 MiB"},
		"gone, the kill was counted, and no log: by the limit above": {[]change{gone, noLog, aboveHit, counted(kill, kill)}, AncestorOOMKilled,
			"killed by the limit of /s (memory.max 1.0 MiB), not by its own"},
		"gone, a kill was counted, there were several, and no log": {[]change{gone, noLog, aboveHit, several, ended(sigkill), counted(kill, kill)}, Inconclusive,
			"killed by an OOM killer, and whose limit it was is not known: its cgroup was gone before its counters were read again, and no cgroup above it counts what is below; the kernel log could not be read: permission denied"},
		"gone between its own oom and the kill, no log, and counted above": {[]change{gone, noLog, group, groupAbove, counted(Events{OOM: 1}, Events{OOM: 1})}, OOMGroupKilled,
			"killed by its own limit together with all of the cage (memory.oom.group): 60.0 of 64.0 MiB"},
		"gone before its own oom, no log, and counted above": {[]change{gone, noLog, group, groupAbove}, OOMGroupKilled,
			"killed by its own limit, or by that of a cgroup that is a part of it, with all that is in there (memory.oom.group): 60.0 of 64.0 MiB"},
		"a part of it was killed as a group": {[]change{final, noLog, counted(Events{OOM: 1, OOMKill: 1}, Events{}), group}, OOMKilled,
			"killed by the limit of a cgroup that is a part of it"},
		"its group was made none on the way, no log": {[]change{final, noLog, counted(one, one), group, func(e *Evidence) {
			e.LimitChanges = []LimitChange{{At: time.Second, Group: e.Cage, File: "memory.oom.group", From: 1}}
		}}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"another of several": {[]change{final, several, counted(one, one), log(OOMKill{PID: 9, Name: "job", Group: "/s/web", Limit: "/s/web"})}, ChildOOMKilled,
			"a process inside was killed by an OOM killer, which the kernel log names; web[7] ended as well, how is not known"},
		"by a limit above, no log": {[]change{final, noLog, counted(kill, kill), func(e *Evidence) { e.Ancestors = []Ancestor{{Path: "/s", Max: MiB, EventsLocal: Events{OOM: 1}}} }}, AncestorOOMKilled,
			"killed by the limit of /s (memory.max 1.0 MiB), not by its own"},
		"by a limit below": {[]change{final, counted(Events{OOM: 1, OOMKill: 1}, Events{}), log(OOMKill{PID: 7, Name: "web", Group: "/s/web/a", Limit: "/s/web/a"})}, OOMKilled,
			"killed by the limit of /s/web/a, which is a part of it"},
		"by a limit below, no log": {[]change{final, noLog, counted(one, kill)}, OOMKilled, "killed by the limit of a cgroup that is a part of it"},
		"by its own or a limit below, no log": {[]change{final, noLog, counted(Events{OOM: 2, OOMKill: 1}, one)}, OOMKilled,
			"killed by its own limit, or by that of a cgroup that is a part of it: 60.0 of 64.0 MiB"},
		"by a limit below or above, no log": {[]change{final, noLog, counted(one, kill), aboveHit}, Inconclusive,
			"killed by an OOM killer while both a limit of its own or of a part of it and that of /s (memory.max 1.0 MiB) were hit; the kernel log could not be read: permission denied"},
		"the main one was killed, and a helper lives": {[]change{final, helperLives, several, counted(one, one), log(mine("/s/web")...)}, OOMKilled,
			"killed by its own limit: 60.0 of 64.0 MiB; others in it lived when the watch ended"},
		"the main one or a helper was killed, and one lives": {[]change{final, helperLives, several, noLog, counted(one, one)}, Inconclusive,
			"an OOM killer has killed a process in it, there were up to 3, and which it was is not known: the kernel log could not be read: permission denied; others in it lived when the watch ended"},
		"the main one was killed by a stranger, and a helper lives": {[]change{final, helperLives, several, ended(sigkill)}, Killed,
			"ended by SIGKILL, and no kernel OOM killer had a part in it: oom_kill did not rise; others in it lived when the watch ended"},
		"the main one ended by itself, and a helper lives": {[]change{final, helperLives, several, ended(exit(0))}, Survived, "alive when the watch ended: 60.0 of 64.0 MiB"},
		"gone, and the log has it":                         {[]change{gone, log(mine("/s/web")...)}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"gone, and all of it was killed": {[]change{gone, log(mine("/s/web")...), group}, OOMGroupKilled,
			"killed by its own limit together with all of the cage (memory.oom.group): 60.0 of 64.0 MiB"},
		"gone, and the log has a limit above it": {[]change{gone, log(mine("/s")...)}, AncestorOOMKilled, "killed by the limit of /s, not by its own"},
		"gone, and it was the machine":           {[]change{gone, log(OOMKill{PID: 7, Name: "web", Group: "/s/web", Global: true})}, HostOOMKilled, "killed because the whole machine was out of memory"},
		"gone, and the log has no place for it": {[]change{gone, log(OOMKill{PID: 7, Name: "web"})}, Inconclusive,
			"killed by an OOM killer, and whose limit it was is not known: its cgroup was gone before its counters were read again, and no cgroup above it counts what is below; the kernel log does not say it"},
		"gone, and the log has none": {[]change{gone}, Exited,
			"ended; how is not known, but that no kernel OOM killer had a part in it: its cgroup was gone before its counters were read again, and the kernel log has none"},
		"gone, no log, and counted above": {[]change{gone, noLog, ownCounted}, OOMKilled, "killed by its own limit, or by that of a cgroup that is a part of it: 60.0 of 64.0 MiB"},
		"gone, no log, and not counted above": {[]change{gone, noLog, above(CountedAbove{Events: one, Beside: one})}, Exited,
			"ended; how is not known, but that no kernel OOM killer had a part in it: its cgroup was gone before its counters were read again, and those of /s have none that is not accounted for"},
		"gone, no log, and one beside it too": {[]change{gone, noLog, above(CountedAbove{Events: one, Gone: 1})}, Inconclusive,
			"ended, and its cgroup was gone before its counters were read again (last after 1.0 s), the kernel log is not known (permission denied), and /s counts for it and others beside it, of which 1 were removed as well"},
		"gone, no log, nothing above": {[]change{gone, noLog}, Inconclusive,
			"ended, and its cgroup was gone before its counters were read again (last after 1.0 s), the kernel log is not known (permission denied), and no cgroup above it counts what is below"},
		"gone, no log, and those above contradict": {[]change{gone, noLog, above(CountedAbove{Events: one, Beside: Events{OOM: 2}})}, Inconclusive,
			"ended, and its cgroup was gone before its counters were read again (last after 1.0 s), the kernel log is not known (permission denied), and the counters of /s and those below it contradict each other"},
		"nobody in it": {[]change{func(e *Evidence) {
			e.Status, *e.Watched = ExitStatus{}, Watched{What: e.Watched.What, Main: e.Watched.Main}
		}}, Inconclusive,
			"nobody was seen in it as long as it was watched"},
		"gone, and kills that may be anybody's": {[]change{gone, func(e *Evidence) { e.UnplacedKills = 2 }}, Inconclusive,
			"ended, and its cgroup was gone before its counters were read again (last after 1.0 s), the kernel log tells of 2 kills of which it does not say where, and no cgroup above it counts what is below"},
		"gone, and the last reading has the kill and the oom": {[]change{gone, noLog, counted(one, one)}, OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB"},
		"gone, and the last reading has the kill alone": {[]change{gone, noLog, counted(kill, kill)}, Inconclusive,
			"killed by an OOM killer, and whose limit it was is not known: its cgroup was gone before its counters were read again, and no cgroup above it counts what is below; the kernel log could not be read: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			e := Evidence{
				Status: ExitStatus{Ended: true, Code: -1, Signal: UnknownSignal}, Ready: true, PID: 7, Cage: "/s/web", Peak: 60 * MiB, Limits: Limits{Max: 64 * MiB},
				Watched: &Watched{What: "the cgroup /s/web", Ended: true, EndedAt: 2 * time.Second, Main: FollowedProcess{7, "web"}, Most: 1},
			}
			for _, change := range c.what {
				change(&e)
			}
			line, err := json.Marshal(e)
			require.NoError(t, err)
			var stored Evidence
			require.NoError(t, json.Unmarshal(line, &stored))
			v, why := Classify(stored)
			require.Equal(t, c.want, v, why)
			require.Equal(t, c.why, why)
			o := Outcome{Evidence: stored, Verdict: v, Why: why, Took: 3 * time.Second}
			require.Contains(t, o.String(), "watched    the cgroup /s/web, for 3.0 s\n  main       web[7], "+atOnce(e.Watched.Most)+"\n")
			require.NotContains(t, o.String(), "steps")
		})
	}
}

func TestHowManyProcessesThereWereIsSaid(t *testing.T) {
	for most, want := range map[int]string{0: "the only process that was seen", 1: "the only process that was seen", 2: "of up to 2 processes at once"} {
		require.Equal(t, want, atOnce(most))
	}
}

func TestAContainerOfAPodIsNamed(t *testing.T) {
	o := Outcome{Evidence: Evidence{Watched: &Watched{Ended: true, Final: true, Container: "app"}, Status: ExitStatus{Ended: true, Code: 3}}}
	_, why := o.Judge()
	require.Contains(t, why, "exit code 3; that is the container app")
	for i, v := range []Verdict{OOMKilled, Exited, OOMGroupKilled, Exited} {
		o.Lives = append(o.Lives, Life{Container: "side", Verdict: v, Until: time.Duration(i+1) * time.Second, Why: "x"})
	}
	_, why = o.Judge()
	require.Contains(t, why, "; that is the container app, after side: oom-killed, side: exited, side: oom-group-killed, and 1 more")
	require.Contains(t, o.String(), "1 of 5, until 1.0 s: side: oom-killed: x\n")
	require.Equal(t, "app", o.Life().Container)
}
