package outcome

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"oomcage/harness/internal/human"
)

// Capture is what is fetched of the target, once, when its cage is nearly full: before its limit kills it. It has either Get or Exec,
// and either Share or Size; anything else is an error of Spec.Validate, and so is the zero value.
type Capture struct {
	// Get is the path that is fetched from http://$ADDR, for example /debug/pprof/heap of Go's net/http/pprof. That profile has
	// what was in use at the last garbage collection; /debug/pprof/heap?gc=1 collects first.
	Get string `json:"get,omitempty"`

	// Exec is a command that is run outside the cage, without a shell; $ADDR, $HOST, $PORT and $PID in its words are the
	// target's. What it prints on stdout is kept.
	Exec []string `json:"exec,omitempty"`

	// Share is the part of memory.max, as it was when the run began, at which memory.current calls for it: above 0, at most 1.
	Share float64 `json:"share,omitempty"`

	// Size is the memory.current that calls for it, above 0.
	Size Bytes `json:"size,omitempty"`
}

// maxCaptures is how many captures a target may have.
const maxCaptures = 16

// ParseFill sets Share from a text such as "90%", or Size from one such as "64MiB". What is not above 0, or above 100%, is an error.
func (c *Capture) ParseFill(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	if !percent {
		size, err := ParseBytes(text)
		if err == nil && (size <= 0 || size == Unlimited) {
			err = fmt.Errorf("the size %s is never passed", text)
		}
		c.Share, c.Size = 0, size
		return err
	}
	share, err := strconv.ParseFloat(number, 64)
	if err != nil || !(share > 0 && share <= 100) {
		return fmt.Errorf("%q is no share of memory.max: write 90%%, or a size such as 64MiB", text)
	}
	c.Share, c.Size = share/100, 0
	return nil
}

// Fill returns the memory.current at which it is taken under a memory.max; 0 where it has a Share, and there is no limit (0 or
// Unlimited).
func (c Capture) Fill(limit Bytes) Bytes {
	switch {
	case c.Share == 0:
		return c.Size
	case limit <= 0 || limit == Unlimited:
		return 0
	}
	return max(Bytes(math.Round(c.Share*float64(limit))), 1)
}

// What returns what is fetched: "GET /debug/pprof/heap", or the command.
func (c Capture) What() string {
	if c.Get != "" {
		return "GET " + c.Get
	}
	return strings.Join(c.Exec, " ")
}

// String returns "GET /debug/pprof/heap at 90 % of memory.max".
func (c Capture) String() string {
	if c.Share > 0 {
		return fmt.Sprintf("%s at %s %% of memory.max", c.What(), strconv.FormatFloat(math.Round(1e4*c.Share)/100, 'f', -1, 64))
	}
	return fmt.Sprintf("%s at %s", c.What(), human.Size(c.Size))
}

// validate says why the capture cannot be taken in a cage with this memory.max.
func (c Capture) validate(limit Bytes) error {
	switch {
	case (c.Get != "") == (len(c.Exec) > 0):
		return errors.New("give it a Get, or an Exec")
	case c.Get != "" && !strings.HasPrefix(c.Get, "/"):
		return fmt.Errorf("the path %q %w", c.Get, slashless(c.Get))
	case (c.Share != 0) == (c.Size != 0):
		return errors.New("give it a Share of memory.max, or a Size")
	case c.Size < 0 || c.Size == Unlimited:
		return fmt.Errorf("its Size is %s: it must be positive", c.Size)
	case c.Share != 0 && !(c.Share > 0 && c.Share <= 1):
		return fmt.Errorf("its Share is %v: it must be above 0, and 1 at most", c.Share)
	case c.Fill(limit) == 0:
		return errors.New("it has a Share of memory.max, and there is no Limits.Max: give that, or a Size")
	}
	return nil
}

func (t Target) validateCaptures(limit Bytes) error {
	if len(t.Capture) > maxCaptures {
		return fmt.Errorf("the spec's Target.Capture has %d captures: %d at most", len(t.Capture), maxCaptures)
	}
	for i, c := range t.Capture {
		if err := c.validate(limit); err != nil {
			return fmt.Errorf("the spec's Target.Capture[%d]: %w", i, err)
		}
	}
	return nil
}

