package cgroup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/sys"
)

// runPrefix begins the name of the cgroup of a run.
const runPrefix = "run-"

// removeTimeout bounds the removal of one left-over. A killed process of 100 MB is gone
// within 50 ms under emulation; the rest is for machines that are busy.
const removeTimeout = 10 * time.Second

// removeLeftOvers kills and removes the runs whose owner is gone. It also removes the cgroups into which harnesses had
// moved themselves. It returns how many runs are still there, and describes what could not be removed, for example because a
// process is stuck in the kernel. Such a left-over is no error.
func removeLeftOvers(ctx context.Context, b base) (left []string, runs int, err error) {
	asides, err := sys.WithPrefix(b.dir, asidePrefix)
	if err != nil {
		return nil, 0, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range asides {
		_ = unix.Rmdir(path) // EBUSY: its harness lives
	}
	paths, err := sys.WithPrefix(filepath.Join(b.dir, guardName), runPrefix)
	if err != nil {
		return nil, 0, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range paths {
		g := &Group{b.mount, path}
		lock, err := tryLock(g)
		if IsGone(err) {
			continue // its owner has just removed it
		}
		runs++
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue // it lives
		}
		if err != nil {
			return left, runs, fmt.Errorf("look for left-overs: %w", err)
		}
		line, err := removeLeftOver(ctx, g)
		lock.Close()
		if err != nil {
			line = fmt.Sprintf("could not remove %s, left by a run that was killed: %v", path, err)
		} else {
			runs--
		}
		left = append(left, line)
	}
	return left, runs, nil
}

func removeLeftOver(ctx context.Context, g *Group) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	pids, _ := g.Procs()
	who := "no process"
	if len(pids) > 0 {
		who = describe(pids)
	}
	if err := g.Remove(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed %s, left by a run that was killed (%s in it)", g.path, who), nil
}
