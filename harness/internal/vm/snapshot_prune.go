package vm

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keptSnapshot is one of the store's folders, for prune.
type keptSnapshot struct {
	snapshot
	used  time.Time
	bytes int64 // that it takes on the disk
}

// foreignAge is how long a snapshot of another boot stays unused before it goes: machines may share a home, and each
// has a boot of its own.
const foreignAge = 24 * time.Hour

// prune removes what is of no use any more: unused since another boot, half-made, and, the longest unused first, what
// is too many or too large. The snapshot of the name stays. The store is locked.
func (st store) prune(boot, name string, most int, bytes int64) error {
	entries, err := os.ReadDir(st.dir)
	if err != nil {
		return err
	}
	var kept []keptSnapshot
	var all error
	for _, e := range entries {
		path := filepath.Join(st.dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), makingPrefix):
			all = errors.Join(all, os.RemoveAll(path))
		case strings.HasSuffix(e.Name(), ".refused"):
			var no refusal
			if readJSON(path, &no) != nil || time.Now().After(no.Until) {
				all = errors.Join(all, os.Remove(path))
			}
		case e.IsDir():
			s := keptSnapshot{snapshot: snapshot{dir: path}}
			err := readJSON(filepath.Join(path, aboutFile), &s.about)
			s.measure()
			if err != nil || s.about.Kind.Boot != boot && time.Since(s.used) > foreignAge {
				all = errors.Join(all, s.remove())
				continue
			}
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(a, b keptSnapshot) int {
		return cmp.Or(-cmpBool(filepath.Base(a.dir) == name, filepath.Base(b.dir) == name), b.used.Compare(a.used))
	})
	var sum int64
	own := 0
	for _, s := range kept {
		if s.about.Kind.Boot != boot {
			continue // another machine's, which counts its own
		}
		own++
		sum += s.bytes
		if own > 1 && (own > most || sum > bytes) {
			all = errors.Join(all, s.remove())
		}
	}
	return all
}

func cmpBool(a, b bool) int {
	return cmp.Compare(map[bool]int{true: 1}[a], map[bool]int{true: 1}[b])
}

// measure finds out what the snapshot takes, and when it was used last.
func (s *keptSnapshot) measure() {
	for _, name := range []string{memoryFile, stateFile, aboutFile} {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(s.dir, name), &st) != nil {
			continue
		}
		s.bytes += st.Blocks * 512
		if name == aboutFile {
			s.used = time.Unix(st.Mtim.Unix())
		}
	}
}
