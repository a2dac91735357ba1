package vm

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answering is a monitor that greets and then gives the answers, one to a request.
func answering(t *testing.T, answers ...string) *monitor {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		fmt.Fprintln(theirs, `{"QMP": {"version": {}, "capabilities": ["oob"]}}`)
		requests := bufio.NewScanner(theirs)
		for _, answer := range append([]string{`{"return": {}}`}, answers...) {
			if !requests.Scan() {
				return
			}
			fmt.Fprintln(theirs, answer)
		}
	}()
	return &monitor{conn: ours}
}

func TestMonitorPassesOverEventsAndTellsErrors(t *testing.T) {
	m := answering(t,
		`{"timestamp": {"seconds": 1}, "event": "RESET", "data": {}}`+"\n"+`{"return": {"status": "running"}}`,
		`{"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}}`,
		`{"return": "CPU#0\r\nHLT=1\r\n"}`)
	got, err := m.execute("query-status", nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"status": "running"}`, string(got))
	_, err = m.execute("x", nil)
	require.EqualError(t, err, "x: The command x has not been found")
	text, err := m.human("info registers -a")
	require.NoError(t, err)
	assert.Equal(t, "CPU#0\nHLT=1\n", text)
}

func TestMonitorThatSaysNothingIsNotWaitedForLong(t *testing.T) {
	m := answering(t)
	require.NoError(t, m.conn.SetDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := m.execute("query-status", nil)
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
