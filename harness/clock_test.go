package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

func TestTheClockRunsSlowerAndSlower(t *testing.T) {
	var c clock
	var at time.Duration
	covered := map[int]time.Duration{}
	for n := 1; n <= 400; n++ {
		at += c.interval()
		c.ticks++
		covered[n] = at
	}
	require.Equal(t, 500*time.Millisecond, covered[50])
	require.Greater(t, covered[350], time.Minute)
}

func TestTheClockTakesNoMoreThanItsShare(t *testing.T) {
	c := costly(3 * time.Millisecond)
	require.Equal(t, 300*time.Millisecond, c.interval())
}

func TestASampleThatWaitedForACPUDoesNotSlowTheClock(t *testing.T) {
	var c clock
	for range lastCosts - 1 {
		c.took(50 * time.Millisecond)
		require.Equal(t, firstInterval, c.interval(), "the first ones may all have waited")
	}
	c.took(time.Millisecond / 20)
	c.took(50 * time.Millisecond)
	require.Equal(t, firstInterval, c.interval(), "one of the last did not wait")
	require.Equal(t, 5*time.Second, costly(50*time.Millisecond).interval(), "each takes so long")
}

// costly has taken samples that cost so much each.
func costly(each time.Duration) *clock {
	var c clock
	for range lastCosts {
		c.took(each)
	}
	return &c
}

func TestTheClockHurriesWhereTheLimitIsNear(t *testing.T) {
	c := costly(3 * time.Millisecond)
	c.soon = 5 * time.Millisecond
	for range maxHurried {
		require.Equal(t, 5*time.Millisecond, c.interval())
	}
	require.Equal(t, 300*time.Millisecond, c.interval(), "no more often than that")
	c = costly(3 * time.Millisecond)
	c.soon = time.Millisecond
	require.Equal(t, 3*time.Millisecond, c.interval())
	c = &clock{soon: time.Hour}
	require.Equal(t, firstInterval, c.interval())
}

func TestItIsForeseenWhenTheLimitComesNear(t *testing.T) {
	c := NewCageT(t, Limits{Max: 100 * MiB})
	tl := mustTimeline(t, c)
	p, err := c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	tl.watch(p)
	tl.samples = outcome.Timeline{{At: 0, Current: 10 * MiB}, {At: 10 * time.Millisecond, Current: 20 * MiB}}
	require.InDelta(t, float64(60*time.Millisecond), float64(tl.nearing()), float64(time.Millisecond), "to 80 %")
	tl.census.reached = 1
	require.InDelta(t, float64(75*time.Millisecond), float64(tl.nearing()), float64(time.Millisecond), "to 95 %")
	tl.census.reached = 2
	require.Zero(t, tl.nearing())
	tl.census.reached = 0
	tl.samples[0].Current = 30 * MiB
	require.Zero(t, tl.nearing(), "it falls")
}

// A sample that is like the last one is left out, so that two may be far apart.
func TestMemoryThatHasHardlyGrownForLongComesNearNoLimit(t *testing.T) {
	home := new(cgroup.Group)
	tl := timeline{
		seen:    witness{home: home, limits: map[limitKey]Bytes{{home.Name(), "memory.max"}: 8 * GiB}},
		samples: outcome.Timeline{{At: 0, Current: GiB}, {At: 5 * time.Hour, Current: GiB + 4*KiB}},
	}
	require.Greater(t, tl.nearing(), 5*time.Hour)
}
