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

// prune removes what is of no use any more: of earlier boots of the host, half-made, and, the longest unused first, what
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
			if readJSON(path, &no) != nil || no.Kind.Boot != boot || time.Now().After(no.Until) {
				all = errors.Join(all, os.Remove(path))
			}
		case e.IsDir():
			s := keptSnapshot{snapshot: snapshot{dir: path}}
			if readJSON(filepath.Join(path, aboutFile), &s.about) != nil || s.about.Kind.Boot != boot {
				all = errors.Join(all, s.remove())
				continue
			}
			s.measure()
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(a, b keptSnapshot) int {
		return cmp.Or(-cmpBool(filepath.Base(a.dir) == name, filepath.Base(b.dir) == name), b.used.Compare(a.used))
	})
	var sum int64
	for i, s := range kept {
		sum += s.bytes
		if i > 0 && (i >= most || sum > bytes) {
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
