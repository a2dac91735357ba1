// Package oomcage_test is the story that the harness was built for: a gin service in a cage,
// pushed over HTTP until it dies, and the kernel's own counters as the witness.
//
//	sudo env "PATH=$PATH" go test ./...              on this kernel: root, cgroup v2
//	go test -exec 'go tool oomcage vm -build ./app'  in a microVM: no root, any host
package oomcage_test

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/stretchr/testify/suite"

	"oomcage/harness"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

func TestMain(m *testing.M) { harness.VerifyTestMain(m) }

// overshoot is how far from memory.max a kill may leave memory.peak. The kernel gives up batches
// of pages that were charged ahead before it kills, so no more than one is missing; and it charges
// atomic allocations, such as the queue entry of a signal, past the limit (try_charge_memcg in
// mm/memcontrol.c). Seen: one page above, none below (6.1 and 6.12, 2026-11).
var overshoot = float64(64 * os.Getpagesize())

// widest is how far apart the ends of a prediction may be: a step, and as many as a huge page has room for, of which the service
// may use any part. With pages of 16 KiB it has 32 MiB.
func widest(o *harness.Outcome) int { return 1 + int(o.Baseline.HugePage/o.Spec.Load.Bytes) }

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

func (s *RecipeSuite) SetupSuite() { s.app = harness.BuildT(s.T(), "./app") }

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
	s.LessOrEqual(o.Predicted.Hi-o.Predicted.Lo, widest(o), "a prediction that says little is none")
	s.Zero(o.Evidence.SwapCurrent)
}

// LimitsSuite puts other limits around the same service.
type LimitsSuite struct {
	suite.Suite
	app string
}

func TestLimits(t *testing.T) { suite.Run(t, new(LimitsSuite)) }

func (s *LimitsSuite) SetupSuite() { s.app = harness.BuildT(s.T(), "./app") }

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
	s.Greater(o.Predicted.Lo, spec.Load.Count)
}

func (s *LimitsSuite) TestSwapIsForbiddenAndReadBack() {
	cage := harness.NewCageT(s.T(), harness.Limits{Max: 64 * harness.MiB, Swap: 0})
	swap, err := os.ReadFile(cage.Path() + "/memory.swap.max")
	s.Require().NoError(err)
	s.Equal("0\n", string(swap))

	allowed := harness.NewCageT(s.T(), harness.Limits{Max: 64 * harness.MiB, Swap: 10000000})
	page := harness.Bytes(os.Getpagesize())
	s.Equal(10000000-10000000%page, allowed.Limits().Swap, "rounded down to a page, as the kernel has it")
}

func (s *LimitsSuite) TestASIGKILLFromOutsideIsNoOOMKill() {
	spec := service(&s.Suite, s.app)
	spec.Limits = harness.Limits{Max: 200 * harness.MiB}
	push := spec.Load.Step
	spec.Load.Step = func(ctx context.Context, p *harness.Process, n int) error {
		if n < 3 {
			return push(ctx, p, n)
		}
		if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil { // not p.Signal, which the harness would know of
			return err
		}
		_, err := p.Wait(ctx)
		return err
	}

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Killed)
	o.RequireOOMKills(s.T(), 0)
	s.Equal("SIGKILL", o.Evidence.Status.Signal)
	s.False(o.Evidence.HarnessKilled)
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
	spec.Timeout = 30 * time.Second // to start, and to take two steps, may take more than 10 s on a busy machine

	o := harness.RunT(s.T(), spec)

	o.RequireVerdict(s.T(), harness.Stalled)
	o.RequireOOMKills(s.T(), 0)
	s.Positive(o.Evidence.Events.High)
	s.False(o.Evidence.Status.Ended)
}

// The grid of TestSweep, as in
//
//	go test -run TestSweep . -args -max 64MiB..256MiB+32MiB -step 10MiB,20MiB
var (
	maxValues  = flag.String("max", "48MiB,96MiB,160MiB", "memory.max of TestSweep: a list, LO..HI+STEP or LO..HI*FACTOR")
	stepValues = flag.String("step", "10MiB,20MiB,64MiB", "what a step takes in TestSweep")
	kindValues = flag.String("kind", "", "kinds of memory that a step takes in TestSweep (default anon)")
	swapValues = flag.String("swap", "", "memory.swap.max of TestSweep (default 0)")
	repeat     = flag.Int("repeat", 1, "how often TestSweep runs each point")
	out        = flag.String("out", "", "file to which TestSweep adds each outcome; one that is there is gone on with")
	rebuilt    = flag.Bool("rebuilt", false, "go on with -out though the service has changed since")
	shard      sweep.Shard
)

