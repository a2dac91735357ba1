package harness

import (
	"time"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// witness notes, whenever it looks, what has become of the target's place and of its limits. It belongs
// to the timeline, which guards it.
type witness struct {
	home        *cgroup.Group         // whose limits are looked at; nil before the target is started
	target      *Process              // nil before it is started, and where nothing is
	limits      map[limitKey]Bytes    // as they were read last
	changes     []outcome.LimitChange // in their order
	group       string                // in which the target was seen last
	moves       []outcome.Move        // in their order
	leaderEnded bool                  // seen once
	score       *int                  // the last oom_score_adj that was seen
	expected    *expectedChange       // what the schedule changes now; nil: nothing
}

// maxMoves bounds what a line of results has of a target that moves on and on. The last one is kept.
const maxMoves = 16

// begin takes in the limits as they were before the target was started. What an earlier run of the cage has changed is
// a change of this one too, which has the cage's limits as they were made.
func (w *witness) begin(p *Process, limits []limitReading) {
	w.home, w.target, w.group, w.limits = p.cage.group, p, p.group.Name(), map[limitKey]Bytes{}
	w.noteLimits(0, p.cage.asMade(limits))
	w.noteLimits(0, limits)
}

// beginWatch has the witness look at a cgroup's limits, and at no process.
func (w *witness) beginWatch(g *cgroup.Group, limits []limitReading) {
	w.home, w.limits = g, map[limitKey]Bytes{}
	w.noteLimits(0, limits)
}

// look compares what is now with what was seen before.
func (w *witness) look(at time.Duration) {
	if w.home == nil {
		return
	}
	w.noteLimits(at, readLimits(w.home, sampledLimits))
	if w.target == nil {
		return
	}
	if now, ended := w.target.whereabouts(); !ended {
		w.note(at, now)
	}
}

// note takes in where the target is.
func (w *witness) note(at time.Duration, now whereabouts) {
	w.leaderEnded = w.leaderEnded || now.leaderEnded
	if now.score != nil {
		w.score = now.score
	}
	if now.group == "" || now.group == w.group {
		return
	}
	w.group = now.group
	if len(w.moves) == maxMoves {
		w.moves = w.moves[:maxMoves-1]
	}
	w.moves = append(w.moves, outcome.Move{At: at, Group: now.group})
}

// noteLimits takes in limits that have been read now.
func (w *witness) noteLimits(at time.Duration, now []limitReading) {
	for _, r := range now {
		from, known := w.limits[r.limitKey]
		w.limits[r.limitKey] = r.size
		if known && from != r.size {
			c := outcome.LimitChange{At: at, Group: r.group, File: r.file, From: from, To: r.size}
			if e := w.expected; e != nil && e.limitKey == r.limitKey && e.to == r.size {
				c.At, c.Scheduled = e.at, true
			}
			w.change(c)
		}
	}
}

func (w *witness) change(c outcome.LimitChange) {
	n, last := 0, -1
	for i, known := range w.changes {
		if known.Group == c.Group && known.File == c.File && !known.Scheduled {
			n, last = n+1, i
		}
	}
	if n == maxChanges && !c.Scheduled { // as many as the schedule has can be kept
		w.changes[last].To = c.To
		return
	}
	w.changes = append(w.changes, c)
}
