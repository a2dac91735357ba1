package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"oomcage/harness/internal/sys"
)

// The labels of the containers that are made here: the directory of the cage, and what tells whose directory that is.
const (
	cageLabel  = "oomcage.cage"
	placeLabel = "oomcage.place"
)

// Owner is the cage that a container is made for.
type Owner struct {
	Cage  string // its directory
	Place Place
}

// Place is this boot of the machine, and the cgroup namespace in which directories of cages are named.
type Place struct{ Boot, Namespace string }

// Here is where this process is.
func Here() (p Place, err error) {
	boot, err := sys.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return p, err
	}
	namespace, err := os.Readlink("/proc/self/ns/cgroup")
	return Place{strings.TrimSpace(boot), namespace}, err
}

func (o Owner) labels() []string {
	return []string{cageLabel + "=" + o.Cage, placeLabel + "=" + o.Place.Boot + "/" + o.Place.Namespace}
}

// isLeft reports whether a container has been left by a run that was killed: its cage is no more. That of
// another cgroup namespace of this boot cannot be seen from here. One of another boot may be another machine's with the same
// store of containers: it is left where it does not run.
func (p Place) isLeft(c Container, exists func(path string) bool) bool {
	boot, namespace, ok := strings.Cut(c.labels[placeLabel], "/")
	switch {
	case !ok || c.labels[cageLabel] == "":
		return false
	case boot != p.Boot:
		return c.isOver()
	}
	return namespace == p.Namespace && !exists(c.labels[cageLabel])
}

// RemoveLeft removes the containers of runs that were killed, and returns a line about each.
func (e Engine) RemoveLeft(ctx context.Context) ([]string, error) {
	here, err := Here()
	if err != nil {
		return nil, err
	}
	out, err := e.run(ctx, "ps", "--all", "--no-trunc", "--quiet", "--filter", "label="+cageLabel)
	if err != nil {
		return nil, fmt.Errorf("%s: look for containers that were left: %w", e.Name, err)
	}
	var said []string
	for _, id := range strings.Fields(string(out)) {
		c, err := e.Inspect(ctx, id)
		if err != nil || !here.isLeft(c, exists) {
			continue // its owner has just removed it, or lives
		}
		line := fmt.Sprintf("removed the container %.12s, left by a run that was killed", id)
		if err := e.Remove(ctx, id); err != nil {
			line = fmt.Sprintf("could not remove the container %.12s, left by a run that was killed: %v", id, err)
		}
		said = append(said, line)
	}
	return said, nil
}

// RemoveOf removes the containers that were made for a cage, where nobody knows their ids.
func (e Engine) RemoveOf(ctx context.Context, o Owner) error {
	args := []string{"ps", "--all", "--no-trunc", "--quiet"}
	for _, l := range o.labels() {
		args = append(args, "--filter", "label="+l)
	}
	out, err := e.run(ctx, args...)
	if err != nil {
		return fmt.Errorf("%s: look for the container of %s: %w", e.Name, o.Cage, err)
	}
	for _, id := range strings.Fields(string(out)) {
		err = errors.Join(err, e.Remove(ctx, id))
	}
	return err
}

// exists reports whether there may be something at the path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
