package vm

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stamp is what changes when a file does. The change time cannot be set back by a program.
type stamp struct {
	size       int64
	ino        uint64
	ctime, dev int64
	mode       uint32
}

// privatePaths are no results even when they lie below a folder of results, for instance when that is /.
var privatePaths = []string{"/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/root", guestFolder}

// stampsBefore lists the files of all outs before the program runs. What cannot be looked at is new afterwards.
func stampsBefore(j job) map[string]stamp {
	files := map[string]stamp{}
	for _, o := range j.Out {
		eachFile(o, func(path string, st stamp, _ fs.FileInfo) { files[path] = st }, func(string, error) {})
	}
	return files
}

// eachFile calls f for the regular files and folders of the out, and bad for what it could not look at. What
// vanishes meanwhile is left out: processes that the program left behind may still be at work.
func eachFile(o out, f func(path string, st stamp, info fs.FileInfo), bad func(path string, err error)) {
	if !o.Dir {
		info, err := os.Stat(o.Path) // a profile may be a link to somewhere else
		switch {
		case err == nil && info.Mode().IsRegular():
			f(o.Path, stampOf(info), info)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			bad(o.Path, err)
		}
		return
	}
	root, err := os.Stat(o.Path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			bad(o.Path, err)
		}
		return
	}
	device := stampOf(root).dev
	_ = filepath.WalkDir(o.Path, func(path string, d fs.DirEntry, err error) error { // it returns no error but SkipDir
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				bad(path, err)
			}
			return nil // of a folder that could not be read there is nothing more
		}
		st := stampOf(info)
		switch {
		case d.IsDir() && (st.dev != device || isPrivate(o.Path, path)):
			return filepath.SkipDir
		case d.IsDir() || info.Mode().IsRegular():
			f(path, st, info)
		}
		return nil
	})
}

func isPrivate(root, path string) bool {
	return slices.Contains(privatePaths, path) && !inside(path, root)
}

func stampOf(info fs.FileInfo) stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{size: info.Size(), mode: uint32(info.Mode())}
	}
	return stamp{
		size: st.Size, ino: st.Ino, ctime: unix.TimespecToNsec(unix.Timespec(st.Ctim)),
		dev: int64(st.Dev), mode: st.Mode,
	}
}

// result is a file or folder that goes back to the host.
type result struct {
	header fileHeader
	path   string
	stored int64 // bytes that it takes, which are fewer than its size if it has holes
}

// sender sends results. It is not for concurrent use.
type sender struct {
	w *frameWriter
	packer
}

// changedSince lists what is new or changed since before, folders first and then the smallest, and reports what
// could not be looked at. A file that two outs share is in it once, and done names those that are with the host.
// Deletions stay in the guest: a file that is not seen, for instance below something that the program mounted,
// may be there all the same, and the host's must not be lost for it.
func changedSince(before map[string]stamp, j job, done map[string]bool, bad func(path string, err error)) []result {
	var all []result
	seen := map[string]bool{}
	for i, o := range j.Out {
		eachFile(o, func(path string, st stamp, info fs.FileInfo) {
			old, existed := before[path]
			if seen[path] || done[path] || info.IsDir() && (existed || path == o.Path) || existed && old == st {
				return
			}
			seen[path] = true
			if inGit(path) {
				if !info.IsDir() {
					bad(path, errInGit)
				}
				return
			}
			r := result{path: path, header: fileHeader{
				Place: i, Name: []byte(nameBelow(o, path)), Dir: info.IsDir(), Mode: uint32(info.Mode().Perm()),
				Modified: info.ModTime().UnixNano(),
			}}
			if !info.IsDir() {
				r.header.Size, r.stored = info.Size(), storedBytes(info)
			}
			all = append(all, r)
		}, bad)
	}
	slices.SortStableFunc(all, func(a, b result) int {
		return cmp.Or(cmpBool(b.header.Dir, a.header.Dir), cmp.Compare(a.stored, b.stored))
	})
	return all
}

func nameBelow(o out, path string) string {
	if !o.Dir {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, o.Path), "/")
}

func storedBytes(info fs.FileInfo) int64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Size()
	}
	return min(info.Size(), st.Blocks*512)
}

// sendResults sends what is new or changed since before, but for what is done. Its error is that of the line.
func (s *sender) sendResults(j job, before map[string]stamp, done map[string]bool) error {
	var lost error
	all := changedSince(before, j, done, func(path string, err error) {
		lost = errors.Join(lost, s.problem(path, err))
	})
	if lost != nil {
		return lost
	}
	c, room := coming{}, frameMax/2 // for what JSON makes of the names
	for i, r := range all {
		if r.header.Dir {
			continue
		}
		c.Files++
		c.Bytes += r.stored
		if name := shownPath(r.path); len(all)-i <= notesMax && room > 2*len(name) {
			c.Last = append(c.Last, name)
			room -= 2 * len(name)
		}
	}
	if err := s.json(frameComing, c); err != nil {
		return err
	}
	for _, r := range all {
		if err := s.send(r); err != nil {
			return err
		}
	}
	return nil
}

// send sends one result. That a file cannot be read is told in its end.
func (s *sender) send(r result) error {
	if r.header.Dir {
		return s.json(frameFile, r.header)
	}
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has vanished meanwhile
	}
	if err != nil {
		return s.problem(r.path, err)
	}
	defer f.Close()
	// Held, even if somebody still writes to it; what was cut off meanwhile is a hole.
	if err := s.json(frameFile, r.header); err != nil {
		return err
	}
	var reason []byte
	if err := s.contents(f, 0, r.header.Size); err != nil {
		var unreadable *fs.PathError
		if !errors.As(err, &unreadable) {
			return err
		}
		reason = []byte(unreadable.Error())
	}
	return s.w.frame(frameFileEnd, reason)
}

func (s *sender) problem(path string, err error) error {
	return s.w.frame(frameProblem, []byte(clip(fmt.Sprintf("%s: %v", shownPath(path), cause(err)))))
}

// clip shortens what must fit into one frame.
func clip(text string) string { return text[:min(len(text), frameMax)] }

// cause is the error without the path that its reader is told already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (s *sender) json(kind frameKind, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > frameMax {
		return fmt.Errorf("a frame of kind %q would have %d bytes", kind, len(data))
	}
	return s.w.frame(kind, data)
}
