package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// modulePath is what `go list -m` knows this module by, in the module itself and in those that need it.
const modulePath = "oomcage"

// kernelCache is what .ci/kernels fills, below the module's root.
const kernelCache = ".cache/kernels"

var shortKernel = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// findKernel returns the file to boot: the one asked for, else $OOMCAGE_KERNEL, else the newest that is
// installed, else the newest that `make kernels` fetched.
func findKernel(ctx context.Context, asked string) (string, error) {
	if asked != "" {
		return namedKernel(ctx, "-kernel", asked)
	}
	if env := os.Getenv("OOMCAGE_KERNEL"); env != "" {
		return namedKernel(ctx, "OOMCAGE_KERNEL", env)
	}
	// Debian has it in /boot up to 6.18, and from 6.19 on in /lib/modules, as Fedora has.
	installed, looked := newestKernel("/boot/vmlinuz-*", "/lib/modules/*/vmlinuz")
	if installed != "" {
		return installed, nil
	}
	for _, dir := range kernelFolders(ctx) {
		fetched, seen := newestKernel(filepath.Join(dir, "*", "vmlinuz"))
		if fetched != "" {
			return fetched, nil
		}
		looked += "; " + seen
	}
	return "", failure(noKernel, "no kernel to boot: "+looked,
		"fetch Debian's with `make kernels` in oomcage's folder, or name one with -kernel FILE or OOMCAGE_KERNEL=FILE")
}

// namedKernel resolves what the user wrote: a file, or the short name of a fetched kernel such as 6.12.
func namedKernel(ctx context.Context, from, name string) (string, error) {
	err := checkKernel(name)
	if err == nil {
		return filepath.Abs(name)
	}
	if !shortKernel.MatchString(name) || !errors.Is(err, os.ErrNotExist) {
		return "", failure(noKernel, fmt.Sprintf("%s names a kernel that cannot be booted: %v", from, err),
			"name a readable kernel image, as root if need be (Ubuntu's are for root alone): "+
				"-kernel FILE, or fetch one: make kernels")
	}
	var problems []string
	for _, dir := range kernelFolders(ctx) {
		file := filepath.Join(dir, name, "vmlinuz")
		err := checkKernel(file)
		if err == nil {
			return file, nil
		}
		problems = append(problems, err.Error())
	}
	return "", failure(noKernel, fmt.Sprintf("%s is %s, which is no file and not among the fetched kernels: %s",
		from, name, strings.Join(problems, ", ")),
		"`make kernels` in oomcage's folder fetches some and lists them; of another, name the file")
}

// kernelFolders are the folders that .ci/kernels may have filled: of the module that the current one needs, of
// the sources that this command was compiled from, and the one beside it, where -trimpath has hidden those.
func kernelFolders(ctx context.Context) []string {
	var dirs []string
	add := func(dir string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath)
	stdout, err := cmd.Output() // without Go, or a module that needs oomcage, there is no such folder
	if root := strings.TrimSpace(string(stdout)); err == nil && root != "" {
		add(filepath.Join(root, kernelCache))
	}
	if _, source, _, ok := runtime.Caller(0); ok && filepath.IsAbs(source) {
		add(filepath.Join(source, "../../../..", kernelCache))
	}
	if self, err := os.Executable(); err == nil {
		if root, found := strings.CutSuffix(filepath.Dir(self), "/.cache/bin"); found {
			add(filepath.Join(root, kernelCache))
		}
	}
	return dirs
}

// newestKernel returns the newest bootable file of the patterns, or "" and what was seen instead.
func newestKernel(patterns ...string) (file, seen string) {
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
		return "", "nothing matches " + strings.Join(patterns, " or ")
	}
	slices.SortFunc(files, func(a, b string) int { return compareVersions(b, a) })
	var problems []string
	for _, f := range files {
		err := checkKernel(f)
		if err == nil {
			return f, ""
		}
		problems = append(problems, err.Error())
	}
	return "", strings.Join(problems, ", ")
}

// checkKernel opens the file and looks for the magic of an x86 kernel image.
func checkKernel(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0x202); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(magic[:]) != "HdrS" {
		return fmt.Errorf("%s is not an x86 kernel image (bzImage)", file)
	}
	return nil
}

// compareVersions orders file names by the numbers in them: 6.12 is after 6.8, and 6.12-rc1 before 6.12.
func compareVersions(a, b string) int {
	as, bs := versionParts(a), versionParts(b)
	for i := range max(len(as), len(bs)) {
		if c := as.at(i) - bs.at(i); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

type version []int

// at is 0 past the end, so that a release candidate, which is negative, sorts before the release.
func (v version) at(i int) int {
	if i < len(v) {
		return v[i]
	}
	return 0
}

var versionPart = regexp.MustCompile(`[0-9]+|rc|~`)

func versionParts(s string) version {
	var v version
	for _, part := range versionPart.FindAllString(s, -1) {
		if part == "rc" || part == "~" {
			v = append(v, -1)
			continue
		}
		n := 0
		for _, c := range part {
			n = min(n*10+int(c-'0'), 1<<30)
		}
		v = append(v, n)
	}
	return v
}
