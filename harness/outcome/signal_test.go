package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASignalHasANameAndANumber(t *testing.T) {
	for text, want := range map[string]struct {
		name   string
		number int
	}{
		"TERM": {"SIGTERM", 15}, "SIGTERM": {"SIGTERM", 15}, "sigterm": {"SIGTERM", 15}, "15": {"SIGTERM", 15}, "1": {"SIGHUP", 1},
		"SYS": {"SIGSYS", 31}, "40": {"SIG40", 40}, "SIG40": {"SIG40", 40}, "64": {"SIG64", 64}, "KILL": {"SIGKILL", 9},
	} {
		name, number, err := parseSignal(text)
		require.NoError(t, err, text)
		require.Equal(t, want.name, name)
		require.Equal(t, want.number, number)
		require.Equal(t, want.name, SignalName(number))
	}
	for text, want := range map[string]string{
		"":      "there is no signal: write one",
		"0":     `no signal "0"`,
		"65":    `no signal "65"`,
		"SIG":   `no signal "SIG"`,
		"ABORT": "did you mean SIGABRT? write one such as SIGTERM",
		"\x1b[": `no signal "\x1b["`,
	} {
		_, _, err := parseSignal(text)
		require.ErrorContains(t, err, want)
	}
}
