package outcome

import (
	"errors"
	"fmt"
	"time"
)

// Spec says what was run, in which cage, under which load. It is data: it may be copied, stored as JSON and run again,
// by a harness.Spec, which has the code of probe and steps beside it.
type Spec struct {
	Name string `json:"name,omitempty"` // tells this run from others in results

	Target Target `json:"target"`
	Limits Limits `json:"limits"`
	Load   Load   `json:"load"`

	Timeout time.Duration `json:"timeout,omitempty"` // of the whole run; 0 means 1 minute
}

// Target is the program that was caged; see harness.Target.
type Target struct {
	Path        string   `json:"path"` // of the executable
	Args        []string `json:"args,omitempty"`
	Env         []string `json:"env,omitempty"`           // added to the environment of the harness
	Dir         string   `json:"dir,omitempty"`           // the working directory; empty means that of the harness
	OOMScoreAdj *int     `json:"oom_score_adj,omitempty"` // nil means 0
	ReadyName   string   `json:"ready_name,omitempty"`    // names the probe

	Capture []Capture `json:"capture,omitempty"` // what is fetched of it before it is killed
}

// Load is what was done to the target, one step after the other; see harness.Load.
type Load struct {
	Name  string `json:"name,omitempty"`  // names the step
	Count int    `json:"count,omitempty"` // how many steps there are at most; 0: until the target ends or time is up
	Bytes Bytes  `json:"bytes,omitempty"` // what one step should take; 0: unknown
}

// The bounds of oom_score_adj (include/uapi/linux/oom.h).
const (
	OOMScoreAdjMin = -1000 // no OOM killer chooses a process that has it
	OOMScoreAdjMax = 1000  // the first one to be chosen
)

// Validate says what of the spec makes no sense on any machine.
func (s Spec) Validate() error {
	switch {
	case s.Target.Path == "":
		return errors.New("the spec has no Target.Path: name the executable to be caged")
	case s.Target.OOMScoreAdj != nil && (*s.Target.OOMScoreAdj < OOMScoreAdjMin || *s.Target.OOMScoreAdj > OOMScoreAdjMax):
		return fmt.Errorf("the spec's Target.OOMScoreAdj is %d: it must be from %d to %d", *s.Target.OOMScoreAdj, OOMScoreAdjMin, OOMScoreAdjMax)
	case s.Timeout < 0:
		return fmt.Errorf("the spec's Timeout is %v: it must not be negative", s.Timeout)
	case s.Load.Count < 0:
		return fmt.Errorf("the spec's Load.Count is %d: it must not be negative", s.Load.Count)
	case s.Load.Bytes < 0:
		return fmt.Errorf("the spec's Load.Bytes is %d: it must not be negative", s.Load.Bytes)
	}
	if err := s.Limits.Validate(); err != nil {
		return err
	}
	return s.Target.validateCaptures(s.Limits.Max)
}
