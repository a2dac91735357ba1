package harness

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARunWhoseParentCageIsClosedKnowsThatTheHarnessKilled(t *testing.T) {
	for range 20 {
		parent := NewCageT(t, Limits{})
		child := mustChild(t, parent, "a", Limits{Max: 64 * MiB})
		target, ready := as(t, "idle"), make(chan struct{})
		target.Ready = func(context.Context, *Process) error { close(ready); return nil }
		var o *Outcome
		var run sync.WaitGroup
		run.Go(func() {
			var err error
			o, err = child.Run(t.Context(), Spec{Target: target})
			assert.NoError(t, err)
		})
		<-ready
		require.NoError(t, parent.Close())
		run.Wait()
		require.True(t, o.Evidence.HarnessKilled, "%s", o.Why)
		if o.Verdict != Killed { // it has read its counters in time
			o.RequireVerdict(t, Inconclusive)
			require.Contains(t, o.Why, "the cage was closed during the run")
		}
	}
}

func TestACageAndItsChildMayBeClosedAtOnce(t *testing.T) {
	for range 40 {
		parent := NewCageT(t, Limits{})
		child := mustChild(t, parent, "a", Limits{})
		_, err := child.Start(t.Context(), Target{Path: pauseProgram(t)})
		require.NoError(t, err)
		var closing sync.WaitGroup
		for _, c := range []*Cage{parent, child, parent, child} {
			closing.Go(func() { assert.NoError(t, c.Close()) })
		}
		closing.Wait()
		require.NoDirExists(t, parent.Path())
	}
}

func TestACageForgetsTheChildrenThatWereClosed(t *testing.T) {
	parent := NewCageT(t, Limits{})
	for i := range 3 {
		require.NoError(t, mustChild(t, parent, fmt.Sprint("child", i), Limits{}).Close())
	}
	require.Empty(t, parent.children)
}

func TestOutputThatAStrangerHoldsOpenKeepsNoCageFromClosing(t *testing.T) {
	c := NewCageT(t, Limits{})
	p, err := c.Start(t.Context(), as(t, "idle"))
	require.NoError(t, err)
	stranger, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", p.PID()), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer stranger.Close()
	require.NoError(t, c.Close())
	require.True(t, p.Status().Ended)
}
