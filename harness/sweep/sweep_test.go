//go:build linux

package sweep

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// killedSweep makes the test binary be a sweep that is to be killed: it goes on with the file of this name.
const killedSweep = "OOMCAGE_TEST_SWEEP"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedSweep); path != "" {
		if err := goOn(path, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv(hold); path != "" {
		if err := holdLocks(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv(unsynced); path != "" {
		if err := createUnsynced(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(worker) != "" {
		work()
		os.Exit(0)
	}
	harness.VerifyTestMain(m)
}

// requireCages skips where there can be none.
func requireCages(t *testing.T) {
	t.Helper()
	require.NoError(t, harness.NewCageT(t, harness.Limits{}).Close())
}

// serviceGrid is the gin mock over six points, small ones, since several run at once.
func serviceGrid(app string, axes []Axis) Grid {
	return Grid{
		Spec: outcome.Spec{Target: outcome.Target{Path: app, Args: []string{"-addr", "$ADDR"}, ReadyName: "GET /ping"}},
		Axes: axes,
		Step: PostTemplate("/generate-load/memory?bytes=$step&kind=$kind"),
	}
}

// serviceIsReady is the probe of serviceGrid.
var serviceIsReady = Code{Ready: harness.HTTPReady("/ping")}

func mustPoints(t *testing.T, g Grid) []Point {
	t.Helper()
	points, err := g.Points()
	require.NoError(t, err)
	return points
}

func TestVerdictsDoNotDependOnHowManyPointsRunAtOnce(t *testing.T) {
	requireCages(t)
	app := harness.BuildT(t, "../../app")
	points := mustPoints(t, serviceGrid(app, mustAxes(t, "max=32MiB..64MiB+16MiB", "step=8MiB,16MiB", "kind=anon")))
	killed := len(points)
	points = append(points, mustPoints(t, serviceGrid(app, mustAxes(t, "max=48MiB", "step=8MiB,16MiB", "kind=anon", "count=2")))...)
	one, err := Run(t.Context(), points, Options{Parallel: 1, Code: serviceIsReady})
	require.NoError(t, err)
	many, err := Run(t.Context(), points, Options{Parallel: 4, Code: serviceIsReady})
	require.NoError(t, err)
	require.Empty(t, Check(one))
	require.Empty(t, Check(many))
	for i, p := range points {
		for _, o := range []*harness.Outcome{one[i], many[i]} {
			require.Equal(t, p.Name, o.Name)
			if i < killed {
				o.RequireVerdict(t, harness.OOMKilled)
				o.RequirePredicted(t)
			} else {
				o.RequireVerdict(t, harness.Survived)
				o.RequireAcknowledged(t, 2, 2)
			}
		}
	}
}

func TestPointsThatTogetherWouldMeetTheGuardWaitForEachOther(t *testing.T) {
	requireCages(t)
	app := harness.BuildT(t, "../../app")
	holder := harness.NewCageT(t, harness.Limits{})
	// The room of the machine would be filled else, however large it is, which took longer than a run may last.
	above := filepath.Join(filepath.Dir(holder.Path()), "memory.max")
	require.NoError(t, os.WriteFile(above, []byte("384M"), 0))
	t.Cleanup(func() { require.NoError(t, os.WriteFile(above, []byte("max"), 0)) })
	room, err := holder.Room()
	require.NoError(t, err)
	require.Equal(t, 384*harness.MiB, room)
	// Two of these, filled, are more than all cages may take together.
	limit := room * 6 / 10
	limit -= limit % harness.MiB
	points := mustPoints(t, serviceGrid(app, mustAxes(t, fmt.Sprintf("max=%v", limit), fmt.Sprintf("step=%v", limit/4-limit/4%harness.MiB), "kind=anon,shmem")))
	outcomes, err := Run(t.Context(), points, Options{Parallel: 2, Code: serviceIsReady})
	require.NoError(t, err)
	for _, o := range outcomes {
		require.Equal(t, harness.OOMKilled, o.Verdict, "by its own limit, not by the guard's: %s", o)
	}

	_, err = Run(t.Context(), mustPoints(t, serviceGrid(app, mustAxes(t, fmt.Sprintf("max=%v", room), "step=1MiB", "kind=anon"))), Options{})
	require.ErrorContains(t, err, "all cages together get")
}

// goOn is a sweep that says on stdout when a point was run and kept.
func goOn(path, app string) error {
	g := serviceGrid(app, nil)
	for _, text := range []string{"max=24MiB,32MiB", "step=4MiB,8MiB,16MiB", "kind=anon"} {
		a, err := ParseAxis(text, 0)
		if err != nil {
			return err
		}
		g.Axes = append(g.Axes, a)
	}
	points, err := g.Points()
	if err != nil {
		return err
	}
	r, err := Resume(path)
	if err != nil {
		return err
	}
	_, err = Run(context.Background(), points, Options{Parallel: 2, Code: serviceIsReady, Results: r, Done: func(_ *harness.Outcome, earlier bool) {
		if !earlier {
			fmt.Println("ran")
		}
	}})
	return errors.Join(err, r.Close())
}

func TestASweepThatIsKilledGoesOnAndLosesNothing(t *testing.T) {
	requireCages(t)
	app := harness.BuildT(t, "../../app")
	path := filepath.Join(t.TempDir(), "results.jsonl")
	self, err := os.Executable()
	require.NoError(t, err)
	ran := 0
	const kills = 5
	for i := range kills + 1 {
		cmd := exec.CommandContext(t.Context(), self, app)
		cmd.Env = append(os.Environ(), killedSweep+"="+path)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if lines.Text() == "ran" {
				ran++
				if i < kills {
					require.NoError(t, cmd.Process.Kill())
				}
			}
		}
		err = cmd.Wait()
		if i == kills {
			require.NoError(t, err)
		}
	}
	outcomes, err := Read(path)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, o := range outcomes {
		require.False(t, seen[o.Name], o.Name)
		seen[o.Name] = true
		require.Equal(t, harness.OOMKilled, o.Verdict, o)
	}
	require.Len(t, seen, 6)
	require.LessOrEqual(t, ran, 6, "a point that was kept is not run again")
	require.Empty(t, Check(outcomes))
}

func TestResultsOfAnotherSweepAreNotMixedIn(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), "results.jsonl"))
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Append(stored("max=64MiB")))
	points := mustPoints(t, Grid{Spec: app(), Axes: mustAxes(t, "max=64MiB")})
	_, err = Run(t.Context(), points, Options{Results: r})
	require.ErrorContains(t, err, "the results have the point max=64MiB of another sweep")
	_, err = Run(t.Context(), nil, Options{})
	require.ErrorContains(t, err, "no points")
	outcomes, err := Run(t.Context(), points, Options{Shard: Shard{1, 2}})
	require.NoError(t, err, "there are more shards than points")
	require.Empty(t, outcomes)
}

