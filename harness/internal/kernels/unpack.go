package kernels

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/advise"
)

// staging is a folder in which a kernel is put together, of one package or several. Nothing that is written to it can get
// out of it, whatever the names in a package are.
type staging struct {
	dir  string
	root *os.Root
	arch Arch // of the kernel
}

// Of a staging folder: all images and configurations that were found, by release, or by unnamed where a file's name does
// not say which.
const (
	images  = "images"
	configs = "configs"
	unnamed = "unnamed"
)

func newStaging(parent string, a Arch) (*staging, error) {
	dir, err := os.MkdirTemp(parent, tempPrefix)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &staging{dir, root, a}, nil
}

func (s *staging) remove() {
	s.root.Close()
	os.RemoveAll(s.dir)
}

// driverFile is a module that the microVM may need, below lib/modules/RELEASE. ext4 needs checksums, which Debian's kernel
// for arm64 with pages of 16 KiB has as modules too.
var driverFile = regexp.MustCompile(`^kernel/((drivers/block|drivers/virtio|fs)/.*|(lib|crypto|arch/[^/]+/(lib|crypto))/([^/]+/)*crc[^/]*)\.ko(\.[a-z0-9]+)?$`)

// stagingPath returns where in a staging folder a file of a package goes; "" if the file is not needed.
func stagingPath(name string) string {
	words := strings.Split(strings.TrimPrefix(path.Clean("/"+name), "/"), "/")
	if words[0] == "usr" { // Debian 13 and Ubuntu 24.04 have modules there
		words = words[1:]
	}
	if len(words) > 0 && words[0] == "boot" {
		words = words[1:]
	}
	switch {
	case len(words) == 1 && words[0] == "vmlinuz":
		return images + "/" + unnamed
	case len(words) == 1 && words[0] == "config":
		return configs + "/" + unnamed
	case len(words) == 1 && strings.HasPrefix(words[0], "vmlinuz-"):
		return path.Join(images, strings.TrimPrefix(words[0], "vmlinuz-"))
	case len(words) == 1 && strings.HasPrefix(words[0], "config-"):
		return path.Join(configs, strings.TrimPrefix(words[0], "config-"))
	case len(words) < 4 || words[0] != "lib" || words[1] != "modules":
		return ""
	}
	release, rest := words[2], path.Join(words[3:]...)
	switch {
	case rest == "vmlinuz":
		return path.Join(images, release)
	case rest == "config":
		return path.Join(configs, release)
	case rest == "modules.builtin" || driverFile.MatchString(rest):
		return path.Join("lib/modules", release, rest)
	}
	return ""
}

