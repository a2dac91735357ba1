package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/golden"
	"oomcage/harness/outcome"
)

// made is an outcome with what a comparison looks at.
func made(name string, verdict outcome.Verdict, limit, peak outcome.Bytes, acked int) *outcome.Outcome {
	o := &outcome.Outcome{Name: name, Verdict: verdict, Acknowledged: acked, Attempted: acked, Peak: peak}
	o.Evidence.Limits.Max = limit
	o.Evidence.Ready = true
	if verdict == outcome.OOMKilled {
		o.Attempted++
		o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	}
	return o
}

// filled has the cage of an outcome filled with so much of a kind.
func filled(o *outcome.Outcome, kind outcome.Kind, size outcome.Bytes) *outcome.Outcome {
	c := &outcome.Composition{Current: o.Peak}
	switch kind {
	case outcome.KindSock:
		c.Stat = outcome.MemoryStat{Sock: size, Anon: o.Peak - size}
	default:
		c.Stat = outcome.MemoryStat{Anon: size, File: o.Peak - size}
	}
	o.Evidence.Fullest = c
	return o
}

// slow gives an outcome the latency of its steps.
func slow(o *outcome.Outcome, p95 time.Duration) *outcome.Outcome {
	o.Latency = &outcome.Latency{Count: o.Acknowledged, P50: p95 / 2, P95: p95, P99: p95, Max: p95}
	return o
}

// lines are the outcomes as a file of results has them.
func lines(tb testing.TB, outcomes ...*outcome.Outcome) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, o := range outcomes {
		line, err := json.Marshal(o)
		require.NoError(tb, err)
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// mustRead reads results that are written for it.
func mustRead(tb testing.TB, outcomes ...*outcome.Outcome) *Results {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "results.jsonl")
	require.NoError(tb, os.WriteFile(path, lines(tb, outcomes...), 0o600))
	r, err := Read(path)
	require.NoError(tb, err)
	r.File = "results.jsonl"
	return r
}

// sides make two files of results: a service of about 60 MiB at limits from 54 to 66 MiB, five times each, and a build that
// takes 3 MiB more, keeps them in sockets at one of two steps, and is slower there.
func sides() (base, head []*outcome.Outcome) {
	origin := outcome.Origin{Command: "oomcage sweep --max 54MiB..66MiB+4MiB --step 1MiB,2MiB --repeat 5 --post /upload -- ./service", Start: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC), Points: 40, Kernel: "6.12.48", Arch: "amd64", CPUs: 2, Memory: outcome.GiB, MicroVM: true}
	for _, step := range []int{1, 2} {
		for limit := 54 * outcome.MiB; limit <= 66*outcome.MiB; limit += 4 * outcome.MiB {
			for n := range 5 {
				name := fmt.Sprintf("max=%v/step=%dMiB/repeat=%d", limit, step, n+1)
				jitter := outcome.Bytes((n*7+step*3)%5) * 60 * outcome.KiB
				b := run60(name, limit, 60*outcome.MiB+jitter)
				h := run60(name, limit, 63*outcome.MiB+jitter/2)
				took := 20*time.Millisecond + time.Duration(n)*time.Millisecond
				slow(b, took)
				slow(h, took+time.Duration(n%2)*time.Millisecond)
				filled(b, outcome.KindAnon, b.Peak*9/10)
				filled(h, outcome.KindAnon, h.Peak-b.Peak/10)
				if step == 2 {
					filled(h, outcome.KindSock, h.Peak*6/10)
					slow(h, took*2)
				}
				b.Origin, h.Origin = origin, origin
				h.Origin.Start = origin.Start.Add(24 * time.Hour)
				base, head = append(base, b), append(head, h)
			}
		}
	}
	gone := made("max=96MiB/step=1MiB/repeat=1", outcome.Survived, 96*outcome.MiB, 60*outcome.MiB, 60)
	fresh := made("max=96MiB/step=4MiB/repeat=1", outcome.Survived, 96*outcome.MiB, 60*outcome.MiB, 15)
	gone.Origin, fresh.Origin = origin, head[0].Origin
	return append(base, gone), append(head, fresh)
}

// run60 is a run of what needs so much at a limit.
func run60(name string, limit, need outcome.Bytes) *outcome.Outcome {
	if need > limit {
		return made(name, outcome.OOMKilled, limit, limit, int(limit/outcome.MiB)-8)
	}
	return made(name, outcome.Survived, limit, need, 60)
}

func TestComparisonsAreAsTheyWere(t *testing.T) {
	base, head := sides()
	golden.Compare(t, "testdata/base.jsonl", lines(t, base...))
	golden.Compare(t, "testdata/head.jsonl", lines(t, head...))
	for _, f := range formats() {
		var got, again bytes.Buffer
		for _, to := range []*bytes.Buffer{&got, &again} {
			before, err := Read("testdata/base.jsonl")
			require.NoError(t, err)
			after, err := Read("testdata/head.jsonl")
			require.NoError(t, err)
			before.File, after.File = "base.jsonl", "head.jsonl"
			c := Compare(before, after)
			gates, err := ParseGates("peak +2MiB, limit, verdict")
			require.NoError(t, err)
			c.Check(gates)
			require.NoError(t, Write(to, c, f))
		}
		require.Equal(t, got.String(), again.String(), "it is the same each time")
		golden.Compare(t, "testdata/comparison."+string(f), got.Bytes())
	}
}
