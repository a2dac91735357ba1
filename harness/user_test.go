package harness

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// reachable is the target where every user may execute it.
func reachable(t *testing.T, target Target) Target {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "oomcage-test-") //nolint:usetesting // no other user may enter what t.TempDir makes
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // any user is to enter it
	program, err := os.ReadFile(target.Path)
	require.NoError(t, err)
	target.Path = filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(target.Path, program, 0o755)) //nolint:gosec // and to execute it
	target.Env = target.Env[:1]                                   // a GOCOVERDIR would not be his
	return target
}

func TestATargetRunsAsAnotherUserInTheSameCage(t *testing.T) {
	requireRoot(t)
	target := reachable(t, as(t, "whoami"))
	target.User = "4242:4343"
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
	o.RequireVerdict(t, Exited)
	require.Equal(t, "exit code 0", o.Evidence.Status.String(), "it can write to its TMPDIR: %s", o.Output)
	require.Contains(t, o.Output, "user 4242 4242 group 4343 groups [] home "+os.Getenv("HOME"))
	require.Contains(t, o.Output, "cgroup 0::"+o.Evidence.Cage+"\n")
	require.Equal(t, "4242:4343", o.Spec.Target.User)
	require.Contains(t, o.String(), "\n  user       4242:4343\n")
	requireNothingLeft(t)
}

func TestAnotherUsersMemoryIsLimitedAndItsEndIsTheKernels(t *testing.T) {
	requireRoot(t)
	target := reachable(t, as(t, "eat", "100000000"))
	target.User = "4242:4343"
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 64 * MiB}})
	o.RequireVerdict(t, OOMKilled)
	o.RequireOOMKills(t, 1)
}

// someUser is one whom /etc/group has in a group beside its own, or else nobody.
func someUser(t *testing.T) *user.User {
	t.Helper()
	text, err := os.ReadFile("/etc/group")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		members := line[strings.LastIndex(line, ":")+1:]
		for name := range strings.SplitSeq(strings.TrimSpace(members), ",") {
			if u, err := user.Lookup(name); err == nil && u.Uid != "0" {
				return u
			}
		}
	}
	u, err := user.Lookup("nobody")
	require.NoError(t, err)
	return u
}

func TestANamedUserHasItsGroupsAndItsHome(t *testing.T) {
	requireRoot(t)
	if os.Getenv("OOMCAGE_VM") == "" { // /etc/passwd is only a microVM's to change
		u := someUser(t)
		target := reachable(t, as(t, "whoami"))
		target.User = u.Username
		o := RunT(t, Spec{Target: target})
		o.RequireVerdict(t, Exited)
		said := regexp.MustCompile(`user (\d+) \d+ group (\d+) groups \[(.*)\] home (\S+) (\S+)\n`).FindStringSubmatch(o.Output)
		require.NotNil(t, said, o.Output)
		require.Equal(t, []string{u.Uid, u.Gid, u.HomeDir, u.Username}, append(said[1:3:3], said[4:]...))
		groups, err := u.GroupIds()
		require.NoError(t, err)
		require.ElementsMatch(t, groups, strings.Fields(said[3]))
		return
	}
	require.NoError(t, os.MkdirAll("/etc", 0o755)) //nolint:gosec // as everywhere
	for file, text := range map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\nkarl:x:4242:4343:Karl:/srv/karl:/bin/sh\n",
		"/etc/group":  "root:x:0:\nkarl:x:4343:\nwheel:x:10:karl\naudio:x:29:root,karl\n",
	} {
		before, err := os.ReadFile(file)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) //nolint:gosec // as everywhere
		if err == nil {
			defer os.WriteFile(file, before, 0o644) //nolint:gosec,errcheck // as everywhere
		} else {
			defer os.Remove(file)
		}
	}
	for _, name := range []string{"karl", "4242"} {
		target := reachable(t, as(t, "whoami"))
		target.User = name
		o := RunT(t, Spec{Target: target})
		o.RequireVerdict(t, Exited)
		require.Regexp(t, `user 4242 4242 group 4343 groups \[(4343 )?10 29( 4343)?\] home /srv/karl karl\n`, o.Output)
	}
}

func TestAUserThatIsNotThereIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"no-such-user":    `there is no user "no-such-user" here (getent passwd lists them): name another, or write UID:GID`,
		"4000000001":      "the user 4000000001 has no name here, so its group is not known: write 4000000001:GID",
		"a:b":             `"a" is no number of a user or a group`,
		"1:":              `"" is no number`,
		"4294967295:1":    `"4294967295" is no number of a user or a group: they are from 0 to 4294967294`,
		"1:2:3":           `"2:3" is no number`,
		"\x1b[31m":        "there is no user",
		"99999999999999:": "is no number",
	} {
		err := Spec{Target: Target{Path: "p", User: name}}.Validate()
		require.ErrorContains(t, err, want, name)
		require.ErrorContains(t, err, "Target.User")
	}
	_, err := Run(t.Context(), Spec{Target: Target{Path: "p", User: "no-such-user"}})
	require.ErrorContains(t, err, "there is no user")
}

