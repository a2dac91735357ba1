package harness

import "time"

const (
	// manyLooks is how often a run is looked at whenever there is a reason to, as in all but those with many short steps.
	manyLooks = 1000
	// watchShare bounds what looking takes after that: one part of the time in so many. To read all of a cage takes
	// 0.3 ms, and 6 ms in an emulated guest on a busy machine, ten times as much as a step that keeps 100 bytes (2026-11).
	watchShare = 20
)

// budget tells when to look again. Its zero value looks at once.
type budget struct {
	free int       // how often more whenever it is asked for
	next time.Time // not before
}

// look calls f, unless it has just done so.
func (s *budget) look(f func()) {
	start := time.Now()
	if s.free <= 0 && start.Before(s.next) {
		return
	}
	s.free--
	f()
	end := time.Now()
	s.next = end.Add(watchShare * end.Sub(start))
}
