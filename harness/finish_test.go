package harness

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOutcomeIsKeptThoughTheCageCouldNotBeRemoved(t *testing.T) {
	p := &Process{output: &tail{}}
	_, _ = p.output.Write([]byte("listening"))
	busy, failed := errors.New("device or resource busy"), errors.New("it could not be started")

	o, err := finish(t.Context(), &Outcome{Name: "x"}, p, nil, busy)
	require.ErrorIs(t, err, busy)
	want := &Outcome{Name: "x", Output: "listening"}
	want.Verdict, want.Why = want.Judge()
	require.Equal(t, want, o)

	o, err = finish(t.Context(), nil, nil, failed, busy)
	require.Nil(t, o)
	require.ErrorIs(t, err, failed)
	require.ErrorIs(t, err, busy)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	o, err = finish(cancelled, &Outcome{Name: "x"}, nil, nil, busy)
	require.Nil(t, o, "a run that was cancelled has none")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, busy)
}
