package outcome

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATimelineStaysBoundedAndKeepsTheEndOfEachStep(t *testing.T) {
	const most = 400
	var all Timeline
	for step := range 100 {
		for i := range 100 {
			if len(all) >= most {
				all = all.Halve(0)
			}
			all = append(all, Sample{Step: step, Current: Bytes(i)})
		}
	}
	require.LessOrEqual(t, len(all), most)
	require.Greater(t, len(all), most/4)
	ends := map[int]Bytes{}
	for _, s := range all {
		ends[s.Step] = s.Current
	}
	require.Len(t, ends, 100)
	for step, current := range ends {
		require.Equal(t, Bytes(99), current, "step %d", step)
	}
}

func TestATimelineOfMoreStepsThanSamplesStaysBounded(t *testing.T) {
	const most = 400
	var all Timeline
	for step := range 10 * most {
		if len(all) >= most {
			all = all.Halve(0)
		}
		all = append(all, Sample{Step: step})
	}
	require.LessOrEqual(t, len(all), most)
	require.Greater(t, len(all), most/4)
	require.Equal(t, 10*most-1, all[len(all)-1].Step)
}

func TestHalvingKeepsWhatTellsMost(t *testing.T) {
	const limit = 100 * MiB
	var all Timeline
	for i := range 1000 {
		s := Sample{Current: Bytes(i%2) + 10*MiB} // it hardly moves
		switch {
		case i >= 990:
			s.Events.OOMKill = 1
		case i >= 700:
			s.Current = 96 * MiB
		case i >= 500:
			s.Current = 81 * MiB
		case i == 300:
			s.Stat.Sock = 5 * MiB // in the place of something else: memory.current is as before
		}
		s.Events.Max = uint64(i) // by which the samples are known here
		all = append(all, s)
	}
	for len(all) > 20 {
		all = all.Halve(limit)
	}
	var left []int
	for _, s := range all {
		left = append(left, int(s.Events.Max))
	}
	for _, i := range []int{0, 300, 500, 700, 989, 990, 999} {
		require.Contains(t, left, i)
	}
	require.True(t, slices.IsSorted(left))
}

func TestASteadyTimelineIsThinnedEvenly(t *testing.T) {
	var all Timeline
	for i := range 400 {
		all = append(all, Sample{Events: Events{Max: uint64(i)}, Current: Bytes(i) * MiB})
	}
	all = all.Halve(0)
	for i := 1; i < len(all); i++ {
		require.LessOrEqual(t, all[i].Events.Max-all[i-1].Events.Max, uint64(2))
	}
	require.InDelta(t, 200, len(all), 1)
}

func TestATimelineFitsIntoALine(t *testing.T) {
	var all Timeline
	for i := range 400 {
		s := Sample{Current: Bytes(i*i) * 1234567, Step: i}
		for j, f := range s.Stat.fields() {
			f.set(uint64(i*1000003 + j))
		}
		all = append(all, s)
	}
	const length = 64 << 10
	short := all.Fit(length, 0)
	text, err := json.Marshal(short)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), length)
	require.Greater(t, len(text), length/4)
	require.Equal(t, all[0], short[0])
	require.Equal(t, all[399], short[len(short)-1])
	require.Equal(t, all, all.Fit(1<<20, 0), "where there is room, all stay")
	require.Len(t, all.Fit(10, 0), len(all.Fit(0, 0)), "it ends, too, where nothing fits")
}
