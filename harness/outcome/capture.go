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

// Capture is what is fetched of the target, once, when its cage is as full as is said here: before its limit kills it.
// Either Get or Exec is given, and either Share or Size.
type Capture struct {
	// Get is the path of GET http://$ADDR+path, for example /debug/pprof/heap of Go's net/http/pprof. A profile has what was
	// in use when the garbage was collected last; /debug/pprof/heap?gc=1 collects it first.
	Get string `json:"get,omitempty"`

	// Exec is a command that is run outside the cage, without a shell; $ADDR, $HOST, $PORT and $PID in its words are the
	// target's. What it prints on stdout is kept.
	Exec []string `json:"exec,omitempty"`

	// Share is the part of memory.max, as it was when the run began, that memory.current has to come to: above 0, at most 1.
	Share float64 `json:"share,omitempty"`

	// Size is memory.current instead.
	Size Bytes `json:"size,omitempty"`
}

// maxCaptures is how many captures a target may have.
const maxCaptures = 16

// ParseFill reads when a capture is taken: "90%" of memory.max, or a size such as 64MiB.
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

// Fill is the memory.current that the capture waits for; 0 where it is a share, and there is no limit.
func (c Capture) Fill(limit Bytes) Bytes {
	switch {
	case c.Share == 0:
		return c.Size
	case limit <= 0 || limit == Unlimited:
		return 0
	}
	return max(Bytes(math.Round(c.Share*float64(limit))), 1)
}

// What names what is fetched: "GET /debug/pprof/heap", or the command.
func (c Capture) What() string {
	if c.Get != "" {
		return "GET " + c.Get
	}
	return strings.Join(c.Exec, " ")
}

// String prints "GET /debug/pprof/heap at 90 % of memory.max".
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
		return fmt.Errorf("the path %q does not begin with a slash: write %q", c.Get, "/"+c.Get)
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

// Captured is what became of a Capture. Whatever is fetched takes memory of the target, so that it may be the last straw.
type Captured struct {
	Capture Capture       `json:"capture"`
	Fill    Bytes         `json:"fill"`              // memory.current that it waited for
	At      time.Duration `json:"at,omitempty"`      // when it began
	Current Bytes         `json:"current,omitempty"` // memory.current by then; 0: it has not begun
	Took    time.Duration `json:"took,omitempty"`
	After   Bytes         `json:"after,omitempty"` // memory.current when it had ended
	Size    Bytes         `json:"bytes,omitempty"` // of what came
	Path    string        `json:"path,omitempty"`  // of the file that has it; empty where none is kept
	Error   string        `json:"error,omitempty"` // why there is nothing, or no file

	CutOff bool `json:"cut_off,omitempty"` // the target ended before all had come

	// Sites are the allocations of a Go program's heap profile that hold most memory, the largest first, at most 5, and InUse
	// is what all of them hold.
	Sites []AllocationSite `json:"sites,omitempty"`
	InUse Bytes            `json:"in_use,omitempty"`
}

// AllocationSite is a line of a Go program, and what was allocated there and is in use.
type AllocationSite struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int64  `json:"line,omitempty"`
	Bytes    Bytes  `json:"bytes"`
}

// String prints "main.take (app/main.go:42) 41.2 MiB".
func (s AllocationSite) String() string {
	place := ""
	if s.File != "" {
		parts := strings.Split(s.File, "/")
		place = fmt.Sprintf(" (%s:%d)", strings.Join(parts[max(0, len(parts)-2):], "/"), s.Line)
	}
	return s.Function + place + " " + human.Size(s.Bytes)
}

// String prints "GET /debug/pprof/heap at 90 % of memory.max: 81.0 KiB in 41 ms, begun after 1.2 s at 57.8 MiB, 58.9 MiB when it
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
