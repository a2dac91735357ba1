package engine

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"oomcage/harness/internal/advise"
)

// outputGrace is how long a command of an engine that has ended may have its output open through others that it has started.
const outputGrace = 200 * time.Millisecond

// Spec is a container that is to be made.
type Spec struct {
	Image   string
	Command []string // in the place of the image's
	Env     []string // NAME=VALUE
	Dir     string   // empty: the image's
	User    string   // empty: the image's

	Cgroup      string // below which it is to run, as the kernel names it
	OOMScoreAdj int
	Owner       Owner

	// HostPort on the loopback address leads to ContainerPort. 0: the container has the network of the machine.
	HostPort, ContainerPort int
}

// createArgs are the arguments with which the engine makes the container.
func (e Engine) createArgs(s Spec) []string {
	args := []string{"create", "--pull=never", "--cgroup-parent=" + s.Cgroup, "--no-healthcheck", "--oom-score-adj=" + strconv.Itoa(s.OOMScoreAdj)}
	if e.Name == Podman {
		// Otherwise conmon would be charged to the cage, and might be the victim.
		args = append(args, "--cgroups=no-conmon")
	}
	// What it prints comes by attach; no log of it is kept.
	args = append(args, "--log-driver=none")
	for _, l := range s.Owner.labels() {
		args = append(args, "--label="+l)
	}
	if s.ContainerPort == 0 {
		args = append(args, "--network=host")
	} else {
		args = append(args, fmt.Sprintf("--publish=127.0.0.1:%d:%d", s.HostPort, s.ContainerPort))
	}
	if s.Dir != "" {
		args = append(args, "--workdir="+s.Dir)
	}
	if s.User != "" {
		args = append(args, "--user="+s.User)
	}
	for _, v := range s.Env {
		args = append(args, "--env="+v)
	}
	return append(append(args, "--", s.Image), s.Command...)
}

// Create makes a container, which does not run yet, and returns its id.
func (e Engine) Create(ctx context.Context, s Spec) (id string, err error) {
	out, err := e.run(ctx, e.createArgs(s)...)
	if err != nil {
		return "", e.explain(err, s.Image)
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return "", fmt.Errorf("%s create: it printed no id of a container", e.Name)
	}
	return lines[len(lines)-1], nil
}

// explain adds to what an engine says about an image what helps.
func (e Engine) explain(err error, image string) error {
	for _, text := range []string{"image not known", "No such image", "short-name", "unable to find image"} {
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
			return advise.New(fmt.Sprintf("%s has no image %s here, and a run pulls none: that would count as its time", e.Name, image),
				fmt.Sprintf("%s pull %s, or %s images for the names of those that are here", e.Name, image, e.Name))
		}
	}
	return fmt.Errorf("%s: %w", e.Name, err)
}

// ImageID is the id of an image that is here, a SHA-256.
func (e Engine) ImageID(ctx context.Context, image string) (string, error) {
	out, err := e.run(ctx, "image", "inspect", "--format", "{{.Id}}", "--", image)
	if err != nil {
		return "", e.explain(err, image)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "sha256:"), nil
}

// Init has podman make all of a container but start its program: its first process is there, in its cgroup. Docker has nothing like it.
func (e Engine) Init(ctx context.Context, id string) error {
	if e.Name == Docker {
		return nil
	}
	if _, err := e.run(ctx, "container", "init", id); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// Attach is the command that starts a container, prints what it prints, and ends with it.
func (e Engine) Attach(id string) *exec.Cmd {
	args := []string{"start", "--attach"}
	if e.Name == Podman { // docker's start has no such flag
		args = append(args, "--sig-proxy=false")
	}
	// Not CommandContext: it belongs to the container and ends with it.
	cmd := exec.Command(e.Path, e.with(append(args, id))...) //nolint:noctx // see above
	cmd.SysProcAttr = apart()
	return cmd
}

// notAttached is what docker's client says where a daemon refuses to attach to a container: it leaves out why. Podman's service prepares
// the container for that, which fails where its program is not there.
const notAttached = "unable to upgrade to tcp"

// WhyNotStarted is what the engine said, last, where Attach could not start the container. Where that says nothing, the engine is
// asked once more, for the sake of the answer: the container is to be removed.
func (e Engine) WhyNotStarted(ctx context.Context, id, output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := lines[len(lines)-1]
	if !strings.Contains(last, notAttached) {
		return last
	}
	_, err := e.run(ctx, "start", id)
	if s := (*said)(nil); errors.As(err, &s) { // its last line says for which container it was
		first, _, _ := strings.Cut(strings.TrimSpace(s.text), "\n")
		return first
	}
	return last
}

// apart keeps Ctrl-C of a terminal from a command: what it is about is for the harness to end.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Remove kills a container and removes it with what it has written. One that is gone is no error.
func (e Engine) Remove(ctx context.Context, id string) error {
	args := []string{"rm", "--force", "--volumes"}
	if e.Name == Podman {
		args = append(args, "--time=0", "--ignore")
	}
	_, err := e.run(ctx, append(args, id)...)
	if err != nil && !strings.Contains(strings.ToLower(err.Error()), "no such container") {
		return fmt.Errorf("%s: remove the container %s: %w", e.Name, id, err)
	}
	return nil
}
