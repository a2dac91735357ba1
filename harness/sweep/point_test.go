package sweep

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func mustAxes(t *testing.T, texts ...string) []Axis {
	t.Helper()
	var axes []Axis
	for _, text := range texts {
		a, err := ParseAxis(text, 0)
		require.NoError(t, err)
		axes = append(axes, a)
	}
	return axes
}

func names(points []Point) []string {
	var all []string
	for _, p := range points {
		all = append(all, p.Name)
	}
	return all
}

func app() outcome.Spec {
	return outcome.Spec{Target: outcome.Target{Path: "/bin/app", Env: []string{"A=1"}}}
}

func TestPointsAreSortedAndNamedTheSameWhateverTheOrderOfTheAxes(t *testing.T) {
	axes := mustAxes(t, "GOGC=off,100", "step=10MiB,20MiB", "max=128MiB,64MiB", "pids.max=9")
	want := []string{
		"max=64MiB/step=10MiB/GOGC=100/pids.max=9", "max=64MiB/step=10MiB/GOGC=off/pids.max=9",
		"max=64MiB/step=20MiB/GOGC=100/pids.max=9", "max=64MiB/step=20MiB/GOGC=off/pids.max=9",
		"max=128MiB/step=10MiB/GOGC=100/pids.max=9", "max=128MiB/step=10MiB/GOGC=off/pids.max=9",
		"max=128MiB/step=20MiB/GOGC=100/pids.max=9", "max=128MiB/step=20MiB/GOGC=off/pids.max=9",
	}
	for range 10 {
		rand.Shuffle(len(axes), func(i, j int) { axes[i], axes[j] = axes[j], axes[i] })
		points, err := Grid{Spec: app(), Axes: axes, Step: PostTemplate("/take?bytes=$step")}.Points()
		require.NoError(t, err)
		require.Equal(t, want, names(points))
	}
}

func TestAPointHasItsValuesInItsSpecAndLeavesTheOthersAlone(t *testing.T) {
	g := Grid{Spec: app(), Axes: mustAxes(t, "max=64MiB", "swap=max", "oom.group=1", "oom_score_adj=-5", "step=20MiB", "kind=file",
		"count=7", "timeout=5s", "GOGC=off,100", "pids.max=9,8"), Step: PostTemplate("/take?bytes=$step&kind=$kind"), Repeat: 2}
	points, err := g.Points()
	require.NoError(t, err)
	require.Len(t, points, 8)
	p := points[7]
	require.Equal(t, "max=64MiB/swap=max/oom.group=1/oom_score_adj=-5/step=20MiB/kind=file/count=7/timeout=5s/GOGC=off/pids.max=9/repeat=2", p.Name)
	require.Equal(t, outcome.Limits{Max: 64 * outcome.MiB, Swap: outcome.Unlimited, OOMGroup: true, Files: map[string]string{"pids.max": "9"}}, p.Spec.Limits)
	require.Equal(t, []string{"A=1", "GOGC=off"}, p.Spec.Target.Env)
	require.Equal(t, -5, *p.Spec.Target.OOMScoreAdj)
	require.Equal(t, 20*outcome.MiB, p.Spec.Load.Bytes)
	require.Equal(t, 7, p.Spec.Load.Count)
	require.Equal(t, "POST /take?bytes=20971520&kind=file", p.Spec.Load.Name)
	require.Equal(t, []string{"A=1", "GOGC=100"}, points[0].Spec.Target.Env)
	require.Equal(t, "8", points[0].Spec.Limits.Files["pids.max"])
	require.Equal(t, Value{"GOGC", "off"}, ParseName(p.Name)[8])
}

