package sweep

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAnAxis reads an axis. What is accepted is printed and read back as the same, with its values in
// order, each once, and no more than may be.
func FuzzAnAxis(f *testing.F) {
	for _, seed := range []string{
		"max=64MiB", "max=96M, 64MiB,67108864", "max=64MiB..250MiB+64MiB", "max=64MiB..1GiB*4", "max=1MiB..3MiB*1.5", "swap=0,max,1MiB",
		"max=8191PiB..8191PiB+1PiB", "max=1..8191PiB*inf", "count=1..5*1.01", "count=-9223372036854775808..9223372036854775806*2",
		"oom_score_adj=-1000..1000+500", "oom.group=1,0", "timeout=60s,5s,1.5h", "kind=shmem,anon", "GOGC=off,100,50", "GOGC=50..200*2,off",
		"GOMEMLIMIT=32MiB..64MiB+16MiB", "GODEBUG=madvdontneed=1", "pids.max=64,max,8", "A=1,1B,01,+1", "A=1kb,1KiB,1024", "a.b,c=d",
		"max=..", "max=1..+1", "max=1..2", "max=1..9+0", "max=9..1+1", "repeat=1", "=1", "max=",
	} {
		f.Add(seed, uint8(3))
		f.Add(seed, uint8(200))
	}
	f.Fuzz(func(t *testing.T, text string, bound uint8) { // a larger one would spend the time in long ranges
		most := 1 + int(bound)
		a, err := ParseAxis(text, most)
		if err != nil {
			return
		}
		require.NotEmpty(t, a.Values)
		require.LessOrEqual(t, len(a.Values), most)
		require.True(t, slices.IsSortedFunc(a.Values, func(x, y string) int { return CompareValues(a.Name, x, y) }), a)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(a.Values))), len(a.Values), "a value is there twice: %v", a)
		back, err := ParseAxis(a.String(), most)
		require.NoError(t, err, "%q was accepted", text)
		require.Equal(t, a, back)
		require.Equal(t, []Value{{a.Name, a.Values[0]}}, ParseName(a.Name+"="+a.Values[0]), "it would not do in a name")
	})
}
