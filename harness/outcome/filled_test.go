package outcome

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// filledOutcome is a kill by the cage's own limit of 64 MiB, of which the kernel log has the report.
func filledOutcome(stat MemoryStat) *Outcome {
	o := &Outcome{Acknowledged: 4, Attempted: 5}
	o.Evidence = Evidence{
		Status: ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}, Ready: true, PID: 152, Cage: "/cage", Limits: Limits{Max: 64 * MiB},
		Events: Events{Max: 9, OOM: 1, OOMKill: 1}, EventsLocal: Events{Max: 9, OOM: 1, OOMKill: 1}, Peak: 64 * MiB,
		KillTimes: []KillTime{{At: time.Second, Step: 5}},
	}
	raw := map[string]uint64{}
	for _, f := range stat.fields() {
		raw[f.key] = f.get()
	}
	o.Evidence.Kills = []OOMKill{{
		PID: 152, Name: "app", Anon: 8 * MiB, Group: "/cage", Limit: "/cage",
		Report: &OOMReport{
			Invoker: "app", Group: "/cage", GFPMask: "GFP_KERNEL", Memory: &OOMUsage{Usage: 64 * MiB, Limit: 64 * MiB, FailCnt: 9}, Stat: raw,
			Tasks: []OOMTask{{PID: 152, TGID: 152, Name: "app", RSS: 20 * MiB}, {PID: 153, TGID: 153, Name: "a", RSS: MiB}, {PID: 154, TGID: 154, Name: "b", RSS: MiB}},
		},
	}}
	o.Evidence.Fullest = NewComposition(o.Evidence, nil, nil)
	o.Verdict, o.Why = o.Judge()
	return o
}

// mib is so many MiB with a decimal.
func mib(n float64) Bytes { return Bytes(n * float64(MiB)) }

func TestTheSentenceSaysWhatFilledTheCageBesideWhoDied(t *testing.T) {
	o := filledOutcome(MemoryStat{Sock: mib(41.2), Kernel: mib(14), PageTables: mib(9.1), Anon: mib(8.1)})
	require.Equal(t, "killed by its own limit: 64.0 of 64.0 MiB, during step 5; "+
		"filled by sock 41.2 MiB (64 %), kernel 14.0 MiB (of it page tables 9.1 MiB, pipe buffers and other pages 4.9 MiB), anon 8.1 MiB; "+
		"victim app[152], 20.0 MiB, the largest of 3 processes", o.Why)
}

func TestOnlyWhatMattersIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		stat MemoryStat
		want string
	}{
		"a single kind":             {MemoryStat{Anon: mib(63), Kernel: MiB}, "filled by anon 63.0 MiB (98 %); victim"},
		"huge pages":                {MemoryStat{Anon: mib(60), AnonTHP: mib(58), Kernel: MiB}, "filled by anon 60.0 MiB (94 %, of it huge pages 58.0 MiB); victim"},
		"a few huge pages":          {MemoryStat{Anon: mib(62), AnonTHP: mib(10)}, "filled by anon 62.0 MiB (97 %); victim"},
		"page cache is not tmpfs":   {MemoryStat{File: mib(62), Shmem: mib(20), Dirty: mib(40), Mapped: MiB}, "filled by page cache 42.0 MiB (66 %, of it dirty 40.0 MiB), shmem 20.0 MiB (of it memfd or shared maps 20.0 MiB); victim"},
		"what is locked":            {MemoryStat{Anon: mib(62), Unevictable: mib(50)}, "filled by anon 62.0 MiB (97 %, of it locked 50.0 MiB); victim"},
		"what is locked of a file":  {MemoryStat{File: mib(50), Anon: mib(12), Unevictable: mib(50)}, "filled by page cache 50.0 MiB (78 %), anon 12.0 MiB; victim"},
		"what the kernel needs":     {MemoryStat{Kernel: mib(62), KernelStack: mib(37), SlabUnreclaimable: mib(20), PerCPU: mib(5)}, "filled by kernel 62.0 MiB (97 %, of it kernel stacks 37.0 MiB, other objects 20.0 MiB); victim"},
		"kernels without its total": {MemoryStat{Anon: mib(12), Sock: mib(50)}, "filled by sock 50.0 MiB (78 %), anon 12.0 MiB; victim"},
	} {
		t.Run(name, func(t *testing.T) { require.Contains(t, filledOutcome(c.stat).Why, c.want) })
	}
}

