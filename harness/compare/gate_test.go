package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func mustGates(t *testing.T, list string) []Gate {
	t.Helper()
	gates, err := ParseGates(list)
	require.NoError(t, err)
	return gates
}

func TestAListOfGatesIsReadAsItIsMeant(t *testing.T) {
	gates := mustGates(t, "peak +5%, verdict,steps -2 , latency+10ms, limit 4MiB, peak 0.5 %, filled, steps, latency -50%")
	for i := range gates {
		gates[i].text = ""
	}
	require.Equal(t, []Gate{
		{Measure: "peak", Sign: 1, Share: 0.05},
		{Measure: "verdict", bare: true},
		{Measure: "steps", Sign: -1, Amount: 2},
		{Measure: "latency", Sign: 1, Amount: 10e6},
		{Measure: "limit", Amount: float64(4 * outcome.MiB)},
		{Measure: "peak", Share: 0.005},
		{Measure: "filled", bare: true},
		{Measure: "steps", bare: true},
		{Measure: "latency", Sign: -1, Share: 0.5},
		{Measure: missing, bare: true},
	}, gates)
	require.Equal(t, []Gate{{Measure: missing, Sign: 1, Amount: 2, text: "missing +2"}, {Measure: missing, Share: 0.1, text: "missing 10%"}}, mustGates(t, "missing +2, missing 10%"))
	require.Equal(t, "peak +5%", mustGates(t, " peak   +5% ")[0].String())
}

func TestAGateThatMakesNoSenseIsRefusedWithWhatThereIs(t *testing.T) {
	for list, want := range map[string]string{
		"":                 "there are verdict, limit, peak, steps, latency, filled, missing, as in 'verdict, peak +5%",
		"peak +5%, ":       `parse "" of "peak +5%, "`,
		"rss +5%":          `there is no "rss" to fail on: there are verdict, limit,`,
		"peaks +5%":        `there is no "peaks" to fail on: did you mean peak? there are`,
		"Peak":             "names nothing to fail on; there are verdict",
		"verdict +5%":      "verdict has no amount",
		"filled 3":         "filled has no amount",
		"peak +5 %%":       `"5 %%" is no share`,
		"peak +-5%":        `"-5%" is no share`,
		"peak +NaN%":       "is no share",
		"peak +3 potatoes": `parse the size "3 potatoes"`,
		"limit +max":       "max is no size to differ by",
		"steps -1.5":       `"1.5" is no count of steps`,
		"latency +10":      `"10" is no time`,
		"peak >5%":         "is no share",
		"peak +5":          `"5" has no unit, and may be bytes, MiB or %; it looks like 3MiB, or 5%`,
		"limit 1e6":        `"1e6" has no unit`,
		"missing -2":       "no fewer than none can be missing",
		"missing +1MiB":    `"1MiB" is no count of points`,
	} {
		_, err := ParseGates(list)
		require.ErrorContains(t, err, want, list)
	}
}

// of5 are five runs of the point max=80MiB, each a little off.
func of5(peak outcome.Bytes, acked int, p95 time.Duration, verdict outcome.Verdict) (all []*outcome.Outcome) {
	for n := range 5 {
		o := made("max=80MiB/repeat="+string(rune('1'+n)), verdict, 80*outcome.MiB, peak+outcome.Bytes(n)*outcome.KiB, acked)
		all = append(all, slow(o, p95+time.Duration(n)*10*time.Microsecond))
	}
	return all
}

