package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Watched is what is known of a target that ran before anybody watched it: a cgroup with all that is in it, or one process.
// Nobody but its parent learns its exit code before Linux 6.15 (PIDFD_INFO_EXIT), and whoever manages its cgroup may remove that a
// moment after a kill. So its counters may have been read last before its end; the kernel log and the counters of the cgroup above then
// tell the rest. Evidence.PID is the main process. Times are since the watch began.
type Watched struct {
	What string `json:"what"` // what was asked for: "the unit web.service"

	Container string `json:"container,omitempty"` // the name of the container in its pod; empty: it is of no pod

	Ended   bool          `json:"ended,omitempty"`    // nothing ran in it any more; otherwise the watch was over first
	Removed bool          `json:"removed,omitempty"`  // its cgroup was gone
	EndedAt time.Duration `json:"ended_at,omitempty"` // when it had ended; 0: it had not

	// Final is set where its counters were read when it had ended, so that nothing is missing from them. Otherwise ReadAt is when
	// they were read last.
	Final  bool          `json:"final,omitempty"`
	ReadAt time.Duration `json:"read_at"`

	// Main is its main process: the oldest whose parent is outside, or the one that was asked for; zero where none was seen. Most is
	// the largest number of processes that were seen in it at once.
	Main FollowedProcess `json:"main,omitzero"`
	Most int             `json:"most"`

	// Moved is the cgroup in which the main process was, or ended, where it had left the watched one; empty: it had not.
	Moved string `json:"moved,omitempty"`

	// Unseen is how many more lives its manager has counted than the outcome has: they were over before they
	// could be looked at.
	Unseen int `json:"unseen,omitempty"`

	Above *CountedAbove `json:"above,omitempty"` // where Final is not set; nil: no cgroup above counts
}

// CountedAbove is what the cgroup right above a watched one has counted during the watch. Events less Local and Beside is what the
// watched one has counted.
type CountedAbove struct {
	Path   string `json:"path"`   // named as Evidence.Cage
	Events Events `json:"events"` // memory.events: of it and all below it
	Local  Events `json:"local"`  // memory.events.local: of it alone
	Beside Events `json:"beside"` // memory.events of the cgroups beside the watched one, together
	Gone   int    `json:"gone"`   // how many of those beside were removed meanwhile, with what they had counted
}

// inside is what the watched cgroup and those below it must have counted, and whether that is certain.
func (c *CountedAbove) inside() (inside Events, certain bool) {
	if c == nil || c.Gone > 0 {
		return Events{}, false
	}
	inside, err := c.Events.Since(c.Local.Plus(c.Beside))
	return inside, err == nil
}

// CountedKills returns how many kills in it the counters above prove, and reports whether they prove anything.
func (w *Watched) CountedKills() (kills uint64, certain bool) {
	e, certain := w.Above.inside()
	return e.OOMKill, certain
}

// completeWatched adds to counters that are not final what the kernel log and the counters above say. It returns why kills
// may be missing all the same, or "".
func (e *Evidence) completeWatched() (unknown string) {
	w := e.Watched
	defer e.completeGroupKill()
	if w.Final {
		return ""
	}
	inside, certain := w.Above.inside()
	if certain {
		e.Events = e.Events.AtLeast(inside) // whether it was its own limit or one below, nobody has counted
	}
	e.Events.OOMKill = max(e.Events.OOMKill, uint64(len(e.Kills)))
	for _, k := range e.Kills {
		if k.Limit == e.Cage {
			e.EventsLocal.OOM = max(e.EventsLocal.OOM, 1)
			e.Events.OOM = max(e.Events.OOM, 1)
			if e.Limits.OOMGroup { // which is counted after the kill
				e.addGroupKill()
			}
		}
	}
	read := fmt.Sprintf("its cgroup was gone before its counters were read again (last after %s)", human.Duration(w.ReadAt))
	switch {
	case certain || e.Unread[KernelLog] == "" && e.UnplacedKills == 0:
		return ""
	case e.Unread[KernelLog] != "":
		return read + ", the kernel log is not known (" + e.Unread[KernelLog] + "), and " + w.Above.silence()
	default:
		return fmt.Sprintf("%s, the kernel log tells of %s of which it does not say where, and %s", read, human.Count(int(e.UnplacedKills), "kill"), w.Above.silence())
	}
}

// completeGroupKill adds the kill of the whole group where the first victim's was read and that was not: with memory.oom.group of what
// is out of memory, the kernel has chosen the group before it kills, and counts that when it has sent the first SIGKILL
// (oom_kill_process in mm/oom_kill.c). The cgroup may be gone by then.
func (e *Evidence) completeGroupKill() {
	changed := slices.ContainsFunc(e.LimitChanges, func(c LimitChange) bool { return c.Group == e.Cage && c.File == "memory.oom.group" })
	killed := e.EventsLocal.OOMKill > 0 || !e.Watched.Final && e.Events.OOMKill > 0
	if e.Limits.OOMGroup && !changed && e.EventsLocal.OOM > 0 && killed {
		e.addGroupKill()
	}
}

