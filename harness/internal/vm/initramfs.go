package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// carried is what the guest gets beside the program's data.
type carried struct {
	arch     arch
	init     string // the guest's
	program  string // where it is on the host
	packages []built
	add      []addition
	files    []string // absolute, and in the same place in the guest
	folders  []string // the same, without what is in them
	modules  []kernelModule
	// initThere is set for a guest that is resumed, whose init runs already.
	initThere bool
}

// writeInitramfs writes the guest's root file system and returns the file's size, and what went into it. What shall
// run in the guest brings what it needs; testdata is data, whatever it holds. What will not run is told by warn.
func writeInitramfs(ctx context.Context, file string, j job, flags testFlags, more carried, warn func(string)) (int64, alongFiles, error) {
	t, err := newTree()
	if err != nil {
		return 0, nil, err
	}
	c := newCarrier(t, more.arch)
	if !more.initThere {
		if err := addInit(ctx, c, more.init); err != nil {
			return 0, nil, err
		}
	}
	dst := j.Path
	if more.program == j.Path {
		dst = "" // with the links on the way to it
	}
	if err := c.mustRun(ctx, more.program, dst); err != nil {
		return 0, nil, fmt.Errorf("carry the program: %w", err)
	}
	if err := addData(t, j, flags); err != nil {
		return 0, nil, err
	}
	for _, a := range more.add {
		if err := c.add(ctx, a, warn); err != nil {
			return 0, nil, err
		}
	}
	j.Env = withPath(j.Env, t.programFolders(more.add))
	for _, path := range more.folders {
		if err := t.folder(path, 0o755); err != nil {
			return 0, nil, err
		}
	}
	for _, path := range more.files {
		problems, err := c.runnable(ctx, path, "")
		if err != nil {
			return 0, nil, fmt.Errorf("carry %s, which the arguments name: %w", path, err)
		}
		report(path+", which the arguments name", problems, warn)
	}
	if err := addBuilt(ctx, c, more.packages); err != nil {
		return 0, nil, err
	}
	if err := addLocale(c, j.Env, warn); err != nil {
		return 0, nil, err
	}
	if j.Modules, err = t.modules(more.modules); err != nil {
		return 0, nil, err
	}
	if more.initThere {
		if err := t.suits(); err != nil {
			return 0, nil, err
		}
	}
	return writeTree(ctx, t, file, j)
}

// modules adds the kernel's modules and returns their files in the guest.
func (t *tree) modules(all []kernelModule) (files []string, err error) {
	for i, m := range all {
		path := fmt.Sprintf("%s/%d-%s.ko", guestModules, i, m.name)
		if err := t.data(path, 0o644, m.data); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// addData adds the folders that the program finds, and what is in those that it reads.
func addData(t *tree, j job, flags testFlags) error {
	if err := t.folder(j.Dir, 0o755); err != nil {
		return err
	}
	// A profile below a folder that the host lacks must fail in the guest just the same.
	for _, o := range j.Out {
		dir := o.Path
		if !o.Dir {
			dir = filepath.Dir(dir)
		}
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			if err := t.folder(dir, 0o755); err != nil {
				return err
			}
		}
	}
	carried := []string{filepath.Join(j.Dir, "testdata")}
	if flags.fuzzCache != "" {
		carried = append(carried, flags.fuzzCache)
	}
	for _, path := range carried {
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if _, err := t.mirror(path); err != nil {
			return err
		}
		if err := errors.Join(t.left...); err != nil {
			return err
		}
	}
	return addZone(t, j.Env)
}

// addZone adds the machine's time zone, and the one that the environment names. Without its file, that would be UTC without a word.
func addZone(t *tree, env []string) error {
	const zone = "/etc/localtime"
	if info, err := os.Stat(zone); err == nil && info.Mode().IsRegular() {
		if _, err := t.file(zone, zone, info); err != nil {
			return err
		}
	}
	file := zoneFile(env)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil // a rule, as in CET-1CEST, or a zone that the host has not got either
	}
	_, err := t.mirror(file)
	return err
}

// zoneFile is the file of the zone that TZ names, or "". See tzset(3).
func zoneFile(env []string) string {
	zone, dir := "", "/usr/share/zoneinfo"
	for _, kv := range env {
		switch name, value, _ := strings.Cut(kv, "="); name {
		case "TZ":
			zone = strings.TrimPrefix(value, ":")
		case "TZDIR":
			dir = value
		}
	}
	switch {
	case filepath.IsAbs(zone):
		return zone
	case filepath.IsLocal(zone) && filepath.IsAbs(dir):
		return filepath.Join(dir, zone)
	}
	return ""
}

// addBuilt adds what was compiled on the host and the list of it.
func addBuilt(ctx context.Context, c *carrier, packages []built) error {
	if len(packages) == 0 {
		return nil
	}
	for _, b := range packages {
		if err := c.mustRun(ctx, b.file, b.Path); err != nil {
			return err
		}
	}
	list, err := manifest(packages)
	if err != nil {
		return err
	}
	return c.data(guestManifest, 0o644, list)
}

// writeTree adds the job and writes the archive, which may be large.
func writeTree(ctx context.Context, t *tree, file string, j job) (int64, alongFiles, error) {
	data, err := j.encode()
	if err != nil {
		return 0, nil, err
	}
	if err := t.data(guestJob, 0o600, data); err != nil {
		return 0, nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	along, err := t.write(untilDone{ctx, f})
	if err != nil {
		return 0, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, nil, err
	}
	return info.Size(), along, f.Close()
}

// untilDone is a writer that fails once its context has ended.
type untilDone struct {
	ctx context.Context
	io.Writer
}

// Write does nothing any more then.
func (u untilDone) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.Writer.Write(p)
}

// addInit makes an executable of this command the guest's init.
func addInit(ctx context.Context, c *carrier, file string) error {
	// First of all, as a folder keeps the permissions that it got first.
	if err := c.folder("/tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if err := c.mustRun(ctx, file, guestInit); err != nil {
		return fmt.Errorf("carry the guest's init: %w", err)
	}
	return nil
}
