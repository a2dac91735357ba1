package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/report"
)

func TestTheMapThePlotAndTheTableAreDrawn(t *testing.T) {
	s := mustRead(t, realSweep)
	tb := mustOpen(t, s)
	require.Len(t, tb.texts(".map .cell"), 32)
	require.Equal(t, []string{"K 5", "K 11", "K 18", "S 24"}, tb.texts(".map tbody tr:first-child .cell")[:4])
	require.Len(t, tb.texts("#points tbody tr"), 32)
	require.Equal(t, 4, eval[int](tb, `document.querySelectorAll("#kills path.band").length`))
	require.Equal(t, 32, marks(tb, "filled")+marks(tb, "hollow"))
	require.Greater(t, eval[float64](tb, `document.querySelector("#kills svg").getBoundingClientRect().width`), 700.0)
	require.Contains(t, eval[string](tb, `document.querySelector("#kills svg").getAttribute("aria-label")`), "32 points in 4 series")
	require.Contains(t, tb.texts("header dd"), "6.12.117+deb12-cloud-amd64")
	require.Contains(t, tb.texts("h2"), "The checks have found nothing")
	require.Equal(t, "max=32MiB/step=5MiB: oom-killed, 5 steps, predicted 4..5", eval[string](tb, `document.querySelector(".cell").getAttribute("aria-label")`))
}

func TestFlakyPointsAndFindingsComeFirst(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	require.True(t, contains(tb.texts(".findings li"), "max=128MiB/step=10MiB/kind=anon: survived 1, oom-killed 1, of 2"))
	require.True(t, strings.HasSuffix(tb.texts("#points tbody tr")[0], "! flaky"))
	tb.run(click(".findings li:nth-child(2) button"))
	tb.until(pointIsOpen)
	require.Equal(t, "max=128MiB/step=10MiB/kind=anon/repeat=1", eval[string](tb, `document.querySelector("#point-title").textContent`))
}

func TestRepeatsWithoutAnAxisAreInTheTable(t *testing.T) {
	from := mustRead(t, realSweep).Outcomes
	tb := mustOpen(t, report.NewSet([]*outcome.Outcome{another(from[0], "repeat=1"), another(from[1], "repeat=2")}))
	require.Equal(t, []string{"repeat=1", "repeat=2"}, tb.texts("#points tbody tr .name"))
	require.True(t, eval[bool](tb, `document.querySelector("#map-section").hidden`), "a map of one cell says less")
}

func TestAThirdAxisIsChosenAboveTheMap(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	require.Equal(t, []string{"Across max step kind", "Down max step kind", "kind anon shmem"}, eval[[]string](tb,
		`[...document.querySelectorAll("#map-controls label")].map((l) => [l.firstChild.data.trim(), ...[...l.querySelectorAll("option")].map((o) => o.text)].join(" "))`))
	require.Contains(t, tb.texts(".map .cell"), "SK 12–24 !")
	tb.do(`const s = document.querySelectorAll("#map-controls select")[2]; s.value = 1; s.dispatchEvent(new Event("change"));`)
	require.NotContains(t, tb.texts(".map .cell"), "SK 12–24 !")
	require.Contains(t, tb.texts(".map .cell"), "XE 2 !")
	tb.do(`const s = document.querySelectorAll("#map-controls select")[1]; s.value = 2; s.dispatchEvent(new Event("change"));`)
	require.Equal(t, []string{"anon", "shmem"}, tb.texts(".map tbody th"))
}

