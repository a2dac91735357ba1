package harness

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// As 6.12 prints them, on a machine whose order is little-endian.
const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2710 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   1: 00000000:2710 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0000000000000000 100 0 0 10 0
   2: 0100007F:2710 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 100 0 0 10 0
   3: 0100007F:2711 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 104 1 0000000000000000 100 0 0 10 0
   4: 0500A8C0:2710 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 105 1 0000000000000000 100 0 0 10 0
   5: 00000000000000000000000000000000:2710 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 106 1 0 100 0 0 10 0
   6: 0000000000000000FFFF00000100007F:2710 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 107 1 0 100 0 0 10 0
   7: 0100007F:2710 torn
`

func TestListenersAreThoseThatAnswerOnTheLoopbackAddress(t *testing.T) {
	if !answering["0100007F"] {
		t.Skip("a machine of another byte order")
	}
	found := map[string]bool{}
	addListeners(found, tcp, 10000)
	require.Equal(t, map[string]bool{"101": true, "102": true, "106": true, "107": true}, found)
	addListeners(found, "", 10000)
}

func TestAListenerIsFoundWithItsProcess(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		require.NoError(t, err)
		port := ln.Addr().(*net.TCPAddr).Port
		found, err := listeners(port)
		require.NoError(t, err)
		require.Len(t, found, 1)
		held, err := socketsOf(os.Getpid())
		require.NoError(t, err)
		for inode := range found {
			require.Contains(t, held, inode)
		}
		require.NoError(t, ln.Close())
		found, err = listeners(port)
		require.NoError(t, err)
		require.Empty(t, found)
	}
}

func TestARunIsRefusedWhereSomethingListensAlready(t *testing.T) {
	cage := NewCageT(t, Limits{})
	mustRun(t, cage, Spec{Target: as(t, "exit", "0")})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", cage.Addr())
	require.NoError(t, err)
	_, err = cage.Run(t.Context(), Spec{Target: server(t), Load: Load{Step: HTTPGet("/ready"), Count: 3}})
	require.ErrorContains(t, err, "["+strconv.Itoa(os.Getpid())+"], which is not in the cage")
	require.ErrorContains(t, err, "listens on "+cage.Addr()+" already")
	require.NoError(t, ln.Close())
	mustRun(t, cage, Spec{Target: server(t), Load: Load{Step: HTTPGet("/ready"), Count: 3}}).RequireVerdict(t, Survived)
}

func TestTheDaemonOfAnEarlierRunDoesNotAnswerForALaterOne(t *testing.T) {
	cage := NewCageT(t, Limits{Max: 100 * MiB})
	target := as(t, "daemon", "$ADDR")
	target.Ready = HTTPReady("/ready")
	s := Spec{Target: target, Load: Load{Step: HTTPGet("/ready"), Count: 3}}
	mustRun(t, cage, s).RequireVerdict(t, Survived)
	_, err := cage.Run(t.Context(), s)
	require.ErrorContains(t, err, "which is in the cage since before this run")
}

func TestWhoAnsweredAndWasNotTheTargetIsNamed(t *testing.T) {
	target := as(t, "idle", "$ADDR")
	var ln net.Listener
	target.Ready = func(ctx context.Context, p *Process) (err error) {
		ln, err = new(net.ListenConfig).Listen(ctx, "tcp", p.Addr())
		return err
	}
	o := RunT(t, Spec{Target: target, Load: Load{Step: func(context.Context, *Process, int) error { return nil }, Count: 3}})
	require.NoError(t, ln.Close())
	o.RequireVerdict(t, Inconclusive)
	require.Contains(t, o.Evidence.OtherListener, "["+strconv.Itoa(os.Getpid())+"]")
	require.Contains(t, o.Why, "not the target that answered")
}

func TestADaemonThatForkedAwayIsNamed(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "daemon-parent", "$ADDR"), Limits: Limits{Max: 100 * MiB}})
	o.RequireVerdict(t, Exited)
	require.Len(t, o.Evidence.LeftRunning, 1)
	require.Contains(t, o.Why, "ran on in the cage")
	require.Contains(t, o.Why, "stay in the foreground")

	o = RunT(t, Spec{Target: as(t, "exit", "0")})
	require.Empty(t, o.Evidence.LeftRunning)
}
