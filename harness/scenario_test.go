package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stretchr/testify/suite"
	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// scenarios is what the suites of docs/scenarios.md share. Each method is one row of its table,
// whose number stands in the method's comment. The suites are in the scenario_*_test.go files, and
// their names begin with TestScenarios.
type scenarios struct {
	suite.Suite
	app string // the gin mock
}

func (s *scenarios) SetupSuite() { s.app = BuildT(s.T(), "../app") }

// service is the gin mock, ready for steps.
func (s *scenarios) service() Target {
	return Target{Path: s.app, Args: []string{"-addr", "$ADDR"}, Ready: HTTPReady("/ping")}
}

// measured puts the figures of a row into the test's attributes; `make scenarios` makes the table
// of docs/scenarios.md from them.
func (s *scenarios) measured(row int, format string, args ...any) {
	s.T().Helper()
	s.T().Attr("row", strconv.Itoa(row))
	s.T().Attr("measured", fmt.Sprintf(format, args...))
}

// patience is the time of a run of which it is not tested how fast it goes: all that go test has.
func (s *scenarios) patience() time.Duration {
	if deadline, ok := s.T().Deadline(); ok {
		return time.Until(deadline)
	}
	return time.Hour
}

// smallPages keeps a target's Go heap off transparent huge pages, where they are on: one that
// is touched in a corner is charged in full, and its 2 MiB are 4 % of 50 MiB.
const smallPages = "GODEBUG=disablethp=1"

// statLag is how far a counter of memory.stat may be behind on this machine.
func statLag() Bytes {
	return outcome.Baseline{CPUs: sys.OnlineCPUs(), PageSize: Bytes(os.Getpagesize())}.StatLag()
}

// onDisk is a folder whose files have a page cache that the kernel can take back. On tmpfs, as /tmp is in many
// distributions, it would be shared memory, which stays; so it is the first of the places for temporary files that is
// none. It is removed with the test.
func onDisk(t *testing.T) string {
	t.Helper()
	places := []string{os.TempDir(), "/var/tmp"}
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, cache)
	}
	for _, place := range places {
		var fs unix.Statfs_t
		if unix.Statfs(place, &fs) != nil || fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC || unix.Access(place, unix.W_OK) != nil {
			continue
		}
		dir, err := os.MkdirTemp(place, "oomcage-test-") //nolint:usetesting // t.TempDir may be on tmpfs
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
		return dir
	}
	giveUp(t, fmt.Errorf("%w: %s are on no disk; a folder on one is needed: set TMPDIR, or start the microVM with -scratch 512M",
		ErrNotSupported, strings.Join(places, ", ")))
	return ""
}

// serving starts the mock in the cage and waits until it is ready.
func (s *scenarios) serving(c *Cage, env ...string) *Process {
	s.T().Helper()
	target := s.service()
	target.Env = env
	p, err := c.Start(s.T().Context(), target)
	s.Require().NoError(err)
	s.Require().NoError(target.Ready(s.T().Context(), p))
	return p
}

// asks sends the mock a request about its memory, which it must grant.
func (s *scenarios) asks(p *Process, method, query string, args ...any) {
	s.T().Helper()
	s.Require().NoError(HTTP(Request{Method: method, Path: loadPath(query, args...)})(s.T().Context(), p, 1))
}

// loadPath is where the mock takes memory and lets it go.
func loadPath(query string, args ...any) string {
	return "/generate-load/memory?" + fmt.Sprintf(query, args...)
}

// summed reads the cage until the kernel has summed up what memory.stat is expected to have, or the test's time is up,
// and returns the last reading. A reader may come when the kernel has begun to, with one CPU's share, and then nothing
// tells it that others are missing (mem_cgroup_css_rstat_flush in mm/memcontrol.c clears stats_updates for each CPU);
// every 2 s the kernel sums up all by itself.
func (s *scenarios) summed(c *Cage, expected func(now snapshot) bool) snapshot {
	s.T().Helper()
	pause := time.NewTicker(10 * time.Millisecond) // the kernel tells nobody
	defer pause.Stop()
	end := time.After(defaultTimeout)
	for {
		now := s.reading(c)
		if expected(now) {
			return now
		}
		select {
		case <-pause.C:
		case <-end:
			return now
		}
	}
}

// wholeReading reads the cage when memory.stat has all that is charged, but for what may lag, and for what each CPU charges
// ahead (a batch of as much).
func (s *scenarios) wholeReading(c *Cage) snapshot {
	s.T().Helper()
	return s.summed(c, func(now snapshot) bool {
		missing := now.Stat.Missing(now.Current)
		return -statLag() <= missing && missing <= 2*statLag()
	})
}

// reading reads the cage, all of which must be readable.
func (s *scenarios) reading(c *Cage) snapshot {
	s.T().Helper()
	now := takeSnapshot(c, nil)
	s.Require().Empty(now.Unread)
	return now
}