func init() { flag.Var(&shard, "shard", "the part of TestSweep's points to run, such as 0/4") }

// sweepPoints are the points that the flags, or the CI system, ask for, and what made them.
func sweepPoints(t *testing.T) ([]sweep.Point, outcome.Origin) {
	t.Helper()
	grid := sweep.Grid{
		Spec: outcome.Spec{Target: outcome.Target{
			Path: harness.BuildT(t, "./app"), Args: []string{"-addr", "$ADDR"}, ReadyName: "GET /ping",
		}},
		Step:   sweep.PostTemplate("/generate-load/memory?bytes=$step"),
		Repeat: *repeat,
	}
	if *kindValues != "" {
		grid.Step = sweep.PostTemplate("/generate-load/memory?bytes=$step&kind=$kind")
	}
	for name, values := range map[string]string{"max": *maxValues, "step": *stepValues, "kind": *kindValues, "swap": *swapValues} {
		if values == "" && (name == "kind" || name == "swap") {
			continue // not varied; that max and step are not is a mistake, such as a variable that is not set
		}
		axis, err := sweep.ParseAxis(name+"="+values, 0)
		require.NoError(t, err)
		grid.Axes = append(grid.Axes, axis)
	}
	points, err := grid.Points()
	require.NoError(t, err)
	if shard.Total == 0 {
		shard, err = sweep.ShardFromEnv(os.Getenv)
		require.NoError(t, err)
	}
	command := []string{"go", "test", "-run", "TestSweep", ".", "-args"}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") && !slices.Contains([]string{"shard", "out", "rebuilt"}, f.Name) { // of all shards
			command = append(command, "-"+f.Name, f.Value.String())
		}
	})
	return shard.Of(points), sweep.NewOrigin(command, len(points))
}

// TestSweep asks whether the prediction holds over a grid of limits and steps: small and large ones,
// steps that fit often, and steps that fit once or not at all. Each point is a subtest.
func TestSweep(t *testing.T) {
	points, origin := sweepPoints(t)
	room, err := harness.NewCageT(t, harness.Limits{}).Room()
	require.NoError(t, err)
	budget := sweep.NewBudget(room)
	results := &sweep.Results{}
	if *out != "" {
		results, err = sweep.Resume(*out)
		require.NoError(t, err)
		results.Rebuilt = *rebuilt
		t.Cleanup(func() { assert.NoError(t, results.Close()) })
	}
	outcomes := make([]*harness.Outcome, len(points))
	t.Cleanup(func() { // when the last of the parallel subtests has ended
		for _, finding := range sweep.Check(slices.DeleteFunc(outcomes, func(o *harness.Outcome) bool { return o == nil })) {
			t.Error(finding)
		}
	})
	for i, p := range points {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			o, err := results.Earlier(p)
			require.NoError(t, err)
			if o == nil {
				release, err := budget.Acquire(t.Context(), p.Spec.Limits)
				require.NoError(t, err)
				defer release()
				o = harness.RunT(t, p.Runnable(sweep.Code{Ready: harness.HTTPReady("/ping")}))
				o.Origin = origin
				require.NoError(t, results.Append(o))
			}
			outcomes[i] = o
			t.Logf("%s: %s, steps %d, predicted %s", p.Name, o.Verdict, o.Acknowledged, o.Predicted)
			if *kindValues == "" && *swapValues == "" { // no end but one
				o.RequireVerdict(t, harness.OOMKilled)
				o.RequirePredicted(t)
				assert.LessOrEqual(t, o.Predicted.Hi-o.Predicted.Lo, widest(o))
				assert.InDelta(t, int64(o.Evidence.Limits.Max), int64(o.Peak), overshoot)
			}
		})
	}
}
