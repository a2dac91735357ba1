package harness

import (
	"errors"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// recorder reads a cage from files that it holds open. It is for one goroutine at a time.
type recorder struct {
	events, current *cgroup.Kept
	// Nil where they cannot be read, of which the evidence says why.
	stat, swap, pressure *cgroup.Kept

	sample            outcome.Sample                  // that is being read; it is kept, and so are
	setEvent, setStat func(key []byte, number uint64) // what takes in its lines, so that none is made anew
}

// openRecorder opens the files of a cage. The recorder is to be closed.
func openRecorder(g *cgroup.Group) (*recorder, error) {
	r := new(recorder)
	r.setEvent, r.setStat = r.sample.Events.Set, r.sample.Stat.Set
	for _, file := range []struct {
		name     string
		to       **cgroup.Kept
		optional bool
	}{
		{"memory.events", &r.events, false},
		{"memory.current", &r.current, false},
		{"memory.stat", &r.stat, true},
		{"memory.swap.current", &r.swap, true},
		{"memory.pressure", &r.pressure, true},
	} {
		kept, err := g.Keep(file.name)
		outOfDescriptors := errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
		if err != nil && (!file.optional || outOfDescriptors) {
			r.close()
			return nil, err
		}
		*file.to = kept
	}
	return r, nil
}

func (r *recorder) close() {
	for _, k := range []*cgroup.Kept{r.events, r.current, r.stat, r.swap, r.pressure} {
		k.Close()
	}
}

// kills is how many the kernel has counted in the cage and below it.
func (r *recorder) kills() (n uint64, err error) {
	err = r.events.Each(func(key []byte, value uint64) {
		if string(key) == "oom_kill" {
			n = value
		}
	})
	return n, err
}

// read reads what the cage is charged with, and all that was counted since it was made. The counters come first, as in
// readMemory: a kill between the readings shows in the next one, and never without the charge that led to it.
func (r *recorder) read() (outcome.Sample, error) {
	r.sample = outcome.Sample{}
	if err := r.events.Each(r.setEvent); err != nil {
		return outcome.Sample{}, err
	}
	current, err := r.current.Size()
	if err != nil {
		return outcome.Sample{}, err
	}
	r.sample.Current = Bytes(current)
	if swap, err := r.swap.Size(); err == nil {
		r.sample.Swap = Bytes(swap)
	}
	if p, err := r.pressure.Pressure(); err == nil {
		r.sample.Pressure = outcome.Pressure(p)
	}
	_ = r.stat.Each(r.setStat)
	return r.sample, nil
}
