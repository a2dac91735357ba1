package harness

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/suite"
)

// ProtectionScenarios are about memory.min and memory.low.
type ProtectionScenarios struct{ scenarios }

func TestScenariosOfProtection(t *testing.T) { suite.Run(t, new(ProtectionScenarios)) }

// Row 24. The tree and the figures of test_memcg_min and test_memcg_low of the kernel's own
// test_memcontrol.c: C, D and E hold 50M of page cache each; G, which is not protected, takes 148M of
// A's 200M and then 170M. What B is protected with is shared by what its children claim and use.
//
// C at 29M and D at 21M are where the classic LRU comes to rest (memcg_protection.m). The
// multi-generational one, which Debian's 6.12 has switched on (/sys/kernel/mm/lru_gen/enabled), takes
// from each leaf above its share alike: 25M and 25M. The kernel's tolerances allow both.
//
// The tree may hang below the guard, which protects nothing: protection is computed below the
// cgroup whose limit is hit, which is A. It needs no memory_recursiveprot: B's children claim more
// than B has, so nothing is left over to be spread; E alone may count low events with it.
func (s *ProtectionScenarios) TestAProtectedSiblingKeepsItsPageCache() {
	hard := s.protection(func(b Bytes) Limits { return Limits{Min: b} }, 50*MiB, AncestorOOMKilled)
	soft := s.protection(func(b Bytes) Limits { return Limits{Low: b} }, 30*MiB, Survived)
	s.measured(24, "B, C, D, E with G at 148M, then B with G at 170M: min %d, %d, %d, %d, then %d and G is killed; low %d, %d, %d, %d, then %d",
		hard[0], hard[1], hard[2], hard[3], hard[4], soft[0], soft[1], soft[2], soft[3], soft[4])
}

// protection returns what B, C, D and E hold when G presses them, and B when G wants more than is
// unprotected: left is that, and want how G's run ends.
func (s *ProtectionScenarios) protection(protect func(Bytes) Limits, left Bytes, want Verdict) []Bytes {
	a := NewCageT(s.T(), Limits{Max: 200 * MiB})
	b := mustChild(s.T(), a, "B", protect(50*MiB))
	c := mustChild(s.T(), b, "C", protect(75*MiB))
	d := mustChild(s.T(), b, "D", protect(25*MiB))
	e := mustChild(s.T(), b, "E", Limits{})
	f := mustChild(s.T(), b, "F", protect(500*MiB))
	g := mustChild(s.T(), a, "G", Limits{})
	s.fill(50*MiB, c, d, e)
	s.near(150*MiB, s.reading(b).Current, 3, "B before")

	var held []Bytes
	target := s.service()
	target.Env = []string{smallPages}
	o := mustRun(s.T(), g, Spec{Target: target, Timeout: s.patience(), Load: Load{Count: 2, Step: func(ctx context.Context, p *Process, n int) error {
		goal := []Bytes{148 * MiB, 170 * MiB}[n-1]
		if n == 2 {
			held = []Bytes{s.reading(b).Current, s.reading(c).Current, s.reading(d).Current, s.reading(e).Current}
		}
		return HTTPPost(loadPath("bytes=%d", goal-s.reading(g).Current))(ctx, p, n)
	}}})
	s.Require().Len(held, 4, "%s", o)
	held = append(held, s.reading(b).Current)

	s.near(50*MiB, held[0], 3, "B")
	s.near(29*MiB, held[1], 15, "C")
	s.near(21*MiB, held[2], 20, "D")
	// Of a list of fewer than 1<<priority pages nothing is scanned (mm/vmscan.c: get_nr_to_scan), so a short one stays. 256 to
	// 350 pages of 4 KiB were left, and 194 to 258 of 16 KiB.
	short := Bytes(os.Getpagesize()) << 9
	s.LessOrEqual(held[3], max(2*3*50*MiB/100, short), "E is left with no more than B may be over")
	s.Zero(s.reading(f).Current, "F")
	o.RequireVerdict(s.T(), want)
	s.near(left, held[4], 3, "B after")
	s.lowEvents(left < 50*MiB, c, d)
	s.lowEvents(false, f)
	return held
}

// fill makes the cages hold page cache and nothing else: of a file without content, which is as good and
// costs no writing. The kernel's test keeps a process in each; a Go program's own memory would stand
// beside the figures, so it ends.
func (s *ProtectionScenarios) fill(size Bytes, cages ...*Cage) {
	dir := onDisk(s.T())
	for _, leaf := range cages {
		file := filepath.Join(dir, filepath.Base(leaf.Path()))
		s.Require().NoError(os.WriteFile(file, nil, 0o600))
		s.Require().NoError(os.Truncate(file, int64(size)))
		o := mustRun(s.T(), leaf, Spec{Target: as(s.T(), "read", file)})
		o.RequireVerdict(s.T(), Exited)
		s.Equal(0, o.Evidence.Status.Code, "%s", o)
	}
}

// lowEvents asserts whether memory was taken below its protection, and that nothing ran out.
func (s *ProtectionScenarios) lowEvents(some bool, cages ...*Cage) {
	for _, leaf := range cages {
		now := s.reading(leaf).EventsLocal
		s.Equal(some, now.Low > 0, "%s: %s", leaf.Path(), now)
		s.Zero(now.OOM, "%s: %s", leaf.Path(), now)
	}
}

// near asserts that a size is as close to the one wanted as the kernel's tests ask for, whose
// percentages are of the sum of both (values_close of cgroup_util.h).
func (s *ProtectionScenarios) near(want, got, percent Bytes, what string) {
	s.InDelta(int64(want), int64(got), float64((want+got)*percent)/100, what)
}
