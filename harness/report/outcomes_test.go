package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/golden"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

const (
	realSweep = "testdata/sweep.jsonl"
	made      = "testdata/findings.jsonl"
)

func mustRead(t *testing.T, paths ...string) *Set {
	t.Helper()
	s, err := Read(HTML, paths...)
	require.NoError(t, err)
	return s
}

// mustWrite keeps outcomes in a file of the test.
func mustWrite(t *testing.T, name string, outcomes ...*outcome.Outcome) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	require.NoError(t, os.WriteFile(path, lines(t, outcomes), 0o600))
	return path
}

func lines(t *testing.T, outcomes []*outcome.Outcome) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, o := range outcomes {
		line, err := json.Marshal(o)
		require.NoError(t, err)
		all.Write(append(line, '\n'))
	}
	return all.Bytes()
}

// another is a copy of an outcome under another name.
func another(o *outcome.Outcome, name string) *outcome.Outcome {
	c := *o
	c.Name = name
	c.Evidence.Unread = maps.Clone(o.Evidence.Unread)
	c.Timeline = slices.Clone(o.Timeline)
	return &c
}

// otherEnds change an outcome to each end that a run can have, and judges it again. What it was was killed by its
// own limit.
var otherEnds = map[string]func(o *outcome.Outcome){
	"survived": func(o *outcome.Outcome) {
		o.Acknowledged, o.Attempted, o.Error = 24, 24, ""
		alive(o)
	},
	"late": func(o *outcome.Outcome) { // beyond the window
		o.Acknowledged += 3
		o.Attempted += 3
	},
	"group": func(o *outcome.Outcome) {
		o.Evidence.EventsLocal.OOMGroupKill, o.Evidence.Events.OOMGroupKill = 1, 1
		o.Spec.Limits.OOMGroup, o.Evidence.Limits.OOMGroup = true, true
	},
	"stalled": func(o *outcome.Outcome) {
		alive(o)
		o.Evidence.TimedOut = true
		o.Spec.Limits.High, o.Evidence.Limits.High = 80*outcome.MiB, 80*outcome.MiB
		o.Evidence.Events.High, o.Evidence.EventsLocal.High = 812, 812
		o.Evidence.Pressure = outcome.Pressure{Some: 41 * time.Second, Full: 40 * time.Second}
		for i := range o.Timeline {
			s := &o.Timeline[i]
			s.Current = min(s.Current, 80*outcome.MiB)
			s.Events = outcome.Events{High: uint64(812 * i / len(o.Timeline))}
			s.Pressure.Some = s.At * 7 / 10
		}
	},
	"timed-out": func(o *outcome.Outcome) {
		alive(o)
		o.Evidence.TimedOut = true
		o.Evidence.Pressure, o.Evidence.Refaults = outcome.Pressure{}, 0
	},
	"exited": func(o *outcome.Outcome) {
		alive(o)
		o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: 2}
		o.Output = "panic: no such table\n\ngoroutine 1 [running]:\nmain.main()\n"
	},
	"runtime": func(o *outcome.Outcome) {
		alive(o)
		o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: 2}
		o.Output = "fatal error: runtime: out of memory\n\ngoroutine 1 [running]:\nmain.main()\n"
		o.Complete()
	},
	"killed": func(o *outcome.Outcome) {
		alive(o)
		o.Evidence.Status = outcome.ExitStatus{Ended: true, Code: -1, Signal: "SIGTERM"}
	},
	"child": func(o *outcome.Outcome) {
		o.Evidence.Status = outcome.ExitStatus{}
		o.Evidence.Kills = []outcome.OOMKill{{PID: 777, Name: "worker", Anon: 61 * outcome.MiB}}
	},
	"ancestor": func(o *outcome.Outcome) {
		o.Evidence.EventsLocal.OOM, o.Evidence.Events.OOM = 0, 0
		o.Evidence.Kills = nil
		o.Evidence.Ancestors = []outcome.Ancestor{{Path: "/oomcage", Max: 200 * outcome.MiB, EventsLocal: outcome.Events{OOM: 1}}}
	},
	"host": func(o *outcome.Outcome) {
		o.Evidence.EventsLocal.OOM, o.Evidence.Events.OOM = 0, 0
		o.Evidence.Kills, o.Evidence.Ancestors = nil, nil
	},
	"inconclusive": func(o *outcome.Outcome) {
		o.Evidence.Unread = map[outcome.Source]string{outcome.EventsFile: "read /sys/fs/cgroup/oomcage/cage-9/memory.events: no such device"}
	},
	"unbounded": func(o *outcome.Outcome) {
		o.Predicted = &outcome.Prediction{Lo: 3, Hi: math.MaxInt}
	},
}

func alive(o *outcome.Outcome) {
	o.Evidence.Status, o.Evidence.Kills = outcome.ExitStatus{}, nil
	o.Evidence.Events.OOM, o.Evidence.Events.OOMKill = 0, 0
	o.Evidence.EventsLocal.OOM, o.Evidence.EventsLocal.OOMKill = 0, 0
	for i := range o.Timeline {
		o.Timeline[i].Events.OOM, o.Timeline[i].Events.OOMKill = 0, 0
	}
}

