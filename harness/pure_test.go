package harness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"oomcage/harness/outcome"

	"github.com/stretchr/testify/require"
)

func TestASpecThatCannotBeRunIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	step := HTTPPost("/")
	for want, s := range map[string]Spec{
		"no Target.Path":               {},
		"Timeout is -1s":               {Target: Target{Path: "x"}, Timeout: -time.Second},
		"Load.Count is -1":             {Target: Target{Path: "x"}, Load: Load{Step: step, Count: -1}},
		"Load.Bytes is -1":             {Target: Target{Path: "x"}, Load: Load{Step: step, Bytes: -1}},
		"was a unit forgotten":         {Target: Target{Path: "x"}, Limits: Limits{Max: 100}},
		"limit High is 100 bytes":      {Target: Target{Path: "x"}, Limits: Limits{High: 100}},
		"use Limits.Max, which":        {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"memory.max": "1"}}},
		"no Step":                      {Target: Target{Path: "x"}, Load: Load{Count: 3}},
		"limit Max is -1":              {Target: Target{Path: "x"}, Limits: Limits{Max: -1}},
		"limit Swap is -4096":          {Target: Target{Path: "x"}, Limits: Limits{Swap: -4096}},
		`"../memory.max"`:              {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"../memory.max": "1"}}},
		`the harness itself uses that`: {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"cgroup.kill": "1"}}},
		`files look like pids.max`:     {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"": "1"}}},
	} {
		o, err := Run(t.Context(), s)
		require.Nil(t, o)
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, ErrNotSupported)
	}
}

func TestATailKeepsTheEnd(t *testing.T) {
	var out tail
	for i := range 100000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	s := out.String()
	require.True(t, strings.HasPrefix(s, "[earlier output left out]\n"), s[:40])
	require.True(t, strings.HasSuffix(s, "line 99998\nline 99999\n"))
	require.LessOrEqual(t, len(s), tailSize+100)
	require.LessOrEqual(t, cap(out.buf), 8*tailSize)

	var short tail
	_, _ = short.Write([]byte("bad \xff byte"))
	require.Equal(t, "bad � byte", short.String())

	var long tail
	_, _ = long.Write(make([]byte, 10*tailSize))
	require.Contains(t, long.String(), "left out")
}

func TestATimelineStaysBoundedAndKeepsTheEndOfEachStep(t *testing.T) {
	var tl timeline
	for step := range 100 {
		for i := range 100 {
			if len(tl.samples) >= maxSamples {
				tl.thin()
			}
			tl.samples = append(tl.samples, outcome.Sample{Step: step, Current: Bytes(i)})
		}
	}
	require.LessOrEqual(t, len(tl.samples), maxSamples)
	require.Greater(t, len(tl.samples), maxSamples/4)
	ends := map[int]Bytes{}
	for _, s := range tl.samples {
		ends[s.Step] = s.Current
	}
	require.Len(t, ends, 100)
	for step, current := range ends {
		require.Equal(t, Bytes(99), current, "step %d", step)
	}
}

func TestTheAddressReplacesItsVariablesAndNoOthers(t *testing.T) {
	r := &reservation{port: 12345}
	for in, want := range map[string]string{
		"$ADDR": "127.0.0.1:12345", "-addr=${ADDR}": "-addr=127.0.0.1:12345", "$HOST:$PORT": "127.0.0.1:12345",
		"$ADDRESS": "$ADDRESS", "$PORTS ${PORT}s": "$PORTS 12345s", "$HOME": "$HOME", "$$PORT": "$12345", "100%": "100%",
	} {
		require.Equal(t, want, r.expand(in), in)
	}
}

func TestThePIDIsReplacedWhereThereIsOneAndOnlyAsAWholeName(t *testing.T) {
	r := &reservation{port: 12345}
	for in, want := range map[string]string{
		"/proc/$PID/mem": "/proc/7/mem", "${PID}s": "7s", "$PIDFILE": "$PIDFILE", "$PORT$PID": "123457", "$PID$ADDR": "7127.0.0.1:12345",
	} {
		require.Equal(t, want, r.expandFor(in, 7), in)
	}
	require.Equal(t, "$PID ${PID} 12345", r.expand("$PID ${PID} $PORT"), "a target does not know its own yet")
}

func TestAPackageCompiledOnTheHostIsFound(t *testing.T) {
	manifest := t.TempDir() + "/built.json"
	mustWrite(t, manifest, `[{"package": "example.com/a", "dir": "/src/a", "path": "/built/a"}]`)
	for _, ask := range []struct{ dir, pkg string }{{"/elsewhere", "example.com/a"}, {"/src", "./a"}, {"/src/b", "../a"}, {"/src/a", "."}} {
		path, err := findBuilt(manifest, ask.dir, ask.pkg)
		require.NoError(t, err)
		require.Equal(t, "/built/a", path)
	}
	_, err := findBuilt(manifest, "/src", "./b")
	require.ErrorContains(t, err, "oomcage vm -build ./b")
	require.ErrorContains(t, err, "example.com/a")
}

func TestHugePagesCountOnlyWhereAFaultTakesThem(t *testing.T) {
	for text, want := range map[string]Bytes{"[always] madvise never": 2 * MiB, "always [madvise] never": 0, "always madvise [never]": 0} {
		dir := t.TempDir()
		mustWrite(t, dir+"/enabled", text)
		mustWrite(t, dir+"/hpage_pmd_size", "2097152\n")
		require.Equal(t, want, hugePageSize(dir), text)
	}
	require.Zero(t, hugePageSize(t.TempDir()))
}

func TestATimelineOfMoreStepsThanSamplesStaysBounded(t *testing.T) {
	var tl timeline
	for step := range 10 * maxSamples {
		if len(tl.samples) >= maxSamples {
			tl.thin()
		}
		tl.samples = append(tl.samples, outcome.Sample{Step: step})
	}
	require.LessOrEqual(t, len(tl.samples), maxSamples)
	require.Greater(t, len(tl.samples), maxSamples/4)
	require.Equal(t, 10*maxSamples-1, tl.samples[len(tl.samples)-1].Step)
}
