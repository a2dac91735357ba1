package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// carrier adds files to the tree together with what they need to run.
type carrier struct {
	*tree
	arch arch            // of the guest
	done map[string]bool // files of the host whose needs are in the tree
	// missing maps names of shared libraries that the host has not got to a file that asks for it.
	missing map[string]string
}

func newCarrier(t *tree, a arch) *carrier {
	return &carrier{tree: t, arch: a, done: map[string]bool{}, missing: map[string]string{}}
}

// runnable adds src as dst, or at its own path when dst is empty, with what its files need. What cannot be had
// of that is in problems, one for each file: an error only to those who must run it.
func (c *carrier) runnable(ctx context.Context, src, dst string) (problems []error, err error) {
	var files []placed
	if dst == "" {
		files, err = c.mirror(src)
	} else {
		files, err = c.place(src, dst)
	}
	if err != nil {
		return nil, err
	}
	for len(files) > 0 {
		file := files[0]
		files = files[1:]
		more, err := c.needsOf(ctx, file)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			problems = append(problems, err)
		}
		files = append(files, more...)
	}
	problems = append(problems, c.left...)
	c.left = nil
	// A library may be among the files themselves, for programs that load it by a path of their own.
	names := map[string]bool{}
	for path := range c.entries {
		names[filepath.Base(path)] = true
	}
	for name, file := range c.missing {
		if !names[name] {
			problems = append(problems, fmt.Errorf("%s needs %s, which is not found", file, name))
		}
		delete(c.missing, name)
	}
	return problems, nil
}

// mustRun is runnable for what is of no use without what it needs.
func (c *carrier) mustRun(ctx context.Context, src, dst string) error {
	problems, err := c.runnable(ctx, src, dst)
	return errors.Join(append(problems, err)...)
}

// needsOf adds what the file needs, and returns what was added that may have needs of its own.
func (c *carrier) needsOf(ctx context.Context, file placed) ([]placed, error) {
	if c.done[file.src] && file.src == file.dst {
		return nil, nil
	}
	c.done[file.src] = true
	n, err := c.arch.needs(ctx, file.src)
	if c.entries[c.resolve(file.dst)].vanished(err) {
		c.leaveOut(file.dst)
		return nil, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		c.leaveOut(file.dst)
		return nil, fmt.Errorf("left out: %w", err)
	}
	for _, name := range n.missing {
		c.missing[name] = file.src
	}
	var more []placed
	for _, path := range n.programs {
		if info, failed := os.Stat(path); failed == nil && info.IsDir() { // all of which would go along
			err = errors.Join(err, fmt.Errorf("%s will not run: its interpreter, %s, is a folder", file.src, path))
			continue
		}
		files, failed := c.mirror(path)
		switch {
		case errors.Is(failed, fs.ErrNotExist):
			err = errors.Join(err, fmt.Errorf("%s will not run: its interpreter is not on this machine: %w", file.src, failed))
		case failed != nil:
			err = errors.Join(err, fmt.Errorf("carry what %s needs: %w", file.src, failed))
		}
		more = append(more, files...)
	}
	for _, path := range n.files {
		files, failed := c.mirror(path)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("carry what %s needs: %w", file.src, failed))
		}
		for _, f := range files {
			c.done[f.src] = true // the libraries of libraries are listed already
		}
	}
	if file.src != file.dst {
		for _, lib := range n.beside {
			rel, failed := filepath.Rel(filepath.Dir(file.src), lib)
			if failed == nil {
				_, failed = c.place(lib, filepath.Join(filepath.Dir(file.dst), rel))
			}
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("carry what %s needs: %w", file.src, failed))
			}
		}
	}
	if len(n.files) > 0 {
		err = errors.Join(err, c.linkerCache())
	}
	return more, err
}

// linkerCache adds the list by which libraries outside of the linker's own folders are found.
func (c *carrier) linkerCache() error {
	const cache = "/etc/ld.so.cache"
	if c.has(cache) {
		return nil
	}
	info, err := os.Stat(cache)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.file(cache, cache, info)
	return err
}
