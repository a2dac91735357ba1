package outcome

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Spec says what is run, in which cage, under which load. It is data: it may be copied, stored as JSON and run again.
// harness.Spec adds what is code, the probe and the steps. The zero value lacks a Target.
type Spec struct {
	Target Target `json:"target"`
	Limits Limits `json:"limits"`
	Load   Load   `json:"load"`

	Schedule Schedule `json:"schedule,omitempty"` // limits that change during the run; nil: none does

	Stop *Stop `json:"stop,omitempty"` // how the target is asked to end after its load; nil: it is not

	Timeout time.Duration `json:"timeout,omitempty"` // of the whole run; 0: DefaultTimeout
}

// Target is the program that is caged; see harness.Target.
type Target struct {
	Path        string   `json:"path"`                    // of the executable; of a container, the first word of its command
	Args        []string `json:"args,omitempty"`          // without the program's name; $ADDR, $HOST and $PORT stand for its address
	Env         []string `json:"env,omitempty"`           // NAME=VALUE, added to the environment of the harness
	Dir         string   `json:"dir,omitempty"`           // the working directory; empty: that of the harness
	User        string   `json:"user,omitempty"`          // whom it runs as; empty: whom the harness runs as
	Stdin       string   `json:"stdin,omitempty"`         // the path of the file that it reads; empty: it has nothing to read
	OOMScoreAdj *int     `json:"oom_score_adj,omitempty"` // from OOMScoreAdjMin to OOMScoreAdjMax; nil: 0
	NoTHP       bool     `json:"no_thp,omitempty"`        // without transparent huge pages (PR_SET_THP_DISABLE of prctl(2))
	ReadyName   string   `json:"ready_name,omitempty"`    // a name of the probe; empty: there is none, or it has no name

	ReadyTimeout time.Duration `json:"ready_timeout,omitempty"` // of the probe; 0: Spec.Timeout

	Capture []Capture `json:"capture,omitempty"` // what is fetched of it before it is killed, at most 16
	Restart int       `json:"restart,omitempty"` // how many times it is started again when it has died; 0: never

	Image  string `json:"image,omitempty"`  // of the container whose first process is the target; empty: it is no container
	Engine string `json:"engine,omitempty"` // that makes the container; empty: podman, or else docker
	Port   int    `json:"port,omitempty"`   // of the container, to which $ADDR leads; 0: the container has the network of the machine
}

// Words returns what is run: the image, the program, and its arguments.
func (t Target) Words() []string {
	var words []string
	for _, w := range []string{t.Image, t.Path} {
		if w != "" {
			words = append(words, w)
		}
	}
	return append(words, t.Args...)
}