func TestAGridThatMakesNoSenseIsRefusedBeforeAnythingRuns(t *testing.T) {
	step := func(words ...string) Template { return CommandTemplate(words...) }
	for want, g := range map[string]Grid{
		"given twice":           {Spec: app(), Axes: mustAxes(t, "max=64MiB", "max=96MiB")},
		"has no values":         {Spec: app(), Axes: []Axis{{Name: "max"}}},
		"there is no field":     {Spec: app(), Axes: []Axis{{Name: "mxa", Values: []string{"1"}}}},
		"the load has no $step": {Spec: app(), Axes: mustAxes(t, "step=1MiB,2MiB"), Step: PostTemplate("/take")},
		"the load has no $kind": {Spec: app(), Axes: mustAxes(t, "kind=file"), Step: PostTemplate("/take")},
		"give the axis kind":    {Spec: app(), Axes: mustAxes(t, "max=64MiB"), Step: step("take", "$kind")},
		"give the axis step":    {Spec: app(), Axes: mustAxes(t, "max=64MiB"), Step: step("take", "$step")},
		"Repeat is -1":          {Spec: app(), Repeat: -1},
		"no Target.Path":        {Axes: mustAxes(t, "max=64MiB")},
		"was a unit forgotten":  {Spec: app(), Axes: mustAxes(t, "max=64,64MiB")},
		"too many points":       {Spec: app(), Axes: mustAxes(t, "max=1MiB..400MiB+1MiB", "high=1MiB..400MiB+1MiB")},
	} {
		points, err := g.Points()
		require.ErrorContains(t, err, want)
		require.Empty(t, points)
	}
	many := Grid{Spec: app(), Axes: mustAxes(t, "max=1MiB..400MiB+1MiB", "high=1MiB..400MiB+1MiB"), MaxPoints: 160000}
	points, err := many.Points()
	require.NoError(t, err)
	require.Len(t, points, 160000)
}

func TestAnAxisThatWouldChangeNothingIsShownInTheUsersOwnLoad(t *testing.T) {
	for _, c := range []struct {
		axis string
		load Template
		want string
	}{
		{"step=1MiB,2MiB", PostTemplate("/take"), "/take?bytes=$step, or give one size, for the prediction alone"},
		{"kind=file", RequestTemplate(outcome.Request{Path: "/take?bytes=$step"}), "/take?bytes=$step&kind=$kind"},
		{"kind=file", CommandTemplate("take", "a b"), "take 'a b' $kind"},
		{"kind=file", Template{}, "/load?kind=$kind"},
	} {
		_, err := Grid{Spec: app(), Axes: mustAxes(t, c.axis), Step: c.load}.Points()
		require.Error(t, err)
		_, help, _ := strings.Cut(err.Error(), "write for example ")
		require.Equal(t, c.want, help)
	}
}

func TestTheNameOfALoadTellsItFromOthers(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range []Template{RequestTemplate(outcome.Request{Path: "/a"}), PostTemplate("/a"), PostTemplate("/b"), CommandTemplate("take", "a b"), CommandTemplate("take", "a", "b")} {
		points, err := Grid{Spec: app(), Step: l}.Points()
		require.NoError(t, err)
		name := points[0].Spec.Load.Name
		require.False(t, seen[name], name)
		seen[name] = true
	}
	own := app()
	own.Load = outcome.Load{Name: "a step of my own"}
	points, err := Grid{Spec: own}.Points()
	require.NoError(t, err)
	require.Equal(t, "a step of my own", points[0].Spec.Load.Name)
}

func TestALoadOfOneSizeNeedNotBeToldIt(t *testing.T) {
	points, err := Grid{Spec: app(), Axes: mustAxes(t, "max=64MiB,96MiB", "step=8MiB"), Step: PostTemplate("/upload")}.Points()
	require.NoError(t, err)
	require.Len(t, points, 2)
	require.Equal(t, 8*outcome.MiB, points[0].Spec.Load.Bytes)
}

func TestAGridWithoutAxesIsOnePoint(t *testing.T) {
	points, err := Grid{Spec: app()}.Points()
	require.NoError(t, err)
	require.Equal(t, []string{"app"}, names(points))
}
