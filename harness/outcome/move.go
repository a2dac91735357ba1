package outcome

import (
	"time"
)

// Move is a change of the target's cgroup: it has moved itself, or was moved.
// What it takes from then on is charged to the new cgroup; what it took before stays charged to the old one
// (Documentation/admin-guide/cgroup-v2.rst, "Memory Ownership").
type Move struct {
	At    time.Duration `json:"at"`    // when the target was first seen in the new cgroup, since the run began
	Group string        `json:"group"` // the path of the new cgroup; in the cage it begins with Evidence.Cage
}

// lastGroup is the cgroup in which the target was at last, or the cage.
func (e Evidence) lastGroup() string {
	if n := len(e.Moves); n > 0 {
		return e.Moves[n-1].Group
	}
	return e.Cage
}

// inCage reports whether a cgroup is the cage or below it.
func (e Evidence) inCage(group string) bool { return inside(e.Cage, group) }

// outside says since when the target is out of its cage, if it is.
func (e Evidence) outside() (left Move, is bool) {
	for _, m := range e.Moves {
		switch {
		case e.inCage(m.Group):
			left, is = Move{}, false
		case !is:
			left, is = m, true
		}
	}
	return left, is
}

// excursion is the first move out of the cage of a target that has come back.
func (e Evidence) excursion() (left Move, was bool) {
	if _, is := e.outside(); is {
		return Move{}, false
	}
	for _, m := range e.Moves {
		if !e.inCage(m.Group) {
			return m, true
		}
	}
	return Move{}, false
}
