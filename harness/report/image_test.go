package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/chart"
	"oomcage/harness/outcome"
)

func TestAnImageIsSharpAndSmallAndTheSameEachTime(t *testing.T) {
	for _, s := range []*Set{mustRead(t, realSweep), mustRead(t, made), NewSet(many(t, 500)), hostileSet(t)} {
		var one, two bytes.Buffer
		require.NoError(t, Write(&one, s, PNG))
		require.NoError(t, Write(&two, s, PNG))
		require.Equal(t, one.Bytes(), two.Bytes())
		image, err := png.Decode(&one)
		require.NoError(t, err)
		require.InDelta(t, 1500, image.Bounds().Dx(), 10)
		require.Less(t, image.Bounds().Dy(), 4000)
	}
}

func TestAnSVGIsXMLWithATitle(t *testing.T) {
	for _, s := range []*Set{mustRead(t, made), hostileSet(t)} {
		var image bytes.Buffer
		require.NoError(t, Write(&image, s, SVG))
		require.Contains(t, image.String(), `role="img"><title>`+s.summary()+"</title>")
		in := xml.NewDecoder(&image)
		for {
			_, err := in.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
	}
}

func TestWithoutLimitsToCompareThereIsTheMapAlone(t *testing.T) {
	one := another(mustRead(t, realSweep).Outcomes[0], "app")
	s := NewSet([]*outcome.Outcome{one})
	require.Nil(t, s.killsPlot())
	for _, f := range formats() {
		var got bytes.Buffer
		require.NoError(t, Write(&got, s, f), f)
		require.NotEmpty(t, got.String())
	}
}

func TestRepeatsWithoutAnAxisAreOneCell(t *testing.T) {
	from := mustRead(t, realSweep).Outcomes
	s := NewSet([]*outcome.Outcome{another(from[0], "repeat=1"), another(from[1], "repeat=2"), another(from[2], "repeat=3")})
	for _, f := range formats() {
		var got bytes.Buffer
		require.NoError(t, Write(&got, s, f), f)
		if f == Markdown {
			require.Contains(t, got.String(), "|  |  |\n| --- | --- |\n|  | **K 1–5** ! |\n", "they differ by more than their windows explain")
		}
	}
	x, _ := mustUnpack(t, mustHTML(t, s))
	require.NotNil(t, x.Points[0].Values, "the page's script takes a list")
}

func TestAnImageSaysWhatItDoesNotShowOfManySeries(t *testing.T) {
	title := func(series int, window *outcome.Prediction) string {
		var outcomes []*outcome.Outcome
		for i, o := range many(t, series*100) {
			o.Name, o.Predicted = o.Name+"/kind="+string(rune('a'+i/100)), window
			outcomes = append(outcomes, o)
		}
		return NewSet(outcomes).killsPlot().Title.Text
	}
	require.Equal(t, "Steps over memory.max; the bands were predicted", title(8, &outcome.Prediction{Lo: 1, Hi: 2}))
	require.Equal(t, "Steps over memory.max", title(8, nil))
	require.Equal(t, "Steps over memory.max of 9 series (not shown: their names and bands, which there is room for up to 8)",
		title(9, &outcome.Prediction{Lo: 1, Hi: 2}))
}

func TestKillsByTheOwnLimitAreFilledAndAllElseIsHollow(t *testing.T) {
	var s series
	for _, v := range outcome.Verdicts() {
		s.outcomes = append(s.outcomes, &outcome.Outcome{Verdict: v})
	}
	kills, others := s.marks(scale{})
	require.Len(t, kills, 2, "oom-killed and oom-group-killed; the page's test counts the same")
	require.Len(t, others, len(outcome.Verdicts())-2)
}

func TestAnImageSaysWhatAHollowMarkIsWhereThereIsOne(t *testing.T) {
	legend := func(verdict outcome.Verdict) string {
		outcomes := many(t, 100)
		for _, o := range outcomes[1:] {
			o.Verdict = outcome.OOMKilled
		}
		outcomes[0].Verdict = verdict
		var image bytes.Buffer
		require.NoError(t, Write(&image, NewSet(outcomes), SVG))
		return image.String()
	}
	const says = "hollow: not killed by its own limit"
	require.Equal(t, 1, strings.Count(legend(outcome.Survived), says))
	require.Zero(t, strings.Count(legend(outcome.OOMKilled), says))
}

func TestTicksAreRound(t *testing.T) {
	labels := func(top float64) string {
		var all []string
		for _, tick := range chart.Counts(top).Ticks {
			all = append(all, tick.Text)
		}
		return strings.Join(all, " ")
	}
	require.Equal(t, "0 1", labels(1))
	require.Equal(t, "0 1 2 3 4 5 6 7 8 9", labels(9.7))
	require.Equal(t, "0 5 10 15 20 25", labels(26))
	require.Equal(t, "0 20 40 60 80 100 120", labels(130))
	require.Equal(t, "0 500 1000 1500 2000", labels(2100))
}
