package vm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// tree is the guest's root file system before it is written. Everything in it belongs to root.
type tree struct {
	entries map[string]entry // by absolute path in the guest
}

type entry struct {
	mode cpio.FileMode // type and permissions
	src  string        // regular file: where its content is on the host, unless data is set
	data []byte
	link string // symbolic link: its target
}

// newTree returns a tree with the host's links at the root, such as /bin → usr/bin, so that paths of the
// host mean the same in the guest.
func newTree() (*tree, error) {
	t := &tree{entries: map[string]entry{}}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(name); err == nil {
			t.entries[name] = entry{mode: cpio.TypeSymlink | 0o777, link: target}
			if err := t.dir(filepath.Join("/", target), 0o755); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// resolve follows the links that the tree itself has in all but the last element of path.
func (t *tree) resolve(path string) string {
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "/" {
		return filepath.Join(dir, base)
	}
	dir = t.resolve(dir)
	for range 40 { // as the kernel's own limit
		e, ok := t.entries[dir]
		if !ok || e.mode&cpio.ModeType != cpio.TypeSymlink {
			break
		}
		target := e.link
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(dir), target)
		}
		dir = t.resolve(target)
	}
	return filepath.Join(dir, base)
}

// set adds the entry and the folders above it. A folder that is there already, or a link that stands for
// one, stays as it is; a folder and anything else never take each other's place.
func (t *tree) set(path string, e entry) error {
	path = t.resolve(path)
	if old, exists := t.entries[path]; exists {
		was, is := old.mode&cpio.ModeType, e.mode&cpio.ModeType
		switch {
		case is == cpio.TypeDir && (was == cpio.TypeDir || was == cpio.TypeSymlink):
			return nil
		case is == cpio.TypeDir:
			return fmt.Errorf("add the folder %s to the guest: it is a file there already", path)
		case was == cpio.TypeDir:
			return fmt.Errorf("add the file or link %s to the guest: it is a folder there already", path)
		}
	}
	t.entries[path] = e
	if parent := filepath.Dir(path); parent != path {
		return t.set(parent, entry{mode: cpio.TypeDir | 0o755})
	}
	return nil
}

func (t *tree) dir(path string, perm fs.FileMode) error {
	return t.set(path, entry{mode: cpio.TypeDir | cpioPerm(perm)})
}

// folder adds a folder of the host, empty, with the links on the way to it.
func (t *tree) folder(path string, perm fs.FileMode) error {
	real, err := t.mirrorLinks(path, 0)
	if err != nil {
		return err
	}
	return t.dir(real, perm)
}

func (t *tree) data(path string, perm fs.FileMode, data []byte) error {
	return t.set(path, entry{mode: cpio.TypeReg | cpioPerm(perm), data: data})
}

func (t *tree) has(path string) bool {
	_, ok := t.entries[t.resolve(path)]
	return ok
}

// mirror adds a file or folder of the host at the same path, with the links on the way to it. It returns
// the executables among the files.
func (t *tree) mirror(path string) ([]string, error) {
	real, err := t.mirrorLinks(path, 0)
	if err != nil {
		return nil, err
	}
	return t.place(real, real)
}

// mirrorLinks adds the links among the elements of path and returns where it really is.
func (t *tree) mirrorLinks(path string, depth int) (string, error) {
	if depth > 40 {
		return "", fmt.Errorf("%s: too many levels of symbolic links", path)
	}
	done := "/"
	rest := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for i, name := range rest {
		here := filepath.Join(done, name)
		info, err := os.Lstat(here)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = here
			continue
		}
		target, err := os.Readlink(here)
		if err != nil {
			return "", err
		}
		if err := t.set(here, entry{mode: cpio.TypeSymlink | 0o777, link: target}); err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(done, target)
		}
		return t.mirrorLinks(filepath.Join(append([]string{target}, rest[i+1:]...)...), depth+1)
	}
	return done, nil
}

// place adds what is at src on the host as dst in the guest: a file, or a folder with all that is in it.
// Sockets, pipes and devices are left out. It returns the executables among the files.
func (t *tree) place(src, dst string) (executables []string, err error) {
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return t.file(src, dst, info)
	}
	root, err := filepath.EvalSymlinks(src)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		guest := filepath.Join(dst, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		var found []string
		switch {
		case d.IsDir():
			return t.dir(guest, info.Mode())
		case info.Mode()&fs.ModeSymlink != 0:
			found, err = t.linkInside(root, path, guest)
		case info.Mode().IsRegular():
			found, err = t.file(path, guest, info)
		}
		executables = append(executables, found...)
		return err
	})
	return executables, err
}

// linkInside adds a link found in a folder, and its target when that is outside of the folder.
func (t *tree) linkInside(root, path, guest string) ([]string, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return nil, err
	}
	if err := t.set(guest, entry{mode: cpio.TypeSymlink | 0o777, link: target}); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if inside(root, target) || path != guest {
		return nil, nil
	}
	if _, err := os.Stat(target); err != nil {
		return nil, nil // dangling on the host too
	}
	if t.has(target) {
		return nil, nil
	}
	return t.mirror(target)
}

func (t *tree) file(src, dst string, info fs.FileInfo) ([]string, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a file nor a folder", src)
	}
	if err := t.set(dst, entry{mode: cpio.TypeReg | cpioPerm(info.Mode()), src: src}); err != nil {
		return nil, err
	}
	if info.Mode()&0o111 == 0 {
		return nil, nil
	}
	return []string{src}, nil
}

// addNeeds adds what the executables need to run, and what that needs in turn.
func (t *tree) addNeeds(ctx context.Context, executables []string) error {
	done := map[string]bool{}
	for len(executables) > 0 {
		file := executables[0]
		executables = executables[1:]
		if done[file] {
			continue
		}
		done[file] = true
		files, err := needs(ctx, file)
		if err != nil {
			return err
		}
		for _, f := range files {
			more, err := t.mirror(f)
			if err != nil {
				return fmt.Errorf("carry what %s needs: %w", file, err)
			}
			executables = append(executables, more...)
		}
		// Libraries outside of the linker's own folders are found through its cache.
		const cache = "/etc/ld.so.cache"
		if len(files) == 0 || t.has(cache) {
			continue
		}
		if info, err := os.Stat(cache); err == nil {
			if _, err := t.file(cache, cache, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// inside says whether path is dir or below it; both are absolute.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