// makeFindings makes a sweep of three axes with two repeats in which nearly everything went wrong.
func makeFindings(t *testing.T) []*outcome.Outcome {
	t.Helper()
	var all []*outcome.Outcome
	for _, o := range mustRead(t, realSweep).Outcomes {
		if o.Evidence.Limits.Max > 160*outcome.MiB || o.Verdict != outcome.OOMKilled || o.Spec.Load.Bytes == 5*outcome.MiB {
			continue
		}
		for _, kind := range []string{"anon", "shmem"} {
			for repeat := range 2 {
				all = append(all, another(o, fmt.Sprintf("%s/kind=%s/%s=%d", o.Name, kind, sweep.RepeatAxis, repeat+1)))
			}
		}
	}
	change := map[string]string{
		"max=128MiB/step=10MiB/kind=anon/repeat=2": "survived",
		"max=160MiB/step=20MiB/kind=anon/repeat=1": "late",
		"max=160MiB/step=10MiB/kind=anon/repeat=1": "stalled", "max=160MiB/step=10MiB/kind=anon/repeat=2": "stalled",
		"max=96MiB/step=20MiB/kind=shmem/repeat=1": "child", "max=96MiB/step=20MiB/kind=shmem/repeat=2": "child",
		"max=96MiB/step=40MiB/kind=shmem/repeat=1": "exited", "max=96MiB/step=40MiB/kind=shmem/repeat=2": "killed",
		"max=64MiB/step=20MiB/kind=shmem/repeat=1": "runtime", "max=64MiB/step=20MiB/kind=shmem/repeat=2": "runtime",
		"max=128MiB/step=40MiB/kind=shmem/repeat=1": "ancestor", "max=128MiB/step=40MiB/kind=shmem/repeat=2": "host",
		"max=160MiB/step=40MiB/kind=shmem/repeat=1": "group", "max=160MiB/step=40MiB/kind=shmem/repeat=2": "inconclusive",
		"max=160MiB/step=40MiB/kind=anon/repeat=1": "timed-out", "max=160MiB/step=40MiB/kind=anon/repeat=2": "timed-out",
		"max=32MiB/step=40MiB/kind=anon/repeat=1": "unbounded", "max=32MiB/step=40MiB/kind=anon/repeat=2": "unbounded",
	}
	for _, o := range all {
		o.Origin.Points = len(all)
		o.Origin.Command = strings.Replace(o.Origin.Command, "--steps", "--kind anon,shmem --repeat 2 --steps", 1)
		if end := change[o.Name]; end != "" {
			otherEnds[end](o)
			delete(change, o.Name)
		}
		if o.Name == "max=128MiB/step=20MiB/kind=anon/repeat=1" {
			crowd(o, true)
		}
		if o.Name == "max=96MiB/step=20MiB/kind=shmem/repeat=1" || o.Name == "max=160MiB/step=20MiB/kind=anon/repeat=2" {
			crowd(o, false)
			capture(o)
		}
		fill(o, kindOf(o.Name))
		o.Verdict, o.Why = o.Judge()
	}
	require.Empty(t, change, "no such points")
	return all
}

func TestMadeOutcomesAreMadeAgainTheSame(t *testing.T) {
	golden.Compare(t, made, lines(t, makeFindings(t)))
	verdicts := cell(mustRead(t, made).Outcomes).verdicts()
	require.Len(t, verdicts, len(outcome.Verdicts()), "every verdict is to be seen: %v", verdicts)
}

func TestTheMostFrequentVerdictGivesACellItsColour(t *testing.T) {
	of := func(v outcome.Verdict) *outcome.Outcome { return &outcome.Outcome{Verdict: v} }
	c := cell{of(outcome.Survived), of(outcome.OOMKilled), of(outcome.OOMKilled)}
	require.Equal(t, []outcome.Verdict{outcome.OOMKilled, outcome.Survived}, c.commonest())
	require.Equal(t, "KS 0", c.String())
	require.Equal(t, []outcome.Verdict{outcome.Survived, outcome.OOMKilled}, c[:2].verdicts())
}

// many is a sweep of that many points: the real outcomes under the names of a grid of 100 limits and as many
// steps as it takes.
func many(t *testing.T, points int) []*outcome.Outcome {
	t.Helper()
	from := mustRead(t, realSweep).Outcomes
	var all []*outcome.Outcome
	for i := range points {
		o := another(from[i%len(from)], "")
		limit := outcome.Bytes(16+4*(i%100)) * outcome.MiB
		step := outcome.Bytes(1+i/100) * outcome.MiB
		o.Name = fmt.Sprintf("max=%v/step=%v", limit, step)
		o.Spec.Load.Bytes, o.Spec.Limits.Max, o.Evidence.Limits.Max = step, limit, limit
		o.Acknowledged = int((limit - 6*outcome.MiB) / step)
		o.Predicted = &outcome.Prediction{Lo: o.Acknowledged, Hi: o.Acknowledged + 1}
		o.Origin.Points = points
		for j := range o.Timeline {
			o.Timeline[j].At += time.Duration(i*7919%1000) * time.Millisecond
			o.Timeline[j].Current += outcome.Bytes(i*104729%4096) * 4096
		}
		all = append(all, o)
	}
	return all
}
