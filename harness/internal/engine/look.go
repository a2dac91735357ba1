package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"oomcage/harness/internal/printable"
)

// Container is what an engine says of one.
type Container struct {
	Engine   string
	ID       string
	PID      int    // of its init, as this machine sees it; 0 where it does not run
	Cgroup   string // below the mount; empty where the engine does not say it
	Status   string // "running", "exited" and so on
	ExitCode int
}

// lookTimeout is how long an engine may take to answer: 2 s under emulation, and 10 s where that has a tenth of a processor (2026-11).
const lookTimeout = 30 * time.Second

// Look asks an engine of a container that somebody else has made, by its name or ID. With an empty engine it asks each that is
// installed.
func Look(ctx context.Context, engine, container string) (Container, error) {
	engines := []string{Podman, Docker}
	if engine != "" {
		engines = []string{engine}
	}
	var said []string
	for _, name := range engines {
		if _, err := exec.LookPath(name); err != nil {
			said = append(said, name+" is not installed")
			continue
		}
		c, err := look(ctx, name, container)
		if err == nil {
			return c, nil
		}
		said = append(said, fmt.Sprintf("%s: %v", name, err))
	}
	return Container{}, fmt.Errorf("there is no container %s: %s; %s ps lists those that run", container, strings.Join(said, ", "), engines[0])
}

func look(ctx context.Context, engine, container string) (Container, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("it did not answer within %v", lookTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, engine, "inspect", "--type", "container", "--", container)
	cmd.SysProcAttr = apart()
	cmd.WaitDelay = waitDelay
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay): // what it has started has its stderr
		err = nil
	case errors.As(err, &exit):
		err = errors.New(printable.Line(strings.Join(strings.Fields(string(exit.Stderr)), " ")))
	}
	if err != nil {
		return Container{}, err
	}
	c, err := parseLook(out)
	c.Engine = engine
	return c, err
}

// parseLook reads what inspect prints: a list of one.
func parseLook(out []byte) (Container, error) {
	var all []struct {
		ID    string `json:"Id"`
		State struct {
			Status     string
			Pid        int
			ExitCode   int
			CgroupPath string // podman
		}
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return Container{}, fmt.Errorf("parse what it says: %w", err)
	}
	if len(all) != 1 || all[0].ID == "" {
		return Container{}, fmt.Errorf("it tells of %d containers, and one is needed", len(all))
	}
	s := all[0].State
	return Container{ID: all[0].ID, PID: s.Pid, Cgroup: s.CgroupPath, Status: s.Status, ExitCode: s.ExitCode}, nil
}
