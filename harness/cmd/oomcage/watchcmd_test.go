//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/internal/cgroup"
)

// What the examples of watch need besides the kernel: this binary under another name.
func init() {
	switch cgroup := os.Getenv("OOMCAGE_TEST_WATCHED"); filepath.Base(os.Args[0]) {
	case "watched-service": // it ends by itself when it is asked to
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("up")
		<-asked
		os.Exit(0)
	case "systemctl":
		state := "inactive"
		if pids, err := os.ReadFile("/sys/fs/cgroup" + cgroup + "/cgroup.procs"); err == nil && len(pids) > 0 {
			state = "active"
		}
		fmt.Printf("LoadState=loaded\nActiveState=%s\nControlGroup=%s\n", state, cgroup)
		os.Exit(0)
	case "podman", "docker":
		fmt.Printf(`[{"Id": "7d52a8c1", "State": {"Status": "running", "Pid": %s, "CgroupPath": "%s"}}]`, os.Getenv("OOMCAGE_TEST_PID"), cgroup)
		os.Exit(0)
	}
}

// firstWrite calls f at the first one.
type firstWrite struct {
	bytes.Buffer
	f func()
}

func (w *firstWrite) Write(p []byte) (int, error) {
	w.f()
	return w.Buffer.Write(p)
}

// WriteString is what io.WriteString would call of the buffer.
func (w *firstWrite) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// The examples of the help, which docs/watch.md has too, each with something of these names that is there to be watched.
func TestTheExamplesOfWatchWorkAsTheyStand(t *testing.T) {
	if os.Getenv("OOMCAGE_VM") == "" {
		t.Skip("it makes cgroups that may be somebody's: it takes the microVM")
	}
	needCages(t) // which passes the memory controller on
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	for _, name := range []string{"watched-service", "systemctl", "podman", "docker"} {
		require.NoError(t, os.Symlink(self, filepath.Join(bin, name)))
	}
	t.Setenv("PATH", bin)
	t.Chdir(t.TempDir())
	const mount = "/sys/fs/cgroup"
	require.NoError(t, os.Mkdir(mount+"/web", 0o755)) //nolint:gosec // a cgroup
	t.Cleanup(func() { mustRemoveGroup(t, mount+"/web") })
	const container = "/pod7/7d52a8c1"
	standInForKubelet(t, mount, container)
	for _, example := range examplesOf(t, "watch") {
		cgroup := "/web"
		if strings.Contains(example, "-pod ") {
			cgroup = container
		}
		service := startIn(t, filepath.Join(bin, "watched-service"), mount+cgroup)
		pid := strconv.Itoa(service.Process.Pid)
		t.Setenv("OOMCAGE_TEST_WATCHED", cgroup)
		t.Setenv("OOMCAGE_TEST_PID", pid)
		end := sync.OnceFunc(func() { require.NoError(t, service.Process.Signal(syscall.SIGTERM)) })
		stdout := &firstWrite{f: func() {
			if !strings.Contains(example, "-for ") {
				end()
			}
		}}
		var stderr bytes.Buffer
		args := strings.Fields(strings.TrimPrefix(regexp.MustCompile(`\b4711\b`).ReplaceAllString(example, pid), "oomcage "))
		require.Zero(t, execute(args, stdout, &stderr), "%s\n%s%s", example, stdout, &stderr)
		end()
		require.NoError(t, service.Wait())
		if !strings.Contains(example, "-json") {
			require.Regexp(t, `\n(exited|survived): `, stdout.String(), example)
		}
	}
}

// standInForKubelet makes the cgroup of the pod shop/web with one of a container, and the kubelet's files of them.
func standInForKubelet(t *testing.T, mount, container string) {
	t.Helper()
	const link = "/var/log/containers/web_shop_app-7d52a8c1.log"
	for _, dir := range []string{"/var/log/pods/shop_web_7/app", "/var/log/containers", mount + path.Dir(container)} {
		require.NoError(t, os.MkdirAll(dir, 0o755)) //nolint:gosec // as the kubelet's
	}
	require.NoError(t, os.WriteFile(mount+path.Dir(container)+"/cgroup.subtree_control", []byte("+memory"), 0)) //nolint:gosec // the kernel's
	require.NoError(t, os.Mkdir(mount+container, 0o755))                                                        //nolint:gosec // a cgroup
	require.NoError(t, os.Symlink("/var/log/pods/shop_web_7/app/0.log", link))
	t.Cleanup(func() {
		mustRemoveGroup(t, mount+path.Dir(container))
		for _, made := range []string{link, "/var/log/pods/shop_web_7/app", "/var/log/pods/shop_web_7"} {
			require.NoError(t, os.Remove(made))
		}
	})
}

