package outcome

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADaemonIsJudgedByWhatIsKnownOfIt(t *testing.T) {
	one := Events{OOM: 1, OOMKill: 1}
	of := func(f Followed, change func(*Evidence)) Evidence {
		f.At, f.Processes = time.Second, []FollowedProcess{{9, "redis"}}
		e := Evidence{Status: exit(0), Ready: true, PID: 7, Cage: "/cage", Peak: 60 * MiB, Limits: Limits{Max: 64 * MiB}, Followed: &f}
		if change != nil {
			change(&e)
		}
		return e
	}
	lives, gone := Followed{Left: []string{"redis[9]"}}, Followed{EmptyAt: 3 * time.Second}
	killed := func(pid int, limit string) func(*Evidence) {
		return func(e *Evidence) {
			e.Events, e.EventsLocal, e.Kills = one, one, []OOMKill{{PID: pid, Name: "redis", Group: "/cage", Limit: limit}}
		}
	}
	closed := func(e *Evidence) {
		e.Events, e.EventsLocal, e.Unread = one, one, map[Source]string{KernelLog: "permission denied"}
	}
	stop := func(e *Evidence) {
		e.Stop = &Stopped{Stop: Stop{"SIGTERM", 5 * time.Second}, Took: 240 * time.Millisecond, Ended: !e.Alive()}
	}
	for name, c := range map[string]struct {
		e    Evidence
		want Verdict
		why  string
	}{
		"it lives": {of(lives, nil), Survived, "alive when the load ended: 60.0 of 64.0 MiB; that is redis[9], as the target itself had ended with exit code 0"},
		"it lives past its time": {of(lives, func(e *Evidence) { e.TimedOut = true }), TimedOut,
			"alive when the time was up; memory was not the cause: no pressure, no memory.high, no refaults; that is redis[9], as the target itself had ended with exit code 0"},
		"it took no step": {of(lives, func(e *Evidence) { e.Unloaded = true }), Inconclusive, "alive, but nothing was loaded: it acknowledged no step; that is redis[9], as the target itself had ended with exit code 0"},
		"it ended": {of(gone, nil), Exited,
			"ended with exit code 0, and what it had left, redis[9], after 3.0 s; how is not known, but that no kernel OOM killer had a part in it: oom_kill did not rise"},
		"it was killed": {of(gone, killed(9, "/cage")), OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB; that was redis[9], which the target had left when it ended with exit code 0"},
		"it was killed, and a worker lives": {of(Followed{Left: []string{"worker[12]"}}, killed(9, "/cage")), ChildOOMKilled,
			"a process inside was killed by an OOM killer; the target had ended with exit code 0, and worker[12] lives"},
		"a worker was killed, and it lives": {of(lives, killed(12, "/cage")), ChildOOMKilled,
			"a process inside was killed by an OOM killer; the target had ended with exit code 0, and redis[9] lives"},
		"a worker was killed, and it ended": {of(gone, killed(12, "/cage")), ChildOOMKilled,
			"a process inside was killed by an OOM killer, none of those that the target had left when it ended with exit code 0; redis[9] ended as well, how is not known"},
		"it was killed by a limit above": {of(gone, killed(9, "/up")), AncestorOOMKilled, "killed by the limit of /up, not by its own; that was redis[9], which the target had left when it ended with exit code 0"},
		"it was killed, and the log is closed": {of(gone, closed), OOMKilled,
			"killed by its own limit: 60.0 of 64.0 MiB; that was among what the target had left when it ended with exit code 0: redis[9]"},
		"nobody had seen it, and the log tells of it": {of(gone, func(e *Evidence) {
			killed(12, "/cage")(e)
			e.Followed.Processes, e.Followed.KilledAfter = nil, 1
		}), OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB; that was redis[12], which the target had left when it ended with exit code 0"},
		"nobody had seen it, and the log is closed": {of(gone, func(e *Evidence) {
			closed(e)
			e.Followed.Processes, e.Followed.KilledAfter = nil, 1
		}), OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB; that was among what the target had left when it ended with exit code 0"},
		"who had left it was seen, and had ended": {of(gone, func(e *Evidence) {
			killed(12, "/cage")(e)
			e.Kills[0].Report = &OOMReport{Tasks: []OOMTask{{PID: 12, TGID: 12}}}
		}), OOMKilled, "killed by its own limit: 60.0 of 64.0 MiB; that was redis[12], which the target had left when it ended with exit code 0"},
		"a worker was killed beside it, and it ended": {of(gone, func(e *Evidence) {
			killed(12, "/cage")(e)
			e.Kills[0].Report = &OOMReport{Tasks: []OOMTask{{PID: 12, TGID: 12}, {PID: 9, TGID: 9}}}
		}), ChildOOMKilled, "a process inside was killed by an OOM killer, none of those that the target had left when it ended with exit code 0; redis[9] ended as well, how is not known"},
		"a child of the target was killed": {of(gone, func(e *Evidence) {
			killed(12, "/cage")(e)
			e.Followed.Processes = nil
			e.Kills[0].Report = &OOMReport{Tasks: []OOMTask{{PID: 12, TGID: 12}, {PID: 7, TGID: 7}}}
		}), ChildOOMKilled, "a process inside was killed by an OOM killer, none of those that the target had left when it ended with exit code 0; what the target had left ended as well, how is not known"},
		"it was asked to end, and did":     {of(gone, stop), Survived, "alive when the load ended: 60.0 of 64.0 MiB; that is redis[9], as the target itself had ended with exit code 0"},
		"it was asked to end, and did not": {of(lives, stop), Survived, "alive when the load ended: 60.0 of 64.0 MiB; that is redis[9], as the target itself had ended with exit code 0"},
		"its counters are not known":       {of(gone, func(e *Evidence) { e.Unread = map[Source]string{EventsFile: "gone"} }), Inconclusive, "the cage's counters could not be read: gone"},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := json.Marshal(c.e)
			require.NoError(t, err)
			var e Evidence
			require.NoError(t, json.Unmarshal(line, &e))
			v, why := Classify(e)
			require.Equal(t, c.want, v)
			require.Equal(t, c.why, why)
		})
	}
	require.Equal(t, "; SIGTERM emptied its cage in 240 ms", of(gone, stop).stopNote())
	require.Equal(t, "; SIGTERM did not end it within its grace of 5s", of(lives, stop).stopNote())
	clean := &Outcome{Spec: Spec{Stop: &Stop{}}, Verdict: Survived, Evidence: of(gone, stop)}
	require.Empty(t, clean.unclean(0, ""))
	clean.Evidence = of(lives, stop)
	require.Equal(t, "SIGTERM did not end it within its grace of 5s", clean.unclean(0, ""))
}
