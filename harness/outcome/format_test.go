package outcome

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryLineBeginsWithItsFormat(t *testing.T) {
	for _, o := range []any{Outcome{Name: "a"}, &Outcome{Name: "a"}, struct{ Outcome }{}} {
		line, err := json.Marshal(o)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(line), fmt.Sprintf(`{"format":%d,"name":`, Format)), string(line))
		require.Equal(t, 1, strings.Count(string(line), `"format"`))
	}
}

// A newer oomcage may have other verdicts and other types: nothing else of its lines is judged.
func TestALineOfANewerFormatIsSaidToBeNewerAndNothingElse(t *testing.T) {
	for _, line := range []string{
		`{"format":99,"name":"max=64MiB","verdict":"exited","evidence":{"status":{"ended":true}}}`,
		`{"format":99,"name":"max=96MiB","verdict":"thrashed","evidence":{"status":{"ended":true}}}`,
		`{"format":99}`,
		`{"verdict":{"text":"survived"},"evidence":[],"a":1,"a":2,"format": 99 }`,
		`{"FORMAT":99,"evidence":null}`,
	} {
		_, err := ParseOutcome([]byte(line))
		require.ErrorIs(t, err, ErrNewer, line)
		require.EqualError(t, err, fmt.Sprintf("made by a newer oomcage (format 99; this one reads %d): install that one", Format))
	}
	_, err := ParseOutcome([]byte(`{"format":18446744073709551616}`))
	require.ErrorIs(t, err, ErrNewer)
}

func TestAFormatThatIsNoneIsNoOutcome(t *testing.T) {
	for _, format := range []string{`0`, `-1`, `-18446744073709551616`, `1.5`, `1e3`, `"1"`, `null`, `[1]`, `{"a":2}`} {
		_, err := ParseOutcome([]byte(`{"format":` + format + `,"verdict":"survived","evidence":{}}`))
		require.ErrorContains(t, err, "a number from 1 on is needed", format)
		require.NotErrorIs(t, err, ErrNewer)
	}
	for _, format := range []string{``, `"format":1,`, `"for\u006dat" : 1 ,`} {
		o, err := ParseOutcome([]byte(`{` + format + `"verdict":"survived","evidence":{}}`))
		require.NoError(t, err)
		require.Equal(t, Survived, o.Verdict)
	}
}

// Of two equal keys encoding/json merges the values, and other readers take the first or the last.
func TestAKeyThatIsThereTwiceIsRefusedWhereverItIs(t *testing.T) {
	many := func(last string) string {
		var keys []string
		for i := range 100 {
			keys = append(keys, fmt.Sprintf(`"k%d":0`, i))
		}
		return strings.Join(append(keys, last), ",")
	}
	const good = `{"verdict":"survived","evidence":{}`
	for text, key := range map[string]string{
		`{"verdict":"oom-killed","evidence":{"status":{"signal":"SIGKILL"}},"evidence":{},"verdict":"exited"}`: "evidence",
		good + `,"Verdict":"exited"}`:                    "verdict",
		good + `,"verdict":null}`:                        "verdict",
		good + `,"evidence" : {"oom":1}}`:                "evidence",
		good + `,"verd\u0069ct":"exited"}`:               "verdict",
		good + `,"\u212Aey":1,"key":2}`:                  "key",
		good + `,"x":{"a":1,"b":{"c":[],"a":2},"a":3}}`:  "a",
		good + `,"timeline":[{"at":1},{"at":2,"at":3}]}`: "at",
		good + `,"x":{` + many(`"k3":1`) + `}}`:          "k3",
		good + `,"x":{"":1,"":2}}`:                       "",
	} {
		_, err := ParseOutcome([]byte(text))
		require.ErrorContains(t, err, fmt.Sprintf("it has the key %q twice", key), text)
	}
	for _, text := range []string{
		good + `,"x":{` + many(`"k100":1`) + `},"y":{` + many(`"k100":1`) + `}}`,
		good + `,"timeline":[{"at":1},{"at":2}],"output":"\"verdict\": \\\"{[,","x":["a","a",{"a":"a"}]}`,
		" {\t\"verdict\" :\r\n \"survived\" , \"evidence\" : {} } ",
	} {
		_, err := ParseOutcome([]byte(text))
		require.NoError(t, err, text)
	}
}