// mustRemoveGroup removes a cgroup and those below it. What has ended may be in it for a moment more.
func mustRemoveGroup(t *testing.T, dir string) {
	t.Helper()
	g, err := cgroup.Existing(dir)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, g.Remove(ctx))
}

// startIn starts a program in a cgroup, and waits until it is up.
func startIn(t *testing.T, program, cgroup string) *exec.Cmd {
	t.Helper()
	dir, err := os.Open(cgroup)
	require.NoError(t, err)
	defer dir.Close()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.SysProcAttr = inCgroup(int(dir.Fd()))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 8))
	require.NoError(t, err)
	return cmd
}

func TestAWatchRefusesWhatMakesNoSense(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "there is nothing to watch: name a cgroup, a process, a unit, a container or a pod",
		"/a -pid 1":                 "one thing can be watched at a time",
		"-pod a -unit b":            "one thing can be watched at a time",
		"/a -for -1s":               "watch for -1s: it must not be negative",
		"/a -expect eaten":          "-expect",
		"/a -expect stopped":        "a watch asks nothing of what it watches",
		"/a -expect exited,stopped": "a watch asks nothing of what it watches",
		"-engine docker":            "there is nothing to watch",
		"-container a -engine rkt":  `there is no engine "rkt": podman or docker`,
		"/a /b":                     "accepts at most 1 arg",
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, execute(append([]string{"watch"}, strings.Fields(args)...), &stdout, &stderr), args)
		require.Contains(t, stderr.String(), want)
	}
}

func TestAWatchPrintsWhatDiffers(t *testing.T) {
	var out bytes.Buffer
	p := newWatchPrinter(&out, nil)
	for _, s := range watchedSamples() {
		p.seen(s, 64*harness.MiB)
	}
	p.end()
	require.Equal(t, "1.0 s 2.0 s 2.1 s ", strings.Join(regexp.MustCompile(`(?m)^[\d.]+ m?s `).FindAllString(out.String(), -1), ""), out.String())
}

func TestAnOutcomeIsAddedToResultsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	one := stored(t, "web", harness.Survived)
	for text, want := range map[string]string{
		"":                  "",
		one + "\n":          "",
		one:                 "its last line does not end",
		"precious\n":        "no outcome",
		one[:40]:            "torn",
		"\n\n" + one + "\n": "",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		f, err := openToAppend(path)
		if want == "" {
			require.NoError(t, err, text)
			_, err = f.WriteString("x")
			require.NoError(t, err)
			require.NoError(t, f.Close())
		} else {
			require.ErrorContains(t, err, "holds no results to which one can be added", text)
			require.ErrorContains(t, err, want)
		}
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, strings.TrimSuffix(string(now), "x"), "nothing is lost")
	}
}

// A watch that had failed in the microVM left an empty file on the host.
func TestAWatchThatFailsLeavesNoResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.jsonl")
	for out, expected := range map[string]struct {
		code int
		says string
	}{
		path:                                {exitMachine, "oomcage watch: "},
		"/sys/kernel/w.jsonl":               {exitUsage, "make /sys/kernel/w.jsonl: permission denied"}, // nor by root
		filepath.Join(path, "in/no.folder"): {exitUsage, "no such file or directory"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, expected.code, execute([]string{"watch", "/no/such/cgroup", "-o", out}, &stdout, &stderr), &stderr)
		require.Contains(t, stderr.String(), expected.says)
		require.NoFileExists(t, out)
	}
	o := &harness.Outcome{Name: "web", Verdict: harness.Survived}
	for lines := 1; lines <= 2; lines++ { // it is made, and then added to
		a := appended{path: path}
		require.NoError(t, a.prepare())
		require.NoError(t, a.keep(o))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, lines, strings.Count(string(text), `"name":"web"`))
	}
}
