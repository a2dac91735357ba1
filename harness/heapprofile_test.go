package harness

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// heapProfile is that of this process, whose garbage is collected first.
func heapProfile(t *testing.T) []byte {
	t.Helper()
	runtime.GC()
	var b bytes.Buffer
	require.NoError(t, pprof.Lookup("heap").WriteTo(&b, 0))
	return b.Bytes()
}

//go:noinline
func hold(n int) []byte { return make([]byte, n) }

func TestTheAllocationsThatHoldMostAreFoundInARealProfile(t *testing.T) {
	const size = 48 << 20
	held := hold(size)
	sites, inUse := topAllocations(heapProfile(t))
	runtime.KeepAlive(held)
	require.NotEmpty(t, sites)
	require.LessOrEqual(t, len(sites), 5)
	require.True(t, strings.HasSuffix(sites[0].Function, "harness.hold"), "%v", sites)
	require.True(t, strings.HasSuffix(sites[0].File, "heapprofile_test.go"))
	require.Positive(t, sites[0].Line)
	require.InEpsilon(t, size, int64(sites[0].Bytes), 0.01)
	require.GreaterOrEqual(t, inUse, sites[0].Bytes)
	require.True(t, slices.IsSortedFunc(sites, func(a, b outcome.AllocationSite) int { return int(b.Bytes - a.Bytes) }))
}

// profileOf has so many samples, of functions f1, f2 and so on, each twice as large as the one before, with two stacks each.
func profileOf(tb testing.TB, functions int, change func(*profile.Profile)) []byte {
	tb.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_space", Unit: "bytes"}}}
	for i := range functions {
		f := &profile.Function{ID: uint64(i + 1), Name: fmt.Sprintf("f%d", i+1), Filename: "/src/a.go"}
		l := &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f, Line: int64(10 * i)}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		for range 2 {
			p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{l, p.Location[0]}, Value: []int64{1 << 40, 1 << i}})
		}
	}
	if change != nil {
		change(p)
	}
	var b bytes.Buffer
	require.NoError(tb, p.Write(&b))
	return b.Bytes()
}

func TestAllocationsAreAddedUpByTheirPlace(t *testing.T) {
	sites, inUse := topAllocations(profileOf(t, 7, nil))
	require.Equal(t, Bytes(2*(1<<7-1)), inUse)
	require.Equal(t, []outcome.AllocationSite{
		{Function: "f7", File: "/src/a.go", Line: 60, Bytes: 128}, {Function: "f6", File: "/src/a.go", Line: 50, Bytes: 64},
		{Function: "f5", File: "/src/a.go", Line: 40, Bytes: 32}, {Function: "f4", File: "/src/a.go", Line: 30, Bytes: 16},
		{Function: "f3", File: "/src/a.go", Line: 20, Bytes: 8},
	}, sites)

	sites, inUse = topAllocations(profileOf(t, 2, func(p *profile.Profile) {
		p.Sample[0].Location, p.Sample[1].Value[1] = nil, -5
		p.Function[1].Name = strings.Repeat("x", 10_000) + ".last"
	}))
	require.Equal(t, Bytes(5), inUse)
	require.Len(t, sites, 2)
	require.Len(t, sites[0].Function, maxSiteName)
	require.True(t, strings.HasSuffix(sites[0].Function, ".last"))
	require.Equal(t, outcome.AllocationSite{Function: "unknown", Bytes: 1}, sites[1])
}

func TestWhatIsNoHeapProfileHasNoAllocations(t *testing.T) {
	packed := func(data []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	var cpu bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&cpu, 0))
	whole := profileOf(t, 3, nil)
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("heap profile: 1: 2 [3: 4] @ heap/1048576"), "goroutines": cpu.Bytes(), "torn": whole[:len(whole)/2],
		"packed text": packed([]byte("hello")), "a bomb": packed(make([]byte, maxProfile+1)),
	} {
		sites, inUse := topAllocations(data)
		require.Nil(t, sites, name)
		require.Zero(t, inUse, name)
	}
}

func FuzzHeapProfile(f *testing.F) {
	f.Add(unpacked(f, profileOf(f, 3, nil)))
	f.Add([]byte("\n\x04\b\x0100Z\x040000\x12\r00000\x800\b0\x100002\x002\vinuse_space2\x02002\x00")) // a place that is not there
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data)
		_ = w.Close()
		sites, _ := topAllocations(b.Bytes())
		require.LessOrEqual(t, len(sites), topSites)
		for _, s := range sites {
			require.LessOrEqual(t, len(s.Function), maxSiteName)
		}
	})
}

func unpacked(tb testing.TB, data []byte) []byte {
	tb.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(tb, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	require.NoError(tb, err)
	return b.Bytes()
}
