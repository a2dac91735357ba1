//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

func TestCommandLinesThatMakeNoSenseAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"run":                              "no program to run",
		"run -max x p":                     "sizes look like",
		"run -max 10 p":                    "was a unit forgotten",
		"run -steps 3 p":                   "no step to count",
		"run -post /a -get /b p":           "one load each",
		"run -exec 'a p":                   "-exec",
		"run -post upload p":               `write "/upload"`,
		"sweep -get upload p":              `write "/upload"`,
		"bisect -post= p":                  "does not begin with a slash",
		"run -ready ping p":                `write "/ping", tcp, unix:PATH, output:REGEX or exec:COMMAND`,
		"run -exec /no/such/program p":     "no such file",
		"run -exec no-such-program p":      "not found in $PATH",
		"run -exec= -steps 1 p":            "no step to count",
		"run -post /a?bytes=$step p":       "give the axis step",
		"run -env X p":                     "not NAME=VALUE",
		"run -file pids.max p":             "not NAME=VALUE",
		"run -file memory.max=1 p":         "use Limits.Max",
		"run -expect dead p":               "is no verdict: take one of survived",
		"run -acked 5..4 p":                "neither a number of steps",
		"run -acked x p":                   "neither a number of steps",
		"sweep -max 9MiB..8MiB+1MiB p":     "upside down",
		"sweep -axis mxa=1 p":              "there is no field",
		"sweep -step 1MiB,2MiB -post /x p": "no $step",
		"sweep -max 1MiB..1TiB+1 p":        "take larger steps, or -force\n",
		"sweep -axis max=1MiB..400MiB+1MiB -axis high=1MiB..400MiB+1MiB p": "take larger steps, or -force\n",
		"run -max 0 p":                                 "write max for no limit",
		"bisect -high 0 p":                             "write max for no limit",
		"sweep -max 0,64MiB p":                         "the point max=0: set max: 0 could mean no limit",
		"sweep -high 0..2M+1M p":                       "write max for no limit",
		"sweep -max= p":                                "parse the axis \"max=\": it has an empty value; give sizes such as 64MiB",
		"sweep -max 64MiB -step= p":                    "it has an empty value",
		"sweep -kind= -post /$kind p":                  "it has an empty value",
		"sweep -repeat 0 p":                            "-repeat is 0",
		"sweep -shard 4/4 p":                           "from 0 to 3",
		"bisect -lo x p":                               "sizes look like",
		"bisect -post /x p":                            "say by -steps how many",
		"bisect -lo 2M -hi 1M p":                       "the lower end must come first",
		"bisect -lo 2M -hi 2M p":                       "the lower end must come first",
		"bisect -tolerance 2M -hi 1M p":                "the lower end must come first",
		"bisect -repeat 0 p":                           "-repeat is 0",
		"bisect -repeat -1 p":                          "-repeat is -1",
		"run -timeout -1s p":                           "-timeout is -1s: the time limit of a run must be above 0",
		"run -timeout 0 p":                             "-timeout is 0s: the time limit of a run must be above 0",
		"sweep -timeout -1ns p":                        "-timeout is -1ns",
		"bisect -timeout -1s p":                        "-timeout is -1s",
		"run -get / -steps -1 p":                       "-steps is -1: it must not be negative",
		"run -recovered 1s -post / p":                  "give -tolerate or -restart",
		"run -expect= p":                               "-expect is empty: give it a value, or leave it out",
		"sweep -max 64M -repeat 1000000000 p":          "too many points",
		"bisect -at step=1:max=64M -post / -steps 2 p": "memory.max is what is searched, and the schedule changes it",
		"run -post / -body @/dev p":                    "-body @/dev: it is no regular file",
		"run -recovered -1s p":                         "-recovered is -1s: it must not be negative",
		"run -restart -1 p":                            "Target.Restart is -1: it must not be negative",
		"run -steps -1 p":                              "-steps is -1: it must not be negative",
		"run -max -1 p":                                "sizes look like",
		"run -high=-1M p":                              "sizes look like",
		"run -low -4096 p":                             "sizes look like",
		"run -min -4096 p":                             "sizes look like",
		"run -swap -1 p":                               "sizes look like",
		"run -step -1 -post /a p":                      "sizes look like",
		"run -acked -1 p":                              "neither a number of steps",
		"sweep -max -1 p":                              "sizes look like",
		"sweep -max -4M..64M+4M p":                     "sizes look like",
		"sweep -parallel -1 p":                         "-parallel is -1: it must not be negative",
		"sweep -repeat -1 p":                           "Repeat is -1",
		"sweep -shard -1/4 p":                          "from 0 to 3",
		"sweep -axis timeout=-1s p":                    "no duration above 0",
		"sweep -axis timeout=0s p":                     "no duration above 0",
		"sweep -axis count=-1 -get / p":                "Load.Count is -1: it must not be negative",
		"bisect -lo -1 p":                              "sizes look like",
		"bisect -hi=-1M p":                             "sizes look like",
		"bisect -tolerance -1 p":                       "sizes look like",
		"bisect -axis max=1M,2M p":                     "memory.max is what is searched",
		"bisect -axis NO p":                            "it has no name",
		"bisect -repeat 3 -confirm 2 p":                "-confirm is 2, and -repeat 3",
		"bisect -parallel -1 p":                        "-parallel is -1: it must not be negative",
		"bisect -headroom 20 p":                        "it looks like 20%",
		"bisect -headroom -5% p":                       "is not negative",
		"bisect -format yaml p":                        "there is no format \"yaml\": take one of text, json, kubernetes, compose, systemd",
		"bisect -json -format systemd p":               "-json and -format systemd are two formats",
		"bisect -resume p":                             "-resume goes on with a file of results: name it by -o",
		"bisect -rebuilt -o x p":                       "-rebuilt says how to go on",
		"bisect -max-latency 200ms p":                  "it looks like p99=200ms",
		"bisect -max-latency p90=1s p":                 "there is no quantile \"p90\"",
		"bisect -max-latency p99=0s p":                 "is no time above 0",
		"bisect -max-latency p99=1s p":                 "a latency and a rate are those of steps, and the load has none",
		"bisect -max-pressure 101% p":                  "-max-pressure is 101%: it is a part of the time",
		"bisect -max-refaults x p":                     "-max-refaults \"x\" is no number of pages",
		"bisect -min-throughput 0/s p":                 "it looks like 50/s",
		"vm -cpus -1 p":                                "-cpus -1",
		"vm -timeout -1s p":                            "-timeout -1s",
		"vm -mem -5 p":                                 "it is not a number with a unit",
		"vm -swap -5 p":                                "it is not a number with a unit",
		"vm -scratch -5 p":                             "it is not a number with a unit",
		"run -dir /no/such p":                          "the working directory /no/such does not exist",
		"run -dir /dev/null p":                         "the working directory /dev/null is not a directory",
		"sweep -dir /no/such p":                        "the working directory /no/such does not exist",
		"bisect -dir /dev/null p":                      "the working directory /dev/null is not a directory",
		"run -capture /heap p":                         `-capture "/heap" does not say when: write it as /heap@90%`,
		"run -capture @90% p":                          "does not say what: it stands before the @, as in /debug/pprof/heap@90%",
		"run -max 64M -capture heap@90% p":             `write "/heap"`,
		"run -max 64M -capture /heap@x p":              "sizes look like",
		"sweep -max 64M -capture /heap@0% p":           "is no share of memory.max: write 90%, or a size such as 64MiB",
		"run -capture /heap@90% p":                     "it has a Share of memory.max, and there is no Limits.Max",
		"sweep -step 1M -post /?$step -capture /@9% p": "it has a Share of memory.max, and there is no Limits.Max",
		"run -capture-exec no-such-program@1M p":       "not found in $PATH",
		"run -capture-exec \"a@1M p":                   "-capture-exec",
		"bisect -capture /heap@1M p":                   "unknown flag: --capture",
		"run -at max=64M p":                            `-at "max=64M" does not say when`,
		"run -at 1s:mx=64M p":                          "did you mean max?",
		"run -at 1s:max=0 p":                           "write max for no limit",
		"run -at 1s:max=1M -at 1s:max=2M p":            "changes memory.max twice at once (1s)",
		"run -at step=2:max=1M p":                      "the Load has no Step",
		"run -get / -steps 2 -at step=3:max=1M p":      "never comes: the load has 2 steps",
		"sweep -max 8M -at 1s:high=100 p":              "rounds down to 0",
		"bisect -at 1s:cpu=1 p":                        `there is no limit "cpu"`,
		"help no-such-topic":                           "there is no help topic",
	} {
		var stdout, stderr bytes.Buffer
		code := execute(strings.Fields(strings.ReplaceAll(args, "'", "\"")), &stdout, &stderr)
		assert.Equal(t, exitUsage, code, args)
		assert.Contains(t, stderr.String(), want, args)
		assert.Contains(t, stderr.String(), "to help: oomcage ", args)
		assert.Empty(t, stdout.String(), args)
	}
}

