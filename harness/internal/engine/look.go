package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
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
	out, err := exec.CommandContext(ctx, engine, "inspect", "--type", "container", "--", container).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return Container{}, errors.New(strings.Join(strings.Fields(string(exit.Stderr)), " "))
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