func TestTheFilterAndTheSortWork(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	rows := func() []string { return tb.texts("#points tbody tr .name") }
	tb.run(chromedp.SendKeys(chromedp.CSS("#filter-text"), "step=20MiB shmem"))
	require.Len(t, rows(), 10)
	require.Equal(t, "10 of 60", eval[string](tb, `document.querySelector("#shown").textContent`))
	for _, name := range rows() {
		require.Contains(t, name, "/step=20MiB/kind=shmem/")
	}
	tb.run(chromedp.SendKeys(chromedp.CSS("#filter-text"), " nowhere"))
	require.Equal(t, []string{"No point is like that."}, tb.texts("#points tbody tr"))

	tb.do(`document.querySelector("#filter-text").value = ""; document.querySelector("#filter-verdict").value = "stalled"; document.querySelector("#filter").dispatchEvent(new Event("input"));`)
	require.Len(t, rows(), 2)
	tb.do(`document.querySelector("#filter-verdict").value = ""; document.querySelector("#filter").dispatchEvent(new Event("input"));`)
	tb.run(click("#filter-found"))
	require.Len(t, rows(), 14)
	tb.run(click("#filter-found"))

	steps := func() []int {
		return eval[[]int](tb, `[...document.querySelectorAll("#points tbody tr")].map((r) => Number(r.cells[2].textContent))`)
	}
	tb.run(click("#points th:nth-child(3) button"))
	require.IsNonDecreasing(t, steps())
	require.Equal(t, "ascending", eval[string](tb, `document.querySelectorAll("#points th")[2].getAttribute("aria-sort")`))
	tb.run(click("#points th:nth-child(3) button"))
	require.IsNonIncreasing(t, steps())
	tb.run(click("#points th:first-child button"))
	require.Equal(t, "max=32MiB/step=10MiB/kind=anon/repeat=1", rows()[0])
	require.Equal(t, "max=160MiB/step=40MiB/kind=shmem/repeat=2", rows()[59], "by value, not by letter")
}

const (
	pointIsOpen     = `document.querySelector("#point").open`
	timelineIsDrawn = pointIsOpen + ` && document.querySelector("#timeline svg")`
)

// open opens a point by its row in the table, and waits for its timeline.
func (tb *tab) open(row string) {
	tb.t.Helper()
	tb.do(`document.querySelector("#close").click(); document.querySelector("#point-body").replaceChildren(); [...document.querySelectorAll("#points tbody tr")]` + row + `.click()`)
	tb.until(timelineIsDrawn)
}

func TestAPointShowsItsTimelineAndItsEvidence(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	open := func(name string) {
		tb.open(`.find((r) => r.cells[0].textContent === "` + name + `")`)
		require.Equal(t, name, eval[string](tb, `document.querySelector("#point-title").textContent`))
	}
	open("max=160MiB/step=10MiB/kind=anon/repeat=1")
	label := eval[string](tb, `document.querySelector("#timeline svg").getAttribute("aria-label")`)
	require.Contains(t, label, "memory.max 160 MiB")
	require.Contains(t, label, "memory.high 80 MiB")
	require.Contains(t, label, "15 steps")
	require.Equal(t, 2, eval[int](tb, `document.querySelectorAll("#timeline .limit").length`))
	require.Equal(t, 15, eval[int](tb, `document.querySelectorAll("#timeline .step").length`))
	require.NotEmpty(t, eval[string](tb, `document.querySelector("#timeline .pressure").getAttribute("d")`))
	require.NotEmpty(t, eval[string](tb, `document.querySelector("#timeline .tick").getAttribute("d")`), "memory.high rose")
	require.Contains(t, tb.texts("#point-body dd"), "some 41s, full 40s, 0 refaults")
	tb.run(click("details:not(#readings) summary"))
	require.True(t, contains(tb.texts("details pre"), `"max": 167772160`))

	open("max=64MiB/step=20MiB/kind=shmem/repeat=1")
	require.True(t, contains(tb.texts("#output"), "fatal error: runtime: out of memory\n\ngoroutine 1"))
	open("max=128MiB/step=10MiB/kind=shmem/repeat=1")
	require.Equal(t, 2, eval[int](tb, `document.querySelectorAll("#timeline .tick.bad").length`), "oom and oom_kill")
}

