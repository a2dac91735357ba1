package harness

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
			p := newPatience(grace)
			<-p.over
			require.Equal(t, grace, time.Since(begin))
			p.end()
		})
	}
}

func TestPatienceThatWasEndedIsNeverOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(time.Second)
		time.Sleep(time.Second / 2)
		p.end()
		p.end()
		time.Sleep(time.Hour)
		select {
		case <-p.over:
			t.Error("it was")
		default:
		}
	})
}

// A machine that stands still finds a timer over when it goes on, however late: what others do afterwards has its time.
func TestAMachineThatStandsStillTakesAPartOfAGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(time.Second)
		defer p.end()
		require.True(t, p.timer.Stop())
		time.Sleep(time.Hour)
		p.pass()
		goesOn := time.Now()
		<-p.over
		require.Equal(t, time.Second-time.Second/patienceParts, time.Since(goesOn))
	})
}
