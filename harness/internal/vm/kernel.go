package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oomcage/harness/internal/kernels"
)

// fetchKernel is the command that brings a kernel.
const fetchKernel = "oomcage kernels fetch"

// FindKernel returns the file to boot: the one asked for, else $OOMCAGE_KERNEL, else the newest that `oomcage kernels`
// has, else the newest that is installed.
func FindKernel(asked string) (string, error) {
	store, err := kernels.User()
	if err != nil { // without a home there is none
		store = kernels.Store{}
	}
	if asked != "" {
		return namedKernel(store, "-kernel", asked)
	}
	if env := os.Getenv("OOMCAGE_KERNEL"); env != "" {
		return namedKernel(store, "OOMCAGE_KERNEL", env)
	}
	if have, err := store.List(); err == nil && len(have) > 0 {
		return have[len(have)-1].Image, nil
	}
	installed, problems := kernels.Installed()
	if len(installed) > 0 {
		return installed[0].Image, nil
	}
	return "", failure(noKernel, "no kernel to boot: "+store.Dir()+" has none; "+strings.Join(problems, ", "),
		"fetch Debian's or Ubuntu's: "+fetchKernel+"; or name one with -kernel FILE or OOMCAGE_KERNEL=FILE")
}

// namedKernel resolves what the user wrote: a file, or the name of a kernel that `oomcage kernels` has, such as 6.12.
func namedKernel(store kernels.Store, from, name string) (string, error) {
	err := kernels.Check(name)
	if err == nil {
		return filepath.Abs(name)
	}
	if strings.Contains(name, "/") || !errors.Is(err, os.ErrNotExist) {
		return "", failure(noKernel, fmt.Sprintf("%s names a kernel that cannot be booted: %v", from, err),
			"name a readable kernel image, as root if need be (Ubuntu's are for root alone): "+
				"-kernel FILE, or fetch one: "+fetchKernel)
	}
	k, err := store.Find(name)
	if err == nil {
		return k.Image, nil
	}
	help := "oomcage kernels lists those that are there; of another, name the file"
	if kernels.Series.MatchString(name) {
		help = fetchKernel + " " + name
	}
	return "", failure(noKernel, fmt.Sprintf("%s is %s, which is no file, and no kernel of oomcage's: %v", from, name, err), help)
}
