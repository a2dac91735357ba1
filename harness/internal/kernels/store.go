// Package kernels keeps the kernels that the microVM boots, each in a folder of the user's cache:
//
//	vmlinuz       the kernel
//	config        its configuration, where it is known
//	lib/modules   the modules for block devices, virtio and file systems, where it comes with them
//	from          where it is from, in words
//
// A kernel that was fetched is named by its series, 6.12, and one that was given by its release, 6.8.0-45-generic: so
// neither replaces the other. Those for arm64 lie in a folder of that name, and those with pages of 16 KiB are named
// so too, 6.12-16k.
package kernels

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/sys"
)

// Store is the folder of the kernels for a processor. Its zero value has none.
type Store struct {
	dir  string
	arch Arch
	host Arch // of this machine
}

// Kernel is one that can be booted.
type Kernel struct {
	Name    string // its folder in the store; "" for one of this machine's
	Release string // what uname -r prints on it
	Image   string // its file
	From    string // where it is from, in words
	Size    int64  // of all its files that are in the store, or of its image, in bytes
}

// User is this user's store of kernels for a processor. Its folder need not be there.
func User(a Arch) (Store, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Store{}, fmt.Errorf("find a place for kernels: %w; set $HOME or $XDG_CACHE_HOME", err)
	}
	dir := filepath.Join(cache, "oomcage", "kernels")
	if a != AMD64 {
		dir = filepath.Join(dir, string(a))
	}
	return Store{dir, a, Host}, nil
}

// Dir is the folder.
func (s Store) Dir() string { return s.dir }

// nameOf is what a folder of the store is called, and what a release may be: it begins with no dot, as temporary folders do.
var nameOf = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~_-]*$`)

// List returns the kernels of the store, the oldest first. It leaves out folders that have no kernel in them.
func (s Store) List() ([]Kernel, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []Kernel
	for _, e := range entries {
		if k, err := s.Find(e.Name()); err == nil {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Kernel) int { return compareVersions(a.Release, b.Release) })
	return all, nil
}

// Find returns the kernel of that name.
func (s Store) Find(name string) (Kernel, error) {
	k := Kernel{Name: name, Image: filepath.Join(s.dir, name, "vmlinuz")}
	if s.dir == "" || !nameOf.MatchString(name) {
		return k, fmt.Errorf("%q is no name of a kernel", name)
	}
	if err := Check(k.Image, s.arch); err != nil {
		return k, err
	}
	var err error
	if k.Release, err = Release(k.Image); err != nil {
		return k, err
	}
	if from, err := os.ReadFile(filepath.Join(s.dir, name, "from")); err == nil { // what it says is for people
		k.From = strings.TrimSpace(string(from))
	}
	err = filepath.WalkDir(filepath.Join(s.dir, name), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			k.Size += info.Size()
		}
		return err
	})
	return k, err
}

// Remove removes kernels by their names.
func (s Store) Remove(ctx context.Context, names ...string) error {
	unlock, err := s.lock(ctx, func(string) {})
	if err != nil {
		return err
	}
	defer unlock()
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		if _, err := s.Find(name); err != nil { // also of arm64, the folder of other kernels
			return &advise.Finding{
				Found: fmt.Sprintf("there is no kernel %q in %s", name, s.dir), Help: "oomcage kernels lists those that are there", Kind: ErrNoSuchKernel,
			}
		}
	}
	for _, name := range names {
		tmp, err := os.MkdirTemp(s.dir, tempPrefix)
		if err != nil {
			return err
		}
		if err := errors.Join(os.Rename(filepath.Join(s.dir, name), filepath.Join(tmp, name)), os.RemoveAll(tmp)); err != nil {
			return err
		}
	}
	return nil
}

// tempPrefix begins the names of folders that are still being filled.
const tempPrefix = ".tmp-"

// lock makes the store's folder where need be, and holds it against other processes until unlock is called; what those
// left behind that were killed is removed. The folder is for its owner alone, so no other user can hold the lock.
func (s Store) lock(ctx context.Context, say func(string)) (unlock func(), err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Stat(s.dir, &stat); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: s.dir, Err: err}
	}
	if int(stat.Uid) != os.Geteuid() {
		return nil, advise.New(fmt.Sprintf("%s belongs to user %d, and this is user %d", s.dir, stat.Uid, os.Geteuid()),
			"set $XDG_CACHE_HOME to a folder of your own, or take it over: chown -R "+fmt.Sprint(os.Geteuid())+" "+s.dir)
	}
	if stat.Mode&0o077 != 0 {
		if err := os.Chmod(s.dir, 0o700); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if sys.Flock(file) != nil {
		say("another oomcage changes the kernels: waiting for its end")
		if err := sys.AwaitLock(ctx, file); err != nil {
			file.Close()
			return nil, fmt.Errorf("wait for another oomcage that changes the kernels: %w", err)
		}
	}
	left, _ := sys.WithPrefix(s.dir, tempPrefix) // what cannot be listed is the next one's to find
	for _, dir := range left {
		os.RemoveAll(dir)
	}
	return func() { file.Close() }, nil
}

// install moves a kernel that is complete to its place. One that was there is replaced, and is in dir then: a guest that boots meanwhile
// finds the one or the other.
func (s Store) install(dir, name string) (Kernel, error) {
	installed := filepath.Join(s.dir, name)
	err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, installed, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot, such as NFS
		if err = os.Rename(installed, dir+".old"); err == nil {
			err = os.Rename(dir, installed)
		}
	}
	if errors.Is(err, fs.ErrNotExist) { // none was there
		err = os.Rename(dir, installed)
	}
	if err != nil {
		return Kernel{}, err
	}
	return s.Find(name)
}

// Installed returns the kernels that this machine itself has, the newest first, and what cannot be booted of them.
func Installed() (all []Kernel, problems []string) {
	// Debian has it in /boot up to 6.18, and from 6.19 on in /lib/modules, as Fedora has.
	return installed(Host, "/boot/vmlinuz-*", "/lib/modules/*/vmlinuz")
}

func installed(a Arch, patterns ...string) (all []Kernel, problems []string) {
	var files []string
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // the pattern is ours
		files = append(files, matches...)
	}
	// ".old" is what a distribution keeps of the kernel before; "rescue" is no version.
	files = slices.DeleteFunc(files, func(f string) bool {
		return strings.HasSuffix(f, ".old") || strings.Contains(filepath.Base(f), "rescue")
	})
	if len(files) == 0 {
		return nil, []string{"nothing matches " + strings.Join(patterns, " or ")}
	}
	slices.SortFunc(files, func(a, b string) int { return compareVersions(b, a) })
	for _, f := range files {
		info, err := os.Stat(f)
		if err == nil {
			err = Check(f, a)
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		release, _ := Release(f) // what cannot be read of it is not said
		all = append(all, Kernel{Release: release, Image: f, From: "installed here", Size: info.Size()})
	}
	return all, problems
}

// ErrNoSuchKernel is wrapped by the errors of a name that there is not.
var ErrNoSuchKernel = errors.New("no such kernel")
