package sweep

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAxisIsAListOfValuesAndRanges(t *testing.T) {
	for text, want := range map[string]string{
		"max=64MiB":                     "64MiB",
		"max=96M, 64MiB,67108864":       "64MiB,96MiB",
		"max=64MiB..256MiB+64MiB":       "64MiB,128MiB,192MiB,256MiB",
		"max=64MiB..250MiB+64MiB":       "64MiB,128MiB,192MiB",
		"max=64MiB..1GiB*4":             "64MiB,256MiB,1GiB",
		"max=1MiB..3MiB*1.5":            "1MiB,1536KiB,2304KiB",
		"max=32MiB..64MiB+32MiB,max":    "32MiB,64MiB,max",
		"max=8191PiB..8191PiB+1PiB":     "8588886016GiB",
		"swap=0,max,1MiB":               "0,1MiB,max",
		"step=10MiB,20MiB":              "10MiB,20MiB",
		"count=1..4+1":                  "1,2,3,4",
		"count=1..5*1.01":               "1,2,3,4,5",
		"oom_score_adj=-1000..1000+500": "-1000,-500,0,500,1000",
		"oom.group=1,0":                 "0,1",
		"timeout=60s,5s":                "5s,1m0s",
		"kind=shmem,anon":               "anon,shmem",
		"GOGC=off,100,50":               "50,100,off",
		"GOGC=50..200*2,off":            "50,100,200,off",
		"GOMEMLIMIT=32MiB..64MiB+16MiB": "32MiB,48MiB,64MiB",
		"GODEBUG=madvdontneed=1":        "madvdontneed=1",
		"pids.max=64,max,8":             "8,64,max",
	} {
		a, err := ParseAxis(text, 0)
		require.NoError(t, err, text)
		require.Equal(t, want, strings.Join(a.Values, ","), text)
		again, err := ParseAxis(a.String(), 0)
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
}

func TestAnAxisThatMakesNoSenseSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "it has no name",
		"=64MiB":                      "it has no name",
		"64MiB..128MiB+1MiB":          "it has no name",
		"mxa=64MiB":                   `there is no field "mxa"`,
		"repeat=2":                    `there is no field "repeat"`,
		"max=":                        "empty value",
		"max=64MiB,,96MiB":            "empty value",
		"max=many":                    "sizes look like",
		"max=64MiB..128MiB":           "no step",
		"max=64MiB..128MiB+":          "sizes look like",
		"max=64MiB..128MiB+0":         "must be above 0",
		"max=64MiB..128MiB*1":         "a number above 1",
		"max=64MiB..128MiB*NaN":       "a number above 1",
		"max=128MiB..64MiB+1MiB":      "upside down",
		"max=0..64MiB*2":              "never leaves 0",
		"max=64MiB..max+1MiB":         "has no end",
		"max=1..1TiB+1":               "too many points: take larger steps",
		"oom.group=yes":               "neither 0 nor 1",
		"oom.group=0..1+1":            "has no ranges",
		"timeout=0s":                  "no duration above 0",
		"timeout=soon":                "no duration above 0",
		"count=three":                 "no whole number",
		"kind=a/b":                    "would not do in a name",
		"GODEBUG=a b":                 "would not do in a name",
		"oom_score_adj=-1000..1000*2": "never leaves 0",
	} {
		_, err := ParseAxis(text, 0)
		require.ErrorContains(t, err, want, text)
	}
	_, err := ParseAxis("count=1,2,3", 2)
	require.ErrorIs(t, err, ErrTooMany)
}