func TestWhatWasSeenLastIsSaidToBeOld(t *testing.T) {
	o := filledOutcome(MemoryStat{})
	o.Evidence.Kills = nil
	o.Evidence.Unread = map[Source]string{KernelLog: "it is closed"}
	old := Sample{At: time.Millisecond, Current: 40 * MiB, Stat: MemoryStat{Anon: 39 * MiB}}
	o.Evidence.Fullest = NewComposition(o.Evidence, Timeline{old, {At: 2 * time.Millisecond, Current: 39 * MiB, Events: Events{OOMKill: 1}, Stat: MemoryStat{Anon: 4096}}}, nil)
	_, why := o.Judge()
	require.Contains(t, why, "; when it was seen last, at 40.0 MiB, it was filled by anon 39.0 MiB (98 %)")

	o.Evidence.Fullest = NewComposition(o.Evidence, Timeline{{Current: 64 * MiB, Stat: MemoryStat{Anon: 4 * MiB}}}, nil)
	require.Nil(t, o.Evidence.Fullest, "what does not add up was read while memory was given back")
	_, why = o.Judge()
	require.NotContains(t, why, "filled")
}

func TestTheHighestSampleBeforeTheKillCountsAndTheLastOfThese(t *testing.T) {
	at := func(current Bytes, kills uint64, stat MemoryStat) Sample {
		return Sample{Current: current, Events: Events{OOMKill: kills}, Stat: stat}
	}
	c := NewComposition(Evidence{}, Timeline{
		at(64*MiB, 0, MemoryStat{File: 64 * MiB}), at(63*MiB+MiB/2, 0, MemoryStat{Anon: 63 * MiB}), at(20*MiB, 1, MemoryStat{Anon: 20 * MiB}),
		at(64*MiB, 1, MemoryStat{Sock: 64 * MiB}),
	}, nil)
	require.Equal(t, MemoryStat{Anon: 63 * MiB}, c.Stat, "page cache made room for anon; what came after the kill is another's")
	require.Nil(t, NewComposition(Evidence{}, nil, nil))

	var falling Timeline
	for size := 64 * MiB; size > 32*MiB; size -= MiB {
		falling = append(falling, at(size, 0, MemoryStat{Anon: size}))
	}
	require.Equal(t, 63*MiB, NewComposition(Evidence{}, falling, nil).Current, "what falls slowly was fullest at its begin")
}

func TestTheReportOfAnotherLimitIsNotTheCages(t *testing.T) {
	o := filledOutcome(MemoryStat{Sock: 60 * MiB})
	o.Evidence.Kills[0].Report.Group = "/above"
	require.Nil(t, NewComposition(o.Evidence, nil, nil))
}

func TestWhatTheReportLacksIsTheRecorders(t *testing.T) {
	o := filledOutcome(MemoryStat{})
	o.Evidence.Kills[0].Report.Stat = map[string]uint64{"anon": uint64(50 * MiB)}
	c := NewComposition(o.Evidence, Timeline{{Current: 60 * MiB, Stat: MemoryStat{Anon: 47 * MiB, Kernel: 13 * MiB, SlabReclaimable: 12 * MiB}}}, nil)
	require.Equal(t, MemoryStat{Anon: 50 * MiB, Kernel: 13 * MiB, SlabReclaimable: 12 * MiB}, c.Stat)
	require.True(t, c.Kernel)
	require.Equal(t, 64*MiB, c.Current)
}

func TestAReportThatIsBehindIsSaidToBe(t *testing.T) {
	o := filledOutcome(MemoryStat{Anon: 50 * MiB})
	require.Contains(t, o.Why, "filled by anon 50.0 MiB (78 %), 14.0 MiB that memory.stat did not have yet; victim")
	c := NewComposition(o.Evidence, Timeline{{Current: 63 * MiB, Stat: MemoryStat{Sock: 62 * MiB}}}, nil)
	require.Equal(t, MemoryStat{Sock: 62 * MiB}, c.Stat, "the recorder has more")
	require.False(t, c.Kernel)
}

// Debian 13's 6.12 killed while 11.5 MiB were being written to swap. They are charged, and in no kind: the report seemed to be behind,
// and what it said of the swap was lost.
func TestWhatIsOnItsWayToSwapIsAnonymousMemory(t *testing.T) {
	o := filledOutcome(MemoryStat{Anon: 54439936, File: 4096, Shmem: 4096, Kernel: 434176, Writeback: 11939840, SwapCached: 12046336})
	o.Evidence.Limits.Swap = 32 * MiB
	o.Evidence.Kills[0].Report.Swap = &OOMUsage{Usage: 32 * MiB, Limit: 32 * MiB, FailCnt: 1344}
	sample := Sample{Current: 66867200, Stat: MemoryStat{Anon: 63438848, Kernel: 434176}}
	o.Evidence.Fullest = NewComposition(o.Evidence, Timeline{sample}, nil)
	require.True(t, o.Evidence.Fullest.Kernel)
	_, why := o.Judge()
	require.Contains(t, why, "filled by anon 63.4 MiB (99 %), and swap was full: 32.0 of 32.0 MiB; victim")

	sample.Stat = MemoryStat{Anon: 50 * MiB, SwapCached: 12 * MiB}
	require.Equal(t, sample.Stat, NewComposition(Evidence{}, Timeline{sample}, nil).Stat, "a sample with it is whole")
	sample.Stat.SwapCached = MiB
	require.Nil(t, NewComposition(Evidence{}, Timeline{sample}, nil))
}

