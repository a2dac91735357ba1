package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/report"
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
