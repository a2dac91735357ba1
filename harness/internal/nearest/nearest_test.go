package nearest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNameThatWasMeantIsFound(t *testing.T) {
	known := []string{"survived", "oom-killed", "oom-group-killed", "killed", "exited", "runtime-oom"}
	for word, want := range map[string]string{
		"survive":    "survived",
		"oomkilled":  "oom-killed",
		"oom_killed": "oom-killed",
		"OOM-Killed": "oom-killed",
		"eixted":     "exited",
		"exited":     "exited",
		"dead":       "",
		"":           "",
	} {
		require.Equal(t, want, Of(word, known), word)
	}
	require.Equal(t, "did you mean killed? ", Hint("kiled", known))
	require.Empty(t, Hint("dead", known))
	require.Empty(t, Of("x", nil))
	require.Empty(t, Of(strings.Repeat("x", 1<<20), known), "it takes no time")
}

func TestADistanceCountsLettersThatWereMistyped(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "axc", 1}, {"kitten", "sitting", 3}} {
		require.Equal(t, c.want, distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}