func TestATimelineShowsWhatFilledTheCageAndWhoWasIn(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	tb.open(`.find((r) => r.cells[0].textContent === "max=96MiB/step=20MiB/kind=shmem/repeat=1")`)
	require.Equal(t, []string{"anon", "shmem", "kernel", "page cache"}, eval[[]string](tb, `[...document.querySelectorAll("#timeline .kind-area")].map((a) => a.dataset.kind)`))
	heights := eval[[]float64](tb, `[...document.querySelectorAll("#timeline .kind-area")].map((a) => a.getBBox().height)`)
	require.Greater(t, heights[1], 4*heights[0], "shmem is most of it")
	fills := eval[[]string](tb, `[...document.querySelectorAll("#timeline .kind-area")].map((a) => document.querySelector(getComputedStyle(a).fill.replace(/^url\("?|"?\)$/g, "")).innerHTML)`)
	require.Len(t, fills, 4)
	for i, fill := range fills {
		require.NotContains(t, fills[:i], fill, "each has a pattern of its own")
	}
	require.Equal(t, []string{"page cache1.9 MiB", "kernel6.7 MiB", "shmem82.6 MiB", "anon4.8 MiB"}, tb.texts("#point-body > .legend:first-of-type li"))
	label := eval[string](tb, `document.querySelector("#timeline svg").getAttribute("aria-label")`)
	for _, part := range []string{"the highest reading has anon 4.8 MiB, shmem 82.6 MiB", "worker[777], anon 61.0 MiB after", "captured GET /debug/pprof/heap after", "half of them within 1.3 s"} {
		require.Contains(t, label, part)
	}
	require.Equal(t, 1, eval[int](tb, `document.querySelectorAll("#timeline .kill").length`))
	require.Equal(t, 1, eval[int](tb, `document.querySelectorAll("#timeline .capture").length`))
	require.NotEmpty(t, eval[string](tb, `document.querySelector("#timeline .latency.failed").getAttribute("d")`))

	require.Equal(t, []string{"app[233]", "worker[777]", "worker[778]"}, tb.texts(".inside tbody th"))
	wide := eval[[]float64](tb, `[...document.querySelectorAll(".inside svg")].map((s) => [...s.querySelectorAll("rect")].reduce((sum, r) => sum + r.width.baseVal.value, 0))`)
	require.InDelta(t, 220, wide[0], 0.01)
	require.IsDecreasing(t, wide)
	require.True(t, contains(tb.texts("#point-body .hint"), "and 3 more, with 1 MiB together"))

	require.Empty(t, tb.texts("#readings table"), "it is made when somebody asks")
	tb.run(click("#readings summary"))
	tb.until(`document.querySelector("#readings table")`)
	require.Greater(t, eval[int](tb, `document.querySelectorAll("#readings tbody tr").length`), 5)
	require.Equal(t, []string{"Time", "Steps", "memory.current", "anon", "shmem", "kernel", "page cache", "max", "oom", "oom_kill"}, tb.texts("#readings thead th"))

	tb.open(`.find((r) => r.cells[0].textContent === "max=128MiB/step=20MiB/kind=anon/repeat=1")`)
	require.True(t, contains(tb.texts("#point-body .hint"), "The kernel's list of those that it could have killed."))
	require.True(t, contains(tb.texts(".inside tbody th"), `helper\x1b[31m[900]`))
}

func TestPointsAreFilteredByWhatFilledThem(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	require.Equal(t, []string{"anything", "anon", "shmem", "sock"}, tb.texts("#filter-filled option"))
	tb.do(`document.querySelector("#filter-filled").value = "sock"; document.querySelector("#filter").dispatchEvent(new Event("input"));`)
	require.Equal(t, []string{"max=64MiB/step=10MiB/kind=shmem/repeat=1", "max=64MiB/step=10MiB/kind=shmem/repeat=2"}, tb.texts("#points tbody tr .name"))
	require.Equal(t, []string{"sock 86 %", "sock 86 %"}, tb.texts("#points td.filled-by"))

	tb = mustOpen(t, mustRead(t, realSweep)) // older than the composition
	require.Equal(t, "none", eval[string](tb, `getComputedStyle(document.querySelector("#filter-filled").parentElement).display`))
	tb.open("[0]")
	require.Zero(t, eval[int](tb, `document.querySelectorAll("#timeline .kind-area").length`))
	require.NotEmpty(t, eval[string](tb, `document.querySelector("#timeline .area").getAttribute("d")`))
}

