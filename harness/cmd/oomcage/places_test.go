//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/report"
	"oomcage/harness/sweep"
)

// hostile is what a target, a name or a file may have in it.
const hostile = "=HYPERLINK(1)\x1b]0;pwn\x07\x1b[31m\n\roomcage: forged\u0085\u009b2J\u202e\u2066\u200b\u3164\ufeff\xff\xc2|`*_[x](http://e)</script><script>alert(1)</script><!--&\"'@me\t"

// hostileOutcome has it in every text that an outcome has.
func hostileOutcome(name string) *harness.Outcome {
	return &harness.Outcome{
		Name: name,
		Spec: outcome.Spec{
			Target: outcome.Target{Path: hostile, Args: []string{hostile}, Env: []string{hostile + "=" + hostile}, Dir: hostile, User: hostile, Stdin: hostile, ReadyName: hostile},
			Limits: harness.Limits{Files: map[string]string{hostile: hostile}},
			Load:   outcome.Load{Name: hostile},
		},
		Verdict: harness.Inconclusive, Why: hostile, Acknowledged: 1, Attempted: 2, Output: hostile + "\n" + hostile, Error: hostile,
		Evidence: harness.Evidence{
			Cage: hostile, Status: outcome.ExitStatus{Ended: true, Signal: hostile},
			Limits: harness.Limits{Max: 64 * harness.MiB, Files: map[string]string{hostile: hostile}},
			Kills: []outcome.OOMKill{{PID: 1, Name: hostile, Group: hostile, Limit: hostile, Report: &outcome.OOMReport{
				Invoker: hostile, Group: hostile, GFPMask: hostile, Stack: []string{hostile}, Stat: map[string]uint64{"shmem": 60 << 20, hostile: 1},
				Tasks: []outcome.OOMTask{{TGID: 2, Name: hostile, RSS: 9}, {TGID: 1, Name: hostile, RSS: 1}},
			}}},
			Fullest: &outcome.Composition{
				Current: 64 * harness.MiB, Stat: outcome.MemoryStat{File: 60 * harness.MiB, Shmem: 60 * harness.MiB},
				Tmpfs: map[string]harness.Bytes{hostile: 60 * harness.MiB},
			},
			KillTimes: []outcome.KillTime{{At: 1}},
			Stop:      &outcome.Stopped{Stop: outcome.Stop{Signal: hostile}, Error: hostile},
			Captures: []outcome.Captured{{
				Capture: outcome.Capture{Get: hostile}, Current: 1, Path: hostile, Error: hostile, Sites: []outcome.AllocationSite{{Function: hostile, File: hostile}},
			}},
			Ancestors: []outcome.Ancestor{{Path: hostile, EventsLocal: harness.Events{OOM: 1}}},
			Unread:    map[outcome.Source]string{hostile: hostile},
		},
		Timeline: []outcome.Sample{},
		Census:   []outcome.Census{{Processes: []outcome.Resident{{Name: hostile, State: hostile, Anon: 1}}, Tmpfs: map[string]harness.Bytes{hostile: 1}}},
		Origin:   outcome.Origin{Command: hostile, Kernel: hostile, Arch: hostile, CPUs: 2, Points: 9},
	}
}

