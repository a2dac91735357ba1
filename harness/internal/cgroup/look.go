package cgroup

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"oomcage/harness/internal/human"
)

// Look is what this machine has of cgroups, for people: Supported decides.
type Look struct {
	V1          string   // where the memory controller is bound to cgroup v1, or ""
	V2          string   // where cgroup v2 is mounted, or ""
	ReadOnly    bool     // it is mounted so
	Controllers []string // of the mount of cgroup v2
	Limits      []string // memory.max and memory.high above this process, each with its cgroup
}

// LookAround looks at this machine. What cannot be read is missing.
func LookAround() Look { return lookAround("") }

// lookAround has root as findBase has it.
func lookAround(root string) (l Look) {
	ms, err := readMounts(filepath.Join(root, "/proc/self/mountinfo"))
	if err != nil {
		return l
	}
	v1, _ := ms.memoryV1()
	v2, _ := ms.unified()
	l.V1, l.V2, l.ReadOnly = v1.point, v2.point, v2.readOnly
	if l.V2 == "" {
		return l
	}
	mount := filepath.Join(root, l.V2)
	if b, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers")); err == nil {
		l.Controllers = strings.Fields(string(b))
	}
	own, err := ownCgroup(filepath.Join(root, "/proc/self/cgroup"), mount)
	if err != nil {
		return l
	}
	for _, above := range limitsBelow(mount, cmp.Or(own, mount), filepath.Dir(mount)) {
		l.Limits = append(l.Limits, fmt.Sprintf("%s %s of %s", above.file, human.Size(above.bytes), strings.TrimPrefix(above.dir, root)))
	}
	return l
}

// limit is a limit that a cgroup has.
type limit struct {
	file, dir string
	bytes     int64
}

// limitsBelow lists the limits of a cgroup and of those above it, as long as these are below top.
func limitsBelow(mount, dir, top string) (all []limit) {
	for ; dir != top && strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
		for _, file := range []string{"memory.max", "memory.high"} {
			bytes, err := (&Group{mount, dir}).ReadSize(file)
			if err == nil && bytes != math.MaxInt64 { // it need not have the controller
				all = append(all, limit{file, dir, bytes})
			}
		}
	}
	return all
}
