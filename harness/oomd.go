package harness

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
	"oomcage/harness/outcome"
)

// oomDaemons are the killers that leave a trace, and where.
var oomDaemons = []struct{ name, prefix string }{{"systemd-oomd", "user."}, {"oomd", "trusted."}}

// readDaemonKills reads the notes on a cgroup since it was made. Where there are none, or the file system
// has no such attributes (before Linux 5.7), there are no kills.
func readDaemonKills(g *cgroup.Group) ([]outcome.DaemonKill, error) {
	var all []outcome.DaemonKill
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
			all = append(all, outcome.DaemonKill{By: daemon.name, Group: g.Name(), OOMs: ooms, Kills: kills})
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