func (e *Evidence) addGroupKill() {
	e.EventsLocal.OOMGroupKill = max(e.EventsLocal.OOMGroupKill, 1)
	e.Events.OOMGroupKill = max(e.Events.OOMGroupKill, 1)
}

// silence says why the counters above do not tell.
func (c *CountedAbove) silence() string {
	switch {
	case c == nil:
		return "no cgroup above it counts what is below"
	case c.Gone > 0:
		return fmt.Sprintf("%s counts for it and others beside it, of which %d were removed as well", c.Path, c.Gone)
	default:
		return fmt.Sprintf("the counters of %s and those below it contradict each other", c.Path)
	}
}

// judgeWatched judges what ran already when the watch began.
func judgeWatched(e Evidence) (Verdict, string) {
	w := e.Watched
	unknown := e.completeWatched()
	record, logged := e.TargetKill()
	switch {
	case w.Moved != "" && e.Events.OOMKill > 0:
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer; %s", dead(e, "inside"), e.mainMoved())
	case w.Moved != "":
		return Inconclusive, e.mainMoved() + ": what is counted there was not watched"
	case e.Events.OOMKill == 0 && unknown != "":
		return Inconclusive, "ended, and " + unknown
	case !w.Ended && e.Status.Ended && (e.Events.OOMKill > 0 || e.Status.Signal != "" && e.knowsEnd()):
		v, why := e.judgeWatchedEnd(record, logged)
		return v, why + "; others in it lived when the watch ended"
	case !w.Ended && e.Events.OOMKill > 0:
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer; it lives", dead(e, "inside"))
	case !w.Ended && e.EventsLocal.OOM > 0:
		return Inconclusive, fmt.Sprintf("it ran out of memory (oom %d), and nothing was killed", e.EventsLocal.OOM)
	case !w.Ended && w.Most == 0:
		return Inconclusive, "nobody was seen in it as long as it was watched"
	case !w.Ended:
		return Survived, "alive when the watch ended: " + fullness(e)
	default:
		return e.judgeWatchedEnd(record, logged)
	}
}

// mainMoved says what became of a main process that was moved out of what was watched.
func (e Evidence) mainMoved() string {
	w := e.Watched
	switch {
	case !e.Status.Ended:
		return fmt.Sprintf("%s lives, and was moved to %s", w.main(), w.Moved)
	case e.knowsEnd():
		return fmt.Sprintf("%s was moved to %s, and ended there with %s", w.main(), w.Moved, e.Status)
	default:
		return fmt.Sprintf("%s was moved to %s, and ended there", w.main(), w.Moved)
	}
}

// judgeWatchedEnd judges one whose main process has ended.
func (e Evidence) judgeWatchedEnd(record OOMKill, logged bool) (Verdict, string) {
	w := e.Watched
	switch {
	case e.Events.OOMKill == 0 && e.knowsEnd() && e.Status.Signal != "":
		return Killed, killedBySignal(e)
	case e.Events.OOMKill == 0 && e.knowsEnd():
		return Exited, "ended by itself with " + e.Status.String()
	case e.Events.OOMKill == 0:
		return Exited, "ended; how is not known, but that no kernel OOM killer had a part in it: " + w.proof()
	case e.knowsEnd() && e.Status.Signal != "SIGKILL":
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, and %s ended with %s", dead(e, "inside"), w.main(), e.Status)
	case logged:
		return e.byWatchedLog(record)
	default:
		return judgeWatchedKill(e)
	}
}

// judgeWatchedKill judges a target that has ended, when an OOM killer had killed in it and the kernel log does not name its
// main process.
func judgeWatchedKill(e Evidence) (Verdict, string) {
	w := e.Watched
	last := OOMKill{}
	if n := len(e.Kills); n > 0 {
		last = e.Kills[n-1]
	}
	switch {
	case e.SparedTarget():
		return ChildOOMKilled, fmt.Sprintf("%s killed by an OOM killer, which the kernel log names; %s ended as well, how is not known", dead(e, "inside"), w.main())
	case e.Events.OOMGroupKill > 0 || e.knowsEnd() || w.Most <= 1:
		if last.Limit != "" || last.Global {
			return e.byWatchedLog(last)
		}
		return e.byWatchedCounters()
	default:
		return Inconclusive, fmt.Sprintf("an OOM killer has killed %s in it, there were up to %d, and which it was is not known: %s", processes(e.Events.OOMKill), w.Most, e.unlogged())
	}
}