func TestResultsOfAnotherLoadOrProbeAreNotMixedIn(t *testing.T) {
	point := func(l Template, ready string) Point {
		spec := app()
		spec.Target.ReadyName = ready
		return mustPoints(t, Grid{Spec: spec, Axes: mustAxes(t, "max=64MiB"), Step: l})[0]
	}
	r := &Results{}
	stored := stored("max=64MiB")
	stored.Spec = point(PostTemplate("/take"), "GET /ping").Spec
	require.NoError(t, r.Append(stored))
	same, err := r.Earlier(point(PostTemplate("/take"), "GET /ping"))
	require.NoError(t, err)
	require.Equal(t, stored, same)
	for _, other := range []Point{
		point(RequestTemplate(outcome.Request{Path: "/take"}), "GET /ping"), point(PostTemplate("/other"), "GET /ping"), point(CommandTemplate("take"), "GET /ping"),
		point(Template{}, "GET /ping"), point(PostTemplate("/take"), "TCP"),
	} {
		_, err = r.Earlier(other)
		require.ErrorContains(t, err, "of another sweep")
		require.ErrorContains(t, err, "POST /take", "what it was")
	}
}

func TestAPointThatCannotBeRunEndsTheSweepAndIsNamed(t *testing.T) {
	requireCages(t)
	points := mustPoints(t, Grid{Spec: outcome.Spec{Target: outcome.Target{Path: "/no/such/program"}}, Axes: mustAxes(t, "max=64MiB,96MiB")})
	_, err := Run(t.Context(), points, Options{Parallel: 1})
	require.ErrorContains(t, err, "the point max=64MiB: ")
	require.ErrorIs(t, err, os.ErrNotExist)
}
