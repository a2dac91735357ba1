package outcome

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestATimelineComesBackFromJSONAsItWas(t *testing.T) {
	same := func(t Timeline) bool {
		for i := range t { // what is below zero is no size, and what is beyond is none of the kernel's
			for _, f := range t[i].Stat.fields() {
				f.set(f.get() >> 2)
			}
			for _, c := range t[i].Events.counters() {
				*c >>= 2
			}
		}
		text, err := json.Marshal(t)
		if err != nil {
			return false
		}
		var back Timeline
		return json.Unmarshal(text, &back) == nil && (len(t) == 0 && len(back) == 0 || reflect.DeepEqual(t, back))
	}
	require.NoError(t, quick.Check(same, nil))
}

func TestASampleHasOnlyWhatDiffers(t *testing.T) {
	text, err := json.Marshal(Timeline{
		{At: 1, Current: 10, Swap: 3, Events: Events{Max: 1}, Stat: MemoryStat{Anon: 7, Sock: 2}},
		{At: 2, Current: 11, Swap: 3, Events: Events{Max: 1}, Stat: MemoryStat{Anon: 9, Sock: 2}},
		{At: 3, Current: 11, Events: Events{Max: 2}, Stat: MemoryStat{Anon: 9}},
	})
	require.NoError(t, err)
	require.JSONEq(t, `[{"at":1,"step":0,"current":10,"swap":3,"events":{"max":1},"stat":{"anon":7,"sock":2}},
		{"at":2,"step":0,"current":11,"swap":3,"stat":{"anon":9}},
		{"at":3,"step":0,"current":11,"events":{"max":2},"stat":{"sock":0}}]`, string(text))
}

func TestATimelineOfTheFirstFormatIsRead(t *testing.T) {
	var back Timeline
	require.NoError(t, json.Unmarshal([]byte(`[{"at":1,"step":1,"current":10,"swap":3},{"at":2,"step":1,"current":9}]`), &back))
	require.Equal(t, Timeline{{At: 1, Step: 1, Current: 10, Swap: 3}, {At: 2, Step: 1, Current: 9}}, back)
}

func TestEachPartOfMemoryStatIsReadAndWrittenByTheKernelsName(t *testing.T) {
	s := new(MemoryStat)
	kind := reflect.TypeFor[MemoryStat]()
	for i, f := range s.fields() {
		tag := kind.Field(i).Tag.Get("json")
		require.Equal(t, f.key+",omitempty", tag)
		s.Set([]byte(f.key), uint64(i+1))
		require.EqualValues(t, i+1, f.get(), f.key)
		require.EqualValues(t, i+1, reflect.ValueOf(*s).Field(i).Convert(reflect.TypeFor[uint64]()).Interface(), f.key)
	}
	require.Len(t, s.fields(), kind.NumField())
	require.Equal(t, *s, ReadMemoryStat(func() map[string]uint64 {
		raw := map[string]uint64{"another": 1}
		for _, f := range s.fields() {
			raw[f.key] = f.get()
		}
		return raw
	}()))
}