func TestOnlyRootStartsATargetAsAnotherUser(t *testing.T) {
	own := fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	require.NoError(t, checkUser(own))
	a, err := accountOf(own)
	require.NoError(t, err)
	if os.Geteuid() == 0 {
		require.NotNil(t, a.credential())
		return
	}
	require.Nil(t, a.credential(), "nothing is to change")
	err = checkUser("4242:4343")
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "that takes root (CAP_SETUID and CAP_SETGID), and this process is user "+strconv.Itoa(os.Geteuid()))
}

func TestTheUserOfThisProcessIsFoundByItsName(t *testing.T) {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil { // as in a container
		a, err := accountOf(fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid()))
		require.NoError(t, err, "a number needs no name")
		require.EqualValues(t, os.Geteuid(), a.uid)
		return
	}
	a, err := accountOf(u.Username)
	require.NoError(t, err)
	require.EqualValues(t, os.Geteuid(), a.uid)
	require.Equal(t, u.Gid, strconv.Itoa(int(a.gid)))
	require.Equal(t, []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}, a.env)
}

func TestWhatKeepsAUserFromAFileIsSaid(t *testing.T) {
	base := t.TempDir()
	closed := filepath.Join(base, "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	program := filepath.Join(base, "program")
	mustWrite(t, program, "#!/bin/sh\n")
	inside := filepath.Join(closed, "program")
	mustWrite(t, inside, "")
	stranger := &account{asked: "4242:4343", uid: 4242, gid: 4343}
	owner := &account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	if owner.uid == 0 {
		require.Empty(t, owner.refused(inside, true), "root may do all")
	} else {
		require.Equal(t, "execute "+program, owner.refused(program, true))
	}
	require.Equal(t, "execute "+program, stranger.refused(program, true))
	require.NoError(t, os.Chmod(inside, 0o755)) //nolint:gosec // it is in a folder that is closed
	require.Equal(t, fmt.Sprintf("enter %s, in which %s is", closed, inside), stranger.refused(inside, true))
	require.Equal(t, fmt.Sprintf("enter %s, in which %s is", closed, inside), stranger.refused(inside, false))
	require.Empty(t, stranger.refused("", true))
	require.Empty(t, stranger.refused(filepath.Join(base, "none"), true))

	err := stranger.explain(fmt.Errorf("fork/exec %s: %w", inside, syscall.EACCES), inside, "")
	require.ErrorContains(t, err, "permission denied: the user 4242:4343 may not enter "+closed)
	require.Equal(t, "as the user 4242:4343: operation not permitted", stranger.explain(unix.EPERM, "/", "").Error())
	require.Equal(t, unix.ENOENT, stranger.explain(unix.ENOENT, inside, ""))
	require.Equal(t, unix.EACCES, (*account)(nil).explain(unix.EACCES, inside, ""))
}

func TestAProgramThatAnotherUserMayNotExecuteIsAnErrorThatSaysWhy(t *testing.T) {
	requireRoot(t)
	target := reachable(t, as(t, "whoami"))
	require.NoError(t, os.Chmod(target.Path, 0o700)) //nolint:gosec // so that root alone may execute it
	target.User = "4242:4343"
	cage := NewCageT(t, Limits{})
	_, err := cage.Start(t.Context(), target)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "the user 4242:4343 may not execute "+target.Path)

	closed := filepath.Join(filepath.Dir(target.Path), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	t.Setenv("TMPDIR", closed)
	_, err = cage.Start(t.Context(), target)
	require.ErrorContains(t, err, "make a TMPDIR for the target: the user 4242:4343 may not enter "+closed)
	names, err := os.ReadDir(closed)
	require.NoError(t, err)
	require.Empty(t, names, "nothing is left of it")
}

func TestATargetReadsItsStdinFromTheBeginningEachTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "words")
	mustWrite(t, file, "one\ntwo\n")
	target := as(t, "whoami")
	target.Stdin = file
	for range 2 {
		o := RunT(t, Spec{Target: target})
		o.RequireVerdict(t, Exited)
		require.Regexp(t, "\none\ntwo\n$", o.Output)
		require.Contains(t, o.String(), "\n  stdin      "+file+"\n")
		require.Equal(t, file, SpecOf(o.Spec).Target.Stdin)
	}
	target.Stdin = ""
	o := RunT(t, Spec{Target: target})
	require.NotContains(t, o.Output, "two", "there is nothing to read")
	require.Equal(t, 0, o.Evidence.Status.Code)
}

func TestAStdinThatCannotBeReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	for path, want := range map[string]string{
		dir:              "is a folder, a pipe or a socket: give a file, which each run reads from its beginning",
		pipe:             "is a folder, a pipe or a socket",
		"/no/such/words": "no such file or directory",
	} {
		err := Spec{Target: Target{Path: "p", Stdin: path}}.Validate()
		require.ErrorContains(t, err, want, path)
		require.ErrorContains(t, err, "Target.Stdin")
	}
	require.NoError(t, Spec{Target: Target{Path: "p", Stdin: "/dev/null"}}.Validate())
}
