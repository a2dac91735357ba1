package outcome

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// SoftLimit is a limit of a runtime at which it does not fail: near it, it collects garbage more often.
type SoftLimit struct {
	Name string `json:"name"` // GOMEMLIMIT
	Size Bytes  `json:"size"` // above 0
}

// Collector is how much CPU time the threads of a process that collect garbage have used. Not all runtimes have such threads:
// Go's collector runs on all threads of a program.
type Collector struct {
	Runtime string        `json:"runtime"` // JVM or .NET
	CPU     time.Duration `json:"cpu"`     // of these threads
	All     time.Duration `json:"all"`     // of all threads of the process
}

// Pace is how long steps took, at first and at the end. Steps that were acknowledged count, and those that timed out.
type Pace struct {
	First time.Duration `json:"first"` // a quarter of the first half took no longer
	Last  time.Duration `json:"last"`  // the mean of the last quarter, without the slowest one
}

// fewestPaced is how many steps make a pace: a last quarter of three.
const fewestPaced = 12

// pace is nil where there are too few steps. A collector makes many of them slow, and others not; one that never ends, as
// in a loop without an end, is the slowest.
func (t StepTimes) pace() *Pace {
	done := slices.DeleteFunc(slices.Clone(t), func(s StepTime) bool { return s.Answer != AnswerOK && s.Answer != AnswerTimeout })
	if len(done) < fewestPaced {
		return nil
	}
	first, last := tooks(done[:len(done)/2]), tooks(done[len(done)-len(done)/4:])
	slices.Sort(first)
	slices.Sort(last)
	last = last[:len(last)-1]
	var sum time.Duration
	for _, took := range last {
		sum += took
	}
	return &Pace{First: first[rank(0.25, len(first))], Last: sum / time.Duration(len(last))}
}

// Complete adds to the outcome of a run that is over what follows from its other fields: Evidence.LastWords; Evidence.Pace and Took
// where time ran out; and to Predicted that steps which had no answer, or failed, may have taken memory too. A line of results that would
// be too long is thinned. It is called once, before Judge.
func (o *Outcome) Complete() {
	o.allowInFlight()
	o.Evidence.LastWords = lastWords(o.Output, o.Evidence.Status)
	if o.Evidence.TimedOut {
		o.Evidence.Pace, o.Evidence.Took = o.StepTimes.pace(), o.Took
	}
	o.fit(maxLine)
}

// ReadSoftLimit returns the GOMEMLIMIT of an environment of NAME=VALUE entries; of two the first counts, as in Go (runtime.gogetenv).
// It returns nil where there is none, where it is off, and where Go would not take it.
func ReadSoftLimit(environ []string) *SoftLimit {
	const name = "GOMEMLIMIT"
	for _, entry := range environ {
		text, ok := strings.CutPrefix(entry, name+"=")
		if !ok {
			continue
		}
		digits := strings.TrimRight(text, "KMGTiB")
		factor, ok := map[string]Bytes{"": 1, "B": 1, "KiB": KiB, "MiB": MiB, "GiB": GiB, "TiB": 1024 * GiB}[text[len(digits):]]
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || n <= 0 || n > int64(Unlimited-1)/int64(factor) {
			return nil
		}
		return &SoftLimit{Name: name, Size: Bytes(n) * factor}
	}
	return nil
}

// collectors are names of threads, of which the kernel keeps 15 characters: HotSpot's collectors, where "VM Thread" is the
// serial one, and .NET's.
var collectors = []struct {
	runtime string
	thread  *regexp.Regexp
}{
	{"JVM", regexp.MustCompile(`^(?:VM Thread$|GC Thread#|G1 |ZWorker|ZDriver|XWorker|XDriver|Shenandoah)`)},
	{".NET", regexp.MustCompile(`^\.NET (?:Server GC|BGC)`)},
}

// Thread is a thread of a process.
type Thread struct {
	Name string        // its comm, up to 15 bytes
	CPU  time.Duration // that it has used, in user space and in the kernel
}

// ReadCollector adds up the CPU time of the threads of a process. It returns nil where none of them has a name that is known for
// collecting garbage.
func ReadCollector(threads []Thread) *Collector {
	var found *Collector
	var all time.Duration
	for _, t := range threads {
		all += t.CPU
		for _, c := range collectors {
			if !c.thread.MatchString(t.Name) {
				continue
			}
			if found == nil {
				found = &Collector{Runtime: c.runtime}
			}
			found.CPU += t.CPU
		}
	}
	if found != nil {
		found.All = all
	}
	return found
}

const (
	// busyShare of a run's time, at least, the cage computed on one CPU on average. A target whose collector leaves it no time
	// never waits; the rest is for its start, and for CPUs that others use: a JVM had 0.27 of two CPUs that guests shared
	// (2026-11).
	busyShare = 0.2
	// slowedDown is how much longer steps take in the end, at least. Go gives its collector half of the CPUs at most once it has
	// used up a second of each (runtime/mgclimit.go), so that steps take twice as long, and what is outside of the target takes
	// its part of both: 2.2 to 5.7 times was seen under emulation, and 7 to 17 times without (Go 1.26, 2026-11).
	slowedDown = 1.5
	// collectorShare of the CPU time, at least, the collector's threads had. With 4 % of the heap free that is 0.97 of the
	// serial collector's, and 0.99 of G1's (OpenJDK 17, 2026-11).
	collectorShare = 0.5
)

// collecting says why a target that lived past its time was busy with its own garbage, or returns "". That it computed, and
// was slow, is not enough: so is a loop without an end.
func (e Evidence) collecting() string {
	if e.Took <= 0 || e.CPU.Seconds() < busyShare*e.Took.Seconds() {
		return ""
	}
	busy := fmt.Sprintf("the cage used %s of CPU in %s", human.Duration(e.CPU), human.Duration(e.Took))
	if c := e.Collector; c != nil && c.All > 0 && c.CPU.Seconds() >= collectorShare*c.All.Seconds() {
		return fmt.Sprintf("its runtime (%s) collected garbage for %s of the %s of CPU that it used; %s", c.Runtime, human.Duration(c.CPU), human.Duration(c.All), busy)
	}
	live, limit, pace := e.Stat.Anon+e.SwapCurrent, e.SoftLimit, e.Pace
	if limit == nil || live <= limit.Size || e.Unread[StatFile] != "" || pace == nil || pace.First <= 0 || pace.Last.Seconds() < slowedDown*pace.First.Seconds() {
		return ""
	}
	return fmt.Sprintf("its runtime collected garbage all the time, as %s of memory are more than its %s (%s); %s, and steps took %s in the end and %s early on",
		human.Size(live), limit.Name, human.Size(limit.Size), busy, human.Duration(pace.Last), human.Duration(pace.First))
}

// ownLimitHelp says what helps a program that was short of memory within its runtime, or returns "".
func (o *Outcome) ownLimitHelp() string {
	switch {
	case o.Verdict == RuntimeOOM:
		return "look for a limit of its own first (-Xmx, --max-old-space-size, memory_limit, ulimit -v), as no killer came from memory.max; where it has none, the kernel refused it memory"
	case o.Verdict == Stalled && o.Evidence.collecting() != "":
		return "keep less alive, or give the runtime more of its own (GOMEMLIMIT, -Xmx): its collector finds nothing to free"
	}
	return ""
}
