package harness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"oomcage/harness/internal/kmsg"
	"oomcage/harness/outcome"
)

var sigkill = outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}

func exit(code int) outcome.ExitStatus { return outcome.ExitStatus{Ended: true, Code: code} }

// forgery is what a run of the target 7 in the cage /up/cage leaves behind: two readings of the
// kernel's counters, its log, and the target's end.
type forgery struct {
	status        outcome.ExitStatus
	before, after counted
	log           []kmsg.Kill
	logErr        string
	gone          string // why the second reading failed
	harnessKilled bool
	score         int
	hidden        bool
}

// counted are counters of the cage alone, of it with all below, and of the cgroup above alone.
type counted struct{ own, all, up Events }

// evidence goes the way that collect goes with what the kernel says.
func (f forgery) evidence() Evidence {
	reading := func(c counted) outcome.Reading {
		return outcome.Reading{Memory: outcome.Memory{Events: c.all, EventsLocal: c.own}, Ancestors: []outcome.Ancestor{{Path: "/up", EventsLocal: c.up}}, Unread: map[outcome.Source]string{}}
	}
	after := reading(f.after)
	if f.gone != "" {
		after.Unread[outcome.EventsFile] = f.gone
	}
	e := after.Since(reading(f.before))
	e.Status, e.Ready, e.PID, e.Cage, e.HarnessKilled, e.OOMScoreAdj, e.AncestorsHidden = f.status, true, 7, "/up/cage", f.harnessKilled, f.score, f.hidden
	log := loggedCage{e.Cage, e.PID, f.hidden}
	e.Kills, e.UnplacedKills = log.killsIn(f.log), log.unplaced(f.log)
	if f.logErr != "" {
		e.Unread[outcome.KernelLog] = f.logErr
	}
	return e
}

