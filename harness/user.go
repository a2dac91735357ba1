package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// account is the user that a target runs as.
type account struct {
	asked  string
	uid    uint32
	gid    uint32
	groups []uint32 // supplementary ones
	env    []string // what a login of a named user sets
}

// accountOf finds the user of Target.User; nil where none is asked for.
func accountOf(asked string) (*account, error) {
	if asked == "" {
		return nil, nil //nolint:nilnil // both are meant
	}
	a := &account{asked: asked}
	uid, gid, pair := strings.Cut(asked, ":")
	if pair {
		return a, errors.Join(parseID(uid, &a.uid), parseID(gid, &a.gid))
	}
	u, err := user.Lookup(asked)
	if _, isNumber := strconv.ParseUint(asked, 10, 32); err != nil && isNumber == nil {
		if u, err = user.LookupId(asked); err != nil {
			return nil, fmt.Errorf("the user %s has no name here, so its group is not known: write %s:GID", asked, asked)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("there is no user %q here (getent passwd lists them): name another, or write UID:GID: %w", asked, err)
	}
	if err := errors.Join(parseID(u.Uid, &a.uid), parseID(u.Gid, &a.gid)); err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("find the groups of the user %s: %w", asked, err)
	}
	for _, id := range ids {
		var n uint32
		if err := parseID(id, &n); err != nil {
			return nil, err
		}
		a.groups = append(a.groups, n)
	}
	a.env = []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	return a, nil
}

// parseID reads the number of a user or a group. The largest one stands for no change (setuid(2)).
func parseID(text string, to *uint32) error {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 1<<32-1 {
		return fmt.Errorf("%q is no number of a user or a group: they are from 0 to %d, as in 1000:1000", text, uint32(1<<32-2))
	}
	*to = uint32(n)
	return nil
}

// checkUser refuses a user that is not there, or that this process may not start a target as.
func checkUser(asked string) error {
	a, err := accountOf(asked)
	if a == nil || err != nil {
		return err
	}
	if uid := os.Geteuid(); uid != 0 && !a.isOurs() {
		return fmt.Errorf("run as the user %s: %w: that takes root (CAP_SETUID and CAP_SETGID), and this process is user %d", asked, fs.ErrPermission, uid)
	}
	return nil
}

// isOurs reports whether this process is that user already.
func (a *account) isOurs() bool { return int(a.uid) == os.Geteuid() && int(a.gid) == os.Getegid() }

// credential is what the kernel is told; nil where nothing is to change, which another user than root may not ask for.
func (a *account) credential() *syscall.Credential {
	if a == nil || os.Geteuid() != 0 && a.isOurs() {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// explain adds to the error of a start what the user may not do. Whoever starts it is told of another reason by the kernel alone.
func (a *account) explain(err error, program, dir string) error {
	if a == nil || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	for _, path := range []string{program, dir} {
		if refused := a.refused(path, path == program); refused != "" {
			return fmt.Errorf("%w: the user %s may not %s", err, a.asked, refused)
		}
	}
	return fmt.Errorf("as the user %s: %w", a.asked, err)
}

// refused says what keeps the user from a file: to search the folders above it and, where it is a program, to execute it.
// It reads the modes alone, and knows no access lists.
func (a *account) refused(path string, program bool) string {
	if path == "" || a.uid == 0 {
		return ""
	}
	at, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if at, err = filepath.Abs(at); err != nil {
		return ""
	}
	if program && !a.may(at, 1) {
		return "execute " + at
	}
	for dir := filepath.Dir(at); ; dir = filepath.Dir(dir) {
		if !a.may(dir, 1) {
			return fmt.Sprintf("enter %s, in which %s is", dir, at)
		}
		if dir == "/" {
			return ""
		}
	}
}

// reaches refuses a TMPDIR that the user cannot come to.
func (a *account) reaches(tmp *scratch) error {
	if a == nil || tmp == nil {
		return nil
	}
	if refused := a.refused(tmp.dir(), false); refused != "" {
		return fmt.Errorf("make a TMPDIR for the target: the user %s may not %s: set TMPDIR of this process to a folder such as /tmp, or give one in Target.Env", a.asked, refused)
	}
	return nil
}

// may reports whether the mode of a file gives the user the bits (4 read, 2 write, 1 execute or search).
func (a *account) may(path string, bits uint32) bool {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return true // nothing is known against it
	}
	shift := 0
	switch {
	case s.Uid == a.uid:
		shift = 6
	case s.Gid == a.gid || slices.Contains(a.groups, s.Gid):
		shift = 3
	}
	return s.Mode>>shift&bits == bits
}
