package harness

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

// DaemonKill is what an OOM killer in user space has noted on a cgroup during the run. systemd-oomd counts in
// user.oomd_ooms how often it has chosen the cgroup, before it kills, and in user.oomd_kill how many processes
// it has killed there, afterwards (increment_oomd_xattr in src/oom/oomd-util.c); oomd does so in trusted.oomd_ooms
// and trusted.oomd_kill, which root alone can read. Others, such as earlyoom, leave no trace.
type DaemonKill struct {
	By    string `json:"by"`    // systemd-oomd or oomd
	Group string `json:"group"` // the cage, a cgroup above it, or one below it in which the target was
	OOMs  uint64 `json:"ooms"`
	Kills uint64 `json:"kills"` // may be counted when the run is over already
}

// oomDaemons are the killers that leave a trace, and where.
var oomDaemons = []struct{ name, prefix string }{{"systemd-oomd", "user."}, {"oomd", "trusted."}}

// readDaemonKills reads the notes on a cgroup since it was made. Where there are none, or the file system
// has no such attributes (before Linux 5.7), there are no kills.
func readDaemonKills(g *cgroup.Group) ([]DaemonKill, error) {
	var all []DaemonKill
	for _, daemon := range oomDaemons {
		ooms, err := readCountAttribute(g.Path(), daemon.prefix+"oomd_ooms")
		if err != nil {
			return all, err
		}
		kills, err := readCountAttribute(g.Path(), daemon.prefix+"oomd_kill")
		if err != nil {
			return all, err
		}
		if ooms+kills > 0 {
			all = append(all, DaemonKill{By: daemon.name, Group: g.Name(), OOMs: ooms, Kills: kills})
		}
	}
	return all, nil
}

// readCountAttribute reads an extended attribute that holds a decimal number; 0 where it is not there.
func readCountAttribute(path, name string) (uint64, error) {
	var buf [64]byte
	n, err := unix.Getxattr(path, name, buf[:])
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read the attribute %s of %s: %w", name, path, err)
	}
	text := strings.TrimRight(string(buf[:n]), "\x00\n")
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse the attribute %s of %s: %q is not a number", name, path, text)
	}
	return count, nil
}

// daemonKillsSince returns what was noted after before.
func daemonKillsSince(after, before []DaemonKill) []DaemonKill {
	var since []DaemonKill
	for _, k := range after {
		i := slices.IndexFunc(before, func(b DaemonKill) bool { return b.By == k.By && b.Group == k.Group })
		if i >= 0 {
			k.OOMs -= min(k.OOMs, before[i].OOMs)
			k.Kills -= min(k.Kills, before[i].Kills)
		}
		if k.OOMs+k.Kills > 0 {
			since = append(since, k)
		}
	}
	return since
}

// String prints "systemd-oomd chose /cage 1 times and killed 3 of its processes".
func (k DaemonKill) String() string {
	if k.Kills == 0 {
		return fmt.Sprintf("%s chose %s", k.By, k.Group)
	}
	return fmt.Sprintf("%s chose %s and killed %s there", k.By, k.Group, processes(k.Kills))
}
