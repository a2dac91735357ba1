package outcome

import (
	"path"
	"strings"
)

// Source is where a part of the evidence comes from: a file of the cage by its name, a file of another cgroup by
// its path, or what is not a file by a few words. It is the key of Evidence.Unread.
type Source string

// The sources of what is read of a cage.
const (
	EventsFile   Source = "memory.events" // which stands for all that is read with it; see Memory
	StatFile     Source = "memory.stat"
	PressureFile Source = "memory.pressure"
	CPUFile      Source = "cpu.stat"
	KernelLog    Source = "/dev/kmsg"
	BaselineRead Source = "baseline"    // all that Baseline has
	Descendants  Source = "descendants" // the list of the cgroups below the cage

	// EventsAtEnd are the counters of a cgroup that was watched, when it had ended.
	EventsAtEnd Source = "memory.events when it had ended"
)

const localEvents = "memory.events.local"

// EventsOf is the source of the local counters of the cgroup of that path.
func EventsOf(cgroup string) Source { return Source(path.Join(cgroup, localEvents)) }

// MaxOf is the source of the limit of the cgroup of that path.
func MaxOf(cgroup string) Source { return Source(path.Join(cgroup, "memory.max")) }

// OOMDOf is the source of what OOM killers in user space have noted on the cgroup of that path.
func OOMDOf(cgroup string) Source { return Source(path.Join(cgroup, "user.oomd_ooms")) }

// ListenersOn is the source of who listens on an address.
func ListenersOn(address string) Source { return Source("who listens on " + address) }

// isEvents reports whether the source is the local counters of some cgroup.
func (s Source) isEvents() bool { return strings.HasSuffix(string(s), "/"+localEvents) }

// cgroup is the cgroup that has the file.
func (s Source) cgroup() string { return path.Dir(string(s)) }