func TestSeriesAreToldApartByTheirMarks(t *testing.T) {
	from := mustRead(t, realSweep).Outcomes[0]
	open := func(series int) *tab {
		var all []*outcome.Outcome
		for i := range series {
			for _, limit := range []outcome.Bytes{32, 64} {
				o := another(from, fmt.Sprintf("max=%v/kind=%c", limit*outcome.MiB, 'a'+i))
				o.Evidence.Limits.Max = limit * outcome.MiB
				all = append(all, o)
			}
		}
		return mustOpen(t, report.NewSet(all))
	}
	hint := func(tb *tab) string { return eval[string](tb, `document.querySelector("#kills-hint").textContent`) }
	shapes := func(tb *tab) int {
		return eval[int](tb, `new Set([...document.querySelectorAll("#kills g .mark.filled")].map((m) => m.getAttribute("d").replace(/^M[^m]*/, ""))).size`)
	}
	tb := open(8)
	require.Equal(t, 8, eval[int](tb, `document.querySelectorAll("#kills .band").length`))
	require.Equal(t, 8, shapes(tb), "each label has the mark of its series")
	require.True(t, strings.HasPrefix(hint(tb), "The band is what was predicted. Filled marks are kills"), hint(tb))
	require.NotContains(t, hint(tb), "share marks")

	tb = open(9)
	require.Zero(t, eval[int](tb, `document.querySelectorAll("#kills .band").length`))
	require.NotContains(t, hint(tb), "band")
	require.Contains(t, hint(tb), "share marks")
	tb.do(`const s = document.querySelector("#kills-controls select"); s.value = 9; s.dispatchEvent(new Event("change"));`)
	require.Equal(t, 1, eval[int](tb, `document.querySelectorAll("#kills .band").length`))
	require.Contains(t, hint(tb), "The band is what was predicted.")
}

// marks are how many points have a mark of that style.
func marks(tb *tab, style string) int {
	return eval[int](tb, `[...document.querySelectorAll("#kills svg > .mark.`+style+`")].map((m) => m.getAttribute("d").split("M").length - 1).reduce((a, b) => a + b, 0)`)
}

func TestKillsByTheOwnLimitAreFilledAndAllElseIsHollow(t *testing.T) {
	from := mustRead(t, realSweep).Outcomes[0]
	var all []*outcome.Outcome
	for i, v := range outcome.Verdicts() {
		limit := outcome.Bytes(1001+i) * outcome.MiB
		o := another(from, fmt.Sprintf("max=%v", limit))
		o.Verdict, o.Evidence.Limits.Max = v, limit
		all = append(all, o)
	}
	tb := mustOpen(t, report.NewSet(all))
	require.Equal(t, 2, marks(tb, "filled"), "oom-killed and oom-group-killed, as in an image")
	require.Equal(t, len(all)-2, marks(tb, "hollow"))
	require.Contains(t, eval[string](tb, `document.querySelector("#kills svg").getAttribute("aria-label")`), fmt.Sprintf("from 1001 MiB to %d MiB", 1000+len(all)))
}

func TestABandEndsWithThePlotAtTheTop(t *testing.T) {
	tb := mustOpen(t, mustRead(t, realSweep)) // survivors would have taken more steps
	above := eval[bool](tb, `[...document.querySelectorAll("#kills .band")].some((b) => b.getBBox().y < document.querySelector("#kills line[y1='14']").y1.baseVal.value)`)
	require.True(t, above, "a band goes on above it")
	require.Equal(t, "14", eval[string](tb, `document.querySelector("#kills-clip rect").getAttribute("y")`))
}

