package patience

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPatienceIsOverWhenItsGraceIs(t *testing.T) {
	for _, grace := range []time.Duration{0, 1, 7, 19, time.Second, time.Second + 3} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			p := New(grace)
			<-p.Over
			require.Equal(t, grace, time.Since(begin))
			p.End()
		})
	}
}

func TestPatienceThatWasEndedIsNeverOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(time.Second)
		time.Sleep(time.Second / 2)
		p.End()
		p.End()
		time.Sleep(time.Hour)
		select {
		case <-p.Over:
			t.Error("it was")
		default:
		}
	})
}

// A machine that stands still finds a timer over when it goes on, however late: what others do afterwards has its time.
func TestAMachineThatStandsStillTakesAPartOfAGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(time.Second)
		defer p.End()
		require.True(t, p.timer.Stop())
		time.Sleep(time.Hour)
		p.pass()
		goesOn := time.Now()
		<-p.Over
		require.Equal(t, time.Second-time.Second/parts, time.Since(goesOn))
	})
}
