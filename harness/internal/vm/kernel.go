package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/kernels"
)

// fetchKernel is the command that brings a kernel.
const fetchKernel = "oomcage kernels fetch"

// FindKernel returns the file to boot for guests of this host's processor: the one asked for, else $OOMCAGE_KERNEL, else
// the newest that `oomcage kernels` has, else the newest that is installed.
func FindKernel(asked string) (string, error) { return hostArch.findKernel(asked) }

// DefaultKernel is what is booted of the processor's kernels if nothing is asked for.
func DefaultKernel(a kernels.Arch) (string, error) { return arches[a].findKernel("") }

// fetchKernel is the command that brings a kernel for the processor.
func (a arch) fetchKernel() string {
	if a.foreign() {
		return fetchKernel + " --arch " + string(a.name)
	}
	return fetchKernel
}

func (a arch) findKernel(asked string) (string, error) {
	store, err := kernels.User(a.name)
	if err != nil { // without a home there is none
		store = kernels.Store{}
	}
	if asked != "" {
		return a.namedKernel(store, "-kernel", asked)
	}
	if env := os.Getenv("OOMCAGE_KERNEL"); env != "" {
		return a.namedKernel(store, "OOMCAGE_KERNEL", env)
	}
	have, unread := store.List()
	if len(have) > 0 {
		return usual(have).Image, nil
	}
	problems := []string{"those of this machine are for another processor"}
	if !a.foreign() {
		var installed []kernels.Kernel
		if installed, problems = kernels.Installed(); len(installed) > 0 {
			return installed[0].Image, nil
		}
	}
	if unread != nil {
		return "", unreadStore("no kernel to boot: "+strings.Join(problems, ", "), unread)
	}
	return "", failure(noKernel, "no kernel to boot: "+store.Dir()+" has none; "+strings.Join(problems, ", "),
		"fetch Debian's or Ubuntu's: "+a.fetchKernel()+"; or name one with -kernel FILE or OOMCAGE_KERNEL=FILE")
}

// unreadStore is the failure where it is not known which kernels were fetched or added.
func unreadStore(found string, why error) *Failure {
	return failure(noKernel, found+"; the folder of oomcage's kernels cannot be read: "+why.Error(),
		"make it yours to read, or set $XDG_CACHE_HOME to another folder; or name the file of a kernel: -kernel FILE, or OOMCAGE_KERNEL=FILE")
}

// usual is the newest of the kernels whose pages have 4 KiB, or the newest of all.
func usual(have []kernels.Kernel) kernels.Kernel {
	for _, k := range slices.Backward(have) {
		if size, err := kernels.PageSize(k.Image); err == nil && size == 4096 {
			return k
		}
	}
	return have[len(have)-1]
}

// namedKernel resolves what the user wrote: a file, or the name of a kernel that `oomcage kernels` has, such as 6.12.
func (a arch) namedKernel(store kernels.Store, from, name string) (string, error) {
	err := kernels.Check(name, a.name)
	if err == nil {
		return filepath.Abs(name)
	}
	if strings.Contains(name, "/") || !errors.Is(err, os.ErrNotExist) {
		return "", failure(noKernel, fmt.Sprintf("%s names a kernel that cannot be booted: %v", from, err),
			"name a readable kernel image, as root if need be (Ubuntu's are for root alone): "+
				"-kernel FILE, or fetch one: "+a.fetchKernel())
	}
	k, err := store.Find(name)
	if err == nil {
		return k.Image, nil
	}
	if _, unread := store.List(); unread != nil {
		return "", unreadStore(fmt.Sprintf("%s is %s, which is no file", from, name), unread)
	}
	help := "oomcage kernels lists those that are there; of another, name the file"
	if kernels.Series.MatchString(name) {
		help = a.fetchKernel() + " " + name
	}
	return "", failure(noKernel, fmt.Sprintf("%s is %s, which is no file, and no kernel of oomcage's: %v", from, name, err), help)
}