// put writes a file that has the name in a package, if it is needed.
func (s *staging) put(name string, r io.Reader) error {
	to := stagingPath(name)
	if to == "" {
		return nil
	}
	if err := s.root.MkdirAll(path.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := s.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) // Ubuntu's are for root alone in the package
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// folder takes what is in a folder: the root of an unpacked package, one of lib/modules, or one such as the store has.
func (s *staging) folder(dir string) error {
	prefix := ""
	if info, err := os.Stat(filepath.Join(dir, "kernel")); err == nil && info.IsDir() {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		prefix = path.Join("lib/modules", filepath.Base(abs))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	from := []string{"boot", "lib/modules", "usr/lib/modules", "kernel"}
	for _, e := range entries {
		if e.Type().IsRegular() {
			from = append(from, e.Name())
		}
	}
	for _, name := range from {
		err := filepath.WalkDir(filepath.Join(dir, name), func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
				return nil
			}
			rel, relErr := filepath.Rel(dir, file)
			if err := errors.Join(err, relErr); err != nil {
				return err
			}
			return s.copy(file, path.Join(prefix, filepath.ToSlash(rel)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) copy(file, as string) error {
	if stagingPath(as) == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.put(as, f)
}

// deb takes what is in a package of Debian's or Ubuntu's: an ar archive, whose member data.tar has the files.
func (s *staging) deb(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	data, ending, err := dataMember(f)
	if err == nil {
		var r io.Reader
		if r, err = Uncompress(data, ending, ""); err == nil {
			err = s.tar(r)
		}
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	return nil
}

// debMagic begins each ar archive.
const debMagic = "!<arch>\n"

// dataMember goes on to the files of a package, and says by which ending they are compressed. A member of an ar archive has a
// header of 60 bytes with its name in the first 16 and its size in ten from the 48th on, and begins at an even offset.
func dataMember(r io.Reader) (io.Reader, string, error) {
	var head [60]byte
	if _, err := io.ReadFull(r, head[:len(debMagic)]); err != nil || string(head[:len(debMagic)]) != debMagic {
		return nil, "", errors.New("it is no .deb: it is not an ar archive")
	}
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, "", errors.New("it is no .deb, or not a whole one: it has no data.tar")
		}
		name := strings.TrimRight(string(head[:16]), " /")
		size, err := strconv.ParseInt(strings.TrimRight(string(head[48:58]), " "), 10, 64)
		if err != nil || size < 0 || string(head[58:]) != "`\n" {
			return nil, "", fmt.Errorf("it is damaged: the header of its member %q is %q", name, head)
		}
		if ending, ok := strings.CutPrefix(name, "data.tar"); ok {
			return io.LimitReader(r, size), ending, nil
		}
		if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
			return nil, "", fmt.Errorf("it is not a whole one: it ends within its member %q", name)
		}
	}
}

func (s *staging) tar(r io.Reader) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := s.put(h.Name, t); err != nil {
			return err
		}
	}
}

// finish makes of what was found a folder such as the store has, and returns it with the kernel's release.
func (s *staging) finish(from string) (dir, release string, err error) {
	found, err := os.ReadDir(filepath.Join(s.dir, images))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	if len(found) == 0 {
		return "", "", advise.New("there is no kernel in "+from+": neither boot/vmlinuz-RELEASE nor lib/modules/RELEASE/vmlinuz",
			"name the package that has it, which Debian calls linux-image-RELEASE up to 6.18 and linux-binary-RELEASE from 6.19 on, "+
				"together with the one of the modules")
	}
	if len(found) > 1 {
		names := make([]string, 0, len(found))
		for _, f := range found {
			names = append(names, f.Name())
		}
		return "", "", advise.New("there are several kernels in "+from+": "+strings.Join(names, ", "), "name one of their files")
	}
	image := filepath.Join(s.dir, images, found[0].Name())
	if err := Check(image, s.arch); err != nil {
		return "", "", advise.New("the kernel of "+from+" is not "+s.arch.image(), "name a kernel for "+string(s.arch))
	}
	if release, err = Release(image); err != nil {
		return "", "", advise.New("the kernel of "+from+" does not say which version it is", "name one that a distribution has built")
	}
	if s.arch == ARM64 {
		if err := unpackARM64(image); err != nil {
			return "", "", fmt.Errorf("unpack the kernel of %s: %w", from, err)
		}
	}
	if !nameOf.MatchString(release) {
		return "", "", fmt.Errorf("the kernel of %s has the release %q, which is no name", from, release)
	}
	dir = filepath.Join(s.dir, "kernel")
	modules := filepath.Join("lib", "modules", release)
	moves := [][2]string{{filepath.Join(images, found[0].Name()), "vmlinuz"}}
	for _, config := range []string{release, unnamed} {
		moves = append(moves, [2]string{filepath.Join(configs, config), "config"})
	}
	for _, move := range append(moves, [2]string{modules, modules}) {
		to := filepath.Join(dir, move[1])
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", "", err
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(filepath.Join(s.dir, move[0]), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", "", err
		}
	}
	return dir, release, os.WriteFile(filepath.Join(dir, "from"), []byte(from+"\n"), 0o644)
}

// take takes a file or folder that a user names: a package, a folder, or an image with its configuration beside it.
func (s *staging) take(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return s.folder(file)
	}
	if Check(file, s.arch) != nil {
		if strings.HasSuffix(file, ".deb") {
			return s.deb(file)
		}
		return advise.New(file+" is neither a .deb, nor a folder, nor "+s.arch.image(),
			"name a package of Debian's or Ubuntu's, a folder such as /lib/modules/RELEASE, or a kernel such as /boot/vmlinuz-RELEASE")
	}
	release, err := Release(file)
	if err != nil {
		return err
	}
	beside := filepath.Dir(file)
	for _, config := range []string{"config-" + release, "config"} {
		if err := s.copy(filepath.Join(beside, config), "config"); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.copy(file, "vmlinuz")
}

// absolute are the files as they are found from anywhere.
func absolute(files []string) ([]string, error) {
	all := slices.Clone(files)
	for i, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		all[i] = abs
	}
	return all, nil
}