// imageName is the image's name without where it is from, its tag and its digest: "redis" of "localhost:5000/library/redis:7".
func imageName(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// Name returns what the target is called: the last part of its Path, or of its Image without tag and digest.
func (t Target) Name() string {
	if t.Image != "" {
		return imageName(t.Image)
	}
	return path.Base(t.Path)
}

// validateContainer says what of a target makes no sense where it is a container, or is no container.
func (t Target) validateContainer() error {
	const maxPort = 1<<16 - 1
	switch {
	case t.Image == "" && t.Engine != "":
		return fmt.Errorf("the spec's Target.Engine is %s, and there is no Image: name that of the container", t.Engine)
	case t.Image == "" && t.Port != 0:
		return errors.New("the spec's Target.Port is of a container, and there is no Image: a program listens on $ADDR")
	case t.Image == "":
		return nil
	case t.Port < 0 || t.Port > maxPort:
		return fmt.Errorf("the spec's Target.Port is %d: it must be from 1 to %d, or 0 for the network of the machine", t.Port, maxPort)
	case t.Path == "" && len(t.Args) > 0:
		return errors.New("the spec's Target has Args and no Path: with an Image, Path is the first word of the container's command, and Args are the others")
	case t.Stdin != "":
		return errors.New("the spec's Target.Stdin is not for a container: it has nothing to read; add the file to the image")
	case t.NoTHP:
		return errors.New("the spec's Target.NoTHP is not for a container: it is started by its engine; let its program ask for it (PR_SET_THP_DISABLE of prctl(2))")
	case strings.HasPrefix(t.Image, "-"):
		return fmt.Errorf("the spec's Target.Image is %q, which is no name of an image; one looks like localhost/app:1.2", t.Image)
	}
	return nil
}

// Load is what is done to the target, step by step; see harness.Load. The zero value has no steps.
type Load struct {
	Name  string `json:"name,omitempty"`  // a name of the step; empty: there is none, or it has no name
	Count int    `json:"count,omitempty"` // how many steps there are, at most; 0: until the target ends or time is up
	Bytes Bytes  `json:"bytes,omitempty"` // what one step should take; 0: not known, so nothing is predicted

	Clients  int     `json:"clients,omitempty"`  // how many steps are in flight at once, at most; 0: 1 or, with a Rate, 1000
	Rate     float64 `json:"rate,omitempty"`     // steps a second, however slow the target is; 0: the next step waits for an answer
	Tolerate int     `json:"tolerate,omitempty"` // after how many failed steps the load goes on; 0: the first one ends it

	UntilEmpty bool `json:"until_empty,omitempty"` // the run goes on until what the target leaves in its cage has ended; see Followed
}

const (
	// rateInFlight is how many steps of a load with a Rate are in flight at once, at most, where Load.Clients is 0. Each needs a
	// file descriptor.
	rateInFlight = 1000
	// maxClients and maxRate are what one process can drive.
	maxClients = 10_000
	maxRate    = 1e6
)

// MaxInFlight returns how many steps are in flight at once, at most: Clients, or what stands for 0.
func (l Load) MaxInFlight() int {
	switch {
	case l.Clients > 0:
		return l.Clients
	case l.Rate > 0:
		return rateInFlight
	}
	return 1
}

// validate says what of the load makes no sense on any machine.
func (l Load) validate() error {
	switch {
	case l.Count < 0:
		return fmt.Errorf("the spec's Load.Count is %d: it must not be negative", l.Count)
	case l.Bytes < 0:
		return fmt.Errorf("the spec's Load.Bytes is %d: it must not be negative", l.Bytes)
	case l.Clients < 0 || l.Clients > maxClients:
		return fmt.Errorf("the spec's Load.Clients is %d: it must be from 0 to %d", l.Clients, maxClients)
	case !(l.Rate >= 0 && l.Rate <= maxRate): // also for what is no number
		return fmt.Errorf("the spec's Load.Rate is %v steps a second: it must be from 0 to %.0f", l.Rate, maxRate)
	case l.Tolerate < 0:
		return fmt.Errorf("the spec's Load.Tolerate is %d: it must not be negative", l.Tolerate)
	}
	return nil
}

// DefaultTimeout is what a Spec.Timeout of 0 means.
const DefaultTimeout = time.Minute

// The bounds of oom_score_adj (include/uapi/linux/oom.h).
const (
	OOMScoreAdjMin = -1000 // no OOM killer chooses a process that has it
	OOMScoreAdjMax = 1000  // a process that has it is chosen first
)

// Validate returns an error that says what makes no sense in the spec on any machine, and what would.
func (s Spec) Validate() error {
	switch {
	case s.Target.Path == "" && s.Target.Image == "":
		return errors.New("the spec has no Target.Path: name the executable to be caged")
	case s.Target.OOMScoreAdj != nil && (*s.Target.OOMScoreAdj < OOMScoreAdjMin || *s.Target.OOMScoreAdj > OOMScoreAdjMax):
		return fmt.Errorf("the spec's Target.OOMScoreAdj is %d: it must be from %d to %d", *s.Target.OOMScoreAdj, OOMScoreAdjMin, OOMScoreAdjMax)
	case s.Target.Restart < 0:
		return fmt.Errorf("the spec's Target.Restart is %d: it must not be negative", s.Target.Restart)
	case s.Timeout < 0:
		return fmt.Errorf("the spec's Timeout is %v: it must not be negative", s.Timeout)
	case s.Target.ReadyTimeout < 0:
		return fmt.Errorf("the spec's Target.ReadyTimeout is %v: it must not be negative", s.Target.ReadyTimeout)
	case s.Target.ReadyTimeout > s.timeout():
		return fmt.Errorf("the spec's Target.ReadyTimeout is %v, and the whole run has %v: give Timeout more", s.Target.ReadyTimeout, s.timeout())
	}
	if s.Target.Image != "" && s.Load.UntilEmpty {
		return errors.New("the spec's Load.UntilEmpty is not for a container: its processes end with its first one, so it leaves nothing")
	}
	if err := errors.Join(s.Target.validateContainer(), s.Stop.validate(s.timeout()), s.Load.validate(), s.Limits.Validate()); err != nil {
		return err
	}
	if err := s.Schedule.validate(s.Load); err != nil {
		return err
	}
	return s.Target.validateCaptures(s.Limits.Max)
}

func (s Spec) timeout() time.Duration { return cmp.Or(s.Timeout, DefaultTimeout) }
