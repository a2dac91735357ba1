package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
	"golang.org/x/sys/unix"
)

// tree is the guest's root file system before it is written. Everything in it belongs to root.
type tree struct {
	entries map[string]entry // by absolute path in the guest
	placed  map[placed]bool  // folders that are in it with all that they hold
	left    []error          // why something in a folder was left out: it cannot be read
	// moved is set while what the user has given another path is added: nothing of the host's takes its place.
	moved bool
}

// placed is a file or folder of the host, by where it really is, and its path in the guest.
type placed struct{ src, dst string }

type entry struct {
	mode  cpio.FileMode // type and permissions
	src   string        // regular file: where its content is on the host, unless data is set
	data  []byte
	link  string // symbolic link: its target
	moved bool   // the user has given it this path
	// found is set of what nobody has named: it was in a folder, and may have vanished since.
	found bool
}

func emptyTree() *tree { return &tree{entries: map[string]entry{}, placed: map[placed]bool{}} }

// newTree returns a tree with the host's links at the root, such as /bin → usr/bin, so that paths of the
// host mean the same in the guest.
func newTree() (*tree, error) {
	t := emptyTree()
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
	path, _ = t.walk(path, false)
	return path
}

// follow follows the links that the tree itself has in all of path.
func (t *tree) follow(path string) string {
	path, _ = t.walk(path, true)
	return path
}

// maxLinks is how many links of a path are followed, as in the kernel (MAXSYMLINKS in include/linux/namei.h).
const maxLinks = 40

// walk goes from element to element, and through the last one too where it is to. A path of too many links is returned as it is,
// and leads nowhere.
func (t *tree) walk(path string, last bool) (to string, leads bool) {
	at, rest, links := "/", elements(path), 0
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		e, ok := t.entries[next]
		if !ok || e.mode&cpio.ModeType != cpio.TypeSymlink || len(rest) == 0 && !last {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return filepath.Clean(path), false
		}
		if filepath.IsAbs(e.link) {
			at = "/"
		}
		rest = append(elements(e.link), rest...)
	}
	return at, true
}

func tooManyLinks(path string) error {
	return fmt.Errorf("add %s to the guest: %w: one on the way leads to itself, or they are more than %d; name another path", path, unix.ELOOP, maxLinks)
}

func elements(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// set adds the entry and the folders above it. A folder that is there already, or a link that stands for
// one, stays as it is; a folder and anything else never take each other's place.
func (t *tree) set(path string, e entry) error {
	path, leads := t.walk(path, false)
	if !leads {
		return tooManyLinks(path)
	}
	e.moved = t.moved
	if old, exists := t.entries[path]; exists {
		was, is := old.mode&cpio.ModeType, e.mode&cpio.ModeType
		switch {
		case is == cpio.TypeDir && (was == cpio.TypeDir || was == cpio.TypeSymlink):
			return nil
		case is == cpio.TypeDir:
			return fmt.Errorf("add the folder %s to the guest: it is a file there already", path)
		case was == cpio.TypeDir:
			return fmt.Errorf("add the file or link %s to the guest: it is a folder there already", path)
		case old.moved && !e.moved:
			return nil
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
	real, err := t.mirrorLinks(path)
	if err != nil {
		return err
	}
	return t.dir(real, perm)
}

func (t *tree) data(path string, perm fs.FileMode, data []byte) error {
	return t.set(path, entry{mode: cpio.TypeReg | cpioPerm(perm), data: data})
}

func (t *tree) leaveOut(path string) { delete(t.entries, t.resolve(path)) }

func (t *tree) has(path string) bool {
	_, ok := t.entries[t.resolve(path)]
	return ok
}

// mirror adds a file or folder of the host at the same path, with the links on the way to it. It returns
// the files.
func (t *tree) mirror(path string) ([]placed, error) {
	real, err := t.mirrorLinks(path)
	if err != nil {
		return nil, err
	}
	return t.place(real, real)
}

// mirrorLinks adds the links among the elements of path and returns where it really is.
func (t *tree) mirrorLinks(path string) (string, error) {
	at, rest, links := "/", elements(path), 0
	for len(rest) > 0 {
		here := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(here)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = here
			continue
		}
		if links++; links > maxLinks {
			return "", tooManyLinks(path)
		}
		link, err := os.Readlink(here)
		if err != nil {
			return "", err
		}
		if err := t.set(here, entry{mode: cpio.TypeSymlink | 0o777, link: link}); err != nil {
			return "", err
		}
		if filepath.IsAbs(link) {
			at = "/"
		}
		rest = append(elements(link), rest...)
	}
	return at, nil
}

// place adds what is at src on the host as dst in the guest: a file, or a folder with all that is in it.
// Sockets, pipes and devices are left out. It returns the files.
func (t *tree) place(src, dst string) (files []placed, err error) {
	root, err := filepath.EvalSymlinks(src)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return t.file(root, dst, info)
	}
	whole := placed{root, dst}
	if t.placed[whole] { // links may lead here in a circle
		return nil, nil
	}
	t.placed[whole] = true
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) && path != root {
			t.left = append(t.left, err)
			return fs.SkipDir
		}
		var found []placed
		if err == nil {
			found, err = t.inFolder(whole, path, d)
		}
		files = append(files, found...)
		if errors.Is(err, fs.ErrNotExist) && path != root {
			return nil // it has vanished meanwhile: a lock of git's, for example
		}
		return err
	})
	return files, err
}

