package harness

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// eating is a load that takes 10 MiB a step.
func eating(count int) Load {
	return Load{Step: HTTPPost("/eat/10485760"), Bytes: 10 * MiB, Count: count}
}

func after(step int, limit string, to Bytes) outcome.Change {
	return outcome.Change{Step: step, Limit: limit, To: to}
}

func requireLandmarks(t *testing.T, o *Outcome, count int) {
	t.Helper()
	marked := 0
	for _, s := range o.Timeline {
		if s.Landmark {
			marked++
		}
	}
	require.Equal(t, count, marked)
}

func TestALimitThatIsLoweredBelowUseKillsAtOnce(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB}, Load: eating(8), Schedule: outcome.Schedule{after(4, "max", 30*MiB)}})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
	o.RequireAcknowledged(t, 4, 4)
	o.RequirePredicted(t)
	require.Equal(t, 4, o.Attempted, "none is sent to a process that is dying")
	require.Equal(t, outcome.Prediction{Lo: 4, Hi: 4}, *o.Predicted)
	require.Contains(t, o.Why, "killed by its own limit: the schedule lowered it after step 4 to 30.0 MiB, when ")
	require.NotContains(t, o.Why, "was changed")
	require.Len(t, o.Evidence.LimitChanges, 1)
	change := o.Evidence.LimitChanges[0]
	require.True(t, change.Scheduled)
	require.Equal(t, 30*MiB, change.To)
	require.Len(t, o.Evidence.Applied, 1)
	a := o.Evidence.Applied[0]
	require.Empty(t, a.Error)
	require.Equal(t, 200*MiB, a.From)
	require.Greater(t, a.Used, 40*MiB)
	require.Less(t, a.Left, 30*MiB)
	require.LessOrEqual(t, change.At, o.Evidence.KillTimes[0].At)
	requireLandmarks(t, o, 2)
	require.Contains(t, o.String(), "memory.max is 30.0 MiB")
}

// The kernel gives a lowered limit up, silently, when a signal comes to the thread that writes it.
func TestALimitIsLoweredThoughSignalsComeAllTheTime(t *testing.T) {
	stormOfSignals(t)
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB}, Load: eating(8), Schedule: outcome.Schedule{after(4, "max", 30*MiB)}})
	o.RequireVerdict(t, OOMKilled)
	o.RequireAcknowledged(t, 4, 4)
	require.Equal(t, 4, o.Attempted, "the kernel had killed before the next step")
	require.Less(t, o.Evidence.Applied[0].Left, 30*MiB)
}

// stormOfSignals sends SIGURG to all threads of the test until it ends.
func stormOfSignals(t *testing.T) {
	t.Helper()
	over, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(over)
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			threads, err := os.ReadDir("/proc/self/task")
			if !assert.NoError(t, err) {
				return
			}
			for _, thread := range threads {
				tid, err := strconv.Atoi(thread.Name())
				if assert.NoError(t, err) {
					_ = unix.Tgkill(os.Getpid(), tid, unix.SIGURG) // it may have ended
				}
			}
			select {
			case <-over:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
}

func TestALimitThatIsRaisedInTimeSaves(t *testing.T) {
	spec := Spec{Target: server(t), Limits: Limits{Max: 50 * MiB}, Load: eating(8)}
	o := RunT(t, spec)
	o.RequireVerdict(t, OOMKilled)
	o.RequirePredicted(t)
	spec.Schedule = outcome.Schedule{after(3, "max", 200*MiB)}
	saved := RunT(t, spec)
	saved.RequireVerdict(t, Survived)
	saved.RequireAcknowledged(t, 8, 8)
	require.Greater(t, saved.Predicted.Lo, 8)
	require.Contains(t, saved.Why, " of 200.0 MiB")
	require.Contains(t, saved.Why, "the schedule raised memory.max after step 3, from 50.0 MiB to 200.0 MiB")
	require.Greater(t, saved.Acknowledged, o.Acknowledged)
}

func TestAnotherLimitIsTheOneThatKills(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB}, Load: eating(0), Schedule: outcome.Schedule{after(2, "max", 60*MiB)}})
	o.RequireVerdict(t, OOMKilled)
	o.RequirePredicted(t)
	require.LessOrEqual(t, o.Predicted.Hi, 6)
	require.Contains(t, o.Why, " of 60.0 MiB, during step ")
	require.Contains(t, o.Why, "the schedule lowered memory.max after step 2, from 200.0 MiB to 60.0 MiB")
}

func TestALoweredMemoryHighThrottles(t *testing.T) {
	o := runUntil(t, Limits{Max: 200 * MiB}, func(timeIsUp func()) Spec {
		load := eating(0)
		eat := load.Step
		load.Step = func(ctx context.Context, p *Process, n int) error {
			if n == 4 {
				go func() {
					_ = untilThrottled(t.Context(), p, n)
					timeIsUp()
				}()
			}
			return eat(ctx, p, n)
		}
		return Spec{Target: server(t), Load: load, Schedule: outcome.Schedule{after(3, "high", 20*MiB)}}
	})
	o.RequireVerdict(t, Stalled)
	require.GreaterOrEqual(t, o.Acknowledged, 3)
	require.Positive(t, o.Evidence.Events.High)
	require.Contains(t, o.Why, "the schedule lowered memory.high after step 3, from max to 20.0 MiB")
	require.Equal(t, 3, o.Predicted.Lo)
}