func TestAnOutcomeSurvivesItsJSON(t *testing.T) {
	o := &Outcome{
		Name: "max=64MiB/step=20MiB",
		Spec: Spec{
			Target: Target{Path: "/bin/app", Args: []string{"-addr", "$ADDR"}, Env: []string{"GOGC=off"}, Dir: "/"},
			Limits: Limits{Max: 100000000, High: MiB, Low: 1, Min: 2, Swap: Unlimited, OOMGroup: true, Files: map[string]string{"pids.max": "64"}},
			Load:   Load{Count: 9, Bytes: 20 * MiB}, Timeout: time.Minute,
		},
		Acknowledged: 4, Attempted: 5, Predicted: &Prediction{4, 4},
		Baseline: recipe, Peak: 99999744,
		Evidence: Evidence{
			Status: sigkill, Ready: true, Limits: Limits{Max: 99999744},
			Events: Events{Max: 24, OOM: 1, OOMKill: 1}, EventsLocal: Events{Max: 24, OOM: 1, OOMKill: 1},
			Peak: 99999744, Ancestors: []Ancestor{{Path: "/oomcage", Max: GiB}}, Unread: map[Source]string{PressureFile: "none"},
		},
		Timeline: []Sample{{At: 5, Step: 1, Current: 28 << 20, Events: Events{Max: 1}}},
		Output:   "listening\n", Error: "step 5: EOF",
	}
	o.Verdict, o.Why = o.Judge()
	data, err := json.Marshal(o)
	require.NoError(t, err)
	require.NotContains(t, string(data), "\n")
	var back Outcome
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, o, &back)

	// The names of the contract, which scripts read.
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	for _, name := range []string{"name", "spec", "verdict", "why", "acknowledged", "attempted", "predicted", "baseline", "peak", "evidence", "timeline", "output", "error"} {
		require.Contains(t, fields, name)
	}
	require.Equal(t, "oom-killed", fields["verdict"])
	require.Equal(t, map[string]any{"lo": 4.0, "hi": 4.0}, fields["predicted"])
	require.InEpsilon(t, 1, fields["evidence"].(map[string]any)["events"].(map[string]any)["oom_kill"], 0)

	// A stored outcome can be judged again.
	back.Verdict, back.Why = "", ""
	back.Verdict, back.Why = back.Judge()
	require.Equal(t, o.Verdict, back.Verdict)
	require.Equal(t, "killed by its own limit: 95.4 of 95.4 MiB, during step 5", back.Why)
}

// A prediction was called a window before format 3, in each life too.
func TestThePredictionOfAnOlderFormatIsRead(t *testing.T) {
	const rest = `"name":"a","verdict":"exited","evidence":{"status":{"ended":true}},"window":{"lo":4,"hi":5},"lives":[{"window":{"lo":2}},{}]}`
	for _, format := range []string{``, `"format":1,`, `"format":2,`} {
		for _, read := range []func([]byte) (*Outcome, error){ParseOutcome, ParseSummary} {
			o, err := read([]byte(`{` + format + rest))
			require.NoError(t, err)
			require.Equal(t, &Prediction{4, 5}, o.Predicted)
			require.Equal(t, &Prediction{2, math.MaxInt}, o.Lives[0].Predicted)
			require.Nil(t, o.Lives[1].Predicted)
		}
	}
	o, err := ParseOutcome([]byte(`{"format":3,"predicted":{"lo":7,"hi":7},` + rest))
	require.NoError(t, err)
	require.Equal(t, &Prediction{7, 7}, o.Predicted)
	for _, read := range []func([]byte) (*Outcome, error){ParseOutcome, ParseSummary} {
		o, err = read([]byte(`{"format":3,"name":"a","verdict":"exited","evidence":{},"window":"x","lives":[{"window":5}]}`))
		require.NoError(t, err, "it is somebody else's there")
		require.Nil(t, o.Predicted)
	}
	_, err = ParseOutcome([]byte(`{"verdict":"exited","evidence":{},"window":4}`))
	require.ErrorContains(t, err, "no outcome: ")
}

func TestAnOutcomeOfUnknownOriginSaysNothingOfIt(t *testing.T) {
	data, err := json.Marshal(Outcome{})
	require.NoError(t, err)
	require.NotContains(t, string(data), "origin")
}
