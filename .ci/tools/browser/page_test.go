package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
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

func TestTheAnswerOfASearchStandsFirstAndItsBorderIsNoBlot(t *testing.T) {
	tb := mustOpen(t, mustRead(t, search))
	require.Equal(t, []string{"oomcage bisect: 25 MiB"}, tb.texts("h1"))
	require.Equal(t, "answer-title", eval[string](tb, `document.querySelector("main section h2").id`))
	// The limits from 19 to 26 MiB take most of the plot, and the one of 554 MiB stands behind the cut.
	share := eval[float64](tb, `(() => {
		const places = [...document.querySelectorAll("#kills .mark")].flatMap((m) => [...m.getAttribute("d").matchAll(/M([\d.]+)/g)].map((at) => Number(at[1])));
		const each = [...new Set(places)].sort((a, b) => a - b);
		return (each.at(-2) - each[0]) / (each.at(-1) - each[0]);
	})()`)
	require.Greater(t, share, 0.75)
	require.Contains(t, tb.texts("#kills text"), "554 MiB")
	require.NotEmpty(t, tb.texts("#kills .cut"))
	require.Contains(t, tb.texts("#points td.each"), "3.4 MiB", "what a step took is shown")
}

func TestFindingsAreNamedInPlainWords(t *testing.T) {
	tb := mustOpen(t, mustRead(t, findings))
	require.True(t, contains(tb.texts(".check"), "a higher limit did worse"))
	require.NotContains(t, eval[string](tb, `document.body.innerText`), "monotone")
}