func TestAGateLooksAtItsMeasureAndDirectionAlone(t *testing.T) {
	const mib = outcome.MiB
	base := of5(60*mib, 100, 20*time.Millisecond, outcome.Survived)
	for _, c := range []struct {
		list  string
		head  []*outcome.Outcome
		fails string
	}{
		{"peak +5%", of5(64*mib, 100, 20*time.Millisecond, outcome.Survived), "peak +5%: max=80MiB: 60 MiB → 64 MiB, +4 MiB, +6.7 %"},
		{"peak +5%", of5(62*mib, 100, 20*time.Millisecond, outcome.Survived), ""},
		{"peak +5%", of5(50*mib, 100, 20*time.Millisecond, outcome.Survived), ""},
		{"peak 5%", of5(50*mib, 100, 20*time.Millisecond, outcome.Survived), "peak 5%: max=80MiB: 60 MiB → 50 MiB, -10 MiB, -16.7 %"},
		{"peak +3MiB", of5(64*mib, 100, 20*time.Millisecond, outcome.Survived), "peak +3MiB: "},
		{"peak +5MiB", of5(64*mib, 100, 20*time.Millisecond, outcome.Survived), ""},
		{"peak 0%", of5(59*mib, 100, 20*time.Millisecond, outcome.Survived), "peak 0%: "},
		{"peak", of5(61*mib, 100, 20*time.Millisecond, outcome.Survived), "peak: "},
		{"peak", of5(59*mib, 100, 20*time.Millisecond, outcome.Survived), ""},
		{"steps", of5(60*mib, 99, 20*time.Millisecond, outcome.Survived), "steps: max=80MiB: 100 → 99, -1, -1.0 %"},
		{"steps", of5(60*mib, 101, 20*time.Millisecond, outcome.Survived), ""},
		{"steps -2", of5(60*mib, 98, 20*time.Millisecond, outcome.Survived), ""},
		{"steps -2", of5(60*mib, 97, 20*time.Millisecond, outcome.Survived), "steps -2: "},
		{"latency +10ms", of5(60*mib, 100, 31*time.Millisecond, outcome.Survived), "latency +10ms: max=80MiB: 20 ms → 31 ms, +11 ms, +54.9 %"},
		{"latency +10ms", of5(60*mib, 100, 29*time.Millisecond, outcome.Survived), ""},
		{"latency", of5(60*mib, 100, 21*time.Millisecond, outcome.Survived), ""}, // below a tenth
		{"verdict", of5(60*mib, 100, 20*time.Millisecond, outcome.OOMKilled), "verdict: max=80MiB: survived → oom-killed"},
		{"peak, steps, latency, filled, limit", of5(60*mib, 100, 20*time.Millisecond, outcome.OOMKilled), ""},
		{"verdict", of5(90*mib, 1, 90*time.Millisecond, outcome.Survived), ""},
	} {
		comparison := Compare(mustRead(t, base...), mustRead(t, c.head...))
		var texts []string
		for _, f := range comparison.Check(mustGates(t, c.list)) {
			texts = append(texts, f.String())
		}
		text := strings.Join(texts, "\n")
		if c.fails == "" {
			require.Empty(t, text, c.list)
			continue
		}
		require.Contains(t, text, c.fails, c.list)
	}
}

// A change that makes a sweep end early, or that renames a point, passed every gate.
func TestPointsThatAreMissingPassNoGate(t *testing.T) {
	all := func(points int, names ...string) *Results {
		var runs []*outcome.Outcome
		for _, name := range names {
			o := made(name, outcome.Survived, 80*outcome.MiB, 60*outcome.MiB, 9)
			o.Origin.Points = points
			runs = append(runs, o)
		}
		return mustRead(t, runs...)
	}
	base := all(4, "max=80MiB", "max=90MiB", "max=100MiB", "max=110MiB")
	for list, want := range map[string]int{"peak +5%": 2, "verdict, missing": 2, "missing 1": 2, "missing +2": 0, "missing 49%": 2, "verdict, missing 50%": 0, "missing 100%": 0} {
		require.Len(t, Compare(base, all(2, "max=80MiB", "max=90MiB", "max=120MiB")).Check(mustGates(t, list)), want, list)
		require.Empty(t, Compare(base, base).Check(mustGates(t, list)))
	}
	c := Compare(base, all(2, "max=80MiB"))
	require.Equal(t, "missing: max=90MiB: head.jsonl does not have it, so nothing is known of it there", strings.Replace(c.Check(mustGates(t, "peak"))[0].String(), c.Head.File, "head.jsonl", 1))
	searched := all(0, "max=81MiB/step=1MiB", "max=85MiB/step=1MiB", "max=81MiB/step=2MiB")
	require.Len(t, Compare(searched, all(0, "max=83MiB/step=1MiB")).Check(mustGates(t, "limit")), 1, "a series that is gone")
	require.Empty(t, Compare(searched, all(0, "max=83MiB/step=1MiB", "max=83MiB/step=2MiB")).Check(mustGates(t, "limit")), "each search tries limits of its own")
}

