package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/printable"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// writeCSV writes a line for each point: its axes, and what can be counted. Sizes are bytes.
func (s *Set) writeCSV(w io.Writer) error {
	axes := axesOf(s.Outcomes)
	header := []string{"point"}
	for _, a := range axes {
		header = append(header, cellText(a.Name))
	}
	header = append(header, "verdict", "acknowledged", "attempted", "predicted_lo", "predicted_hi",
		"limit_bytes", "peak_bytes", "oom", "oom_kill", "pressure_some_seconds", "seconds", "step_took_bytes", "step_took_error_bytes",
		"step_p50_seconds", "step_p95_seconds", "step_p99_seconds", "step_last_seconds", "steps_per_second", "doubled_at_bytes", "steps_failed", "filled_by", "filled_by_bytes", "filled",
		"findings", "why")
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return err
	}
	found := s.found()
	for _, o := range s.Outcomes {
		line := []string{cellText(o.Name)}
		values := map[string]string{}
		for _, v := range sweep.ParseName(o.Name) {
			values[v.Axis] = v.Text
		}
		for _, a := range axes {
			line = append(line, cellText(values[a.Name]))
		}
		lo, hi := "", ""
		if o.Predicted != nil {
			lo, hi, _ = strings.Cut(o.Predicted.String(), "..")
		}
		each, eachError := "", ""
		if m := o.Measured; m != nil {
			each, eachError = strconv.FormatInt(int64(m.Step), 10), strconv.FormatInt(int64(m.Error), 10)
		}
		bytes := ""
		if l := o.Evidence.Limits.Max; l > 0 && limit(o) != "max" {
			bytes = strconv.FormatInt(int64(l), 10)
		}
		var checks []string
		for _, i := range found[o.Name] {
			checks = append(checks, s.Findings[i].Check)
		}
		pressure := ""
		if o.Evidence.Unread[outcome.PressureFile] == "" {
			pressure = strconv.FormatFloat(o.Evidence.Pressure.Some.Seconds(), 'f', 6, 64)
		}
		line = append(line, cellText(string(o.Verdict)), strconv.Itoa(o.Acknowledged), strconv.Itoa(o.Attempted), lo, hi, bytes,
			strconv.FormatInt(int64(o.Peak), 10),
			strconv.FormatUint(o.Evidence.Events.OOM, 10), strconv.FormatUint(o.Evidence.Events.OOMKill, 10),
			pressure, strconv.FormatFloat(took(o).Seconds(), 'f', 6, 64), each, eachError)
		line = append(line, latencyCells(o.Latency)...)
		line = append(line, filledCells(o.Evidence.Fullest)...)
		line = append(line, cellText(strings.Join(checks, " ")), cellText(o.Why))
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// latencyCells are the figures of the steps' latency, or as many empty cells.
func latencyCells(l *outcome.Latency) []string {
	cells := make([]string, 7)
	if l == nil {
		return cells
	}
	if l.Count > 0 {
		for i, d := range []time.Duration{l.P50, l.P95, l.P99, l.Last} {
			cells[i] = strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
		}
		cells[4] = strconv.FormatFloat(l.PerSecond, 'f', 3, 64)
	}
	if l.Doubled != nil {
		cells[5] = strconv.FormatInt(int64(l.Doubled.Current), 10)
	}
	failed := 0
	for _, count := range l.Failed {
		failed += count
	}
	cells[6] = strconv.Itoa(failed)
	return cells
}

// filledCells are the kind that filled the cage most, how much of it there was, and what the sentence says of all kinds.
func filledCells(c *outcome.Composition) []string {
	kind, size := c.FilledBy()
	if kind == "" {
		return make([]string, 3)
	}
	return []string{string(kind), strconv.FormatInt(int64(size), 10), cellText(c.Filled())}
}

// formulas begin so in spreadsheets, which run them when the file is opened. The last four are the wide forms of the
// first.
const formulas = "=+-@＝＋－＠"

// cellText is a text as a cell has it: printable, and behind an apostrophe where a spreadsheet would take it for a
// formula. A number stays one.
func cellText(s string) string {
	s = printable.Line(s)
	if begin := strings.TrimLeft(s, " "); begin == "" || !strings.ContainsAny(string([]rune(begin)[:1]), formulas) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXnNiI_") { // -1, but not -Inf
		return s
	}
	return "'" + s
}
