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
	o.Evidence.Fullest = outcome.NewComposition(o.Evidence, o.Timeline, nil)
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
		o.Predicted = &outcome.Prediction{Lo: o.Acknowledged, Hi: o.Acknowledged + 1}
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
		{"search", search, []action{chromedp.EmulateViewport(1100, 900)}},
		{"search-phone-dark", search, []action{phone, dark}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := mustOpen(t, mustRead(t, c.set), c.before...)
			width := eval[int](tb, `innerWidth`)
			if width >= 1080 {
				require.Zero(t, eval[int](tb, `document.querySelector("#points").parentElement.scrollWidth - document.querySelector("#points").parentElement.clientWidth`), "all columns are to be seen")
			}
			require.LessOrEqual(t, eval[int](tb, `document.documentElement.scrollWidth`), width, "nothing sticks out")
			mustKeep(t, c.name+".png", tb.screenshot(chromedp.FullScreenshot(100)))
			mustKeep(t, c.name+"-window.png", tb.screenshot(chromedp.CaptureScreenshot()))
			if c.set == search {
				return // its timelines are cut
			}
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
