package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Container is what an engine says of one.
type Container struct {
	Engine   string
	ID       string
	PID      int    // of its first process, as the engine sees it; 0: none runs
	Cgroup   string // below the mount; empty where the engine does not say it
	Status   string // "created", "running", "exited" and so on
	ExitCode int
	Error    string // why it could not be started

	labels map[string]string
}

// Ended reports whether its program has run, and does not any more.
func (c Container) Ended() bool {
	return c.Status == "exited" || c.Status == "stopped" || c.Status == "dead"
}

// isOver reports whether nothing of it runs.
func (c Container) isOver() bool { return c.PID == 0 && (c.Ended() || c.Status == "created") }

// Inspect asks for a container by its name or ID.
func (e Engine) Inspect(ctx context.Context, container string) (Container, error) {
	out, err := e.run(ctx, "container", "inspect", "--", container)
	if err != nil {
		return Container{}, fmt.Errorf("%s: %w", e.Name, err)
	}
	c, err := parseContainer(out)
	if err != nil {
		return Container{}, fmt.Errorf("read what %s says of the container %s: %w", e.Name, container, err)
	}
	c.Engine = e.Name
	return c, nil
}

// parseContainer reads what inspect prints: a list of one.
func parseContainer(out []byte) (Container, error) {
	var all []struct {
		ID    string `json:"Id"`
		State struct {
			Status     string
			Pid        int
			ExitCode   int
			Error      string
			CgroupPath string // podman
		}
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return Container{}, err
	}
	if len(all) != 1 || all[0].ID == "" {
		return Container{}, fmt.Errorf("it tells of %d containers, and one is needed", len(all))
	}
	s := all[0].State
	return Container{
		ID: all[0].ID, PID: s.Pid, Cgroup: s.CgroupPath, Status: s.Status, ExitCode: s.ExitCode, Error: s.Error, labels: all[0].Config.Labels,
	}, nil
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
	var said, installed []string
	for _, name := range engines {
		path, err := exec.LookPath(name)
		if err != nil {
			said = append(said, name+" is not installed")
			continue
		}
		installed = append(installed, name)
		ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("it did not answer within %v", lookTimeout))
		c, err := Engine{name, path}.Inspect(ctx, container)
		cancel()
		if err == nil {
			return c, nil
		}
		said = append(said, err.Error())
	}
	if len(installed) > 0 {
		said[len(said)-1] += fmt.Sprintf("; %s ps lists those that run", installed[0])
	}
	return Container{}, fmt.Errorf("there is no container %s: %s", container, strings.Join(said, ", "))
}
