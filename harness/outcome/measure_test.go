package outcome

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// filling is an outcome whose memory was this after each step, the baseline first.
func filling(declared Bytes, sizes ...Bytes) *Outcome {
	o := &Outcome{Spec: Spec{Load: Load{Bytes: declared}}, Baseline: Baseline{Current: sizes[0], PageSize: 4096, CPUs: 2, HugePage: 2 * MiB}}
	var s Slope
	for i, size := range sizes {
		s.Add(i, size)
	}
	o.Measured = s.Measured(o.Baseline, 1)
	return o
}

func rising(from, step Bytes, n int) []Bytes {
	sizes := []Bytes{from}
	for range n {
		sizes = append(sizes, sizes[len(sizes)-1]+step)
	}
	return sizes
}

// The readings of the recipe, from doc.go.
func TestTheStepsOfTheRecipeAreMeasuredAsDeclared(t *testing.T) {
	o := filling(20*MiB, 2867200, 26722304, 47693824, 69185536, 90157056)
	require.InDelta(t, int64(20*MiB), int64(o.Measured.Step), float64(MiB))
	require.Equal(t, 4, o.Measured.Steps)
	require.Empty(t, o.Differs())
}

func TestAStepThatTakesAnotherSizeThanDeclaredIsSaid(t *testing.T) {
	for _, c := range []struct {
		declared, step Bytes
		steps          int
		want           string
	}{
		{20 * MiB, 40 * MiB, 4, "a step took 40.0 MiB (±"},
		{20 * MiB, 10 * MiB, 4, "not the 20.0 MiB declared"},
		{20 * MiB, 20*MiB + 40*KiB, 4, ""},
		{20 * MiB, 20*MiB + 40*KiB, 400, ""}, // page tables
		{1000, 1008, 16354, ""},              // malloc's header is within the error
		{100, 4096, 3500, "a step took 4.0 KiB"},
		{20 * MiB, 0, 4, "4 steps acknowledged, and memory did not grow: were they taken?"},
		{20 * MiB, 0, 1, "1 step acknowledged, and memory did not grow: was it taken?"},
		{0, 0, 203, "203 steps acknowledged, and memory did not grow: were they taken?"},
		{0, 0, 1, ""},        // a step that only waits
		{0, 5 * MiB, 9, ""},  // nothing was declared
		{1000, 0, 20, ""},    // would not be seen
		{MiB, -MiB, 50, "x"}, // it fell
	} {
		got := filling(c.declared, rising(300*MiB, c.step, c.steps)...).Differs()
		switch c.want {
		case "":
			require.Empty(t, got, "%+v", c)
		case "x":
			require.Contains(t, got, "did not grow", "%+v", c)
		default:
			require.Contains(t, got, c.want, "%+v", c)
		}
	}
	require.Empty(t, (&Outcome{}).Differs())
}

func TestAnErrorAboveTheSizeMakesItABound(t *testing.T) {
	require.Equal(t, "at most 119.0 MiB", (&Measured{Step: 7 * MiB, Error: 112 * MiB}).String())
	require.Equal(t, "at most 8.0 KiB", (&Measured{Step: -2 * KiB, Error: 10 * KiB}).String())
	require.Equal(t, "at most 2.0 KiB", (&Measured{Step: KiB, Error: KiB}).String())
	require.Equal(t, "20.0 MiB (±10.0 KiB)", (&Measured{Step: 20 * MiB, Error: 10 * KiB}).String())
	require.Equal(t, "-2.0 KiB (±1.0 KiB)", (&Measured{Step: -2 * KiB, Error: KiB}).String(), "it fell")
}

// A static site was asked after each of its runs whether the steps were taken.
func TestPagesThatAreOnlyReadAreNotAskedAfter(t *testing.T) {
	for load, asked := range map[string]bool{"GET /": false, "HEAD /a, status 304": false, "POST /": true, "psql -c 'select 1'": true, "": true} {
		o := filling(0, rising(300*MiB, 0, 203)...)
		o.Spec.Load.Name = load
		require.Equal(t, asked, o.Differs() != "", load)
	}
	o := filling(20*MiB, rising(300*MiB, 0, 4)...)
	o.Spec.Load.Name = "GET /take?bytes=20971520"
	require.Contains(t, o.Differs(), "were they taken?", "they were to take memory")
}

// The readings of a server that took nothing but a huge page of its own in the middle.
func TestWhatAServerAllocatesOnceIsNoGrowth(t *testing.T) {
	o := filling(10*MiB, 3391488, 3391488, 3391488, 5488640, 5488640, 5488640)
	require.Equal(t, "5 steps acknowledged, and memory did not grow: were they taken?", o.Differs())
}

// Queries that take nothing, and one that took its backend to the limit: nobody need ask whether they were taken.
func TestALoadThatFilledTheCageWasTaken(t *testing.T) {
	o := filling(10*MiB, 3391488, 3391488, 3391488, 5488640, 5488640, 5488640)
	require.NotContains(t, o.notes(ChildOOMKilled, past{}), "did not grow")
	require.Contains(t, o.notes(Survived, past{}), "did not grow")
}

// Whatever the readings, within what one may be off, a true declaration is never denied.
func TestNoiseDeniesNoDeclaration(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // readings, no secrets
		step := Bytes(1+r.IntN(40)) * MiB
		sizes := rising(8*MiB, step, 1+r.IntN(40))
		b := Baseline{Current: 8 * MiB, PageSize: 4096, CPUs: 2, HugePage: 2 * MiB}
		for i := range sizes {
			if i > 0 {
				sizes[i] += Bytes(r.Int64N(int64(warmUp / 2)))
			}
			sizes[i] += Bytes(r.Int64N(int64(b.noise() / 2)))
		}
		o := filling(step, sizes...)
		require.Empty(t, o.Differs(), "%+v of %v after %d steps", o.Measured, step, len(sizes)-1)
	}
}

// A busy target takes what all clients ask at first, and answers one after the other.
func TestStepsThatWereTakenBeforeTheirAnswersAreWithinTheError(t *testing.T) {
	const clients, last = 16, 48
	for _, few := range []bool{true, false} { // of those that are taken ahead are there in the end
		var s Slope
		for step := 0; step <= last; step++ {
			ahead := (clients - 1) * step / last
			if few {
				ahead = clients - 1 - ahead
			}
			s.Add(step, Bytes(step+ahead)*MiB)
		}
		m := s.Measured(Baseline{}, clients)
		require.Greater(t, (m.Step - MiB).abs(), MiB/4)
		require.False(t, m.differs(MiB), "%s", m)
	}
}
