//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// answerOf is a search and its answer for a service of Go: this test's own executable.
func answerOf(t *testing.T, name string, works sweep.Criteria) (*answerPrinter, *sweep.Answer, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ran := &harness.Outcome{Executable: outcome.Executable{Path: self}}
	trial := func(mib harness.Bytes, survived int, p99 time.Duration) sweep.Trial {
		return sweep.Trial{
			Max: mib * harness.MiB, Runs: 3, Survived: survived, Peak: mib*harness.MiB - harness.KiB, P99: p99, Rate: 12.34,
			Pressure: 0.0123, Outcomes: []*harness.Outcome{ran},
		}
	}
	a := &sweep.Answer{Name: name, Max: 143 * harness.MiB, Peak: 143*harness.MiB - harness.KiB, Trials: []sweep.Trial{
		trial(142, 0, 0), trial(143, 3, 300*time.Millisecond), trial(144, 3, 20*time.Millisecond),
	}}
	var out bytes.Buffer
	p := &answerPrinter{
		search:   sweep.Search{Grid: sweep.Grid{Spec: outcome.Spec{Load: outcome.Load{Count: 200}}, Step: sweep.PostTemplate("/")}, Criteria: works},
		headroom: 0.2, stdout: &out, stderr: &out,
	}
	return p, a, &out
}

func TestAnAnswerSaysWhatToWrite(t *testing.T) {
	p, a, out := answerOf(t, "", sweep.Criteria{})
	require.NoError(t, p.print(formatText, []*sweep.Answer{a}))
	require.Equal(t, `
smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3)

  memory.max  survived  peak       p99     steps/s  pressure  refaults
  142MiB      0 of 3    142.0 MiB
  143MiB      3 of 3    143.0 MiB  300 ms  12.3     1.23 %    0
  144MiB      3 of 3    144.0 MiB  20 ms   12.3     1.23 %    0

to write: 172.0 MiB, 20% above 143.0 MiB; the highest peak at that limit was 143.0 MiB
  Kubernetes
    resources:
      requests:
        memory: 172Mi
      limits:
        memory: 172Mi
    env:
    - name: GOMEMLIMIT
      value: "154MiB"
  Compose
    mem_limit: 172m
    memswap_limit: 172m
    environment:
      GOMEMLIMIT: "154MiB"
  systemd
    [Service]
    MemoryMax=172M
    MemoryHigh=143M
    MemorySwapMax=0
    Environment="GOMEMLIMIT=154MiB"
  No run has tried GOMEMLIMIT=154MiB, which is for the Go runtime: do so with --env.
`, out.String())
	require.NoError(t, p.failure([]*sweep.Answer{a}))
}

func TestTheLinesOfAManifestSayWhyAndNothingElse(t *testing.T) {
	p, a, out := answerOf(t, "", sweep.Criteria{})
	p.headroom = 0
	require.NoError(t, p.print(formatSystemd, []*sweep.Answer{a}))
	require.Equal(t, `# smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3); with a headroom of 0%
[Service]
MemoryMax=143M
MemorySwapMax=0
`, out.String())
	out.Reset()
	other := *a
	a.Name, other.Name = "GOGC=25", "GOGC=50"
	require.NoError(t, p.print(formatCompose, []*sweep.Answer{a, {Name: "GOGC=1", Trials: a.Trials[:1]}, &other}))
	require.Regexp(t, `(?s)^# GOGC=25: .*\nmem_limit: 143m\nmemswap_limit: 143m\n---\n# GOGC=50: .*\nmem_limit: 143m\nmemswap_limit: 143m\n$`, out.String())
}