func TestALimitAboveTheTimelineAndBothPressuresAreShown(t *testing.T) {
	o := another(mustRead(t, realSweep).Outcomes[0], "max=2GiB")
	o.Evidence.Limits.Max = 2 * outcome.GiB
	o.Timeline = []outcome.Sample{
		{At: time.Millisecond, Current: outcome.MiB},
		{At: 1001 * time.Millisecond, Current: 2 * outcome.MiB, Swap: outcome.MiB / 2, Pressure: outcome.Pressure{Some: 800 * time.Millisecond, Full: 400 * time.Millisecond}},
	}
	tb := mustOpen(t, report.NewSet([]*outcome.Outcome{o}))
	tb.open("[0]")
	require.Zero(t, eval[int](tb, `document.querySelectorAll("#timeline .limit").length`))
	require.Contains(t, tb.texts("#timeline text"), "↑ memory.max 2 GiB is above this picture")
	require.Equal(t, []string{"swap, the dotted line0.5 MiB"}, tb.texts("#point-body > .legend li"))
	require.NotEmpty(t, eval[string](tb, `document.querySelector("#timeline .swap").getAttribute("d")`))
	require.Contains(t, tb.texts("#timeline text"), "some 800 ms")
	require.Contains(t, tb.texts("#timeline text"), "full 400 ms")
	height := `Number(/v(-[0-9.]+)/.exec(document.querySelector("#timeline .pressure%s").getAttribute("d"))[1])`
	require.InDelta(t, 0.5, eval[float64](tb, fmt.Sprintf(height, ".full"))/eval[float64](tb, fmt.Sprintf(height, "")), 0.01)
}

// press types keys as a user does, and returns what has the focus then.
func (tb *tab) press(keys ...string) string {
	tb.t.Helper()
	for _, key := range keys {
		tb.run(chromedp.KeyEvent(key))
	}
	return eval[string](tb, `(document.activeElement.getAttribute("aria-label") || document.activeElement.textContent || document.activeElement.id).trim()`)
}

func TestAllOfItIsInReachOfTheKeyboard(t *testing.T) {
	tb := mustOpen(t, mustRead(t, realSweep))
	require.Equal(t, "Skip to the points", tb.press(kb.Tab))
	require.True(t, eval[bool](tb, `document.activeElement.getBoundingClientRect().left >= 0`), "it is seen when it has the focus")
	require.Contains(t, tb.press(kb.Tab), "max=32MiB/step=5MiB: oom-killed")
	require.NotEqual(t, "none", eval[string](tb, `getComputedStyle(document.activeElement).outlineStyle`))
	require.Contains(t, tb.press(kb.ArrowRight, kb.ArrowDown), "max=64MiB/step=10MiB: oom-killed, 5 steps")
	require.Contains(t, tb.press(kb.End), "max=256MiB/step=10MiB: survived")
	tb.press(kb.Enter)
	tb.until(pointIsOpen)
	require.Equal(t, "max=256MiB/step=10MiB", eval[string](tb, `document.activeElement.textContent`), "a reader hears what has opened")
	tb.press(kb.Escape)
	require.False(t, eval[bool](tb, pointIsOpen))
	require.Contains(t, eval[string](tb, `document.activeElement.getAttribute("aria-label")`), "max=256MiB/step=10MiB", "and is back where it was")

	// One Tab leaves the map; then come the filter, the headings, and the rows.
	require.Equal(t, "filter-text", tb.press(kb.Tab))
	for range 40 {
		if strings.HasPrefix(tb.press(kb.Tab), "max=32MiB/step=5MiB") {
			break
		}
	}
	require.Contains(t, tb.press(kb.ArrowDown), "max=32MiB/step=10MiB")
	tb.press(kb.Enter)
	tb.until(pointIsOpen + ` && document.querySelector("#point-title").textContent === "max=32MiB/step=10MiB"`)
	focused := ""
	for range 10 {
		if focused = tb.press(kb.Tab); focused == "Readings as a table" {
			break
		}
	}
	require.Equal(t, "Readings as a table", focused)
	tb.press(" ")
	tb.until(`document.querySelector("#readings table")`)
	tb.press(kb.Tab)
	require.Equal(t, "Readings", eval[string](tb, `document.activeElement.getAttribute("aria-label")`))
	tb.press(kb.ArrowRight)
	require.Equal(t, "max=32MiB/step=10MiB", eval[string](tb, `document.querySelector("#point-title").textContent`), "the arrows scroll the table")
	tb.do(`document.querySelector("#point-title").focus()`)
	tb.press(kb.ArrowRight)
	tb.until(`document.querySelector("#point-title").textContent === "max=32MiB/step=20MiB"`)
}

const hostile = "<script>document.title='no'</script></script><img src=http://example.com/x onerror=alert(2)>\x00\x1b[31m\u202e`${7}\"'&amp;"