// Captured is what became of a Capture. To fetch anything takes memory of the target itself, and may be the last straw.
type Captured struct {
	Capture Capture       `json:"capture"`           // what was asked for
	Fill    Bytes         `json:"fill"`              // the memory.current at which it was to be taken
	At      time.Duration `json:"at,omitempty"`      // when it began, since the run began
	Current Bytes         `json:"current,omitempty"` // memory.current then; 0: it has not begun
	Took    time.Duration `json:"took,omitempty"`    // from its begin to its end
	After   Bytes         `json:"after,omitempty"`   // memory.current at its end; 0: not known
	Size    Bytes         `json:"bytes,omitempty"`   // of what was fetched
	Path    string        `json:"path,omitempty"`    // of the file that has it; empty where none is kept
	Error   string        `json:"error,omitempty"`   // why nothing was fetched, or no file is kept

	CutOff bool `json:"cut_off,omitempty"` // the target ended before everything had been fetched

	// Sites are the lines that hold the most memory in a Go program's heap profile, the largest first, at most 5, and InUse
	// is what all lines of the profile hold. nil and 0: it is no such profile.
	Sites []AllocationSite `json:"sites,omitempty"`
	InUse Bytes            `json:"in_use,omitempty"`
}

// AllocationSite is a line of a Go program, and what is in use of the memory that it has allocated.
type AllocationSite struct {
	Function string `json:"function"`       // with its package
	File     string `json:"file,omitempty"` // its path; empty: not known
	Line     int64  `json:"line,omitempty"` // from 1 on; 0: not known
	Bytes    Bytes  `json:"bytes"`          // in use
}

// String returns "main.take (app/main.go:42) 41.2 MiB".
func (s AllocationSite) String() string {
	place := ""
	if s.File != "" {
		parts := strings.Split(s.File, "/")
		place = fmt.Sprintf(" (%s:%d)", strings.Join(parts[max(0, len(parts)-2):], "/"), s.Line)
	}
	return s.Function + place + " " + human.Size(s.Bytes)
}

// String returns "GET /debug/pprof/heap at 90 % of memory.max: 81.0 KiB in 41 ms, begun after 1.2 s at 57.8 MiB, 58.9 MiB when it
// had ended; kept in artifacts/app.heap.pb.gz".
func (c Captured) String() string {
	if c.Current == 0 {
		return fmt.Sprintf("%s: %s", c.Capture, c.Error)
	}
	text := fmt.Sprintf("%s: ", c.Capture)
	if c.Error != "" {
		text += c.Error + "; "
	}
	text += fmt.Sprintf("%s in %s, begun after %s at %s", human.Size(c.Size), human.Duration(c.Took), human.Duration(c.At), human.Size(c.Current))
	if c.After > 0 {
		text += fmt.Sprintf(", %s when it had ended", human.Size(c.After))
	}
	if c.Path != "" {
		text += "; kept in " + c.Path
	}
	return text
}

// captureLines are what the text of an outcome says of captures, each with its name.
func (e Evidence) captureLines() [][2]string {
	var lines [][2]string
	begun := false
	for _, c := range e.Captures {
		begun = begun || c.Current > 0
		lines = append(lines, [2]string{"capture", c.String()})
		for _, s := range c.Sites {
			share := ""
			if c.InUse > 0 {
				share = fmt.Sprintf(", %.0f %% of its heap profile", 100*float64(s.Bytes)/float64(c.InUse))
			}
			lines = append(lines, [2]string{"allocated", s.String() + share})
		}
	}
	if begun {
		lines = append(lines, [2]string{"", "A capture takes memory of the target itself, and may be the last straw."})
	}
	return lines
}

// captureNote says which capture was under way when the target died for want of memory, or "".
func (e Evidence) captureNote(v Verdict) string {
	if !slices.Contains([]Verdict{OOMKilled, OOMGroupKilled, AncestorOOMKilled, HostOOMKilled, RuntimeOOM}, v) {
		return ""
	}
	for _, c := range e.Captures {
		if c.CutOff {
			return fmt.Sprintf("; the capture %s was under way, which takes memory itself", c.Capture)
		}
	}
	return ""
}
