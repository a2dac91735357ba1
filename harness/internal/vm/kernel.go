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
	"slices"
	"strings"
)

// modulePath is what `go list -m` knows this module by, in the module itself and in those that need it.
const modulePath = "oomcage"

var shortKernel = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// findKernel returns the file to boot: the one asked for, else $OOMCAGE_KERNEL, else the newest in /boot,
// else the newest that `make kernels` fetched.
func findKernel(ctx context.Context, asked string) (string, error) {
	if asked != "" {
		return namedKernel(ctx, "-kernel", asked)
	}
	if env := os.Getenv("OOMCAGE_KERNEL"); env != "" {
		return namedKernel(ctx, "OOMCAGE_KERNEL", env)
	}
	var looked []string
	boot, seen := newestKernel("/boot/vmlinuz-*")
	if boot != "" {
		return boot, nil
	}
	looked = append(looked, seen)
	dir, err := fetchedKernels(ctx)
	if err != nil {
		looked = append(looked, err.Error())
	} else {
		fetched, seen := newestKernel(filepath.Join(dir, "*", "vmlinuz"))
		if fetched != "" {
			return fetched, nil
		}
		looked = append(looked, seen)
	}
	return "", failure(noKernel, "no kernel to boot: "+strings.Join(looked, "; "),
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
	dir, err := fetchedKernels(ctx)
	if err == nil {
		file := filepath.Join(dir, name, "vmlinuz")
		if err = checkKernel(file); err == nil {
			return file, nil
		}
	}
	return "", failure(noKernel, fmt.Sprintf("%s is %s, which is no file and not among the fetched kernels: %v", from, name, err),
		"`make kernels` in oomcage's folder fetches 6.1 and 6.12; of another, name the file")
}

// fetchedKernels returns the folder that .ci/kernels fills, also from another module that needs this one.
func fetchedKernels(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath)
	stdout, err := cmd.Output()
	dir := strings.TrimSpace(string(stdout))
	if err != nil || dir == "" {
		return "", errors.New("the current module does not need oomcage, so its folder of fetched kernels is unknown")
	}
	return filepath.Join(dir, ".cache", "kernels"), nil
}

// newestKernel returns the newest bootable file of the pattern, or "" and what was seen instead.
func newestKernel(pattern string) (file, seen string) {
	files, _ := filepath.Glob(pattern) // the pattern is ours
	// ".old" is what a distribution keeps of the kernel before; "rescue" is no version.
	files = slices.DeleteFunc(files, func(f string) bool {
		return strings.HasSuffix(f, ".old") || strings.Contains(filepath.Base(f), "rescue")
	})
	if len(files) == 0 {
		return "", pattern + " matches nothing"
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