func TestHostileTextsAreText(t *testing.T) {
	o := another(mustRead(t, realSweep).Outcomes[0], "max=64MiB/kind="+hostile)
	o.Output = strings.Repeat(hostile+"\n", 1<<20/len(hostile))
	o.Error, o.Why = hostile, hostile
	o.Verdict = outcome.Inconclusive
	o.Spec.Target = outcome.Target{Path: hostile, Args: []string{hostile}}
	o.Evidence.Unread = map[outcome.Source]string{hostile: hostile}
	o.Origin = outcome.Origin{Command: hostile, Kernel: hostile}
	tb := mustOpen(t, report.NewSet([]*outcome.Outcome{o, another(o, "max=96MiB/kind="+hostile)}))
	tb.open("[0]")
	shown := `<script>document.title='no'</script></script><img src=http://example.com/x onerror=alert(2)>\x00\x1b[31m\u202e`
	for _, selector := range []string{"header code", ".findings li", "#points .name", "#point-title", "#output", "#point-body .facts dd", "pre"} {
		require.True(t, contains(tb.texts(selector), shown), selector)
	}
	require.True(t, contains(tb.texts(".map th"), "<script>document.title='no'<"), "up to the slash, which ends the value of an axis")
	require.Zero(t, eval[int](tb, `document.images.length`))
	require.Equal(t, "2 points: 2 inconclusive · oomcage", eval[string](tb, `document.title`))
	require.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), 1280, "a long text breaks")
}

// filled gives an outcome steps of any length, and processes of any size.
func filled(o *outcome.Outcome, i int) {
	var log outcome.StepLog
	begin := time.Duration(0)
	for n := 1; n <= 100; n++ {
		s := outcome.StepTime{N: n, Begin: begin, Took: time.Duration((i*7919+n*104729)%20_000_000 + 1), Answer: outcome.AnswerOK}
		log.Add(s)
		begin += s.Took + time.Duration(n*31)
	}
	o.Latency, o.StepTimes = log.Latency(o.Timeline, o.Evidence), log.Times()
	o.Evidence.Fullest = outcome.Compose(o.Evidence, o.Timeline, nil)
	census := outcome.Census{At: o.Timeline[150].At, Current: o.Timeline[150].Current}
	for n := range 16 {
		census.Processes = append(census.Processes, outcome.Resident{
			PID: 1000 + n, Name: fmt.Sprintf("worker-%d", n), State: "S", Threads: 1 + n,
			Anon: outcome.Bytes((i*31+n*1009)%9_000) * 4096, File: outcome.Bytes((i*37+n*1013)%900) * 4096, PageTables: outcome.Bytes(i%100) * 4096,
		})
	}
	o.Census = []outcome.Census{census}
	o.Verdict, o.Why = o.Judge()
}

