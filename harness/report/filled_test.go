package report

import (
	"slices"
	"strings"
	"time"

	"oomcage/harness/outcome"
)

// fill gives the samples of an outcome what filled the cage, which the recorded sweep is too old to have, and steps their
// times: 30 ms each, and more as the cage fills.
func fill(o *outcome.Outcome, kind outcome.Kind) {
	for i := range o.Timeline {
		s := &o.Timeline[i]
		most := s.Current * 86 / 100
		s.Stat = outcome.MemoryStat{Anon: s.Current * 5 / 100, File: s.Current * 2 / 100, Kernel: s.Current - most - s.Current*7/100}
		s.Stat.PageTables = s.Stat.Kernel / 3
		switch kind {
		case outcome.KindAnon:
			s.Stat.Anon += most
		case outcome.KindShmem:
			s.Stat.Shmem = most
			s.Stat.File += most
		case outcome.KindSock:
			s.Stat.Sock = most
		}
	}
	var log outcome.StepLog
	begin := o.Timeline[0].At
	for n := 1; n <= o.Attempted; n++ {
		step := outcome.StepTime{N: n, Begin: begin, Took: 30 * time.Millisecond, Answer: outcome.AnswerOK}
		if at := slices.IndexFunc(o.Timeline, func(s outcome.Sample) bool { return s.Step >= n }); at >= 0 {
			step.Took = max(o.Timeline[at].At-begin, time.Millisecond)
		}
		if n > o.Acknowledged {
			step.Answer = outcome.AnswerEOF
		}
		log.Add(step)
		begin += step.Took
	}
	o.Latency, o.StepTimes = log.Latency(o.Timeline, o.Evidence), log.Times()
	o.Evidence.Fullest = outcome.NewComposition(o.Evidence, o.Timeline, o.Census)
}

// crowd puts processes into the cage at the peak: three and a rest that a census has seen, or two that the kernel's report of
// the kill names.
func crowd(o *outcome.Outcome, byKernel bool) {
	peak := o.Peak
	o.Evidence.KillTimes = []outcome.KillTime{{At: o.Timeline[len(o.Timeline)-1].At, Step: o.Attempted}}
	if byKernel {
		o.Evidence.Kills = slices.Clone(o.Evidence.Kills)
		o.Evidence.Kills[0].Report = &outcome.OOMReport{Group: o.Evidence.Cage, Stat: map[string]uint64{"anon": uint64(peak * 9 / 10), "pagetables": 300 << 10}, Tasks: []outcome.OOMTask{
			{TGID: o.Evidence.PID, PID: o.Evidence.PID, Name: "app", RSS: peak * 8 / 10, PageTables: 256 * outcome.KiB},
			{TGID: 900, PID: 900, Name: "helper\x1b[31m", RSS: peak / 10, Swap: outcome.MiB, OOMScoreAdj: -500},
		}}
		return
	}
	at := o.Timeline[len(o.Timeline)-1].At
	o.Census = []outcome.Census{{At: at, Current: peak, Anon: peak * 9 / 10, More: 3, MoreRSS: outcome.MiB, Processes: []outcome.Resident{
		{PID: o.Evidence.PID, Parent: 1, Name: "app", State: "D", Threads: 8, Anon: peak * 6 / 10, File: outcome.MiB, PageTables: 300 * outcome.KiB},
		{PID: 777, Parent: o.Evidence.PID, Name: "worker", State: "R", Threads: 2, Anon: peak * 2 / 10, Shmem: peak / 20, Swap: 3 * outcome.MiB},
		{PID: 778, Parent: o.Evidence.PID, Name: "worker", State: "S", Threads: 1, Anon: peak / 10},
	}}}
}

// capture has a heap profile fetched shortly before the end.
func capture(o *outcome.Outcome) {
	last := o.Timeline[len(o.Timeline)-2]
	c := outcome.Captured{
		Capture: outcome.Capture{Get: "/debug/pprof/heap", Share: 0.8}, Fill: o.Evidence.Limits.Max * 8 / 10,
		At: last.At, Current: last.Current, After: last.Current + 200*outcome.KiB, Took: 40 * time.Millisecond, Size: 9 * outcome.KiB,
		Path: "artifacts/heap.pb.gz", InUse: last.Current / 2,
	}
	o.Spec.Target.Capture = []outcome.Capture{c.Capture}
	o.Evidence.Captures = []outcome.Captured{c}
}

// kindOf is what fills the point of that name.
func kindOf(name string) outcome.Kind {
	switch {
	case strings.HasPrefix(name, "max=64MiB/step=10MiB/kind=shmem/"):
		return outcome.KindSock // the name of a kind is the tester's word for it
	case strings.Contains(name, "/kind=shmem/"):
		return outcome.KindShmem
	}
	return outcome.KindAnon
}