func TestALimitThatIsSureToKillIsSaidBeforeTheRun(t *testing.T) {
	for command, limit := range map[string]string{"run": "-max", "sweep": "-max"} {
		var stdout, stderr bytes.Buffer
		out := filepath.Join(t.TempDir(), "results.jsonl")
		args := []string{command, limit, "128M", "-at", "step=4:max=64M", "-step", "20M", "-get", "/?$step", "-steps", "9"}
		if command == "sweep" {
			args = append(args, "-o", out)
		}
		execute(append(args, "/no/such/program"), &stdout, &stderr)
		require.Contains(t, stderr.String(), "oomcage "+command+": warning: memory.max is lowered to 64.0 MiB after step 4, and the steps take 80.0 MiB by then")
	}
}

func TestACommandThatIsNotInTheMicroVMIsToBeAdded(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "6.12")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"run", "-exec", "no-such-program", "p"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "oomcage vm -add $(command -v no-such-program) …\n")
}

func TestATargetIsReadyWhenItListensOrAnswersOrAtOnce(t *testing.T) {
	for flags, want := range map[string]string{
		"-post /a":               "TCP",
		"-get /a":                "TCP",
		"-get /a -ready tcp":     "TCP",
		"-get /a -ready unix:x":  "unix:x",
		"-get /a -socket /b":     "unix:/b",
		"-get /a -ready /ping":   "GET /ping",
		"-exec $PID":             "",
		"-exec $PID -ready tcp":  "TCP",
		"-exec $PID -ready /tcp": "GET /tcp",
		"":                       "",
	} {
		cmd, what := &cobra.Command{}, specFlags{}
		what.register(cmd)
		require.NoError(t, cmd.ParseFlags(strings.Fields(strings.ReplaceAll(flags, "-", "--"))))
		spec, _, err := what.spec(t.Context(), []string{"p"})
		require.NoError(t, err)
		assert.Equal(t, want, spec.Target.ReadyName, flags)
		assert.Equal(t, want != "", what.code().Ready != nil, flags)
	}
}

