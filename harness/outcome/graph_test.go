package outcome

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAGraphShowsHowTheCageFilled(t *testing.T) {
	o := &Outcome{
		Acknowledged: 1,
		Timeline: []Sample{
			{At: 248 * time.Millisecond, Current: 245760},
			{At: 605 * time.Millisecond, Current: 25 * MiB, Step: 1, Events: Events{High: 2}},
			{At: 61 * time.Second, Current: 100 * MiB, Step: 1, Events: Events{High: 2, Max: 3, OOM: 1, OOMKill: 1}},
		},
		Evidence: Evidence{Limits: Limits{Max: 100 * MiB}, Peak: 100*MiB + 4096, Current: 512, Events: Events{High: 2, Max: 4, OOM: 1, OOMKill: 1}},
	}
	require.Equal(t, `      time  acked  of 104857600 (memory.max)                          memory.current   memory.events that rose
    0.248s  0      ········································   240.0 KiB       245760
    0.605s  1      ██████████······························    25.0 MiB     26214400   high 2
   61.000s  1      ████████████████████████████████████████   100.0 MiB    104857600   max 3, oom 1, oom_kill 1
      peak         ████████████████████████████████████████   100.0 MiB    104861696
       end  1      ········································       512 B          512   max 1
`, o.graph())
}

func TestWhereThereIsNoLoadNothingIsSaidOfSteps(t *testing.T) {
	watch := &Outcome{
		Timeline: []Sample{{At: 248 * time.Millisecond, Current: 50 * MiB}},
		Evidence: Evidence{Limits: Limits{Max: 100 * MiB}, Peak: 50 * MiB, Current: 512, Watched: &Watched{What: "tail"}},
	}
	require.Equal(t, `      time         of 104857600 (memory.max)                          memory.current   memory.events that rose
    0.248s         ████████████████████····················    50.0 MiB     52428800
       end         ········································       512 B          512
`, watch.graph())
	require.NotContains(t, watch.String(), "before the load", "nothing was read then")
	run := &Outcome{Baseline: Baseline{Current: 2 * MiB, File: MiB}, Spec: Spec{Load: Load{UntilEmpty: true}}}
	require.Contains(t, run.String(), "; when it was ready 2097152, of which 1048576 page cache")
	run.Spec.Load.Count = 3
	require.Contains(t, run.String(), "; before the load 2097152, of which 1048576 page cache", "it was to have one")
}

func TestAGraphHasLettersWhereMoreThanOneKindOfMemoryMatters(t *testing.T) {
	o := &Outcome{
		Acknowledged: 1,
		Timeline: []Sample{
			{At: 248 * time.Millisecond, Current: 2 * MiB, Stat: MemoryStat{Anon: MiB, Kernel: MiB}},
			{At: 605 * time.Millisecond, Current: 50 * MiB, Step: 1, Stat: MemoryStat{Anon: 10 * MiB, File: 25 * MiB, Shmem: 5 * MiB, Sock: 2 * MiB, Kernel: 12 * MiB}},
			{At: 700 * time.Millisecond, Current: 70 * MiB, Step: 1},
		},
		Evidence: Evidence{
			Limits: Limits{Max: 100 * MiB}, Peak: 100 * MiB, Current: 512, Stat: MemoryStat{Kernel: 512},
			Fullest: &Composition{Current: 99 * MiB, Stat: MemoryStat{Anon: 50 * MiB, File: 25 * MiB, Kernel: 24 * MiB}},
		},
	}
	require.Equal(t, `      time  acked  of 104857600 (memory.max)                          memory.current   memory.events that rose
    0.248s  0      k·······································     2.0 MiB      2097152
    0.605s  1      aaaasskkkkkffffffff█····················    50.0 MiB     52428800
    0.700s  1      ████████████████████████████············    70.0 MiB     73400320
      peak         aaaaaaaaaaaaaaaaaaaakkkkkkkkkkffffffffff   100.0 MiB    104857600
       end  1      ········································       512 B          512
                   a anon, s shmem, k kernel, f page cache, █ other or not known
`, o.graph())

	o.Evidence.Fullest.Current = 60 * MiB // it was seen last long before the peak
	require.Contains(t, o.graph(), "peak         "+strings.Repeat("█", 40))
	for i := range o.Timeline {
		o.Timeline[i].Stat = MemoryStat{Anon: o.Timeline[i].Current, Kernel: 4 * MiB}
	}
	o.Evidence.Fullest = nil
	require.NotContains(t, o.graph(), "a anon", "one kind needs no telling apart")
}

func TestEachKindHasALetterOfItsOwn(t *testing.T) {
	letters := map[string]bool{}
	for _, k := range Kinds() {
		require.Len(t, k.Letter(), 1)
		letters[k.Letter()] = true
	}
	require.Len(t, letters, len(Kinds()))
	require.Zero(t, MemoryStat{Anon: 1}.Of("swap"))
	s := MemoryStat{Anon: 1, Shmem: 2, File: 6, Sock: 8, Kernel: 16}
	var sum Bytes
	for _, f := range (&Composition{Stat: s}).Fills() {
		require.Equal(t, s.Of(Kind(f.Kind)), f.Size)
		sum += f.Size
	}
	require.Equal(t, s.sum(), sum)
}