// inFolder adds what was found in a folder: a file, a link, or a folder without what is in it.
func (t *tree) inFolder(folder placed, path string, d fs.DirEntry) ([]placed, error) {
	rel, err := filepath.Rel(folder.src, path)
	if err != nil {
		return nil, err
	}
	guest := filepath.Join(folder.dst, rel)
	info, err := d.Info()
	if err != nil {
		return nil, err
	}
	switch {
	case d.IsDir():
		return nil, t.dir(guest, info.Mode())
	case info.Mode()&fs.ModeSymlink != 0:
		return t.linkInside(folder, path, guest)
	case info.Mode().IsRegular():
		return []placed{{path, guest}}, t.set(guest, entry{mode: cpio.TypeReg | cpioPerm(info.Mode()), src: path, found: true})
	}
	return nil, nil
}

// linkInside adds a link found in a folder, and its target when that does not go along with the folder. In a
// folder that has another path in the guest, a link leads elsewhere too, unless it is absolute.
func (t *tree) linkInside(folder placed, path, guest string) ([]placed, error) {
	link, err := os.Readlink(path)
	if err != nil {
		return nil, err
	}
	if err := t.set(guest, entry{mode: cpio.TypeSymlink | 0o777, link: link}); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return nil, nil // dangling on the host too, or to what does not go along, such as /dev/null
	}
	if real, err := filepath.EvalSymlinks(path); err != nil || ofTheKernel(real) {
		return nil, nil
	}
	absolute := filepath.IsAbs(link)
	target := link
	if !absolute {
		target = filepath.Join(filepath.Dir(path), link)
	}
	moved := folder.src != folder.dst
	switch {
	case inside(target, folder.src): // a folder above this one, which was not asked for
		return nil, nil
	case inside(folder.src, target) && !(moved && absolute):
		return nil, nil
	case moved && !absolute:
		return t.place(target, filepath.Join(filepath.Dir(guest), link))
	default:
		return t.mirror(target)
	}
}

// ofTheKernel reports whether the path is in a file system that each guest has of its own kernel.
func ofTheKernel(path string) bool {
	return slices.ContainsFunc([]string{"/dev", "/proc", "/sys"}, func(dir string) bool { return inside(dir, path) })
}

func (t *tree) file(src, dst string, info fs.FileInfo) ([]placed, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a file nor a folder", src)
	}
	if err := t.set(dst, entry{mode: cpio.TypeReg | cpioPerm(info.Mode()), src: src}); err != nil {
		return nil, err
	}
	return []placed{{src, dst}}, nil
}

// inside reports whether path is dir or below it; both are absolute.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
