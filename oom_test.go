// Package oomcage_test is the story that the harness was built for: a gin service in a cage,
// pushed over HTTP until it dies, and the kernel's own counters as the witness.
//
//	sudo go test ./...                               on this kernel: root, cgroup v2
//	go test -exec 'go tool oomcage vm -build ./app'  in a microVM: no root, any host
package oomcage_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"

	"oomcage/harness"
)

func TestMain(m *testing.M) { harness.VerifyTestMain(m) }

// overshoot is how far from memory.max a kill may leave memory.peak. The kernel gives up batches
// of pages that were charged ahead before it kills, so no more than one is missing; and it charges
// atomic allocations, such as the queue entry of a signal, past the limit (try_charge_memcg in
// mm/memcontrol.c). Seen: one page above, none below (6.1 and 6.12, 2026-11).
const overshoot = 64 * 4096

// service is the gin mock in a cage. Each test changes of it what it is about.
func service(s *suite.Suite, app string) harness.Spec {
	s.T().Helper()
	return harness.Spec{
		Target: harness.Target{
			Path:  app,
			Args:  []string{"-addr", "$ADDR"},
			Ready: harness.HTTPReady("/ping"),
		},
		Load: harness.Load{Step: harness.HTTPPost("/generate-load/memory"), Bytes: 20 * harness.MiB},
	}
}

// RecipeSuite does what the recipe does by hand: 100000000 to memory.max, 0 to
// memory.swap.max, and curl /generate-load/memory until the service is gone.
type RecipeSuite struct {
	suite.Suite
	app string
}

func TestRecipe(t *testing.T) { suite.Run(t, new(RecipeSuite)) }

func (s *RecipeSuite) SetupSuite() { s.app = harness.Build(s.T(), "./app") }

func (s *RecipeSuite) TestTheServiceIsKilledByItsOwnLimitWithinThePredictedSteps() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 100000000}

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.OOMKilled)
	o.RequirePredicted(s.T())
	o.RequireOOMKills(s.T(), 1)
	s.Positive(o.Evidence.EventsLocal.OOM, "its own limit was hit; each thread that meets it counts")
	s.InDelta(int64(o.Evidence.Limits.Max), int64(o.Peak), overshoot)
	s.Equal("SIGKILL", o.Evidence.Status.Signal)
	s.LessOrEqual(o.Window.Hi-o.Window.Lo, 1, "a prediction that says little is none")
	s.Zero(o.Evidence.SwapCurrent)
}

// LimitsSuite puts other limits around the same service.
type LimitsSuite struct {
	suite.Suite
	app string
}

func TestLimits(t *testing.T) { suite.Run(t, new(LimitsSuite)) }

func (s *LimitsSuite) SetupSuite() { s.app = harness.Build(s.T(), "./app") }

func (s *LimitsSuite) TestALimitTooSmallToStartKillsBeforeTheFirstStep() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 512 * harness.KiB}

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.OOMKilled)
	o.RequireAcknowledged(s.T(), 0, 0)
	s.False(o.Evidence.Ready)
	s.Zero(o.Attempted)
}

func (s *LimitsSuite) TestALimitThatIsNeverReachedIsSurvived() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 200 * harness.MiB}
	spec.Load.Count = 3

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Survived)
	o.RequireAcknowledged(s.T(), 3, 3)
	o.RequireOOMKills(s.T(), 0)
	s.Greater(o.Peak, 3*spec.Load.Bytes)
	s.Greater(o.Window.Lo, spec.Load.Count)
}

func (s *LimitsSuite) TestSwapIsForbiddenAndReadBack() {
	cage := harness.NewCageT(s.T(), harness.Limits{Max: 64 * harness.MiB, Swap: 0})
	swap, err := os.ReadFile(cage.Path() + "/memory.swap.max")
	s.Require().NoError(err)
	s.Equal("0\n", string(swap))

	allowed := harness.NewCageT(s.T(), harness.Limits{Max: 64 * harness.MiB, Swap: 10000000})
	s.Equal(harness.Bytes(9998336), allowed.Limits().Swap, "rounded down to a page, as the kernel has it")
}

func (s *LimitsSuite) TestASIGKILLFromOutsideIsNoOOMKill() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 200 * harness.MiB}
	push := spec.Load.Step
	spec.Load.Step = func(ctx context.Context, p *harness.Process, n int) error {
		if n < 3 {
			return push(ctx, p, n)
		}
		if err := p.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Killed)
	o.RequireOOMKills(s.T(), 0)
	s.Equal("SIGKILL", o.Evidence.Status.Signal)
}

func (s *LimitsSuite) TestAServiceThatIsToldToStopExitsByItself() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 200 * harness.MiB}
	spec.Load = harness.Load{Step: func(ctx context.Context, p *harness.Process, _ int) error {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}}

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Exited)
	s.Zero(o.Evidence.Status.Code)
	o.RequireOOMKills(s.T(), 0)
}

func (s *LimitsSuite) TestMemoryHighThrottlesUntilTheTimeIsUpAndNeverKills() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{High: 40 * harness.MiB}
	spec.Timeout = 10 * time.Second

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Stalled)
	o.RequireOOMKills(s.T(), 0)
	s.Positive(o.Evidence.Events.High)
	s.False(o.Evidence.Status.Ended)
}

// WindowSuite asks whether the prediction holds elsewhere too: small and large limits, steps
// that fit often and steps that fit once or not at all.
type WindowSuite struct {
	suite.Suite
	app string
}

func TestWindow(t *testing.T) { suite.Run(t, new(WindowSuite)) }

func (s *WindowSuite) SetupSuite() { s.app = harness.Build(s.T(), "./app") }

func (s *WindowSuite) TestEveryKillFallsIntoThePredictedWindow() {
	for _, limit := range []harness.Bytes{48 * harness.MiB, 96 * harness.MiB, 160 * harness.MiB} {
		for _, step := range []harness.Bytes{10 * harness.MiB, 20 * harness.MiB, 64 * harness.MiB} {
			s.Run(fmt.Sprintf("max=%v/step=%v", limit, step), func() {
				spec := service(&s.Suite, s.app)
				spec.Limits = harness.Limits{Max: limit}
				spec.Load = harness.Load{
					Step:  harness.HTTPPost(fmt.Sprintf("/generate-load/memory?bytes=%d", step)),
					Bytes: step,
				}

				o := harness.RunT(s.T(), spec)

				o.RequireVerdict(s.T(), harness.OOMKilled)
				o.RequirePredicted(s.T())
				s.LessOrEqual(o.Window.Hi-o.Window.Lo, 1)
				s.InDelta(int64(limit), int64(o.Peak), overshoot)
			})
		}
	}
}
