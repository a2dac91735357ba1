package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWrongValueIsSaidInPlainWords(t *testing.T) {
	for args, want := range map[string]string{
		"run --steps many -- true":               `--steps: "many" is no whole number: it looks like 20`,
		"run --steps 99999999999999999999 -- x":  `--steps: "99999999999999999999" is too large, or too small`,
		"run --rate fast -- true":                `--rate: "fast" is no number: it looks like 20 or 0.5`,
		"run --timeout 5 -- true":                `--timeout: "5" is no time: it looks like 10s, 200ms or 1m30s`,
		"run --timeout 5parsecs -- true":         `--timeout: "5parsecs" is no time`,
		"run --timeout soon -- true":             `--timeout: "soon" is no time`,
		"run --oom-group=perhaps -- true":        `--oom-group: "perhaps" is neither true nor false`,
		"run --status two,3 --get / -- true":     `--status: "two" is no whole number`,
		"run --max 5x -- true":                   `--max: parse the size "5x"`,
		"sweep --axis count=x --get / -- true":   `"x" is no whole number`,
		"sweep --axis timeout=x --get / -- true": `"x" is no duration above 0`,
		"sweep --repeat x -- true":               `--repeat: "x" is no whole number`,
		"compare --format x a b":                 `--format: "x" is no format`,
	} {
		var stderr bytes.Buffer
		code := execute(strings.Fields(args), io.Discard, &stderr)
		if strings.Contains(stderr.String(), ": it needs Linux") {
			continue
		}
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr.String(), want, args)
		require.NotRegexp(t, `strconv|time: (invalid|missing|unknown)|invalid argument`, stderr.String(), args)
	}
}
