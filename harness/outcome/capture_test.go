package outcome

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhenACaptureIsTaken(t *testing.T) {
	for text, want := range map[string]Bytes{"90%": 90 * MiB, "100%": 100 * MiB, "0.5%": 512 * KiB, "12.25%": 12845056, "64MiB": 64 * MiB, "1": 1, "0.0000001%": 1} {
		var c Capture
		require.NoError(t, c.ParseFill(text), text)
		require.Equal(t, want, c.Fill(100*MiB), text)
		c.Get = "/"
		require.NoError(t, c.validate(100*MiB), text)
	}
	for _, text := range []string{"", "%", "0%", "-1%", "101%", "NaN%", "Inf%", "90 %", "0", "max", "-5", "much"} {
		require.Error(t, new(Capture).ParseFill(text), text)
	}
	require.Zero(t, Capture{Share: 0.5}.Fill(0))
	require.Zero(t, Capture{Share: 0.5}.Fill(Unlimited))
	require.Equal(t, MiB, Capture{Size: MiB}.Fill(Unlimited))
}

func TestACaptureThatCannotBeTakenIsRefused(t *testing.T) {
	spec := Spec{Target: Target{Path: "p"}, Limits: Limits{Max: 64 * MiB}}
	for want, c := range map[string]Capture{
		"give it a Get, or an Exec":                                  {Share: 0.5},
		"Target.Capture[1]: give it a Get, or an Exec":               {Get: "/", Exec: []string{"a"}, Share: 0.5},
		`the path "heap" does not begin with a slash: write "/heap"`: {Get: "heap", Share: 0.5},
		"give it a Share of memory.max, or a Size":                   {Get: "/"},
		"Capture[1]: give it a Share of memory.max, or a Size":       {Get: "/", Share: 0.5, Size: 1},
		"its Size is -1: it must be positive":                        {Get: "/", Size: -1},
		"its Size is max: it must be positive":                       {Get: "/", Size: Unlimited},
		"its Share is 1.5: it must be above 0, and 1 at most":        {Get: "/", Share: 1.5},
		"its Share is -1: it must be above 0, and 1 at most":         {Get: "/", Share: -1},
		"its Share is NaN: it must be above 0, and 1 at most":        {Get: "/", Share: math.NaN()},
	} {
		spec.Target.Capture = []Capture{{Get: "/a", Share: 0.5}, c}
		require.ErrorContains(t, spec.Validate(), want)
	}
	spec.Target.Capture = []Capture{{Get: "/a", Share: 0.5}, {Exec: []string{"jcmd", "$PID"}, Size: MiB}}
	require.NoError(t, spec.Validate())
	spec.Limits.Max = 0
	require.ErrorContains(t, spec.Validate(), "there is no Limits.Max")
	spec.Target.Capture = make([]Capture, 17)
	require.ErrorContains(t, spec.Validate(), "17 captures: 16 at most")
}

// captured are captures of each kind: one that was taken, one that failed, and one that was not begun.
func captured() []Captured {
	return []Captured{
		{
			Capture: Capture{Get: "/debug/pprof/heap", Share: 0.9}, Fill: 60397978, At: 1200 * time.Millisecond, Current: 60600000, Took: 41 * time.Millisecond,
			After: 61800000, Size: 83000, Path: "artifacts/x.heap.pb.gz", InUse: 50 * MiB,
			Sites: []AllocationSite{{Function: "main.take", File: "/src/app/hoard/take.go", Line: 42, Bytes: 40 * MiB}, {Function: "unknown", Bytes: MiB}},
		},
		{Capture: Capture{Exec: []string{"jcmd", "$PID", "GC.heap_info"}, Size: 32 * MiB}, Fill: 32 * MiB, At: time.Second, Current: 33 * MiB, Took: time.Second, Error: "run jcmd: exit status 1"},
		{Capture: Capture{Get: "/x?token=swordfish", Share: 0.999}, Fill: 67041755, Error: "not taken: no reading of memory.current came to 67041755"},
	}
}

func TestTheTextSaysWhatWasCapturedAndThatItTakesMemory(t *testing.T) {
	o := killedOutcome("x")
	o.Evidence.Captures = captured()
	text := o.String()
	for _, line := range []string{
		"  capture    GET /debug/pprof/heap at 90 % of memory.max: 81.1 KiB in 41 ms, begun after 1.2 s at 57.8 MiB, 58.9 MiB when it had ended; kept in artifacts/x.heap.pb.gz\n",
		"  allocated  main.take (hoard/take.go:42) 40.0 MiB, 80 % of its heap profile\n",
		"  allocated  unknown 1.0 MiB, 2 % of its heap profile\n",
		"  capture    jcmd $PID GC.heap_info at 32.0 MiB: run jcmd: exit status 1; 0 B in 1.0 s, begun after 1.0 s at 33.0 MiB\n",
		"  capture    GET /x?token=swordfish at 99.9 % of memory.max: not taken: no reading of memory.current came to 67041755\n",
		"             A capture takes memory of the target itself, and may be the last straw.\n",
	} {
		require.Contains(t, text, line)
	}
	o.Evidence.Captures = captured()[2:]
	require.NotContains(t, o.String(), "last straw", "none was begun")
}

func TestACaptureThatWasCutOffIsInTheSentenceOfAnOOMKill(t *testing.T) {
	o := killedOutcome("x")
	o.Evidence.Captures = captured()
	_, why := o.Judge()
	require.NotContains(t, why, "capture")
	o.Evidence.Captures[1].CutOff = true
	v, why := o.Judge()
	require.Equal(t, OOMKilled, v)
	require.Contains(t, why, "; the capture jcmd $PID GC.heap_info at 32.0 MiB was under way, which takes memory itself")
	o.Evidence.Status, o.Evidence.Events, o.Evidence.EventsLocal = exit(1), Events{}, Events{}
	v, why = o.Judge()
	require.Equal(t, Exited, v)
	require.NotContains(t, why, "capture", "it ended by itself")
}

func TestCapturesSurviveTheirJSON(t *testing.T) {
	o := killedOutcome("captured")
	o.Evidence.Captures = captured()
	for _, c := range o.Evidence.Captures {
		o.Spec.Target.Capture = append(o.Spec.Target.Capture, c.Capture)
	}
	line, err := json.Marshal(o)
	require.NoError(t, err)
	back, err := ParseOutcome(line)
	require.NoError(t, err)
	require.Equal(t, o.Evidence, back.Evidence)
	require.Equal(t, o.Spec, back.Spec)

	published, err := json.Marshal(o.WithoutSecrets())
	require.NoError(t, err)
	require.NotContains(t, string(published), "swordfish")
	require.Contains(t, string(published), "/x?token=[hidden]")
	require.Equal(t, captured(), o.Evidence.Captures, "the outcome itself has all")
}
