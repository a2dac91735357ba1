package outcome

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A run of which everything is kept that is kept at all: 64 KiB of output, readings with large figures, 2,000 steps, 64 processes
// three times, an error of 16 KiB and the kernel's report. Only what has to be escaped in JSON may make a line longer than this.
func TestALineOfResultsIsBelow200KB(t *testing.T) {
	size := func() Bytes { return Bytes(rand.Int64N(1<<38)) &^ 4095 }
	o := &Outcome{Name: "full", Output: strings.Repeat("a line of the service's output\n", 64<<10/31), Error: strings.Repeat("x", 16<<10)}
	raw := map[string]uint64{}
	for _, f := range new(MemoryStat).fields() {
		raw[f.key] = uint64(size())
	}
	var all Timeline
	var log StepLog
	for i := range 400 {
		s := Sample{At: time.Duration(i) * 123_456_789, Current: size(), Swap: size(), Step: i, Events: Events{High: uint64(i), Max: uint64(3 * i)}}
		for _, f := range s.Stat.fields() {
			f.set(uint64(size()))
		}
		all = append(all, s)
	}
	o.Timeline = all.Fit(64<<10, 0)
	for n := range 10_000 {
		log.Add(StepTime{N: n + 1, Begin: time.Duration(n) * 10_000_019, Took: time.Duration(rand.Int64N(1e10)), Answer: []Answer{AnswerOK, AnswerTimeout, AnswerEOF}[n%3]})
	}
	o.StepTimes = log.Times()
	for range 3 {
		c := Census{Current: size(), Anon: size()}
		for pid := range MaxResidents {
			c.Processes = append(c.Processes, Resident{PID: 1<<22 - pid, Parent: 1 << 21, Name: "fifteen-letters", State: "S", Threads: 100,
				Anon: size(), File: size(), Shmem: size(), Swap: size(), PageTables: size(), Locked: size()})
		}
		o.Census = append(o.Census, c)
	}
	r := OOMReport{Group: "/oomcage/cage-1", Stat: raw}
	for pid := range maxOOMTasks {
		r.Tasks = append(r.Tasks, OOMTask{PID: 1 << 22, TGID: 1<<22 - pid, UID: 1 << 16, Name: "fifteen-letters", RSS: size(), Anon: size(), File: size(), Shmem: size(), PageTables: size(), Swap: size()})
	}
	o.Evidence.Kills = []OOMKill{{PID: 1, Name: "x", Report: r.Bounded(1)}}
	whole, before, processes := o.Timeline, len(o.Timeline), len(o.Census[0].Processes)
	o.Complete()
	line, err := json.Marshal(o)
	require.NoError(t, err)
	part := func(v any) int {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return len(b)
	}
	t.Logf("%d bytes: timeline %d, steps %d, censuses %d, kills %d, output %d", len(line), part(o.Timeline), part(o.StepTimes), part(o.Census), part(o.Evidence.Kills), part(o.Output))
	require.Less(t, len(line), 200_000)
	require.Less(t, len(o.Timeline), before)
	require.Greater(t, len(o.Timeline), before/4, "no more is thrown away than has to be")
	require.Len(t, o.Census[0].Processes, processes)

	o.Timeline, o.Output, o.Error = whole, strings.Repeat("\x01", 14<<10), ""
	o.fit(maxLine)
	require.Less(t, part(o), maxLine, "less output, each byte of which is six in JSON")

	o.fit(len(line) - part(o.Timeline))
	require.Len(t, o.Census[0].Processes, processes/2, "where the timeline is not enough")
	o.fit(1)
	require.Len(t, o.Census[0].Processes, fewResidents, "it ends, too, where nothing fits")
	require.Equal(t, processes-fewResidents, o.Census[0].More)
}
