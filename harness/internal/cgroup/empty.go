package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Empty ends every process in g and below it, and waits until there is none, so that others can be started in it. That is not
// done by cgroup.kill: Linux 6.1.176, as of Debian 12, kills for ever what clone3 starts in a cgroup whose cgroup.kill was
// written once, as it compares how often with the cgroup of whoever starts it (kill_seq in cgroup_css_set_fork). A cgroup that
// is gone is empty.
func (g *Group) Empty(ctx context.Context) (err error) {
	populated, err := g.Populated()
	if err != nil || !populated {
		return err
	}
	// What is frozen makes no others while it is killed, and what it has just made is frozen, too. SIGKILL ends it all the same.
	if text, readErr := g.Read("cgroup.freeze"); readErr == nil && strings.TrimSpace(text) == "0" {
		if err := g.Write("cgroup.freeze", "1"); err != nil {
			return ifThere(err)
		}
		defer func() { err = errors.Join(err, ifThere(g.Write("cgroup.freeze", "0"))) }()
	}
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		pids, err := g.Procs()
		if err != nil {
			return ifThere(err)
		}
		var refused error
		for _, pid := range pids {
			_, err := g.killMember(int(pid), anyGroup) //nolint:gosec // a PID fits
			if err != nil && !errors.Is(err, unix.EPERM) {
				return err
			}
			refused = errors.Join(refused, err)
		}
		if refused != nil { // another user's, which takes no signal from this one
			if err := g.Kill(); err != nil {
				return errors.Join(refused, err)
			}
		}
		if populated, err := g.Populated(); err != nil || !populated {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to become empty: %w; still there: %s", g.path, context.Cause(ctx), describe(pids))
		case <-time.After(pause):
		}
	}
}

// Populated reports whether there is a process in g or below it. A cgroup that is gone has none.
func (g *Group) Populated() (bool, error) {
	events, err := g.ReadKeyed("cgroup.events")
	return events["populated"] != 0, ifThere(err)
}

// IsGone reports whether an error is that of a file whose cgroup was removed: before its path was looked up, before it was opened
// (kernfs_fop_open), or since.
func IsGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// ifThere leaves out that the cgroup is gone.
func ifThere(err error) error {
	if IsGone(err) {
		return nil
	}
	return err
}