// places are all that shows a text of others: what each prints of the outcome.
var places = []struct {
	name  string
	shows func(t *testing.T, o *harness.Outcome) string
}{
	{"Outcome.String", func(_ *testing.T, o *harness.Outcome) string { return o.String() }},
	{"OOMKill.String", func(_ *testing.T, o *harness.Outcome) string { return o.Evidence.Kills[0].String() }},
	{"a verdict's reason", func(_ *testing.T, o *harness.Outcome) string {
		o.Evidence.Unread, o.Evidence.Events, o.Evidence.EventsLocal = nil, harness.Events{OOM: 1, OOMKill: 1}, harness.Events{OOM: 1, OOMKill: 1}
		o.Evidence.Status.Signal = "SIGKILL"
		o.Verdict, o.Why = o.Judge()
		return o.Why
	}},
	{"an assertion", func(_ *testing.T, o *harness.Outcome) string {
		var said failedWith
		o.RequireVerdict(&said, harness.Survived)
		return string(said)
	}},
	{"report -format html", formatted(report.HTML)},
	{"report -format md", formatted(report.Markdown)},
	{"report -format csv", formatted(report.CSV)},
	{"report -format svg", formatted(report.SVG)},
	{"report -format table", formatted(report.Table)},
	{"report, of a file", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		return ended(t, "report", stored1(t, o)) + ended(t, "report", stored1(t, o, o)) + ended(t, "report", "-partial", "-format", "csv", stored1(t, o)) +
			ended(t, "report", "/no/"+hostile) + ended(t, "report", torn(t))
	}},
	{"compare", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		changed := hostileOutcome(o.Name)
		changed.Verdict, changed.Acknowledged, changed.Evidence.Limits.Max, changed.Origin.Kernel = harness.OOMKilled, 99, 1, "7"
		a, b := stored1(t, o, hostileOutcome(hostile)), stored1(t, changed, hostileOutcome("x"+hostile))
		all := ended(t, "compare", "/no/"+hostile, a) + ended(t, "compare", a, torn(t)) + ended(t, "compare", hostile) +
			ended(t, "compare", "--fail-on", hostile, a, b) + ended(t, "compare", "--format", hostile, a, b) + ended(t, "compare", a, stored1(t, hostileOutcome("y")))
		for _, format := range []string{"text", "markdown", "html", "json"} {
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitFailed, execute([]string{"compare", "--fail-on", "verdict, steps", "--format", format, a, b}, &stdout, &stderr), "%s", &stderr)
			require.Contains(t, stdout.String(), "forged")
			if format == "html" || format == "markdown" {
				require.NotContains(t, stdout.String(), "<script>")
			}
			all += stdout.String() + stderr.String()
		}
		return all
	}},
	{"report --history", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		o.Verdict, o.Peak = harness.Survived, 9
		return hostileHistory(t, stored1(t, o, hostileOutcome("max=9MiB/"+hostile)))
	}},
	{"judge", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		return ended(t, "judge", stored1(t, o)) + ended(t, "judge", "/no/"+hostile) + ended(t, "judge", torn(t))
	}},
	{"explain", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		return ended(t, "explain", stored1(t, o)) + ended(t, "explain", stored1(t, o, o)) + ended(t, "explain", "--name", "x", stored1(t, o)) +
			ended(t, "explain", "/no/"+hostile) + ended(t, "explain", torn(t))
	}},
	{"run's last word", func(_ *testing.T, o *harness.Outcome) string {
		o.Verdict, o.Acknowledged, o.Evidence.Status = harness.Survived, 0, outcome.ExitStatus{}
		return (&expectFlags{}).unexpected(o)
	}},
	{"sweep's lines", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		var out bytes.Buffer
		show := newProgress(1, 1, false, &out)
		show.done(o, true)
		t.Setenv("TERM", "dumb")
		return out.String() + show.fitting(o.Name)
	}},
	{"sweep's findings", func(_ *testing.T, o *harness.Outcome) string {
		var stdout, stderr bytes.Buffer
		err := (&sweepFlags{out: hostile}).conclude([]*harness.Outcome{o, o}, &stdout, &stderr)
		return stdout.String() + stderr.String() + printable.Indented(err.Error())
	}},
	{"-json", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		var out bytes.Buffer
		require.NoError(t, printJSON(&out, o))
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		_, err := outcome.ParseOutcome(out.Bytes())
		require.NoError(t, err)
		return out.String()
	}},
	{"bisect's lines", func(_ *testing.T, o *harness.Outcome) string {
		var stdout, stderr bytes.Buffer
		newSearchPrinter(false, &stdout, &stderr).done(o, true)
		return stdout.String() + stderr.String()
	}},
	{"bisect's answer", func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		a := &sweep.Answer{Name: hostile, Max: harness.MiB, Warnings: []string{hostile}, Trials: []sweep.Trial{{Max: harness.MiB, Outcomes: []*harness.Outcome{o}}}}
		var out bytes.Buffer
		p := &answerPrinter{stdout: &out, stderr: &out}
		for _, format := range answerFormats {
			require.NoError(t, p.print(format, []*sweep.Answer{a, a}))
		}
		p.soFar([]*sweep.Answer{a})
		a.Max = 0
		return out.String() + printable.Indented(p.failure([]*sweep.Answer{a}).Error())
	}},
	{"an error", func(_ *testing.T, _ *harness.Outcome) string {
		var out bytes.Buffer
		for _, err := range []error{errors.New(hostile), usageError{errors.New(hostile)}, failed(hostile), fmt.Errorf("%w: %s", harness.ErrNotSupported, hostile), sweep.ErrTorn} {
			exitStatus(&cobra.Command{Use: "run"}, err, &out)
		}
		return out.String()
	}},
	{"a command line", func(t *testing.T, _ *harness.Outcome) string {
		t.Helper()
		t.Setenv("OOMCAGE_VM", "6.12")
		all := ended(t, hostile) + ended(t, "help", hostile) + ended(t, "run", "--"+hostile)
		for _, flag := range []string{"max", "step", "steps", "timeout", "post", "ready", "exec", "env", "file", "dir", "expect", "output", "acked", "stop", "user", "stdin"} {
			all += ended(t, "run", "--"+flag, hostile, hostile)
		}
		for _, flag := range []string{"axis", "max", "shard", "repeat", "parallel"} {
			all += ended(t, "sweep", "--"+flag, hostile, hostile)
		}
		for _, flag := range []string{"kernel", "build", "add", "mem", "accel"} {
			all += ended(t, "vm", "--"+flag, hostile, hostile)
		}
		return all + ended(t, "sweep", "-resume", "-o", "/dev/null/"+hostile, hostile) + ended(t, "bisect", "--lo", hostile, hostile)
	}},
}