func TestACageIsFilledByItsLargestKind(t *testing.T) {
	kind, size := (&Composition{Stat: MemoryStat{Anon: 5, File: 9, Shmem: 1}}).FilledBy()
	require.Equal(t, KindPageCache, kind)
	require.EqualValues(t, 8, size)
	for _, none := range []*Composition{nil, {}} {
		kind, size = none.FilledBy()
		require.Empty(t, kind)
		require.Zero(t, size)
	}
}

func TestAGraphWithoutALimitIsFullAtThePeak(t *testing.T) {
	for _, limit := range []Bytes{0, Unlimited} {
		o := &Outcome{Timeline: []Sample{{Current: 50}, {Current: 100}}, Evidence: Evidence{Limits: Limits{Max: limit}, Peak: 200}}
		require.Contains(t, o.graph(), "of 200 (the peak)")
		require.Contains(t, o.graph(), strings.Repeat("█", 20)+strings.Repeat("·", 20)+"       100 B")
	}
	noPeak := &Outcome{Timeline: []Sample{{Current: 50}, {Current: 100}}} // before Linux 5.19
	require.Contains(t, noPeak.graph(), "of 100 (the peak)")
}

func TestAGraphOfNothingReadClaimsNothing(t *testing.T) {
	o := &Outcome{Evidence: Evidence{Unread: map[Source]string{EventsFile: "gone"}}}
	require.Equal(t, 1, strings.Count(o.graph(), "\n"), o.graph())
}

func TestAGraphOfThousandsOfReadingsKeepsWhatMatters(t *testing.T) {
	var samples []Sample
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 4096 {
		samples = append(samples, Sample{At: time.Duration(i), Step: i / 1000, Current: Bytes(1000 + random.IntN(1000))})
	}
	samples[1234].Current = 5000
	for i := 2000; i < len(samples); i++ {
		samples[i].Events = Events{OOM: 1}
	}
	for i := 2500; i < len(samples); i++ {
		samples[i].Events.OOMKill = 1
	}
	rows := pickRows(samples, graphRows)
	require.Len(t, rows, graphRows)
	at := map[time.Duration]bool{}
	var last time.Duration = -1
	for _, s := range rows {
		require.Greater(t, s.At, last, "in order, and none twice")
		at[s.At], last = true, s.At
	}
	for _, i := range append([]int{0, 1234, 2000, 2500, 4095}, highestOfSteps(samples)...) {
		assert.True(t, at[samples[i].At], "reading %d: %+v", i, samples[i])
	}
	o := &Outcome{Timeline: samples}
	require.Contains(t, o.graph(), "20 of 4096 readings are shown")

	// More of what matters than there are rows.
	for i := range samples {
		samples[i].Step, samples[i].Events.OOMKill = i, uint64(i)
	}
	rows = pickRows(samples, graphRows)
	require.Len(t, rows, graphRows)
	require.Equal(t, samples[0], rows[0])
	require.Equal(t, samples[4095], rows[graphRows-1])
}

func TestOutputThatIsPrintedKeepsItsEndsAndCannotMoveTheCursor(t *testing.T) {
	var output strings.Builder
	for i := range 100 {
		output.WriteString("line " + string(rune('0'+i%10)) + "\n")
	}
	lines := endsOf(output.String())
	require.Len(t, lines, 2*outputLines+1)
	require.Equal(t, "[60 lines are not shown]", lines[outputLines])
	require.Len(t, endsOf(strings.Repeat("x\n", 2*outputLines)), 2*outputLines)
	require.Empty(t, endsOf(""))

	require.Equal(t, `  name       a\t\x1b[31mb\rc é`+"\n", named("name", "a\t\x1b[31mb\rc é\r\n"))
	require.Equal(t, "  name       "+strings.Repeat("é", lineLength)+"…\n", named("name", strings.Repeat("é", lineLength+1)))
	require.Equal(t, "  name       "+strings.Repeat("é", lineLength)+"\n", named("name", strings.Repeat("é", lineLength)))
}

// A pod's cgroup was removed right after a sample that had the kill, and its counters could not be read again.
func TestAGraphDoesNotEndWithWhatIsOlderThanItsLastRow(t *testing.T) {
	o := Outcome{
		Timeline: Timeline{{At: 2 * time.Second, Current: MiB, Events: Events{OOMKill: 2}}},
		Evidence: Evidence{Limits: Limits{Max: 64 * MiB}, Current: 64 * MiB, Peak: 64 * MiB, Watched: &Watched{Ended: true, Removed: true, ReadAt: time.Second}},
	}
	require.NotContains(t, o.graph(), "fell")
	require.NotContains(t, o.graph(), "\n       end")

	o.Evidence.Watched.ReadAt, o.Evidence.Events.OOMKill = 3*time.Second, 2
	require.Contains(t, o.graph(), "\n       end")
}