func TestASweepOfOtherResultsIsRefusedBeforeAnythingRuns(t *testing.T) {
	path := mustStore(t, stored(t, "max=64MiB", harness.OOMKilled), "")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"sweep", "-resume", "-o", path, "-max", "64MiB", "p"}, &stdout, &stderr), "%s", &stderr)
	require.Contains(t, stderr.String(), "the point max=64MiB of another sweep")
}

func TestWhatASweepFoundIsPrintedWithoutControlCharactersAndNotAmongJSON(t *testing.T) {
	unclear := func(name string) *harness.Outcome {
		return &harness.Outcome{Name: name, Verdict: harness.Inconclusive, Why: "no\x1b[2J"}
	}
	outcomes := []*harness.Outcome{unclear("max=1MiB"), unclear("max=2MiB")}
	for _, asJSON := range []bool{false, true} {
		var stdout, stderr bytes.Buffer
		err := (&sweepFlags{asJSON: asJSON}).conclude(outcomes, &stdout, &stderr)
		require.EqualError(t, err, "the checks found 2 faults")
		found, other := &stdout, &stderr
		if asJSON {
			found, other = other, found
		}
		require.Contains(t, found.String(), "max=1MiB")
		require.Contains(t, found.String(), "max=2MiB", "all of them")
		require.NotContains(t, found.String(), "\x1b")
		require.Empty(t, other.String())
	}
}

