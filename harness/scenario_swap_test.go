package harness

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// SwapScenarios are about a cage that may swap, on a machine that can.
type SwapScenarios struct{ scenarios }

func TestScenariosOfSwap(t *testing.T) { suite.Run(t, new(SwapScenarios)) }

// Row 7. The figures are those of test_memcg_swap_max in the kernel's selftests, but for two. It takes
// 50M, and next to nothing besides; here it is 50M with what the service has of its own. Its
// memory.swap.max is 30M, as memory.max. But a page is charged as memory and as swap while it is
// swapped out, and reclaim begins with as many as it finds until the first are written: with a slow
// disk that was all of 40M, and 50M was killed. No page has two places in swap, so 60M cannot be full
// of 50M; and with memory.max it is less than 100M.
//
// When the writes have ended, reclaim takes more than was needed: memory.current was seen at
// 20M. So it is memory.peak that is 30M, and only the sum that is compared as in the selftest, with
// 3 % of both sides together, or 6 % of one. Several threads of the service may meet the limit, and oom
// counts each.
func (s *SwapScenarios) TestSwapIsRoomUntilItIsFullToo() {
	const size, tolerance = 50 * MiB, 0.06
	limits := Limits{Max: 30 * MiB, Swap: 60 * MiB}
	requireSwap(s.T(), limits.Swap)
	var survived outcome.Memory
	var inBoth Bytes // of it charged as memory and as swap
	take := func(ctx context.Context, p *Process, n int) error {
		m, both, err := settled(ctx, p.Cage())
		if err != nil {
			return err
		}
		if err := taking("anon", Bytes(n)*size-(m.Current+m.SwapCurrent-both))(ctx, p, n); err != nil {
			return err
		}
		survived, both, err = settled(ctx, p.Cage())
		inBoth = both
		return err
	}
	o := RunT(s.T(), Spec{Target: s.service(), Limits: limits, Load: Load{Step: take, Count: 2}})
	o.RequireVerdict(s.T(), OOMKilled)
	o.RequireAcknowledged(s.T(), 1, 1)
	o.RequireOOMKills(s.T(), 1)
	s.Positive(o.Evidence.EventsLocal.OOM)
	s.InDelta(int64(limits.Max), int64(survived.Peak), overshoot)
	s.InEpsilon(int64(size), int64(survived.Current+survived.SwapCurrent-inBoth), tolerance)
	s.measured(7, "with 50M peak %d, current %d, swap %d, %d of it both; with 100M oom %d, oom_kill %d",
		survived.Peak, survived.Current, survived.SwapCurrent, inBoth, o.Evidence.EventsLocal.OOM, o.Evidence.Events.OOMKill)
}

// settled reads the cage, and how much of it is charged as memory and as swap, when nothing is on its way to
// swap any more: until a page is written it has both charges, and no two files are read at once. The kernel
// tells nobody, so two readings have to be alike, of memory.stat too: that may have one CPU's share of what is new (see summed).
func settled(ctx context.Context, c *Cage) (m outcome.Memory, both Bytes, err error) {
	for {
		before, bothBefore := m, both
		stat, err := c.group.ReadKeyed("memory.stat")
		if err == nil {
			m, err = c.Memory()
		}
		if err != nil {
			return m, 0, err
		}
		both = Bytes(stat["swapcached"])
		if stat["file_writeback"] == 0 && m == before && both == bothBefore {
			return m, both, nil
		}
		select {
		case <-ctx.Done():
			return m, 0, fmt.Errorf("wait for the end of writing to swap: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// requireSwap has the machine swap to a file for the test, where it has too little: not before there can be cages, so that
// unit tests change no machine.
func requireSwap(t *testing.T, size Bytes) {
	t.Helper()
	requireCages(t)
	var info unix.Sysinfo_t
	require.NoError(t, unix.Sysinfo(&info))
	free := Bytes(info.Freeswap) * Bytes(info.Unit)
	if free >= size {
		return
	}
	file := filepath.Join(onDisk(t), "swap")
	require.NoError(t, writeSwap(file, size+MiB))
	name, err := unix.BytePtrFromString(file)
	require.NoError(t, err)
	call := func(number uintptr) error {
		if _, _, errno := unix.Syscall(number, uintptr(unsafe.Pointer(name)), 0, 0); errno != 0 {
			return errno
		}
		return nil
	}
	if err := call(unix.SYS_SWAPON); err != nil {
		giveUpToRoot(t, fmt.Errorf("%d bytes of swap are free here, and %d are needed: swapon %s: %w; run as root, swapon a device, or give the microVM -swap 256M",
			free, size, file, err))
	}
	t.Cleanup(func() { require.NoError(t, call(unix.SYS_SWAPOFF)) })
}

// writeSwap makes a file without holes, as the kernel wants it, with the header of a swap area in its first page
// (union swap_header in include/linux/swap.h): version, last page, and at the page's end the signature.
func writeSwap(path string, size Bytes) error {
	page := os.Getpagesize()
	b := make([]byte, size)
	binary.NativeEndian.PutUint32(b[1024:], 1)
	binary.NativeEndian.PutUint32(b[1028:], uint32(int(size)/page-1))
	copy(b[page-10:], "SWAPSPACE2")
	return os.WriteFile(path, b, 0o600)
}
