package advise

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// more is an error of another package, with more to say.
type more struct {
	Finding
	need string
}

func (m *more) Error() string { return m.Found + ", needs " + m.need }

func TestAFindingSaysWhatHelpsToWhoeverAsks(t *testing.T) {
	err := New("no kernel\x1b", "oomcage kernels fetch")
	require.EqualError(t, err, "no kernel\\x1b\n  to help: oomcage kernels fetch")
	require.EqualError(t, New("no kernel", ""), "no kernel")

	for _, err := range []error{err, fmt.Errorf("boot: %w", err)} {
		found, help := Parts(err)
		require.Equal(t, "no kernel\x1b", found)
		require.Equal(t, "oomcage kernels fetch", help)
	}
	found, help := Parts(io.EOF)
	require.Equal(t, "EOF", found)
	require.Empty(t, help)
}

func TestWhatEmbedsAFindingIsOne(t *testing.T) {
	kind := errors.New("not here")
	err := fmt.Errorf("start: %w", &more{Finding{"cgroup v1", "reboot", kind}, "v2"})
	require.EqualError(t, err, "start: cgroup v1, needs v2")
	require.ErrorIs(t, err, kind)
	found, help := Parts(err)
	require.Equal(t, "cgroup v1", found)
	require.Equal(t, "reboot", help)
}
