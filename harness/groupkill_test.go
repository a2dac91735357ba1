package harness

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The kernel counts the kill of a group when it has sent the first SIGKILL. Another process than the victim meets the limit here, so
// that the victim need not wait for that.
func TestAGroupKillThatAnotherProcessHasCausedIsOne(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 64 * MiB, OOMGroup: true})
	taking := func(n Bytes) Target { return as(t, "eat", strconv.FormatInt(int64(n), 10)) }
	target := taking(40 * MiB)
	target.Ready = says("ate")
	o := mustRun(t, cage, Spec{Target: target, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
		if _, err := cage.Start(ctx, taking(50*MiB)); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}}})
	o.RequireVerdict(t, OOMGroupKilled)
	require.Positive(t, o.Evidence.EventsLocal.OOMGroupKill)
	require.Equal(t, sigkill, o.Evidence.Status)
}