func TestForgedEvidence(t *testing.T) {
	const cage = "/up/cage"
	none, full, one := Events{}, Events{Max: 9}, Events{Max: 9, OOM: 1, OOMKill: 1}
	kill, oom, fell := Events{OOMKill: 1}, Events{OOM: 1}, Events{OOM: 1, OOMKill: 0}
	both := func(e Events) counted { return counted{own: e, all: e} }
	victim := func(pid int, limit, group string) kmsg.Kill {
		return kmsg.Kill{PID: pid, Name: "app", LimitGroup: limit, VictimGroup: group}
	}
	strangers := slices.Repeat([]kmsg.Kill{victim(3, "/other", "/other"), victim(7, "/up/cage2", "/up/cage2"), victim(4, "", "/"), victim(7, "/x", "/x/cage")}, 50)
	for name, c := range map[string]struct {
		f    forgery
		want Verdict
	}{
		"a kill before the run, and then exit 0":            {forgery{status: exit(0), before: both(one), after: both(one)}, Exited},
		"a kill before the run, and then exit 137":          {forgery{status: exit(137), before: both(one), after: both(one)}, Exited},
		"a kill before the run, and then SIGKILL":           {forgery{status: sigkill, before: both(one), after: both(one)}, Killed},
		"a kill before the run, and the target lives":       {forgery{before: both(one), after: both(one)}, Survived},
		"a kill before the run, and one in it":              {forgery{status: sigkill, before: both(one), after: both(one.Plus(one))}, OOMKilled},
		"an own oom before the run, and a kill from above":  {forgery{status: sigkill, before: both(oom), after: counted{own: oom.Plus(kill), all: oom.Plus(kill), up: oom}}, AncestorOOMKilled},
		"an oom above before the run, and a kill by nobody": {forgery{status: sigkill, before: counted{up: oom}, after: counted{own: kill, all: kill, up: oom}}, HostOOMKilled},
		"a group kill before the run, and a plain one in it": {forgery{status: sigkill, before: both(Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1}),
			after: both(Events{OOM: 2, OOMKill: 4, OOMGroupKill: 1})}, OOMKilled},

		"SIGKILL at a full limit":                         {forgery{status: sigkill, after: both(full)}, Killed},
		"SIGKILL at a full limit that found nobody":       {forgery{status: sigkill, after: both(oom)}, Killed},
		"exit 137 at a full limit":                        {forgery{status: exit(137), after: both(full)}, Exited},
		"exit 137 of a shell whose child was killed":      {forgery{status: exit(137), after: both(one)}, ChildOOMKilled},
		"a limit above, at a full own limit":              {forgery{status: sigkill, after: counted{own: full.Plus(kill), all: full.Plus(kill), up: oom}}, AncestorOOMKilled},
		"an oom of a cgroup below, and a kill from above": {forgery{status: sigkill, after: counted{own: kill, all: one.Plus(kill), up: oom}}, AncestorOOMKilled},
		"a group kill below, and a plain one":             {forgery{status: sigkill, after: counted{own: one, all: one.Plus(Events{OOM: 1, OOMKill: 3, OOMGroupKill: 1})}}, OOMKilled},
		"a limit above met by others, and SIGKILL":        {forgery{status: sigkill, after: counted{up: Events{OOM: 5, OOMKill: 5}}}, Killed},

		"a cage that was removed, and SIGKILL":        {forgery{status: sigkill, gone: "no such file"}, Inconclusive},
		"a cage that was removed, and exit 0":         {forgery{status: exit(0), before: both(one), gone: "no such device"}, Inconclusive},
		"a cage that was made anew, and SIGKILL":      {forgery{status: sigkill, before: both(one.Plus(one)), after: both(one)}, Inconclusive},
		"a cage that was made anew, and survival":     {forgery{before: both(full), after: both(none)}, Inconclusive},
		"one counter that fell while another rose":    {forgery{status: sigkill, before: both(kill), after: both(fell)}, Inconclusive},
		"the own counters fell, those of all did not": {forgery{status: sigkill, before: both(one), after: counted{own: none, all: one.Plus(one)}}, Inconclusive},
		"a counter above that fell, and a kill":       {forgery{status: sigkill, before: counted{up: oom}, after: counted{own: kill, all: kill}}, Inconclusive},

		"a log of other people's kills, and SIGKILL":   {forgery{status: sigkill, log: strangers}, Killed},
		"a log of other people's kills, and exit 137":  {forgery{status: exit(137), log: strangers}, Exited},
		"a log of other people's kills, and the own":   {forgery{status: sigkill, after: both(one), log: append(strangers, victim(7, cage, cage))}, OOMKilled},
		"a log of other people's kills, and a child's": {forgery{status: sigkill, after: both(one), log: append(strangers, victim(12, cage, cage))}, ChildOOMKilled},
		"a child's kill that the log does not place":   {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(12, "", "")}}, ChildOOMKilled},
		"the own kill, which the log does not place":   {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(3, "", ""), victim(7, "", "")}}, OOMKilled},
		"a kill of which the log says nothing yet":     {forgery{status: sigkill, after: both(one)}, OOMKilled},
		"a kill of which only others' lines are left":  {forgery{status: sigkill, after: both(one), log: strangers}, OOMKilled},
		"two kills, of which the log tells one":        {forgery{status: sigkill, after: both(one.Plus(one)), log: []kmsg.Kill{victim(12, cage, cage)}}, OOMKilled},
		"a log that lost lines, but not a child's":     {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(12, cage, cage)}, logErr: "overrun"}, ChildOOMKilled},
		"a log that lost lines, and one not placed":    {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(12, "", "")}, logErr: "overrun"}, OOMKilled},

		"the own limit and one above, and no log":        {forgery{status: sigkill, after: counted{own: one, all: one, up: oom}, logErr: "permission denied"}, Inconclusive},
		"the own limit and one above, by the log":        {forgery{status: sigkill, after: counted{own: one, all: one, up: oom}, log: []kmsg.Kill{victim(7, cage, cage)}}, OOMKilled},
		"the own limit and one above, not placed":        {forgery{status: sigkill, after: counted{own: one, all: one, up: oom}, log: []kmsg.Kill{victim(7, "", "")}}, Inconclusive},
		"a target that was killed and lives, by the log": {forgery{after: both(one), log: []kmsg.Kill{victim(7, cage, cage)}}, Inconclusive},
		"a target that was killed and exits, by the log": {forgery{status: exit(0), after: both(one), log: []kmsg.Kill{victim(7, cage, cage)}}, Inconclusive},

		"the PID of an earlier victim elsewhere, and SIGKILL":   {forgery{status: sigkill, log: []kmsg.Kill{victim(7, "/other", "/other")}}, Killed},
		"the PID of an earlier victim elsewhere, and a child":   {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(7, "/other", "/other"), victim(12, cage, cage)}}, ChildOOMKilled},
		"the PID of an earlier victim, not placed, and SIGKILL": {forgery{status: sigkill, log: []kmsg.Kill{victim(7, "", "")}}, Killed},
		"the PID of an earlier victim, not placed, and a child": {forgery{status: sigkill, after: both(one), log: []kmsg.Kill{victim(7, "", ""), victim(12, cage, cage)}}, ChildOOMKilled},
		"the PID of an earlier victim in the cage, and exit":    {forgery{status: exit(137), before: both(one), after: both(one), log: []kmsg.Kill{victim(7, cage, cage)}}, Exited},

		"SIGKILL by the harness, after a kill not placed":     {forgery{status: sigkill, after: both(one), harnessKilled: true, log: []kmsg.Kill{victim(12, "", "")}}, ChildOOMKilled},
		"SIGKILL at -1000 after a group kill":                 {forgery{status: sigkill, after: both(Events{OOM: 1, OOMKill: 1, OOMGroupKill: 1}), score: -1000, log: []kmsg.Kill{victim(12, cage, cage)}}, ChildOOMKilled},
		"SIGKILL at -1000 after a kill, without a log":        {forgery{status: sigkill, after: both(one), score: -1000, logErr: "permission denied"}, Inconclusive},
		"a target that has given up its -1000":                {forgery{status: sigkill, after: both(one), score: -1000, log: []kmsg.Kill{victim(7, cage, cage)}}, OOMKilled},
		"a namespace hides the limit, which the log does not": {forgery{status: sigkill, after: both(kill), hidden: true, log: []kmsg.Kill{victim(7, "/docker/x", "/docker/x/up/cage")}}, AncestorOOMKilled},
		"a namespace hides the limit, and the log is closed":  {forgery{status: sigkill, after: both(kill), hidden: true, logErr: "permission denied"}, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := outcome.Classify(c.f.evidence())
			assert.Equal(t, c.want, got, why)
		})
	}
}