func TestALimitMovesByTheClockWhereThereIsNoLoad(t *testing.T) {
	o := RunT(t, Spec{Target: saying(t, "ate", "eat", "52428800"), Limits: Limits{Max: 100 * MiB},
		Schedule: outcome.Schedule{{At: 300 * time.Millisecond, Limit: "max", To: 30 * MiB}, {At: time.Hour, Limit: "high", To: 10 * MiB}}})
	o.RequireVerdict(t, OOMKilled)
	require.Contains(t, o.Why, "the schedule lowered it 300ms after it was ready to 30.0 MiB")
	require.Contains(t, o.Why, "the schedule's 1h0m0s:high=10MiB never came: the run was over before")
	require.Len(t, o.Evidence.Applied, 1)
}

// What a start needs more is given back, and what the steps may take is the new limit's.
func TestALimitMovesWhenTheTargetIsReady(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 200 * MiB}, Load: eating(0), Schedule: outcome.Schedule{{Limit: "max", To: 50 * MiB}}})
	o.RequireVerdict(t, OOMKilled)
	o.RequirePredicted(t)
	require.LessOrEqual(t, o.Predicted.Hi, 5)
	require.Zero(t, o.Evidence.Applied[0].Acked)
	require.NotNil(t, o.Measured)
}

func TestALimitThatFreesPageCacheKillsNobody(t *testing.T) {
	cached := filepath.Join(onDisk(t), "cached")
	require.NoError(t, os.WriteFile(cached, make([]byte, 40*MiB), 0o600))
	unix.Sync() // dirty pages cannot be taken back
	f, err := os.Open(cached)
	require.NoError(t, err)
	require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	require.NoError(t, f.Close())
	o := RunT(t, Spec{Target: saying(t, "read it", "reading", cached), Limits: Limits{Max: 200 * MiB}, Load: Load{Count: 2, Step: acknowledged},
		Schedule: outcome.Schedule{after(1, "max", 30*MiB)}})
	o.RequireVerdict(t, Survived)
	require.Greater(t, o.Evidence.Applied[0].Used, 40*MiB)
	require.LessOrEqual(t, o.Evidence.Applied[0].Left, 30*MiB)
	require.Contains(t, o.Why, " MiB; at the highest ")
}

func TestAWriteOfALimitThatFailsIsEvidence(t *testing.T) {
	requireRoot(t)
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 100 * MiB}, Schedule: outcome.Schedule{after(1, "max", 20*MiB)},
		Load: Load{Count: 2, Step: func(_ context.Context, p *Process, n int) error {
			file := filepath.Join(p.Cage().Path(), "memory.max")
			if n == 2 {
				return unix.Unmount(file, 0)
			}
			if err := unix.Mount(file, file, "", unix.MS_BIND, ""); err != nil {
				return err
			}
			return unix.Mount("", file, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "the schedule's step=1:max=20MiB failed: set memory.max of the cage: ")
	require.Contains(t, o.Evidence.Applied[0].Error, "read-only file system")
	require.Empty(t, o.Evidence.LimitChanges)
}

func TestALimitThatSomebodyElseMovesIsNotTheSchedules(t *testing.T) {
	o := RunT(t, Spec{Target: saying(t, "idle", "idle"), Limits: Limits{Max: 50 * MiB}, Schedule: outcome.Schedule{after(2, "max", 80*MiB)},
		Load: Load{Count: 2, Step: func(_ context.Context, p *Process, n int) error {
			if n == 1 {
				return p.Cage().group.Write("memory.max", "62914560")
			}
			return nil
		}}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "memory.max was changed during the run, from 50.0 MiB to 60.0 MiB")
	require.Contains(t, o.Why, "the schedule raised memory.max after step 2, from 60.0 MiB to 80.0 MiB")
	require.Len(t, o.Evidence.LimitChanges, 2)
	require.False(t, o.Evidence.LimitChanges[0].Scheduled)
	require.True(t, o.Evidence.LimitChanges[1].Scheduled)
}

func TestAScheduleThatCannotBeIsRefused(t *testing.T) {
	spec := Spec{Target: Target{Path: "true"}, Schedule: outcome.Schedule{after(1, "max", MiB)}}
	require.ErrorContains(t, spec.Validate(), "the Load has no Step")
	spec.Load.Step = acknowledged
	require.NoError(t, spec.Validate())
	spec.Schedule[0] = after(1, "high", 100)
	require.ErrorContains(t, spec.Validate(), "rounds down to 0")
	require.Equal(t, spec.Schedule, SpecOf(spec.Data()).Schedule)
}
