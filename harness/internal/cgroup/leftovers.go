package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// removeTimeout bounds the removal of one left-over. A killed process of 100 MB is gone
// within 50 ms under emulation; the rest is for machines that are busy.
const removeTimeout = 10 * time.Second

// removeLeftOvers kills and removes the runs whose owner is gone, and the cgroups of harnesses
// that had made way. When no run is left, the guard goes too: its limit was another day's. What
// cannot be removed, a process that is stuck in the kernel for example, is described, and stands
// in nobody's way.
func removeLeftOvers(ctx context.Context, b base) (left []string, err error) {
	asides, err := filepath.Glob(filepath.Join(b.dir, asidePrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range asides {
		_ = unix.Rmdir(path) // EBUSY: its harness lives
	}
	runs, err := filepath.Glob(filepath.Join(b.dir, guardName, "run-*"))
	if err != nil {
		return nil, fmt.Errorf("look for left-overs: %w", err)
	}
	for _, path := range runs {
		lock, err := lockDir(path)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // it lives, or its owner has just removed it
		}
		if err != nil {
			return left, fmt.Errorf("look for left-overs: %w", err)
		}
		line, err := removeLeftOver(ctx, b.mount, path)
		lock.Close()
		if err != nil {
			line = fmt.Sprintf("could not remove %s, left by a run that was killed: %v", path, err)
		}
		left = append(left, line)
	}
	return left, removeGuard(b)
}

func removeLeftOver(ctx context.Context, mount, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	g := &Group{mount, path}
	pids, _ := g.Procs()
	who := "no process"
	if len(pids) > 0 {
		who = describe(pids)
	}
	if err := g.Remove(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed %s, left by a run that was killed (%s in it)", path, who), nil
}
