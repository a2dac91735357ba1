package harness

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/internal/sys"
	"oomcage/harness/outcome"
)

// census notes who is in the cage when its limit comes near. It belongs to the timeline, which guards it.
type census struct {
	group   *cgroup.Group    // of which it is; nil before the target is started
	tmpfs   map[string]Bytes // what was in use of each when that began
	taken   []outcome.Census // the firsts of the shares that were reached, and the highest since
	firsts  int
	reached int      // how many of the shares
	next    Bytes    // not below this
	ooms    uint64   // when late was asked last
	dying   bool     // somebody was being killed then
	pids    []uint64 // of the last census, whether it was kept or not
	often   budget
}

// censusShares are the parts of the limit, in percent, from which on there is a first one.
var censusShares = [...]Bytes{outcome.NearLimitPercent, outcome.AtLimitPercent}

// censusGrowth is by which part of the limit memory has to grow until the next one is taken.
const censusGrowth = 50

// see takes a census where the sample calls for it.
func (c *census) see(s outcome.Sample, limit Bytes) {
	if c.group == nil || limit == 0 {
		return
	}
	reached := 0
	for _, share := range censusShares {
		if s.Current >= limit/100*share {
			reached++
		}
	}
	if reached > c.reached {
		c.often.free = max(c.often.free, 1)
	} else if reached == 0 || s.Current < c.next {
		return
	}
	c.often.look(func() {
		now, err := c.take(s)
		if err != nil || len(now.Processes) == 0 || c.late() && c.firsts > 0 {
			return
		}
		c.taken = append(c.taken[:c.firsts], now)
		if reached > c.reached {
			c.reached = reached
			c.firsts++
		}
		c.next = s.Current + limit/censusGrowth
	})
}

// late reports whether an OOM was counted since it was asked last, or a victim is still dying. The kernel counts before it kills, and
// takes the memory back by and by: a census may then show a victim without memory that the cage is still charged with, and the one
// before shows more.
func (c *census) late() bool {
	now, err := readEvents(c.group, "memory.events")
	if err != nil {
		return false
	}
	ooms, wasDying := c.ooms, c.dying
	c.ooms = now.OOM + now.OOMKill
	c.dying = c.ooms > 0 && slices.ContainsFunc(c.pids, isDying)
	return c.ooms != ooms || wasDying || c.dying
}

// isDying reports whether a process has been killed and is no zombie yet, or is gone.
func isDying(pid uint64) bool {
	text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return ended(err) || err == nil && readStatLine(text, false).isBeingKilled()
}

// take reads who is in the cage.
func (c *census) take(s outcome.Sample) (outcome.Census, error) {
	pids, err := c.group.Procs()
	if err != nil {
		return outcome.Census{}, err
	}
	c.pids = pids
	now := outcome.Census{At: s.At, Current: s.Current, Anon: s.Stat.Anon}
	files := map[uint64]Bytes{} // of memfd_create, by inode
	for _, pid := range pids {
		if r, ok := readResident(int(pid)); ok {
			now.Processes = append(now.Processes, r)
		}
		if s.Stat.Shmem >= outcome.MinLeftover {
			addMemfds(int(pid), files)
		}
	}
	for _, size := range files {
		now.Memfd += size
	}
	slices.SortStableFunc(now.Processes, func(a, b outcome.Resident) int { return cmp.Compare(b.RSS(), a.RSS()) })
	if s.Stat.Shmem >= outcome.MinLeftover {
		now.Tmpfs = growth(c.tmpfs)
	}
	return now.Largest(outcome.MaxResidents), nil
}

// readResident reads /proc/PID/status, which says all of a process in one go. smaps_rollup would say more, and holds up
// the process meanwhile.
func readResident(pid int) (r outcome.Resident, ok bool) {
	text, err := sys.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, false
	}
	return parseResident(pid, text), true
}

// parseResident reads the text of /proc/PID/status (proc_pid_status(5)).
func parseResident(pid int, text string) outcome.Resident {
	r := outcome.Resident{PID: pid}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t")
		value = strings.TrimSpace(value)
		number, _, _ := strings.Cut(value, " ")
		n, _ := strconv.ParseInt(number, 10, 64)
		switch size := Bytes(n) * KiB; key {
		case "Name":
			r.Name = unescapeComm.Replace(value)
		case "State":
			r.State, _, _ = strings.Cut(value, " ")
		case "PPid":
			r.Parent = int(n)
		case "Threads":
			r.Threads = int(n)
		case "RssAnon":
			r.Anon = size
		case "RssFile":
			r.File = size
		case "RssShmem":
			r.Shmem = size
		case "VmSwap":
			r.Swap = size
		case "VmPTE":
			r.PageTables = size
		case "VmLck":
			r.Locked = size
		}
	}
	return r
}

// unescapeComm undoes what proc_task_name does to a name.
var unescapeComm = strings.NewReplacer(`\n`, "\n", `\\`, `\`)

// maxDescriptors bounds how many open files of a process are looked at.
const maxDescriptors = 256

// addMemfds adds the files of memfd_create that a process has open, and what is allocated of them.
func addMemfds(pid int, files map[uint64]Bytes) {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxDescriptors)
	for _, name := range names {
		path := dir.Name() + "/" + name
		to, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(to, "/memfd:") {
			continue
		}
		var stat unix.Stat_t
		if unix.Stat(path, &stat) == nil {
			const block = 512 // stat(2)
			files[stat.Ino] = Bytes(stat.Blocks) * block
		}
	}
}
