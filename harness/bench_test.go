package harness

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkCage makes a cage, starts a program in it, waits and closes, in turns with the bare
// system calls for the same program: a static Go program that does nothing, whose budget is a
// ratio of 1.25, and the smallest program there is, which shows all that the harness adds.
// Another cage is open meanwhile, as in a test run, so that the run's own cgroup stays.
func BenchmarkCage(b *testing.B) {
	c, err := NewCage(b.Context(), Limits{})
	if err != nil {
		giveUp(b, err)
	}
	defer c.Close()
	bareCage := filepath.Join(filepath.Dir(c.Path()), "bare")
	for _, p := range []struct{ name, path string }{
		{"go", BuildT(b, "./testdata/trivial")},
		{"smallest", exitProgram(b)},
	} {
		b.Run(p.name, func(b *testing.B) {
			var bare, caged time.Duration
			for b.Loop() {
				start := time.Now()
				require.NoError(b, runBare(bareCage, p.path))
				bare += time.Since(start)

				start = time.Now()
				require.NoError(b, runCaged(b.Context(), p.path))
				caged += time.Since(start)
			}
			n := float64(b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(bare.Microseconds())/n, "bare-µs")
			b.ReportMetric(float64(caged.Microseconds())/n, "cage-µs")
			b.ReportMetric(float64(caged)/float64(bare), "cage/bare")
		})
	}
}

// runBare is mkdir, clone3 into the cgroup, wait4 and rmdir.
func runBare(dir, program string) error {
	if err := unix.Mkdir(dir, 0o755); err != nil {
		return err
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	pid, err := syscall.ForkExec(program, []string{program}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}})
	if err != nil {
		return err
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		return err
	}
	for {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
}

func runCaged(ctx context.Context, program string) error {
	c, err := NewCage(ctx, Limits{Max: 64 * MiB})
	if err != nil {
		return err
	}
	p, err := c.Start(ctx, Target{Path: program})
	if err != nil {
		return err
	}
	if _, err := p.Wait(ctx); err != nil {
		return err
	}
	return c.Close()
}

// BenchmarkKillToReturn measures, on the same kill, the time from the kernel's count of it to
// the end of a bare wait4 (by waitid, which can leave the process for the harness), and to the return of
// Run with the evidence collected and the cage removed. The count is polled: its notification is
// rate-limited to one in 10 ms, and is lost when the cage is removed before. A kill that was not seen
// before its process had ended is left out.
func BenchmarkKillToReturn(b *testing.B) {
	target := as(b, "eat", "200000000")
	var waited, returned time.Duration
	var kills int
	for b.Loop() {
		var killed, ended time.Time
		var watching sync.WaitGroup
		target.Ready = func(_ context.Context, p *Process) error {
			watching.Go(func() {
				for errors.Is(unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
				}
				ended = time.Now()
			})
			watching.Go(func() {
				for !p.Status().Ended && killed.IsZero() {
					if e, err := readEvents(p.cage.group, "memory.events"); err == nil && e.OOMKill > 0 {
						killed = time.Now()
					}
					time.Sleep(50 * time.Microsecond)
				}
			})
			return nil
		}
		o, err := Run(b.Context(), Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
		if err != nil {
			giveUp(b, err)
		}
		end := time.Now()
		watching.Wait()
		o.RequireVerdict(b, OOMKilled)
		if killed.IsZero() || killed.After(ended) {
			continue
		}
		kills++
		waited += ended.Sub(killed)
		returned += end.Sub(killed)
	}
	require.Positive(b, kills)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(waited.Microseconds())/float64(kills), "wait4-µs")
	b.ReportMetric(float64(returned.Microseconds())/float64(kills), "Run-µs")
	b.ReportMetric(float64(returned)/float64(waited), "Run/wait4")
	b.ReportMetric(float64(kills)/float64(b.N), "seen")
}

// BenchmarkOpenCages reports what the harness itself holds for each of 100 open cages with an
// idle process in each.
func BenchmarkOpenCages(b *testing.B) {
	const cages = 100
	program := as(b, "idle")
	for b.Loop() {
		heap, goroutines := inUse()
		open := make([]*Cage, cages)
		for i := range open {
			c, err := NewCage(b.Context(), Limits{Max: 32 * MiB})
			if err != nil {
				giveUp(b, err)
			}
			_, err = c.Start(b.Context(), program)
			require.NoError(b, err)
			open[i] = c
		}
		moreHeap, moreGoroutines := inUse()
		b.ReportMetric(float64(moreHeap-heap)/cages, "heap-B/cage")
		b.ReportMetric(float64(moreGoroutines-goroutines)/cages, "goroutines/cage")
		for _, c := range open {
			require.NoError(b, c.Close())
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStepTimer notes a step's time and answer, as is done after each step of a load.
func BenchmarkStepTimer(b *testing.B) {
	t, n := stepTimer{start: time.Now()}, 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		t.add(n, time.Now(), time.Now(), nil)
	}
}

func inUse() (heap int64, goroutines int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}