func TestTenThousandPointsAreDrawnInAPageOfAFewMegabytes(t *testing.T) {
	from := mustRead(t, realSweep).Outcomes
	var all []*outcome.Outcome
	for i := range 10_000 {
		o := another(from[i%len(from)], "")
		limit, step := outcome.Bytes(64+8*(i%100))*outcome.MiB, outcome.Bytes(1+i/100)*outcome.MiB
		o.Name = fmt.Sprintf("max=%v/step=%v", limit, step)
		o.Evidence.Limits.Max, o.Spec.Load.Bytes = limit, step
		o.Acknowledged = int((limit - 6*outcome.MiB) / step)
		o.Window = &outcome.Prediction{Lo: o.Acknowledged, Hi: o.Acknowledged + 1}
		o.Origin.Points = 10_000
		o.Timeline = make([]outcome.Sample, 200)
		for j := range o.Timeline {
			size := outcome.Bytes((i*31+j*1009)%50_000) * 4096
			o.Timeline[j] = outcome.Sample{At: time.Duration(j*5_000_000 + (i*7919+j*104729)%4_000_000), Step: j / 10, Current: size, Stat: outcome.MemoryStat{
				Anon: size / 2, File: size / 3, Shmem: size / 5, Sock: outcome.Bytes((i*17+j*4099)%5_000) * 4096, Kernel: outcome.Bytes((i*13+j*3001)%5_000) * 4096,
			}}
		}
		filled(o, i)
		all = append(all, o)
	}
	s := report.NewSet(all)
	var before time.Duration
	tb := mustOpen(t, s, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		var err error
		before, err = cpuTime(ctx)
		return err
	}))
	after, err := cpuTime(tb)
	require.NoError(t, err)
	drawn := eval[float64](tb, `performance.getEntriesByName("drawn")[0].startTime`)
	size := eval[int64](tb, `performance.getEntriesByType("navigation")[0].decodedBodySize || document.documentElement.outerHTML.length`)
	t.Logf("10,000 points, %.2f MB: painted %.0f ms after the page was asked for; the browser took %v of CPU time for it; %s", float64(size)/1e6, drawn, after-before,
		eval[string](tb, `document.querySelector("footer").textContent.trim()`))
	require.Less(t, size, int64(10_000_000))
	require.Len(t, tb.texts(".map .cell"), 10_000)
	require.Len(t, tb.texts("#points tbody tr"), 200, "more rows are drawn when they are asked for")
	require.Equal(t, "10000 of 10000", eval[string](tb, `document.querySelector("#shown").textContent`))
	start := time.Now()
	tb.do(`[...document.querySelectorAll(".map .cell")].at(-1).click()`)
	tb.until(timelineIsDrawn)
	t.Logf("one of them opened in %v", time.Since(start).Round(time.Millisecond))
}

// cpuTime is what all processes of the browser have used so far.
func cpuTime(ctx context.Context) (time.Duration, error) {
	info, err := chromedp.CallBrowser(ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		return 0, err
	}
	var seconds float64
	for _, p := range info.ProcessInfo {
		seconds += p.CPUTime
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond), nil
}

func TestItCanBeReadOnAPhoneInTheDarkAndInGrey(t *testing.T) {
	phone := chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile)
	dark := call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	grey := call(emulation.SetEmulatedVisionDeficiency, emulation.SetEmulatedVisionDeficiencyParams{Type: emulation.SetEmulatedVisionDeficiencyTypeAchromatopsia})
	for _, c := range []struct {
		name   string
		set    string
		before []action
	}{
		{"picture", realSweep, []action{chromedp.EmulateViewport(1080, 1290)}}, // docs/report.png is its window
		{"light", realSweep, nil},
		{"findings", findings, nil},
		{"dark", findings, []action{dark}},
		{"phone", findings, []action{phone}},
		{"phone-dark", realSweep, []action{phone, dark}},
		{"greyscale", findings, []action{grey}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := mustOpen(t, mustRead(t, c.set), c.before...)
			width := eval[int](tb, `innerWidth`)
			if width == 1280 {
				require.Zero(t, eval[int](tb, `document.querySelector("#points").parentElement.scrollWidth - document.querySelector("#points").parentElement.clientWidth`), "all columns are to be seen")
			}
			require.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), width, "nothing sticks out")
			mustKeep(t, c.name+".png", tb.screenshot(chromedp.FullScreenshot(100)))
			mustKeep(t, c.name+"-window.png", tb.screenshot(chromedp.CaptureScreenshot()))
			tb.open(".at(-3)")
			require.LessOrEqual(t, eval[int](tb, `document.querySelector("#point").scrollWidth`), width)
			mustKeep(t, c.name+"-point.png", tb.screenshot(chromedp.CaptureScreenshot()))
			if c.set == findings {
				tb.open(`.find((r) => r.cells[0].textContent === "max=96MiB/step=20MiB/kind=shmem/repeat=1")`)
				require.LessOrEqual(t, eval[int](tb, `document.querySelector("#point").scrollWidth`), width)
				mustKeep(t, c.name+"-filled.png", tb.screenshot(chromedp.CaptureScreenshot()))
				tb.do(`document.querySelector("#point").scrollTop = 620`)
				mustKeep(t, c.name+"-inside.png", tb.screenshot(chromedp.CaptureScreenshot()))
			}
			if c.name == "dark" {
				require.Equal(t, "rgb(18, 20, 23)", eval[string](tb, `getComputedStyle(document.body).backgroundColor`))
			}
		})
	}
}
