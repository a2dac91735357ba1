package harness

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatEscapesFromTheCageIsNamed(t *testing.T) {
	for _, by := range []string{"session", "group"} {
		t.Run(by, func(t *testing.T) {
			elsewhere := NewCageT(t, Limits{})
			load := Load{Count: 1, Step: func(context.Context, *Process, int) error { return nil }}
			named := func(o *Outcome) {
				require.Len(t, o.Escaped, 1)
				require.True(t, strings.HasSuffix(o.Escaped[0], "] in "+elsewhere.group.Name()), o.Escaped[0])
				require.Contains(t, o.Why, "it left "+o.Escaped[0]+", outside of its cage")
			}
			target := saying(t, "ate 0", "escaping", elsewhere.Path(), by)
			named(RunT(t, Spec{Target: target, Load: load}))

			cage := NewCageT(t, Limits{})
			named(mustRun(t, cage, Spec{Target: target, Load: load})) // not the one of the first run
			require.Empty(t, mustRun(t, cage, Spec{Target: as(t, "exit", "0")}).Escaped)
		})
	}
}
