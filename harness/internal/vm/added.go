package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// addition is what one -add names.
type addition struct {
	spec string // as the user wrote it
	src  string // on the host, absolute
	dst  string // in the guest; empty: the same
}

// parseAdds parses what is to be added.
func parseAdds(specs []string) ([]addition, error) {
	all := make([]addition, 0, len(specs))
	for _, spec := range specs {
		a, err := parseAdd(spec)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// parseAdd reads FILE or FILE:PATH. A name without a slash that is no file here is looked up in $PATH.
func parseAdd(spec string) (addition, error) {
	a := addition{spec: spec, src: spec}
	if _, err := os.Lstat(spec); err != nil { // a name may have a colon
		a.src, a.dst, _ = strings.Cut(spec, ":")
	}
	if a.src == "" { // it would be the working directory
		return a, failure(badRequest, fmt.Sprintf("-add %q names no file", spec), "-add . takes the working directory along")
	}
	if a.dst != "" && !filepath.IsAbs(a.dst) {
		return a, failure(badRequest, fmt.Sprintf("-add %s: the path in the guest must be absolute", spec), "")
	}
	if _, err := os.Lstat(a.src); err != nil && !strings.Contains(a.src, "/") {
		if path, err := exec.LookPath(a.src); err == nil {
			a.src = path
		}
	}
	var err error
	a.src, err = filepath.Abs(a.src)
	return a, err
}

// guest is where the addition lies in the guest.
func (a addition) guest() string {
	if a.dst == "" {
		return a.src
	}
	return filepath.Clean(a.dst)
}

// addedProgram returns the program of that name among what is added, as it is found in the guest's PATH.
func addedProgram(name string, adds []addition) (src, guest string) {
	if strings.Contains(name, "/") {
		return "", ""
	}
	for _, a := range adds {
		if isProgram(a.src) && filepath.Base(a.guest()) == name {
			return a.src, a.guest()
		}
		root, err := filepath.EvalSymlinks(a.src)
		if err != nil {
			continue // said when it is added
		}
		found := ""
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() || path != root && !isBin(path) {
				return nil
			}
			if isProgram(filepath.Join(path, name)) {
				found = filepath.Join(path, name)
				return fs.SkipAll
			}
			return nil
		})
		if found != "" {
			return found, filepath.Join(a.guest(), strings.TrimPrefix(found, root))
		}
	}
	return "", ""
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func isBin(dir string) bool { return slices.Contains([]string{"bin", "sbin"}, filepath.Base(dir)) }

// programFolders are the folders of the guest in which programs that were added lie: those of files, the added
// folders themselves, and what is called bin or sbin in them.
func (t *tree) programFolders(adds []addition) []string {
	var dirs []string
	add := func(dir string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, a := range adds {
		guest := a.guest()
		root := t.follow(guest)
		if t.entries[root].mode&cpio.ModeType != cpio.TypeDir {
			add(filepath.Dir(guest))
			continue
		}
		add(guest)
		var below []string
		for path, e := range t.entries {
			if e.mode&cpio.ModeType == cpio.TypeDir && path != root && inside(root, path) && isBin(path) {
				below = append(below, path)
			}
		}
		slices.Sort(below)
		for _, dir := range below {
			add(dir)
		}
	}
	return dirs
}

// withPath puts the folders before those of the environment's PATH.
func withPath(env, dirs []string) []string {
	env = slices.Clone(env)
	for i, kv := range env {
		if path, found := strings.CutPrefix(kv, "PATH="); found {
			own := strings.Split(path, ":")
			dirs = slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
				return slices.Contains(own, dir) || strings.Contains(dir, ":")
			})
			env[i] = "PATH=" + strings.Join(append(dirs, own...), ":")
		}
	}
	return env
}

// maxWarnings is how many lines there are for one word of the user: a folder of scripts for another system has many.
const maxWarnings = 3

// add adds what -add names, and tells the user what of it will not run in the guest.
func (c *carrier) add(ctx context.Context, a addition, warn func(string)) error {
	info, err := os.Stat(a.src)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failure(notThere, fmt.Sprintf("-add %s: no such file or folder is here", a.spec), "name one of this machine, from the working directory on")
	case err == nil && info.Mode().IsRegular():
		f, err := os.Open(a.src)
		if err != nil {
			return failure(notThere, fmt.Sprintf("-add %s: it cannot be read: %v", a.spec, cause(err)), "give this user the right to read it")
		}
		f.Close()
	}
	c.moved = a.dst != ""
	problems, err := c.runnable(ctx, a.src, a.dst)
	c.moved = false
	if err != nil {
		return failure(notThere, fmt.Sprintf("-add %s: %v", a.spec, err), "")
	}
	report("-add "+a.spec, problems, warn)
	return nil
}

// report tells the user, in a line each, what will not run in the guest of what goes along.
func report(what string, problems []error, warn func(string)) {
	for i, problem := range problems {
		if i == maxWarnings && len(problems) > i+1 {
			warn(fmt.Sprintf("%s: %d more files need what is not there", what, len(problems)-i))
			return
		}
		warn(what + ": " + strings.ReplaceAll(problem.Error(), "\n", "; "))
	}
}
