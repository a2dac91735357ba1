// Package engine has the container engines, podman and docker, as far as a cage needs them: through their commands, whose
// arguments are the same in nearly all.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/printing"
)

// The engines.
const (
	Podman = "podman"
	Docker = "docker"
)

// Engine is one that was found.
type Engine struct {
	Name string // Podman or Docker
	Path string // of its command
}

// Find looks for the command of an engine; of an empty name, for podman first.
func Find(name string) (Engine, error) {
	names := []string{Podman, Docker}
	if err := Known(name); err != nil {
		return Engine{}, err
	}
	if name != "" {
		names = []string{name}
	}
	for _, n := range names {
		path, err := exec.LookPath(n)
		if err == nil {
			return Engine{n, path}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
			return Engine{}, fmt.Errorf("find the engine %s: %w", n, err)
		}
	}
	return Engine{}, advise.New("no container engine was found: "+strings.Join(names, " and ")+" are looked for in $PATH",
		"apt-get install podman")
}

// Known refuses the name of an engine that there is none of.
func Known(name string) error {
	if name != "" && name != Podman && name != Docker {
		return fmt.Errorf("there is no engine %q: %s or %s", name, Podman, Docker)
	}
	return nil
}

// checked has what Check has found of each engine, by its path: it changes only while somebody sets up the machine.
var checked sync.Map

// Check refuses an engine that cannot start containers below a cage.
func (e Engine) Check(ctx context.Context) error {
	if _, ok := checked.Load(e.Path); ok {
		return nil
	}
	out, err := e.run(ctx, "info", "--format", "{{json .}}")
	if err != nil {
		return advise.New(fmt.Sprintf("%s does not answer: %v", e.Name, err), e.Name+" info")
	}
	if e.Name == Docker {
		var here string
		if here, err = os.Hostname(); err == nil {
			err = checkDocker(out, here)
		}
	} else {
		err = checkPodman(out)
	}
	if err == nil {
		checked.Store(e.Path, true)
	}
	return err
}

// oldestPodman is that of Debian 12. What a cage needs came with 1.9 or before, so that it is a version that was tried.
const oldestPodman = 4

func checkPodman(info []byte) error {
	var i struct {
		Host struct {
			CgroupVersion   string `json:"cgroupVersion"`
			ServiceIsRemote bool   `json:"serviceIsRemote"`
		} `json:"host"`
		Version struct{ Version string } `json:"version"`
	}
	if err := json.Unmarshal(info, &i); err != nil {
		return fmt.Errorf("read what podman info says: %w", err)
	}
	major := 0
	_, _ = fmt.Sscanf(i.Version.Version, "%d.", &major) // 0 where there is none
	switch {
	case i.Host.ServiceIsRemote:
		return advise.New("podman talks to a service elsewhere, and a cage is on this machine", "unset CONTAINER_HOST CONTAINER_CONNECTION, and name no connection of podman system connection")
	case i.Host.CgroupVersion == "v1":
		return advise.New("podman uses cgroup v1, and a cage is a cgroup v2", "boot with systemd.unified_cgroup_hierarchy=1")
	case major < oldestPodman:
		return advise.New(fmt.Sprintf("this is podman %q: %d.0 or later is needed", i.Version.Version, oldestPodman), "install a newer podman")
	}
	return nil
}

// checkDocker also refuses a daemon whose machine has another name than this one, here: its processes are nobody's here, or others.
func checkDocker(info []byte, here string) error {
	var i struct {
		CgroupDriver, CgroupVersion, ServerVersion string
		Name                                       string // of its machine
		ServerErrors                               []string
		SecurityOptions                            []string
	}
	if err := json.Unmarshal(info, &i); err != nil {
		return fmt.Errorf("read what docker info says: %w", err)
	}
	switch {
	case len(i.ServerErrors) > 0:
		return advise.New("the docker daemon does not answer: "+printable.Line(strings.Join(i.ServerErrors, ", ")), "sudo systemctl start docker")
	case i.Name != "" && i.Name != here:
		return advise.New(fmt.Sprintf("docker talks to a daemon elsewhere (%s, and this is %s), and a cage is on this machine", printable.Line(i.Name), here),
			"unset DOCKER_HOST DOCKER_CONTEXT and docker context use default; where its socket was lent to a container, run outside of that, or take podman")
	case i.CgroupVersion == "1":
		return advise.New("docker uses cgroup v1, and a cage is a cgroup v2", "boot with systemd.unified_cgroup_hierarchy=1")
	case i.CgroupDriver != "cgroupfs":
		return advise.New(fmt.Sprintf("docker's cgroup driver is %s, which puts containers into slices of systemd alone, never below a cage", i.CgroupDriver),
			`"exec-opts": ["native.cgroupdriver=cgroupfs"] in /etc/docker/daemon.json and a restart of the daemon, or podman`)
	}
	return nil
}

// said is what a command of an engine that failed has printed.
type said struct {
	text string
	err  error
}

// Error is the last line of it: engines warn first.
func (s *said) Error() string {
	lines := strings.Split(strings.TrimSpace(s.text), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return printable.Line(last)
	}
	return s.err.Error()
}

// Unwrap returns the error of the command.
func (s *said) Unwrap() error { return s.err }

// run returns what a command of the engine prints.
func (e Engine) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, e.Path, e.with(args)...)
	cmd.SysProcAttr = apart()
	var stdout, stderr bytes.Buffer
	err := printing.Run(cmd, outputGrace, &stdout, &stderr)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) { // what it has started, for example conmon, has its stderr
		err = nil
	}
	if err != nil {
		return nil, &said{stderr.String(), err}
	}
	return stdout.Bytes(), nil
}

// with has the flags of the engine that each of its commands needs.
func (e Engine) with(args []string) []string {
	if e.Name == Podman {
		// The systemd manager puts containers into scopes of its own, below slices alone.
		return append([]string{"--cgroup-manager", "cgroupfs"}, args...)
	}
	return args
}
