package outcome

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/nearest"
)

// Change is a limit of the cage that the harness changes while the target runs, as an in-place resize of a pod does. It
// comes at a time or after a step. A memory.max that is lowered below what the cage is charged with kills: the kernel
// takes back what it can, and then calls the OOM killer until the rest fits (memory_max_write in mm/memcontrol.c).
type Change struct {
	// At is when it comes, since the target was ready. 0, with a Step of 0: as soon as it is ready, before the first step.
	At time.Duration `json:"at,omitempty"`

	// Step is the number of acknowledged steps with which it comes, before another step is sent. 0: At says when.
	Step int `json:"step,omitempty"`

	Limit string `json:"limit"` // max, high, low, min or swap: memory.max and so on, and memory.swap.max
	To    Bytes  `json:"to"`    // its new value; Unlimited is "max"; 0, for max and high, is an error
}

// Schedule is the changes of a run, in any order. nil: no limit changes.
type Schedule []Change

// scheduled are the limits that a schedule can change, and where each is in Limits.
var scheduled = map[string]func(*Limits) *Bytes{
	"max":  func(l *Limits) *Bytes { return &l.Max },
	"high": func(l *Limits) *Bytes { return &l.High },
	"low":  func(l *Limits) *Bytes { return &l.Low },
	"min":  func(l *Limits) *Bytes { return &l.Min },
	"swap": func(l *Limits) *Bytes { return &l.Swap },
}

// File returns the name of the kernel's file of the limit: "memory.max", "memory.swap.max".
func (c Change) File() string {
	if c.Limit == "swap" {
		return "memory.swap.max"
	}
	return "memory." + c.Limit
}

// Field returns the field of l that the change is of. It panics where Limit is none of the known names.
func (c Change) Field(l *Limits) *Bytes { return scheduled[c.Limit](l) }

// ParseChanges reads "10s:max=64M" or "step=20:high=48M"; limits that change at once have commas between them. An unknown limit, a time
// below 0, a step below 1 and a size that the limit cannot have are errors.
func ParseChanges(text string) ([]Change, error) {
	when, what, ok := strings.Cut(text, ":")
	if !ok {
		return nil, fmt.Errorf("%q does not say when: write it as 10s:max=64M or step=20:high=48M", text)
	}
	var at Change
	var err error
	if n, isStep := strings.CutPrefix(when, "step="); isStep {
		if at.Step, err = strconv.Atoi(n); err != nil || at.Step < 1 {
			return nil, fmt.Errorf("%q: %q is no step: steps are counted from 1", text, n)
		}
	} else if at.At, err = time.ParseDuration(when); err != nil || at.At < 0 {
		return nil, fmt.Errorf("%q: %q is neither a time since the target was ready, such as 10s, nor a step, such as step=20", text, when)
	}
	var all []Change
	for part := range strings.SplitSeq(what, ",") {
		name, size, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%q: %q is no limit with its new value, such as max=64M", text, part)
		}
		c := at
		c.Limit = name
		if err := c.checkName(); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if err := c.To.Set(size); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// String returns what ParseChanges reads.
func (c Change) String() string { return c.whenText() + ":" + c.Limit + "=" + c.To.String() }

func (c Change) whenText() string {
	if c.Step > 0 {
		return fmt.Sprintf("step=%d", c.Step)
	}
	return c.At.String()
}

// when is the same for a sentence.
func (c Change) when() string {
	switch {
	case c.Step > 0:
		return fmt.Sprintf("after step %d", c.Step)
	case c.At == 0:
		return "when it was ready"
	}
	return fmt.Sprintf("%v after it was ready", c.At)
}

func (c Change) checkName() error {
	if scheduled[c.Limit] == nil {
		names := slices.Sorted(maps.Keys(scheduled))
		return fmt.Errorf("there is no limit %q that can change during a run: %stake one of %s", c.Limit, nearest.Hint(c.Limit, names), strings.Join(names, ", "))
	}
	return nil
}

// check says what of the change makes no sense on any machine.
func (c Change) check() error {
	if err := c.checkName(); err != nil {
		return err
	}
	switch {
	case c.At < 0 || c.Step < 0:
		return errors.New("neither its time nor its step may be negative")
	case c.At > 0 && c.Step > 0:
		return errors.New("it has a time and a step: give one of them")
	case c.To == 0 && (c.Limit == "max" || c.Limit == "high"):
		return fmt.Errorf("%s to 0 could mean no limit or no memory: write max for no limit", c.File())
	}
	var l Limits
	*c.Field(&l) = c.To
	return l.Validate()
}

// validate says what of the schedule makes no sense, with a load of so many steps.
func (s Schedule) validate(load Load) error {
	for i, c := range s {
		if err := c.check(); err != nil {
			return fmt.Errorf("the change %s of the schedule: %w", c, err)
		}
		if load.Count > 0 && c.Step > load.Count {
			return fmt.Errorf("the change %s of the schedule never comes: the load has %s", c, human.Count(load.Count, "step"))
		}
		if slices.ContainsFunc(s[:i], func(b Change) bool { return b.At == c.At && b.Step == c.Step && b.Limit == c.Limit }) {
			return fmt.Errorf("the schedule changes %s twice at once (%s): give one of the values", c.File(), c.whenText())
		}
	}
	return nil
}

// HasSteps reports whether a change waits for a step.
func (s Schedule) HasSteps() bool {
	return slices.ContainsFunc(s, func(c Change) bool { return c.Step > 0 })
}

// AfterSteps returns the changes that have a Step, those of earlier steps first.
func (s Schedule) AfterSteps() Schedule {
	return s.sorted(func(c Change) bool { return c.Step > 0 })
}

// ByTime returns the changes that have no Step, the earliest first.
func (s Schedule) ByTime() Schedule {
	return s.sorted(func(c Change) bool { return c.Step == 0 })
}

// Largest returns l with the largest Max and Swap that are in force at any time of a run which begins with l.
func (s Schedule) Largest(l Limits) Limits {
	for _, c := range s {
		switch {
		case c.Limit == "max" && l.Max > 0:
			l.Max = max(l.Max, c.To)
		case c.Limit == "swap":
			l.Swap = max(l.Swap, c.To)
		}
	}
	return l
}

// After returns the change as the next life of a target is to make it, where this life has acknowledged that many steps and was ready
// for that long.
func (c Change) After(acknowledged int, ready time.Duration) Change {
	if c.Step > 0 {
		c.Step = max(c.Step-acknowledged, 0)
	} else {
		c.At = max(c.At-ready, 0)
	}
	return c
}

func (s Schedule) sorted(is func(Change) bool) (some Schedule) {
	for _, c := range s {
		if is(c) {
			some = append(some, c)
		}
	}
	slices.SortStableFunc(some, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.At, b.At)) })
	return some
}

// Warnings returns sentences about what in the spec is surely not meant so, before it is run: a memory.max that is lowered below what
// the steps will have taken. nil: there is nothing.
func (s Spec) Warnings() (all []string) {
	for _, c := range s.Schedule {
		if charged := Bytes(c.Step) * s.Load.Bytes; c.Limit == "max" && charged > c.To {
			all = append(all, fmt.Sprintf("memory.max is lowered to %s after step %d, and the steps take %s by then: where the cage is charged with more than its new limit, the kernel kills at once",
				human.Size(c.To), c.Step, human.Size(charged)))
		}
	}
	return all
}