// The kernel tells the peak from Linux 5.19 on, and what was not measured has not passed.
func TestAFigureThatTheHeadDoesNotTellPassesNoGate(t *testing.T) {
	base, head := triedAt(5, 60, 56, 64), triedAt(5, 60, 56, 64)
	for _, o := range head {
		o.Peak = 0
	}
	c := Compare(mustRead(t, base...), mustRead(t, head...))
	failures := c.Check(mustGates(t, "peak +5%"))
	require.Len(t, failures, 2)
	require.Equal(t, "peak +5%: max=56MiB: results.jsonl does not tell its peak of memory, so nothing is known of it there", failures[0].String())
	require.Empty(t, c.Check(mustGates(t, "verdict, limit, steps, filled")))

	c = Compare(mustRead(t, head...), mustRead(t, base...))
	require.Empty(t, c.Check(mustGates(t, "peak")))
	require.Contains(t, c.Notes, "peak: results.jsonl does not tell the peak of memory of any point, so this lets everything through")

	for i, o := range base { // one of five had a step before it was killed, which may be chance
		o.Latency = nil
		if i%5 == 0 {
			o.Latency = &outcome.Latency{Count: 1, P95: time.Second}
		}
	}
	c = Compare(mustRead(t, base...), mustRead(t, head...))
	require.Empty(t, c.Check(mustGates(t, "latency")))
	require.NotContains(t, fmt.Sprint(c.Notes), "latency:")
}

// A gate that cannot fail looks like one that was passed.
func TestAGateThatLetsEverythingThroughIsNoted(t *testing.T) {
	c := Compare(mustRead(t, triedAt(5, 60, 64)...), mustRead(t, triedAt(5, 70, 64)...))
	require.Len(t, c.Check(mustGates(t, "verdict")), 1)
	require.Empty(t, c.Check(mustGates(t, "limit, filled")))
	require.Equal(t, []string{
		"limit: no points differ in memory.max alone, so this lets everything through; verdict tells what was survived at the one limit",
		"filled: it is not known on both sides of any point, so this lets everything through",
	}, c.Notes)
}

func TestAVerdictForTheBetterFailsNothing(t *testing.T) {
	dies, lives := of5(60*outcome.MiB, 9, time.Millisecond, outcome.OOMKilled), of5(60*outcome.MiB, 9, time.Millisecond, outcome.Survived)
	c := Compare(mustRead(t, dies...), mustRead(t, lives...))
	require.True(t, c.Points[0].Verdict.Changed)
	require.Empty(t, c.Check(mustGates(t, "verdict")))
	c = Compare(mustRead(t, dies...), mustRead(t, of5(60*outcome.MiB, 9, time.Millisecond, outcome.Stalled)...))
	require.Len(t, c.Check(mustGates(t, "verdict")), 1, "to another one that is not survived")
	flaky := slices.Concat(lives[:4], dies[4:])
	c = Compare(mustRead(t, lives...), mustRead(t, flaky...))
	require.True(t, c.Points[0].Verdict.Differ)
	require.False(t, c.Points[0].Verdict.Changed, "one of five died")
	require.Empty(t, c.Check(mustGates(t, "verdict")))
}

func TestAChangedFillIsNamed(t *testing.T) {
	base, head := of5(60*outcome.MiB, 9, time.Millisecond, outcome.OOMKilled), of5(60*outcome.MiB, 9, time.Millisecond, outcome.OOMKilled)
	for i := range base {
		filled(base[i], outcome.KindAnon, 50*outcome.MiB)
		filled(head[i], outcome.KindSock, 40*outcome.MiB)
	}
	c := Compare(mustRead(t, base...), mustRead(t, head...))
	require.Equal(t, "filled: max=80MiB: anon → sock", c.Check(mustGates(t, "filled"))[0].String())
	require.Equal(t, map[outcome.Kind]outcome.Bytes{"sock": 40 * outcome.MiB, "anon": -30*outcome.MiB + 2*outcome.KiB, "page cache": -10*outcome.MiB - 2*outcome.KiB}, c.Points[0].Grown)
}
