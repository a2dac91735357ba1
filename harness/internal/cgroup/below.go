package cgroup

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
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