func TestPageTablesThatAReportLacksAreThoseOfTheProcesses(t *testing.T) {
	o := filledOutcome(MemoryStat{Kernel: 62 * MiB, SlabReclaimable: MiB})
	r := o.Evidence.Kills[0].Report
	r.Tasks[0].PageTables, r.Rest = 30*MiB, &OOMTask{PageTables: 10 * MiB}
	require.Equal(t, 40*MiB, NewComposition(o.Evidence, nil, nil).Stat.PageTables)
	r.Rest.PageTables = 100 * MiB
	require.Equal(t, 61*MiB, NewComposition(o.Evidence, nil, nil).Stat.PageTables, "no more than the kernel has")
	r.Stat["pagetables"] = uint64(2 * MiB)
	require.Equal(t, 2*MiB, NewComposition(o.Evidence, nil, nil).Stat.PageTables)
}

func TestFilesAreNamedByTheirMount(t *testing.T) {
	o := filledOutcome(MemoryStat{File: 60 * MiB, Shmem: 60 * MiB})
	o.Evidence.Fullest.AddTmpfs(map[string]Bytes{"/dev/shm": 40 * MiB, "/run\x1b[2J": 18 * MiB})
	_, why := o.Judge()
	require.Contains(t, why, `filled by shmem 60.0 MiB (94 %, of it files on /dev/shm 40.0 MiB, files on /run\x1b[2J 18.0 MiB)`)
	require.NotContains(t, why, "\x1b")

	o.Evidence.Fullest.Tmpfs, o.Evidence.Fullest.Memfd = nil, 50*MiB
	_, why = o.Judge()
	require.Contains(t, why, ", of it memfd 60.0 MiB)")

	anon := filledOutcome(MemoryStat{Anon: 60 * MiB})
	anon.Evidence.Fullest.AddTmpfs(map[string]Bytes{"/dev/shm": 40 * MiB})
	require.Nil(t, anon.Evidence.Fullest.Tmpfs, "what others have written is not the cage's")
}

func TestCopiesOfAForkAreSeen(t *testing.T) {
	parent := Resident{PID: 10, Parent: 1, Name: "redis-server", Anon: 40 * MiB}
	child := Resident{PID: 11, Parent: 10, Name: "redis-server", Anon: 40 * MiB}
	two := func(a, b Resident, anon Bytes) []Census { return []Census{{Anon: anon, Processes: []Resident{a, b}}} }
	require.Equal(t, 20*MiB, copied(two(parent, child, 52*MiB), 60*MiB))
	require.Zero(t, copied(two(parent, child, 80*MiB), 80*MiB), "nothing is shared any more: each may have taken its own")
	worker := child
	worker.Anon = 12 * MiB
	require.Zero(t, copied(two(parent, worker, 45*MiB), 60*MiB), "a worker that has its own beside what it shares")
	other := child
	other.Name = "sh"
	require.Zero(t, copied(two(parent, other, 52*MiB), 60*MiB), "another program")
	require.Zero(t, copied(nil, 60*MiB))
	postmaster, writer := Resident{PID: 10, Parent: 1, Name: "postgres", Anon: 4 * MiB}, Resident{PID: 12, Parent: 10, Name: "postgres", Anon: 4 * MiB}
	backend := Resident{PID: 11, Parent: 10, Name: "postgres", Anon: 66 * MiB}
	grown := []Census{{Anon: 65 * MiB, Processes: []Resident{backend, postmaster, writer, writer}}}
	require.Zero(t, copied(grown, 87*MiB), "what a backend took of its own since")
	dying := child
	dying.Anon = MiB
	require.Equal(t, 20*MiB, copied(append(two(parent, child, 52*MiB), two(parent, dying, 41*MiB)...), 60*MiB), "the last census came late")
}