// formatted is a report of two outcomes in that format, with what its compressed parts hold.
func formatted(f report.Format) func(*testing.T, *harness.Outcome) string {
	return func(t *testing.T, o *harness.Outcome) string {
		t.Helper()
		other := hostileOutcome("max=64MiB/" + hostile + "=" + hostile)
		var out bytes.Buffer
		require.NoError(t, report.Write(&out, report.NewSet([]*harness.Outcome{o, other}), f))
		text := out.String()
		for _, block := range regexp.MustCompile(`<script type="application/gzip"[^>]*>([^<]*)<`).FindAllStringSubmatch(text, -1) {
			packed, err := base64.StdEncoding.DecodeString(block[1])
			require.NoError(t, err)
			zip, err := gzip.NewReader(bytes.NewReader(packed))
			require.NoError(t, err)
			plain, err := io.ReadAll(zip)
			require.NoError(t, err)
			var v any
			require.NoError(t, json.Unmarshal(plain, &v))
			text += strings.Join(texts(v), "\n")
		}
		return text
	}
}

// texts are all of a JSON value, its keys too.
func texts(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			all = append(all, texts(e)...)
		}
	case map[string]any:
		for k, e := range v {
			all = append(append(all, k), texts(e)...)
		}
	}
	return all
}

// failedWith is the message of an assertion.
type failedWith string

func (f *failedWith) Errorf(format string, args ...any) {
	*f += failedWith(fmt.Sprintf(format, args...))
}
func (f *failedWith) FailNow() {}

func (f *failedWith) Helper() {}

// ended is all that a command prints.
func ended(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	execute(args, &stdout, &stderr)
	return stdout.String() + stderr.String()
}

// stored1 is a file of results with a hostile name.
func stored1(t *testing.T, outcomes ...*harness.Outcome) string {
	t.Helper()
	var lines []byte
	for _, o := range outcomes {
		line, err := json.Marshal(o)
		require.NoError(t, err)
		lines = append(append(lines, line...), '\n')
	}
	return mustWrite(t, lines)
}

func torn(t *testing.T) string { t.Helper(); return mustWrite(t, []byte(hostile)) }

func mustWrite(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "\x1b[2J\u202e\xff.jsonl")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestNoByteOfOthersIsShownAsItIs(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			text := p.shows(t, hostileOutcome("max=32MiB/"+hostile+"="+hostile))
			require.NotEmpty(t, text)
			require.Equal(t, printable.Lines(text), text)
			require.NotRegexp(t, `(?m)^oomcage: forged`, text)
		})
	}
}

func TestNoTextOfOthersIsMarkup(t *testing.T) {
	page := formatted(report.HTML)(t, hostileOutcome(hostile))
	page, _, _ = strings.Cut(page, "</html>")
	require.NotContains(t, page, "<script>alert")
	require.Equal(t, strings.Count(page, "<script"), strings.Count(page, "</script>"))

	image := formatted(report.SVG)(t, hostileOutcome(hostile))
	require.NotContains(t, image, "<script")
	for d := xml.NewDecoder(strings.NewReader(image)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}

	text := formatted(report.Markdown)(t, hostileOutcome(hostile))
	require.NotRegexp(t, "<[a-z!/]|[^\\\\]`|[^&\\\\]@me|http://", strings.ReplaceAll(text, "** !", ""))
	columns := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if columns == 0 {
			columns = n
		}
		require.Equal(t, columns, n, line)
	}
	require.Positive(t, columns)
}

func TestNoTextOfOthersIsAFormula(t *testing.T) {
	for _, begin := range []string{"=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "-Inf"} {
		o := hostileOutcome("GOGC=" + begin)
		o.Why = begin
		plain := hostileOutcome(begin)
		var out bytes.Buffer
		require.NoError(t, report.Write(&out, report.NewSet([]*harness.Outcome{o, plain}), report.CSV))
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		for _, row := range rows {
			for _, cell := range row {
				require.NotRegexp(t, `^ *[=+\-@＝\t\r\n]`, cell)
			}
		}
	}
	var out bytes.Buffer
	require.NoError(t, report.Write(&out, report.NewSet([]*harness.Outcome{{Name: "oom_score_adj=-5", Verdict: harness.Exited}}), report.CSV))
	require.Contains(t, out.String(), "\noom_score_adj=-5,-5,exited,", "a number stays one")
}
