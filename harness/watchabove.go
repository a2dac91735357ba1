package harness

import (
	"errors"
	"path"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// watchedAbove is the cgroup right above a watched one, with those beside it: what it counts and they do not is the watched one's.
// It may be nil.
type watchedAbove struct {
	group  *cgroup.Group
	births *cgroup.Births
	before aboveReading
}

// aboveReading is one reading.
type aboveReading struct {
	events, local Events
	beside        map[string]Events // by name
}

// lookAbove reads what is above now. It is to be closed.
func lookAbove(g *cgroup.Group) (*watchedAbove, error) {
	up := g.Above()
	if up == nil {
		return nil, nil
	}
	births, err := up.WatchBirths()
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENOSPC) { // a user may have few; the rest of the evidence is there
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := &watchedAbove{group: up, births: births}
	if a.before, err = readAbove(up, g.Name()); err != nil {
		births.Close()
		if errors.Is(err, errUnsettled) {
			return nil, nil
		}
		return nil, err
	}
	return a, nil
}

func (a *watchedAbove) close() {
	if a != nil {
		a.births.Close()
	}
}

// changed has a wake-up when a cgroup beside the watched one, or that itself, was made or removed.
func (a *watchedAbove) changed() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.births.Changed
}

// readTries is how often what is above is read until nothing was killed meanwhile.
const readTries = 10

var errUnsettled = errors.New("kills are counted faster than they can be read")

// readAbove reads those above once more when it has read those beside: a kill between the readings would be counted for the
// watched one, or not at all.
func readAbove(up *cgroup.Group, except string) (aboveReading, error) {
	for range readTries {
		first, err := readEvents(up, "memory.events")
		if err != nil {
			return aboveReading{}, err
		}
		r := aboveReading{}
		if err := r.readParts(up, except); err != nil {
			return r, err
		}
		if r.events, err = readEvents(up, "memory.events"); err != nil || sameKills(first, r.events) {
			return r, err
		}
	}
	return aboveReading{}, errUnsettled
}

// sameKills reports whether nothing was killed between two readings.
func sameKills(a, b Events) bool {
	return a.OOM == b.OOM && a.OOMKill == b.OOMKill && a.OOMGroupKill == b.OOMGroupKill
}

// readParts reads what those above have counted alone, and those beside.
func (r *aboveReading) readParts(up *cgroup.Group, except string) (err error) {
	if r.local, err = readEvents(up, "memory.events.local"); err != nil {
		return err
	}
	below, err := up.Children()
	if err != nil {
		return err
	}
	r.beside = map[string]Events{}
	for _, g := range below {
		if g.Name() == except {
			continue
		}
		if e, err := readEvents(g, "memory.events"); err == nil {
			r.beside[g.Name()] = e
		}
	}
	return nil
}

// counted is what was counted since; nil where it cannot be read any more. Where the watched cgroup's name is that of a new one by
// now, that one is beside.
func (a *watchedAbove) counted(g *cgroup.Group, id uint64) *outcome.CountedAbove {
	if a == nil {
		return nil
	}
	except := g.Name()
	if now, err := g.ID(); err == nil && now != id {
		except = ""
	}
	after, err := readAbove(a.group, except)
	if err != nil {
		return nil
	}
	c := &outcome.CountedAbove{Path: a.group.Name()}
	var wrong [2]error
	c.Events, wrong[0] = after.events.Since(a.before.events)
	c.Local, wrong[1] = after.local.Since(a.before.local)
	if errors.Join(wrong[:]...) != nil {
		return nil // it is another by now
	}
	gone, all := a.births.Gone(path.Base(g.Name()))
	for name, before := range a.before.beside {
		if _, is := after.beside[name]; !is {
			continue // the births tell of it
		}
		if delta, err := after.beside[name].Since(before); err == nil {
			after.beside[name] = delta
		}
	}
	for _, delta := range after.beside {
		c.Beside = c.Beside.Plus(delta)
	}
	c.Gone = gone
	if !all {
		c.Gone = max(gone, 1)
	}
	return c
}