func TestOtherCausesAreNamedWhenTheyMatter(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Outcome)
		want   string
	}{
		"what was there before": {func(o *Outcome) { o.Evidence.Fullest.Inherited = 12 * MiB }, "; 12.0 MiB were charged before the target was started"},
		"a parent's limit":      {func(o *Outcome) { o.Evidence.Ancestors = []Ancestor{{Path: "/parent", Max: 64 * MiB}} }, "; the limit of /parent is the same"},
		"small victims": {func(o *Outcome) {
			o.Evidence.Events.OOMKill, o.Evidence.EventsLocal.OOMKill = 2, 2
			o.Evidence.Kills = append([]OOMKill{{PID: 7, Name: "sh", Anon: MiB, Group: "/cage", Limit: "/cage"}}, o.Evidence.Kills...)
		}, "; 1 victim before had held 1.0 MiB together, which relieved nothing"},
		"huge pages": {func(o *Outcome) {
			o.Spec.Load.Bytes = 10 * MiB
			o.Evidence.Fullest.Stat.AnonTHP, o.Baseline.HugePage = 60*MiB, 2*MiB
			o.Measured = &Measured{Step: 12 * MiB, Error: 3 * MiB, Steps: 4}
		}, "; huge pages hold 10.0 MiB more than the steps were to take: see what it takes without them"},
		"copies": {func(o *Outcome) { o.Evidence.Fullest.Copied = 20 * MiB }, "; 20.0 MiB of it are copies of pages that were shared with a forked child"},
	} {
		t.Run(name, func(t *testing.T) {
			o := filledOutcome(MemoryStat{Anon: 60 * MiB})
			require.NotContains(t, o.Why, c.want)
			c.change(o)
			require.Equal(t, name == "huge pages", strings.Contains(o.help(), "huge pages hold more than was asked for"))
			_, why := o.Judge()
			require.Contains(t, why, c.want)
		})
	}
}

func TestAnExplanationHasTenLinesAtMost(t *testing.T) {
	o := filledOutcome(MemoryStat{Sock: mib(41.2), Kernel: mib(14), PageTables: mib(9.1), Anon: mib(8.1), Scanned: 100, Stolen: 3})
	o.Timeline = Timeline{{At: time.Second / 2, Step: 3, Current: 62 * MiB}}
	o.Spec.Load.Bytes = 15 * MiB
	o.Latency = &Latency{Count: 4}
	o.Evidence.OwnReport().Stack = []string{"tcp_sendmsg_locked", "tcp_sendmsg"}
	lines := o.Explain()
	require.LessOrEqual(t, len(lines), 10)
	text := map[string]string{}
	for _, l := range lines {
		require.Empty(t, text[l.About], "each is said once")
		text[l.About] = l.Text
	}
	require.Contains(t, text["filled"], "by the kernel's own report, of 64.0 MiB in all: sock is 41.2 MiB, 64 % (data in sockets that was not read yet, or not acknowledged)")
	require.Contains(t, text["grew"], "80 % of the limit was reached after 500ms, with 3 steps acknowledged")
	require.Contains(t, text["victim"], "app[152], the target: anon 8.0 MiB")
	require.Contains(t, text["failed"], "app asked for 4.0 KiB (tcp send) with GFP_KERNEL, on the way through tcp_sendmsg_locked, tcp_sendmsg; the limit had been met 9 times before")
	require.Contains(t, text["reclaim"], "looked at 100 pages and took back 3 pages")
	require.Contains(t, text["help"], "sockets (41.2 MiB): read faster")
}

// What is watched, or works by itself, takes no steps.
func TestAnExplanationWithoutALoadCountsNoSteps(t *testing.T) {
	o := filledOutcome(MemoryStat{Anon: mib(63)})
	o.Attempted, o.Timeline = 0, Timeline{{At: time.Second / 2, Current: 62 * MiB}}
	text := ""
	for _, l := range o.Explain() {
		if l.About == "grew" {
			text = l.Text
		}
	}
	require.Contains(t, text, "80 % of the limit was reached after 500ms; 95 % ")
	require.NotContains(t, text, "steps")
}

func TestAnExplanationOfLittleSaysLittle(t *testing.T) {
	for _, l := range (&Outcome{Verdict: Exited, Evidence: Evidence{Status: ExitStatus{Ended: true}, Ready: true}}).Explain() {
		require.NotEmpty(t, l.Text, l.About)
		require.NotContains(t, []string{"victim", "help", "steps"}, l.About)
	}
}

func TestEveryWayToFillACageHasItsAdvice(t *testing.T) {
	for i, f := range new(MemoryStat).fields() {
		s := new(MemoryStat)
		s.fields()[i].set(uint64(60 * MiB))
		o := filledOutcome(*s)
		if f.size == nil || f.key == "zswapped" || f.key == "percpu" || f.key == "vmalloc" || f.key == "zswap" {
			continue // no kind of its own, or none that a program takes
		}
		if strings.HasPrefix(f.key, "file_") {
			s.File = 60 * MiB
		}
		switch f.key {
		case "anon_thp":
			s.Anon = 60 * MiB
		case "shmem_thp":
			s.File, s.Shmem = 60*MiB, 60*MiB
		}
		o.Evidence.Fullest.Stat = *s
		o.Evidence.Fullest.Stat.Anon = max(o.Evidence.Fullest.Stat.Anon, 4*MiB) // so that there is a kind
		require.NotEmpty(t, o.help(), f.key)
		require.NotContains(t, o.help(), "no kind of memory stands out", f.key)
	}
}
