package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// notesOf is how many bytes a target's file has.
func notesOf(t *testing.T, dir, name string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	require.NoError(t, err)
	return int(info.Size())
}

// connectionShare is what the connections of 16 clients add to a step of this test: up to 64 KiB each, over some 56 steps.
const connectionShare = 16 * 64 * KiB / 56

// The service's own count is the witness: what it had taken before it answered.
func TestTheStepsOfSixteenClientsAreCountedAsTheServiceCountsThem(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		o := RunT(t, Spec{Target: server(t, dir), Limits: Limits{Max: 64 * MiB},
			Load: Load{Step: HTTPPost("/count/1048576"), Bytes: MiB, Clients: 16}})
		o.RequireVerdict(t, OOMKilled)
		o.RequirePredicted(t)
		received, taken := notesOf(t, dir, "received"), notesOf(t, dir, "taken")
		require.Equal(t, o.Attempted, o.Acknowledged+o.Failed+o.InFlight)
		require.LessOrEqual(t, o.Acknowledged, taken, "what is acknowledged was taken")
		require.LessOrEqual(t, taken, o.Acknowledged+o.InFlight)
		require.LessOrEqual(t, received, o.Attempted, "no step is sent twice")
		require.LessOrEqual(t, o.InFlight, 16)
		require.Positive(t, o.InFlight)
		require.Contains(t, o.Why, "in flight")
		require.InDelta(t, int64(MiB), int64(o.Measured.Step), float64(o.Measured.Error)+float64(connectionShare), "%s", o.Measured)
	}
}

func TestTheStepsOfAServiceThatLivesAreCountedToTheLast(t *testing.T) {
	for _, load := range []Load{{Clients: 16}, {Rate: 200}, {Rate: 500, Clients: 3}} {
		dir := t.TempDir()
		load.Step, load.Count = HTTPPost("/count/4096"), 200
		// 11 s each under emulation (2026-11), and the time is not what this is about.
		o := RunT(t, Spec{Target: server(t, dir), Limits: Limits{Max: 64 * MiB}, Load: load, Timeout: 10 * time.Minute})
		o.RequireVerdict(t, Survived)
		require.Equal(t, []int{200, 200, 0, 0}, []int{o.Attempted, o.Acknowledged, o.Failed, o.InFlight})
		require.Equal(t, []int{200, 200}, []int{notesOf(t, dir, "received"), notesOf(t, dir, "taken")})
	}
}

// A server of several processes, one of which is killed by a step: the load goes on, and the outage has its length.
func TestAServiceThatLosesAWorkerRecovers(t *testing.T) {
	broken := errors.New("the worker is gone")
	var back time.Time
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 64 * MiB}, Load: Load{
		Count: 30, Tolerate: 20,
		Step: func(ctx context.Context, p *Process, n int) error {
			if n == 5 {
				if err := HTTPPost("/child/100000000")(ctx, p, n); err != nil {
					return err
				}
				back = time.Now().Add(50 * time.Millisecond)
				return broken
			}
			if time.Now().Before(back) {
				return broken
			}
			return HTTPPost("/ready")(ctx, p, n)
		},
	}})
	o.RequireVerdict(t, ChildOOMKilled)
	o.RequireOOMKills(t, 1)
	require.Len(t, o.Outages, 1)
	require.Equal(t, 5, o.Outages[0].Step)
	require.Contains(t, o.Why, "; from step 5 on ")
	o.RequireRecovered(t, time.Minute)
	o.RequireNoLoss(t, o.Acknowledged)
}