// byWatchedLog is judgeByLog for a target of which cgroups of its own making may be a part.
func (e Evidence) byWatchedLog(k OOMKill) (Verdict, string) {
	if len(k.Limit) > len(e.Cage) && inside(e.Cage, k.Limit) {
		return OOMKilled, fmt.Sprintf("killed by the limit of %s, which is a part of it", k.Limit)
	}
	if k.Limit == "" && !k.Global {
		return e.byWatchedCounters()
	}
	return judgeByLog(e, k)
}

// byWatchedCounters is judgeByCounters for counters that may not be final.
func (e Evidence) byWatchedCounters() (Verdict, string) {
	_, certain := e.Watched.Above.inside()
	// The kernel counts oom where the limit was hit, and then the kill: the cause of one that was read was counted before.
	hit := slices.ContainsFunc(e.Ancestors, func(a Ancestor) bool { return a.EventsLocal.OOM > 0 })
	certain = certain || hit && e.EventsLocal.OOMKill > 0 && e.Watched.Most <= 1
	if !e.Watched.Final && !certain && e.Events.OOM == 0 {
		return Inconclusive, "killed by an OOM killer, and whose limit it was is not known: its cgroup was gone before its counters were read again, and " +
			e.Watched.Above.silence() + "; " + e.unlogged()
	}
	if e.Events.OOM > e.EventsLocal.OOM {
		return judgeByPart(e)
	}
	return judgeByCounters(e)
}

// judgeByPart judges a kill by counters of which some may be those of a cgroup below, with a limit of its own.
func judgeByPart(e Evidence) (Verdict, string) {
	for _, a := range e.Ancestors {
		if a.EventsLocal.OOM > 0 {
			return Inconclusive, fmt.Sprintf("killed by an OOM killer while both a limit of its own or of a part of it and that of %s (memory.max %s) were hit; %s",
				a.Path, human.Size(a.Max), e.unlogged())
		}
	}
	if e.Watched.Final && e.EventsLocal.OOM == 0 {
		return OOMKilled, "killed by the limit of a cgroup that is a part of it"
	}
	if e.Limits.OOMGroup && e.Events.OOMGroupKill > 0 {
		return OOMGroupKilled, "killed by its own limit, or by that of a cgroup that is a part of it, with all that is in there (memory.oom.group): " + e.killedBy()
	}
	return OOMKilled, "killed by its own limit, or by that of a cgroup that is a part of it: " + e.killedBy()
}

// unlogged says why the kernel log does not tell.
func (e Evidence) unlogged() string {
	if why := e.Unread[KernelLog]; why != "" {
		return "the kernel log could not be read: " + why
	}
	return "the kernel log does not say it"
}

// knowsEnd reports whether it is known how the main process ended.
func (e Evidence) knowsEnd() bool { return e.Status.Ended && e.Status.Signal != UnknownSignal }

// main names the main process.
func (w *Watched) main() string {
	if w.Main.Name == "" {
		return "its main process"
	}
	return w.Main.String()
}

// proof says what shows that there was no kill.
func (w *Watched) proof() string {
	_, certain := w.Above.inside()
	switch {
	case w.Final:
		return "oom_kill did not rise"
	case certain:
		return "its cgroup was gone before its counters were read again, and those of " + w.Above.Path + " have none that is not accounted for"
	default:
		return "its cgroup was gone before its counters were read again, and the kernel log has none"
	}
}

// inside reports whether a cgroup is another one, or below it.
func inside(group, name string) bool {
	return strings.HasPrefix(name+"/", strings.TrimSuffix(group, "/")+"/")
}

// atOnce says how many processes there were at most.
func atOnce(most int) string {
	if most <= 1 {
		return "the only process that was seen"
	}
	return fmt.Sprintf("of up to %d processes at once", most)
}

// printWatched prints what was watched, and how it went.
func (o *Outcome) printWatched(t *text) {
	w := o.Evidence.Watched
	t.line("watched", "%s, for %s", w.What, human.Duration(o.Took))
	if w.Main.Name != "" {
		t.line("main", "%s, %s", w.Main, atOnce(w.Most))
	}
	switch {
	case w.Moved != "" && !w.Ended:
		t.line("ended", "no: its main process was moved to %s", w.Moved)
	case !w.Ended:
		t.line("ended", "no")
	case w.Removed && !w.Final:
		t.line("ended", "after %s, and its cgroup was removed; counters last read after %s", human.Duration(w.EndedAt), human.Duration(w.ReadAt))
	case w.Removed:
		t.line("ended", "after %s, and its cgroup was removed", human.Duration(w.EndedAt))
	default:
		t.line("ended", "after %s", human.Duration(w.EndedAt))
	}
	if c := w.Above; c != nil {
		t.line("above", "%s counted %s, of which itself %s, and those beside it %s", c.Path, c.Events, c.Local, c.Beside)
	}
	o.printLives(t)
	if w.Unseen > 0 {
		t.line("unseen", "%s of it: over before it could be looked at, and counted by its manager alone", human.Count(w.Unseen, "restart"))
	}
}
