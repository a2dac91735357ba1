package harness

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestKillsArePlacedWhenTheyAreFirstCounted(t *testing.T) {
	var tl timeline
	tl.addKills(0, 1, 1, 0)
	tl.addKills(2, 5, 3, 2)
	tl.addKills(2, 6, 4, 3)
	tl.addKills(3, 7, 4, 3)
	require.Equal(t, []outcome.KillTime{{At: 5, Step: 3, Acknowledged: 2}, {At: 5, Step: 3, Acknowledged: 2}, {At: 7, Step: 4, Acknowledged: 3}}, tl.kills)
	tl.addKills(1<<60, 8, 9, 8)
	require.Len(t, tl.kills, maxKillTimes)
}

func TestAChildsKillIsPlacedAtItsStep(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 64 * MiB}, Load: Load{
		Count: 5, Bytes: MiB, Step: func(ctx context.Context, p *Process, n int) error {
			if n == 3 {
				return HTTPPost("/child/100000000")(ctx, p, n)
			}
			return HTTPPost("/ready")(ctx, p, n)
		},
	}})
	o.RequireVerdict(t, ChildOOMKilled)
	o.RequireAcknowledged(t, 5, 5)
	require.Equal(t, []int{3}, stepsOf(o.Evidence.KillTimes))
	require.Positive(t, o.Evidence.KillTimes[0].At)
	require.Contains(t, o.Why, "the kill came during step 3 of 5")
}

// Its own limit would leave room for 18 steps.
func TestTheRoomAboveTheCageIsPartOfThePrediction(t *testing.T) {
	parent := NewCageT(t, Limits{Max: 100 * MiB})
	child := mustChild(t, parent, "child", Limits{Max: 200 * MiB})
	o := mustRun(t, child, Spec{Target: server(t), Load: Load{Step: HTTPPost("/eat/10485760"), Bytes: 10 * MiB}})
	o.RequireVerdict(t, AncestorOOMKilled)
	require.LessOrEqual(t, o.Predicted.Hi, 10)
	o.RequirePredicted(t)
	require.Contains(t, o.Why, "the cgroups above had only ")
}

func TestStepsThatTakeNothingAreAskedAfter(t *testing.T) {
	o := RunT(t, Spec{Target: server(t), Limits: Limits{Max: 100 * MiB}, Load: Load{Step: HTTPGet("/ready"), Count: 5, Bytes: 10 * MiB}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "5 steps acknowledged, and memory did not grow: were they taken?")
	o = RunT(t, Spec{Target: server(t), Limits: Limits{Max: 100 * MiB}, Load: Load{Step: HTTPGet("/eat/10485760"), Count: 4, Bytes: 5 * MiB}})
	o.RequireVerdict(t, Survived)
	require.Contains(t, o.Why, "not the 5.0 MiB declared")
}

// What is looked at for a share of the time has each kill all the same, and at its step.
func TestAKillIsPlacedWhereNoSampleIsDue(t *testing.T) {
	c := NewCageT(t, Limits{Max: 32 * MiB})
	tl := mustTimeline(t, c)
	tl.often = budget{next: time.Now().Add(time.Hour)}
	tl.send(7, 1)
	tl.measure()
	require.Empty(t, tl.samples)
	p, err := c.Start(t.Context(), as(t, "eat", "104857600"))
	require.NoError(t, err)
	_, err = p.Wait(t.Context())
	require.NoError(t, err)
	tl.measure()
	tl.often = budget{next: time.Now().Add(time.Hour)} // the kill's sample has set the clock anew
	tl.send(8, 1)
	tl.measure()
	require.Equal(t, []int{7}, stepsOf(tl.kills))
	require.Len(t, tl.samples, 1)
}
