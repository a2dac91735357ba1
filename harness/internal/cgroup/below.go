package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Descendants lists the cgroups below g, each before those below it.
func (g *Group) Descendants() ([]*Group, error) {
	var below []*Group
	err := filepath.WalkDir(g.path, func(dir string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && dir != g.path:
			below = append(below, &Group{g.mount, dir})
		}
		return nil
	})
	return below, err
}

// Between lists the cgroup of that name, which is below g, and those between the two, the nearest to it
// first. There are none where it is g, or elsewhere.
func (g *Group) Between(name string) []*Group {
	var between []*Group
	for strings.HasPrefix(name, g.Name()+"/") {
		between = append(between, &Group{g.mount, filepath.Join(g.path, strings.TrimPrefix(name, g.Name()))})
		name = path.Dir(name)
	}
	return between
}

// TakeBack makes g fit for processes where one that ran in it has passed controllers on to cgroups of its own making
// below, as container runtimes do: it removes those and takes the controllers back. What runs in them is an error.
func (g *Group) TakeBack() error {
	text, err := g.Read("cgroup.subtree_control")
	passed := strings.Fields(text)
	if err != nil || len(passed) == 0 {
		return err
	}
	ctx, cancel := leaving()
	defer cancel()
	below, err := g.Descendants()
	for _, down := range slices.Backward(below) {
		rmErr := whileBusy(ctx, func() error { return unix.Rmdir(down.path) }, down.inUse)
		if pids, _ := down.Procs(); rmErr != nil && len(pids) > 0 {
			return fmt.Errorf("the cgroup %s passes controllers on to those below it (%s), which a process that ran in it has enabled, and the kernel lets no process into such a one; to take that back needs the end of what runs in %s (%s)",
				g.path, strings.Join(passed, ", "), down.path, describe(pids))
		}
		if rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, &fs.PathError{Op: "remove", Path: down.path, Err: rmErr})
		}
	}
	return errors.Join(err, g.Write("cgroup.subtree_control", "-"+strings.Join(passed, " -")))
}
