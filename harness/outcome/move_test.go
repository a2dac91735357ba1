package outcome

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATargetIsOutsideFromWhenItLeft(t *testing.T) {
	in, out, back := Move{1, "/up/cage/pod"}, Move{2, "/other"}, Move{4, "/up/cage"}
	for _, c := range []struct {
		moves       []Move
		last        string
		left, spent time.Duration // when it left for good, and for a time; 0: never
	}{
		{nil, "/up/cage", 0, 0},
		{[]Move{in}, "/up/cage/pod", 0, 0},
		{[]Move{in, out}, "/other", 2, 0},
		{[]Move{out, {3, "/"}}, "/", 2, 0},
		{[]Move{out, back}, "/up/cage", 0, 2},
		{[]Move{out, back, {5, "/up/cage2"}}, "/up/cage2", 5, 0},
	} {
		e := Evidence{Cage: "/up/cage", Moves: c.moves}
		require.Equal(t, c.last, e.lastGroup())
		left, is := e.outside()
		require.Equal(t, c.left != 0, is)
		require.Equal(t, c.left, left.At)
		spent, was := e.excursion()
		require.Equal(t, c.spent != 0, was)
		require.Equal(t, c.spent, spent.At)
	}
}