func TestAnAnswerWithACriterionHasBothLimits(t *testing.T) {
	p, a, out := answerOf(t, "", sweep.Criteria{Latency: sweep.Quantile{Name: "p99", Max: 200 * time.Millisecond}})
	a.Well = 144 * harness.MiB
	a.Border = &sweep.Border{Lo: 142 * harness.MiB, Hi: 143 * harness.MiB, Sure: sweep.Interval{Lo: 0.7961, Hi: 1}}
	a.Sizing = &sweep.Sizing{GaveUp: 2}
	require.NoError(t, p.print(formatText, []*sweep.Answer{a}))
	require.Contains(t, out.String(), "0 of 3)\n  it is well from 144MiB on: p99 ≤ 200 ms in 0 of 3 runs there (143MiB: 0 of 3)\n"+
		"  the border is not sharp: at 142MiB no run survived, and at 143MiB all 3 did (95 % confidence: 80 % of runs or more)\n"+
		"  the program sizes itself by its limit; at 2 limits its own runtime ended it, and no OOM killer\n")
	require.Contains(t, out.String(), "\nto write: 173.0 MiB, 20% above 144.0 MiB")
	require.Regexp(t, `memory.max  survived +well +peak`, out.String())
	require.Contains(t, out.String(), "\n  142MiB      0 of 3 (0–56 %)    0 of 3  ")
	require.Contains(t, out.String(), "\n  143MiB      3 of 3 (44–100 %)  0 of 3  ")
	require.Contains(t, out.String(), "\n  144MiB      3 of 3             0 of 3  ", "it is above the border")

	a.Well = 0
	out.Reset()
	require.NoError(t, p.print(formatText, []*sweep.Answer{a}))
	require.Contains(t, out.String(), "it is not well at any limit that was tried: p99 ≤ 200 ms\n")
	require.NotContains(t, out.String(), "to write")
	t.Setenv("OOMCAGE_VM", "")
	require.EqualError(t, p.failure([]*sweep.Answer{a}), "not even the upper end is well: p99 ≤ 200 ms; the upper end is what this machine spares for a cage: give the machine more memory")
	p.search.Hi = 144 * harness.MiB // somebody's own choice
	require.EqualError(t, p.failure([]*sweep.Answer{a}), "not even the upper end is well: p99 ≤ 200 ms")
}

func TestSeveralAnswersAreATable(t *testing.T) {
	p, a, out := answerOf(t, "GOGC=25", sweep.Criteria{})
	none := &sweep.Answer{Name: "GOGC=off", Trials: a.Trials[:1]}
	a.Warnings = []string{"at 1MiB only by luck"}
	require.NoError(t, p.print(formatText, []*sweep.Answer{a, none}))
	require.True(t, strings.HasPrefix(out.String(), "oomcage bisect: warning: GOGC=25: at 1MiB only by luck\n\nGOGC=25: smallest memory.max"), out)
	require.True(t, strings.HasSuffix(out.String(), `
GOGC=off: a memory.max of 142MiB, the upper end, does not survive 200 steps (0 of 3); nothing below it was tried

          lives from  peak       to write
GOGC=25   143MiB      143.0 MiB  172MiB
GOGC=off  none        0 B        none
`), out)
	t.Setenv("OOMCAGE_VM", "6.12")
	require.EqualError(t, p.failure([]*sweep.Answer{a, none}),
		"GOGC=off: not even the upper end survives; the upper end is what this machine spares for a cage: give the microVM more memory: oomcage vm -mem SIZE …")
	p.search.Hi = 142 * harness.MiB // somebody's own choice
	require.EqualError(t, p.failure([]*sweep.Answer{a, none}), "GOGC=off: not even the upper end survives")

	out.Reset()
	p.stderr = &bytes.Buffer{}
	require.NoError(t, p.print(formatJSON, []*sweep.Answer{a, none}))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	var first struct {
		sweep.Answer
		Write sweep.Advice `json:"write"`
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.Equal(t, 172*harness.MiB, first.Write.Limit)
	require.Equal(t, a.Max, first.Max)
	require.Equal(t, 3, first.Trials[1].Survived)
	require.NotContains(t, lines[1], `"write"`)
}

func TestASearchThatWasEndedSaysWhatWasKnown(t *testing.T) {
	p, a, out := answerOf(t, "GOGC=25", sweep.Criteria{})
	p.soFar([]*sweep.Answer{nil, {}, a})
	require.Equal(t, "oomcage bisect: it did not come to an end; so far: GOGC=25: smallest memory.max that survives 200 steps: 143MiB (3 of 3; 142MiB: 0 of 3)\n", out.String())
}

// The help's manifests and the documentation's are those of the code, so the flags in docs/bisect.md are flags that there are.
func TestTheDocumentationOfSearchesNamesFlagsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("testdata/bisect.md")
	require.NoError(t, err)
	cmd := newBisectCommand()
	var named []string
	for _, example := range examplesIn(string(text), "") {
		for _, word := range strings.Fields(example) {
			if word == "--" {
				break
			}
			if name, ok := strings.CutPrefix(word, "--"); ok {
				require.NotNil(t, cmd.Flags().Lookup(name), word)
				named = append(named, name)
			}
		}
	}
	long := cmd.Long
	for _, flag := range []string{"lo", "hi", "tolerance", "repeat", "confirm", "headroom", "format", "axis", "out", "resume", "rebuilt", "parallel",
		"max-latency", "max-pressure", "max-refaults", "min-throughput"} {
		require.True(t, strings.Contains(long, "--"+flag+" ") || flag == "out" && strings.Contains(long, " -o "), "%s has no example", flag)
	}
	require.NotEmpty(t, named)
}