// With -json stdout has the outcomes and nothing else: where one is not there, the exit code alone says so.
func TestAnOutcomeThatCouldNotBePrintedIsAnErrorOfTheSweep(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	o := &harness.Outcome{Name: "max=1MiB", Verdict: harness.Survived}
	show := newProgress(2, 2, true, full)
	show.done(o, false)
	show.w = io.Discard // there is room again, and the first line is lost
	show.done(o, false)
	require.ErrorIs(t, show.end(), syscall.ENOSPC)

	show = newProgress(1, 1, true, io.Discard)
	show.done(o, false)
	require.NoError(t, show.end())
}

func TestAShardWithoutPointsSaysSoAndNotAmongJSON(t *testing.T) {
	args := []string{"sweep", "-shard", "1/2", "-max", "64MiB", "p"}
	var stdout, stderr bytes.Buffer
	require.Zero(t, execute(args, &stdout, &stderr))
	require.Contains(t, stdout.String(), "shard 1/2 has no points")
	require.Empty(t, stderr.String())
	stdout.Reset()
	require.Zero(t, execute(append([]string{"sweep", "-json"}, args[1:]...), &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Contains(t, stderr.String(), "shard 1/2 has no points")
}

func TestHalfSetShardsOfAnEngineAreRefused(t *testing.T) {
	t.Setenv("CI_NODE_INDEX", "1")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, execute([]string{"sweep", "-max", "64MiB", "p"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "CI_NODE_TOTAL is not")
}

func TestExpectationsThatAreNotMetSayWhatWasFound(t *testing.T) {
	o := &harness.Outcome{Verdict: harness.OOMKilled, Acknowledged: 4, Predicted: &outcome.Prediction{Lo: 4, Hi: 5}}
	for _, c := range []struct{ verdict, acked, want string }{
		{"", "", ""},
		{"oom-killed", "", ""},
		{"oom-killed", "4", ""},
		{"oom-killed", "4..5", ""},
		{"", "2..", ""},
		{"", "predicted", ""},
		{"survived", "", "the verdict is oom-killed, not survived"},
		{"oom-killed", "5", "4 steps were acknowledged, not 5"},
		{"", "0..3", "4 steps were acknowledged, not 0..3"},
		{"", "5..", "4 steps were acknowledged, not 5.."},
	} {
		e := expectFlags{verdict: c.verdict, acked: c.acked}
		require.NoError(t, e.check())
		assert.Equal(t, c.want, e.unexpected(o))
	}
	e := expectFlags{acked: asPredicted}
	assert.Contains(t, e.unexpected(&harness.Outcome{}), "no prediction")
	assert.Contains(t, e.unexpected(&harness.Outcome{Acknowledged: 1, Predicted: &outcome.Prediction{Lo: 4, Hi: 5}}), "4..5 were predicted")
}

func TestALoadThatWasRefusedIsNoSuccess(t *testing.T) {
	after := func(acknowledged, count int, verdict harness.Verdict, failure string) *harness.Outcome {
		return &harness.Outcome{
			Spec: outcome.Spec{
				Target: outcome.Target{ReadyName: "TCP"},
				Load:   outcome.Load{Name: "POST /", Count: count},
			},
			Verdict: verdict, Acknowledged: acknowledged, Attempted: acknowledged + 1, Error: failure,
		}
	}
	first := after(0, 0, harness.Inconclusive, "step 1: POST http://a/nope: 404 Not Found")
	fifth := after(4, 10, harness.Survived, "step 5: POST http://a/: 507 Insufficient Storage")
	noMessage := first.Error[len("step 1: "):]
	tooEarly := after(0, 3, harness.Inconclusive, "step 1: run curl: exit status 7: curl:\nrefused")
	tooEarly.Spec.Target.ReadyName = ""
	silent := after(0, 0, harness.TimedOut, "wait until p is ready: the run's time is up")
	silent.Attempted = 0
	unready := after(0, 0, harness.TimedOut, silent.Error)
	unready.Spec.Load = outcome.Load{}
	died := func(verdict harness.Verdict, attempted int, ready, waited bool) *harness.Outcome {
		o := after(0, 0, verdict, "step 1: EOF")
		o.Attempted, o.Evidence = attempted, harness.Evidence{Ready: ready, Status: outcome.ExitStatus{Ended: true, Code: 1}}
		if !waited {
			o.Spec.Target.ReadyName = ""
		}
		return o
	}
	early := died(harness.Exited, 0, false, true)
	noLoad := died(harness.Exited, 0, false, true)
	noLoad.Spec.Load = outcome.Load{}
	itsWork := died(harness.Exited, 0, true, false)
	itsWork.Spec.Load = outcome.Load{}
	noStep := after(0, 0, harness.TimedOut, "wait for sort[7]: the run's time is up")
	noStep.Spec.Load.Name, noStep.Evidence.Ready = "", true
	for name, c := range map[string]struct {
		o              *harness.Outcome
		verdict, acked string
		want           string
	}{
		"the first":                   {first, "", "", "nothing was loaded: step 1 was not acknowledged: " + noMessage},
		"the first, and it survived":  {first, "survived", "", "the verdict is inconclusive, not survived: nothing was loaded: step 1 was not acknowledged: " + noMessage},
		"the first, as was expected":  {first, "inconclusive", "", ""},
		"none, as was expected":       {first, "", "0", ""},
		"the first, and it lives":     {first, "oom-killed", "", "the verdict is inconclusive, not oom-killed: nothing was loaded: step 1 was not acknowledged: " + noMessage},
		"a later one":                 {fifth, "", "", "the load ended after 4 of 10 steps: step 5 was not acknowledged: POST http://a/: 507 Insufficient Storage"},
		"a later one, as is expected": {fifth, "survived", "", ""},
		"a later one, of no number":   {after(1, 0, harness.Survived, "step 2: no"), "", "", "the load ended after 1 step: step 2 was not acknowledged: no"},
		"a command":                   {tooEarly, "", "", `nothing was loaded: step 1 was not acknowledged: run curl: exit status 7: curl:\nrefused; a step may have come too early: -ready waits until the program listens`},
		"it never listened at all":    {unready, "", "", "the target was not ready: " + silent.Error},
		"it never listened":           {silent, "", "", "nothing was loaded: the target was not ready: " + silent.Error},
		"that was expected":           {silent, "timed-out", "", ""},
		"time was up":                 {after(3, 0, harness.TimedOut, "step 4: the run's time is up"), "", "", ""},
		"it was killed":               {after(3, 0, harness.OOMKilled, "step 4: EOF"), "", "", ""},
		"its own work took too long":  {noStep, "", "", ""},
		"it died before it was ready": {early, "", "", "nothing was loaded: the target died before it was ready (exit code 1)"},
		"and without a load":          {noLoad, "", "", "nothing was loaded: the target died before it was ready (exit code 1)"},
		"and that was expected":       {early, "exited", "", ""},
		"and no step was":             {early, "", "0", ""},
		"and it was to live":          {early, "survived", "", "the verdict is exited, not survived: nothing was loaded: the target died before it was ready (exit code 1)"},
		"killed before it was ready":  {died(harness.OOMKilled, 0, false, true), "", "", "nothing was loaded: the target died before it was ready (exit code 1)"},
		"as was expected":             {died(harness.OOMKilled, 0, false, true), "oom-killed", "", ""},
		"it exited in the first step": {died(harness.Exited, 1, true, true), "", "", "nothing was loaded: the target ended before it took a step (exit code 1)"},
		"nothing was waited for":      {died(harness.Exited, 1, true, false), "", "", "nothing was loaded: the target ended before it took a step (exit code 1); a step may have come too early: -ready waits until the program listens"},
		"the first step killed it":    {died(harness.OOMKilled, 1, true, true), "", "", ""},
		"its own work failed":         {itsWork, "", "", ""},
		"nothing loaded is unclear":   {after(0, 0, harness.Inconclusive, "step 1: no"), "", "", "nothing was loaded: step 1 was not acknowledged: no"},
	} {
		e := expectFlags{verdict: c.verdict, acked: c.acked}
		require.NoError(t, e.check())
		assert.Equal(t, c.want, e.unexpected(c.o), name)
	}
}

func TestTheAnswerOfASearchIsASentence(t *testing.T) {
	requests := sweep.Search{Grid: sweep.Grid{Spec: outcome.Spec{Load: outcome.Load{Count: 200}}, Step: sweep.PostTemplate("/")}}
	sentence := func(s sweep.Search, a *sweep.Answer) string { return (&answerPrinter{search: s}).sentence(a) }
	trial := func(mib harness.Bytes, survived int) sweep.Trial {
		return sweep.Trial{Max: mib * harness.MiB, Runs: 3, Survived: survived}
	}
	found := &sweep.Answer{Max: 143 * harness.MiB, Trials: []sweep.Trial{trial(1, 0), trial(142, 0), trial(143, 3), trial(200, 3)}}
	assert.Equal(t, "smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3)", sentence(requests, found))
	assert.Equal(t, "a memory.max of 200MiB, the upper end, does not survive the program's own work (1 of 3); nothing below it was tried",
		sentence(sweep.Search{}, &sweep.Answer{Trials: []sweep.Trial{trial(200, 1)}}))
	assert.Equal(t, "1MiB survives the program's own work (3 of 3), and it is the lowest that was tried",
		sentence(sweep.Search{}, &sweep.Answer{Max: harness.MiB, Trials: []sweep.Trial{trial(1, 3), trial(200, 3)}}))
}

func TestHelpIsThereForEveryCommandAndNamesEveryAxis(t *testing.T) {
	said := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Zero(t, execute(args, &stdout, &stderr), "%q: %s", args, &stderr)
		return stdout.String()
	}
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		help := said(append([]string{"help"}, path...)...)
		require.Contains(t, help, cmd.Long, "%q", path)
		require.NotEmpty(t, cmd.Short, "%q", path)
		if cmd.Runnable() {
			require.Contains(t, help, cmd.UseLine(), "%q", path)
			require.Contains(t, said(append(slices.Clone(path), "-h")...), cmd.Long, "%q", path)
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				visit(sub, append(slices.Clone(path), sub.Name()))
			}
		}
	}
	visit(newRootCommand(io.Discard, io.Discard), nil)
	axes := said("help", "axes")
	fields, _ := sweep.Fields()
	for _, name := range fields {
		require.Contains(t, axes, "  "+name+" ")
	}
	require.Contains(t, said("completion", "bash"), "__start_oomcage")
	require.Contains(t, said("__complete", "run", "--expect", ""), "ancestor-oom-killed\n")
}

