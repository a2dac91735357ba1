package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// untilStep is a load of that many steps, with the last of which the run's time is up.
func untilStep(last int, timeIsUp func(), path func(n int) string) Load {
	return Load{Step: func(ctx context.Context, p *Process, n int) error {
		if n == last {
			defer timeIsUp()
		}
		return HTTPPost(path(n))(ctx, p, n)
	}}
}

// untilSlow is a load whose steps go on until they slowed down by more than judgement wants, and slow is true: the host may become
// less busy meanwhile, which makes them quicker. Then the run's time is up; also after the last one.
func untilSlow(first, last int, slow *bool, timeIsUp func(), path string) Load {
	var tooks []time.Duration
	return Load{Step: func(ctx context.Context, p *Process, n int) error {
		begin := time.Now()
		err := HTTPPost(path)(ctx, p, n)
		tooks = append(tooks, time.Since(begin))
		if *slow = *slow || n >= first && slowdown(tooks) > 1.7; *slow || n == last {
			timeIsUp()
		}
		return err
	}}
}

// slowdown is the mean of the last quarter, without the slowest, by what a quarter of the first half did not exceed.
func slowdown(tooks []time.Duration) float64 {
	n := len(tooks)
	early, late := slices.Sorted(slices.Values(tooks[:n/2])), slices.Sorted(slices.Values(tooks[n-n/4:]))
	var sum time.Duration
	for _, took := range late[:len(late)-1] {
		sum += took
	}
	return float64(sum) / float64(len(late)-1) / float64(early[len(early)/4])
}

// The cage has room: it is the runtime that has not, by its own limit, and does not give up. Go lets its collector take half of the CPU
// at most, and so steps take twice their time. Where a busy host made the early ones as slow, a slower end was not staged, and is again.
func TestAGoProgramWhoseLiveHeapIsAboveItsOwnLimitStalls(t *testing.T) {
	const most = 5
	for range most {
		slow := false
		o := runUntil(t, Limits{Max: 256 * MiB}, func(timeIsUp func()) Spec {
			target := server(t)
			target.Env = append(target.Env, "GOMEMLIMIT=24MiB", "GOGC=off", "GOMAXPROCS=1")
			return Spec{Target: target, Load: untilSlow(72, 216, &slow, timeIsUp, fmt.Sprintf("/churn/%d", 512*KiB))}
		})
		if !slow {
			t.Logf("the host was busier in the beginning: %v", o.Evidence.Pace)
			continue
		}
		o.RequireVerdict(t, Stalled)
		o.RequireOOMKills(t, 0)
		require.Equal(t, &outcome.SoftLimit{Name: "GOMEMLIMIT", Size: 24 * MiB}, o.Evidence.SoftLimit)
		require.Regexp(t, `^alive when the time was up, and its own memory was short: its runtime collected garbage all the time, as \d+\.\d MiB of memory are more than its GOMEMLIMIT \(24\.0 MiB\); `+
			fmt.Sprintf(`the cage used .* of CPU in .*, and steps took .* in the end and .* early on, after step %d`, o.Acknowledged), o.Why)
		t.Log(o.Why)
		return
	}
	t.Fatalf("in none of %d runs the last steps were slower than the first", most)
}

// With the same limit, a target that only computes was held up by nothing but itself, however slow its steps become.
func TestATargetThatComputesMoreAndMoreIsOutOfTime(t *testing.T) {
	const steps, rounds = 16, 1_000_000
	o := runUntil(t, Limits{Max: 256 * MiB}, func(timeIsUp func()) Spec {
		target := server(t)
		target.Env = append(target.Env, "GOMEMLIMIT=128MiB", "GOGC=off")
		return Spec{Target: target, Load: untilStep(steps, timeIsUp, func(n int) string { return fmt.Sprintf("/spin/%d", rounds*n*n) })}
	})
	o.RequireVerdict(t, TimedOut)
	e := o.Evidence
	require.NotNil(t, e.SoftLimit)
	require.Greater(t, e.Pace.Last, 3*e.Pace.First, "steps slowed down")
	require.Greater(t, e.CPU, e.Took/4, "by computing")
	t.Log(o.Why, e.CPU, e.Took, e.Pace)
}

func TestThreadsAreReadWithTheirCPUTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat")
	for text, want := range map[string]*outcome.Thread{
		"7 (GC Thread#0) S 1 7 7 0 -1 4194304 1 0 0 0 240 13 0 0 20 0": {Name: "GC Thread#0", CPU: 2530 * time.Millisecond},
		"7 (a) b (c)) R 1 7 7 0 -1 4194304 1 0 0 0 1 0 0 0 20 0":       {Name: "a) b (c)", CPU: 10 * time.Millisecond},
		"": nil, "7": nil, "7 (a": nil, "7 )a(": nil, "7 (a) R 1 7": nil, "7 (a) R 1 7 7 0 -1 4194304 1 0 0 0 x 0 0": nil,
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		got, err := readThread(file)
		if want == nil {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, *want, got)
	}
	_, err := readThread(file + "gone")
	require.Error(t, err)
}

// What a real process's threads have used, the process has: it also has what threads used that have ended.
func TestTheThreadsOfAProcessAddUp(t *testing.T) {
	runtime.LockOSThread() // which computes, and is there when it is asked for
	defer runtime.UnlockOSThread()
	for n, used := 0, int64(0); used < int64(5*time.Second/userHZ); n++ {
		_ = fmt.Sprint(n)
		var cpu unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &cpu))
		used = cpu.Nano()
	}
	var sum time.Duration
	threads := readThreads("/proc/self")
	for _, thread := range threads {
		sum += thread.CPU
	}
	whole, err := readThread("/proc/self/stat")
	require.NoError(t, err)
	require.Positive(t, sum)
	const tick = time.Second / userHZ
	require.LessOrEqual(t, sum, whole.CPU+time.Duration(len(threads))*tick, "each is rounded by itself")
}
