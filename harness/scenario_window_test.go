package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

// WindowScenarios are about what moves the end of a target, and what does not.
type WindowScenarios struct{ scenarios }

func TestScenariosOfTheWindow(t *testing.T) { suite.Run(t, new(WindowScenarios)) }

// Row 29. GOMEMLIMIT makes the collector work harder; it finds nothing to collect in a heap that is
// in use. The limit leaves half a step of room on both sides, so that 5 steps are 5 whatever the
// runtime and the kernel round.
func (s *WindowScenarios) TestGOMEMLIMITDoesNotMoveTheWindowOfALiveHeap() {
	const limit, step = 60 * MiB, 10 * MiB // 5 MiB for the service
	var windows []outcome.Prediction
	for _, soft := range []string{"off", strconv.Itoa(int(limit / 2)), strconv.Itoa(int(2 * limit))} {
		target := s.service()
		target.Env = []string{"GOMEMLIMIT=" + soft}
		o := RunT(s.T(), Spec{Target: target, Limits: Limits{Max: limit}, Load: Load{Step: HTTPPost(loadPath("bytes=%d", step)), Bytes: step}})
		o.RequireVerdict(s.T(), OOMKilled)
		o.RequirePredicted(s.T())
		o.RequireAcknowledged(s.T(), 5, 5)
		windows = append(windows, *o.Predicted)
	}
	s.measured(29, "5 acknowledged with GOMEMLIMIT off, half of the limit, and twice: %s, %s and %s predicted", windows[0], windows[1], windows[2])
}

// Row 31. The kernel log tells what the victim held. It is the same within one of the small steps,
// though of the burst nothing was acknowledged and of the steps all but the last.
func (s *WindowScenarios) TestABurstIsKilledAtTheSameBytesAsManySmallSteps() {
	const limit, small = 48 * MiB, 1 * MiB
	fill := func(step Bytes) *Outcome {
		o := RunT(s.T(), Spec{Target: s.service(), Limits: Limits{Max: limit}, Load: Load{Step: HTTPPost(loadPath("bytes=%d", step)), Bytes: step}})
		o.RequireVerdict(s.T(), OOMKilled)
		s.InDelta(int64(limit), int64(o.Peak), overshoot)
		return o
	}
	burst, steps := fill(2*limit), fill(small)
	burst.RequireAcknowledged(s.T(), 0, 0)
	steps.RequireAcknowledged(s.T(), int(limit/small)/2, int(limit/small))
	whole, parts := requireOneKill(s.T(), burst).Anon, requireOneKill(s.T(), steps).Anon
	s.InDelta(int64(parts), int64(whole), float64(small))
	s.measured(31, "limit %d bytes: a burst of %d held %d of anon, peak %d; %d steps of %d held %d, peak %d", limit,
		2*limit, whole, burst.Peak, steps.Acknowledged, small, parts, steps.Peak)
}

// Row 32. A working set of clean file pages stalls and is not killed: each page that is wanted can have
// the place of another, so reclaim always makes progress, and the OOM killer is for when it makes none.
// It comes when memory that cannot be taken back has filled the cage: after each round the second target
// keeps a little more, and thrashes with ever less page cache until there is room for none.
//
// That holds for single pages. From Linux 6.16 on ext4 reads ahead in folios of many, a few of which fill this cage, and the kernel may
// find that it can take back none of them. On 6.18 it killed the first target in 1 of 15 runs, and the second one with 5.0 to 7.1 MiB of
// its own; with MADV_RANDOM it did neither (2026-11). So a target whose file is read ahead, as a program's text is, either stalls or is killed, and never hangs.
func (s *WindowScenarios) TestAWorkingSetOfFilesOverTheLimitStalls() {
	const limit, size, step = 8 * MiB, 12 * MiB, 2 * MiB
	// As many as the second target needs to fill the cage. A round takes 0.2 s, and 13 s beside three other guests
	// on 2 CPUs (emulated, 2026-11).
	const rounds = int(limit / step)
	target := func(keep Bytes, how ...string) Target {
		target := as(s.T(), "reread", append([]string{s.coldFile(size), strconv.Itoa(int(keep))}, how...)...)
		target.Env = append(target.Env, smallPages) // two that are touched in a corner are half of the limit
		return target
	}
	var up time.Time
	thrash := func(target Target) *Outcome {
		return runUntil(s.T(), Limits{Max: limit}, func(timeIsUp func()) Spec {
			return Spec{Target: target, Load: Load{Step: func(ctx context.Context, p *Process, _ int) error {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
				defer func() {
					cancel()
					up = time.Now()
					timeIsUp()
				}()
				return says(fmt.Sprintf("round %d ", rounds))(ctx, p)
			}}}
		})
	}
	ahead := thrash(target(0, "ahead"))
	s.Contains([]Verdict{Stalled, OOMKilled}, ahead.Verdict, "%s", ahead)
	if ahead.Verdict == Stalled { // one that is killed may not have come to read a page again
		s.Positive(ahead.Evidence.Refaults)
		s.Less(time.Since(up), closeTimeout/2)
	}

	stalled := thrash(target(0))
	late := time.Since(up)
	stalled.RequireVerdict(s.T(), Stalled)
	stalled.RequireAcknowledged(s.T(), 1, 1)
	stalled.RequireOOMKills(s.T(), 0)
	s.Positive(stalled.Evidence.Refaults)
	// To collect the evidence and to close the cage took 0.04 s, and 3 s on that busy machine. Were a
	// process stuck in the kernel, it would take all of closeTimeout.
	s.Less(late, closeTimeout/2)

	killed := RunT(s.T(), Spec{Target: target(step), Limits: Limits{Max: limit}, Timeout: 5 * time.Minute})
	s.Positive(killed.Evidence.Refaults)
	killed.RequireVerdict(s.T(), OOMKilled)
	anon := requireOneKill(s.T(), killed).Anon
	// The rest is the kernel's own, 0.5 MiB, and what the CPUs charge ahead (seen: 0.4 to 0.8 MiB).
	s.InDelta(int64(limit), int64(anon), float64(2*MiB), "anon alone fills the cage")
	s.measured(32, "limit %d bytes, file of %d: alive after %d rounds, and gone %v later; %d refaults, %v under pressure; keeping %d a round: killed with %d of anon, %d refaults; read ahead: %s",
		limit, size, rounds, late.Round(time.Millisecond), stalled.Evidence.Refaults, stalled.Evidence.Pressure.Some.Round(time.Millisecond), step, anon, killed.Evidence.Refaults, ahead.Verdict)
}

// coldFile is a file on disk of which no page is cached: pages that are would stay charged to the
// harness, which wrote them.
func (s *WindowScenarios) coldFile(size Bytes) string {
	path := filepath.Join(onDisk(s.T()), "data")
	f, err := os.Create(path)
	s.Require().NoError(err)
	defer f.Close()
	_, err = f.Write(make([]byte, size))
	s.Require().NoError(err)
	s.Require().NoError(f.Sync()) // dirty pages would stay
	s.Require().NoError(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	return path
}