// A memory.max of 2 GiB in a microVM of 1 GiB was taken without a word.
func TestALimitThatIsOutOfReachIsSaid(t *testing.T) {
	const above = 586051584
	t.Setenv("OOMCAGE_VM", "6.12")
	o := func(own harness.Bytes, ancestors ...outcome.Ancestor) *harness.Outcome {
		return &harness.Outcome{Spec: outcome.Spec{Limits: outcome.Limits{Max: own}}, Evidence: outcome.Evidence{Ancestors: ancestors}}
	}
	run, guard := outcome.Ancestor{Path: "/oomcage/run-1", Max: harness.Unlimited}, outcome.Ancestor{Path: "/oomcage", Max: above}
	require.Equal(t, "memory.max is 2.0 GiB, and /oomcage above the cage has 558.9 MiB, which is reached first: lower the limit, "+
		"or give the microVM more memory: oomcage vm -mem SIZE …", outOfReach(o(2*harness.GiB, run, guard)))
	pod := outcome.Ancestor{Path: "/kubepods/pod-1", Max: 64 * harness.MiB}
	require.Equal(t, "memory.max is 100.0 MiB, and /kubepods/pod-1 above the cage has 64.0 MiB, which is reached first: lower the limit",
		outOfReach(o(100*harness.MiB, run, guard, pod)))
	for _, fine := range []*harness.Outcome{o(above, run, guard), o(0, run, guard), o(harness.Unlimited, run, guard), o(2 * harness.GiB), o(2*harness.GiB, run)} {
		require.Empty(t, outOfReach(fine))
	}
}
