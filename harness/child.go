package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"oomcage/harness/internal/cgroup"
)

// leafName is the cgroup that holds the targets of a cage which has children.
const leafName = "targets"

// Child makes a cage below c, with limits of its own: what it holds is charged to it, to c and to
// all above. A child may have children too. Closing c closes them.
//
// The kernel passes controllers on only from a cgroup without processes ("no internal
// processes", Documentation/admin-guide/cgroup-v2.rst). So make the children first: Child is an
// error while targets of c run that were started before it had any. Targets that are
// started in c later go into a leaf of their own below it, which has no limits.
func (c *Cage) Child(name string, l Limits) (*Cage, error) {
	if err := validateChildName(name); err != nil {
		return nil, err
	}
	if err := validate(l); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("make the child %s: the cage %s is closed: make it before that", name, c.group.Path())
	}
	if c.contained {
		return nil, fmt.Errorf("make the child %s: the cage %s is for a container, and has no children: make another cage by NewCage", name, c.group.Path())
	}
	if err := c.delegate(); err != nil {
		return nil, fmt.Errorf("make the child %s: %w", name, err)
	}
	c.run.retain()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	child, err := newCage(ctx, c.run, c.group, name, l)
	if err != nil {
		return nil, errors.Join(err, c.run.release())
	}
	child.parent = c
	c.children = append(c.children, child)
	openCages.add(child)
	return child, nil
}

func validateChildName(name string) error {
	const help = "use letters, digits, - and _"
	switch {
	case name == "":
		return errors.New("the child cage has no name: " + help)
	case name == leafName:
		return fmt.Errorf("the child cage is named %q, which the harness itself uses: choose another", name)
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
		// No dot either: the kernel's own files have one.
		return fmt.Errorf("the child cage is named %q, which would be no plain directory: %s", name, help)
	}
	return nil
}

// delegate passes the controllers on to the cgroups below the cage.
func (c *Cage) delegate() error {
	if c.delegated {
		return nil
	}
	if c.starting > 0 {
		return fmt.Errorf("a target is being started in the cage %s, and the kernel gives no controllers to children of a cgroup with processes: make its children before starting targets in it",
			c.group.Path())
	}
	if err := c.group.Delegate(); err != nil {
		if errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("targets run in the cage %s already (%s), and the kernel gives no controllers to children of a cgroup with processes: make its children before starting targets in it: %w",
				c.group.Path(), c.group.DescribeProcs(), err)
		}
		return err
	}
	c.delegated = true
	return nil
}

// targetGroup is the cgroup in which targets of the cage are started: the cage itself, or its leaf.
func (c *Cage) targetGroup() (*cgroup.Group, error) {
	if !c.delegated {
		return c.group, nil
	}
	if c.leaf != nil {
		return c.leaf, nil
	}
	leaf, err := c.group.Child(leafName)
	if err != nil {
		return nil, err
	}
	c.leaf = leaf
	return leaf, nil
}

// leafGroup is the leaf of the cage's own targets, or nil where they are in the cage itself.
func (c *Cage) leafGroup() *cgroup.Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaf
}
