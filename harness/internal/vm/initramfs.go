package vm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
func newTree() *tree {
	t := &tree{entries: map[string]entry{}}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(name); err == nil {
			t.entries[name] = entry{mode: cpio.TypeSymlink | 0o777, link: target}
			t.dir(filepath.Join("/", target), 0o755)
		}
	}
	return t
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

// set adds the entry and the folders above it. A folder never replaces what is there.
func (t *tree) set(path string, e entry) {
	path = t.resolve(path)
	old, exists := t.entries[path]
	isDir := e.mode&cpio.ModeType == cpio.TypeDir
	if exists && (isDir || old.mode&cpio.ModeType == cpio.TypeDir) {
		return
	}
	t.entries[path] = e
	if parent := filepath.Dir(path); parent != path {
		t.set(parent, entry{mode: cpio.TypeDir | 0o755})
	}
}

func (t *tree) dir(path string, perm fs.FileMode) {
	t.set(path, entry{mode: cpio.TypeDir | cpioPerm(perm)})
}

func (t *tree) data(path string, perm fs.FileMode, data []byte) {
	t.set(path, entry{mode: cpio.TypeReg | cpioPerm(perm), data: data})
}

func (t *tree) has(path string) bool {
	_, ok := t.entries[t.resolve(path)]
	return ok
}

// mirror adds a file or folder of the host at the same path, with the links on the way to it and what it
// needs to run.
func (t *tree) mirror(path string) error { return t.mirrorDepth(path, 0) }

func (t *tree) mirrorDepth(path string, depth int) error {
	if depth > 40 {
		return fmt.Errorf("%s: too many levels of symbolic links", path)
	}
	real, err := t.mirrorLinks(path, depth)
	if err != nil {
		return err
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
		t.set(here, entry{mode: cpio.TypeSymlink | 0o777, link: target})
		if !filepath.IsAbs(target) {
			target = filepath.Join(done, target)
		}
		return t.mirrorLinks(filepath.Join(append([]string{target}, rest[i+1:]...)...), depth+1)
	}
	return done, nil
}

// place adds what is at src on the host as dst in the guest: a file with what it needs to run, or a folder
// with all that is in it. Sockets, pipes and devices are left out.
func (t *tree) place(src, dst string) error {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return t.file(src, dst, info)
	}
	root, err := filepath.EvalSymlinks(src)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
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
		switch {
		case d.IsDir():
			t.dir(guest, info.Mode())
			return nil
		case info.Mode()&fs.ModeSymlink != 0:
			return t.linkInside(root, path, guest)
		case info.Mode().IsRegular():
			return t.file(path, guest, info)
		default:
			return nil
		}
	})
}

// linkInside adds a link found in a folder, and its target when that is outside of the folder.
func (t *tree) linkInside(root, path, guest string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	t.set(guest, entry{mode: cpio.TypeSymlink | 0o777, link: target})
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if inside(root, target) || path != guest {
		return nil
	}
	if _, err := os.Stat(target); err != nil {
		return nil // dangling on the host too
	}
	if t.has(target) {
		return nil
	}
	return t.mirror(target)
}

func (t *tree) file(src, dst string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a folder", src)
	}
	if old, ok := t.entries[t.resolve(dst)]; ok && old.src == src {
		return nil
	}
	t.set(dst, entry{mode: cpio.TypeReg | cpioPerm(info.Mode()), src: src})
	if info.Mode()&0o111 == 0 {
		return nil
	}
	files, err := needs(src)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := t.mirror(f); err != nil {
			return fmt.Errorf("carry what %s needs: %w", src, err)
		}
	}
	// Libraries outside of the linker's own folders are found through its cache.
	if len(files) > 0 && !t.has("/etc/ld.so.cache") {
		if info, err := os.Stat("/etc/ld.so.cache"); err == nil {
			return t.file("/etc/ld.so.cache", "/etc/ld.so.cache", info)
		}
	}
	return nil
}

// write writes the tree as an initramfs, folders before what they hold.
func (t *tree) write(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 1<<20)
	c := cpio.NewWriter(buf)
	for _, path := range slices.Sorted(maps.Keys(t.entries)) {
		if path == "/" {
			continue
		}
		if err := t.entries[path].write(c, path); err != nil {
			return fmt.Errorf("add %s to the initramfs: %w", path, err)
		}
	}
	if err := c.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

func (e entry) write(c *cpio.Writer, path string) error {
	h := &cpio.Header{Name: strings.TrimPrefix(path, "/"), Mode: e.mode, Links: 1}
	switch {
	case e.mode&cpio.ModeType == cpio.TypeSymlink:
		return writeData(c, h, []byte(e.link))
	case e.mode&cpio.ModeType == cpio.TypeDir:
		h.Links = 2
		return c.WriteHeader(h)
	case e.src == "":
		return writeData(c, h, e.data)
	}
	f, err := os.Open(e.src)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= 1<<32 {
		return errors.New("a file of an initramfs is smaller than 4 GiB")
	}
	h.Size, h.ModTime = info.Size(), info.ModTime()
	if err := c.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(c, f, h.Size)
	return err
}

func writeData(c *cpio.Writer, h *cpio.Header, data []byte) error {
	h.Size = int64(len(data))
	if err := c.WriteHeader(h); err != nil {
		return err
	}
	_, err := c.Write(data)
	return err
}

func cpioPerm(m fs.FileMode) cpio.FileMode {
	p := cpio.FileMode(m.Perm())
	if m&fs.ModeSetuid != 0 {
		p |= cpio.ModeSetuid
	}
	if m&fs.ModeSetgid != 0 {
		p |= cpio.ModeSetgid
	}
	if m&fs.ModeSticky != 0 {
		p |= cpio.ModeSticky
	}
	return p
}

// inside says whether path is dir or below it; both are absolute.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
