package outcome

import (
	"path"
	"strings"
)

// Source is where a part of the evidence comes from: the name of a file of the cage, the path of a file of another cgroup, or a few
// words for anything else. It is the key of Evidence.Unread.
type Source string

// The sources of what is read of a cage.
const (
	EventsFile   Source = "memory.events"   // and all that is read with it; see Memory
	StatFile     Source = "memory.stat"     // see MemoryStat
	PressureFile Source = "memory.pressure" // see Pressure
	CPUFile      Source = "cpu.stat"        // see Evidence.CPU
	KernelLog    Source = "/dev/kmsg"       // see Evidence.Kills
	BaselineRead Source = "baseline"        // all that Baseline has
	Descendants  Source = "descendants"     // the list of the cgroups below the cage

	// EventsAtEnd is memory.events of a watched cgroup, read when nothing ran in it any more.
	EventsAtEnd Source = "memory.events when it had ended"
)

const localEvents = "memory.events.local"

// EventsOf returns the source of memory.events.local of the cgroup of that path.
func EventsOf(cgroup string) Source { return Source(path.Join(cgroup, localEvents)) }

// MaxOf returns the source of memory.max of the cgroup of that path.
func MaxOf(cgroup string) Source { return Source(path.Join(cgroup, "memory.max")) }

// OOMDOf returns the source of what OOM killers in user space have noted about the cgroup of that path; see DaemonKill.
func OOMDOf(cgroup string) Source { return Source(path.Join(cgroup, "user.oomd_ooms")) }

// ListenersOn returns the source of who listens on an address; see Evidence.OtherListener.
func ListenersOn(address string) Source { return Source("who listens on " + address) }

// isEvents reports whether the source is the local counters of some cgroup.
func (s Source) isEvents() bool { return strings.HasSuffix(string(s), "/"+localEvents) }

// cgroup is the cgroup that has the file.
func (s Source) cgroup() string { return path.Dir(string(s)) }
