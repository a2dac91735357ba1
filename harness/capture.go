package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"oomcage/harness/internal/patience"
	"oomcage/harness/outcome"
)

const (
	// captureTimeout is how long one capture may take, and how long the end of a load waits for it. A heap profile, and the
	// collection of 50 MiB before it, took 73 ms in an emulated guest, and 1.2 s where others kept its host busy (2026-11).
	captureTimeout = 10 * time.Second
	// maxCapture is how large one may be. It is kept in memory until it is whole, so that no half of one is taken for all.
	maxCapture = 32 * MiB
	// maxSameName is how many captures of one name a folder may have.
	maxSameName = 10_000
)

var (
	errCaptureTime  = errors.New("it took too long")
	errCaptureLarge = errors.New("it is too large")
)

// capturer takes the captures of one run. A nil one has none to take.
type capturer struct {
	p         *Process
	start     time.Time
	dir, name string       // of the files
	current   func() Bytes // memory.current; 0 where it cannot be read
	timeout   time.Duration
	most      Bytes

	ctx     context.Context // captures begin when a sample says so, and end with the run
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	all    []outcome.Captured // those that have begun have a Current
}

// newCapturer is nil where the target has no captures. It is to be ended.
func newCapturer(ctx context.Context, s Spec, p *Process, start time.Time) *capturer {
	if len(s.Target.Capture) == 0 {
		return nil
	}
	c := &capturer{p: p, start: start, dir: s.Artifacts, name: cmp.Or(s.Name, p.Name()), timeout: captureTimeout, most: maxCapture, current: func() Bytes {
		m, err := p.cage.Memory()
		if err != nil {
			return 0
		}
		return m.Current
	}}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for _, capture := range s.Target.Capture {
		c.all = append(c.all, outcome.Captured{Capture: capture, Fill: capture.Fill(p.cage.Limits().Max)})
	}
	return c
}

// see begins the captures that wait for no more memory than this. It does not wait for them.
func (c *capturer) see(current Bytes) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.all {
		if one := &c.all[i]; !c.closed && one.Current == 0 && current >= one.Fill {
			one.Current, one.At = current, time.Since(c.start)
			c.running.Go(func() { c.take(i) })
		}
	}
}

// await waits until those that have begun are done; no more begin.
func (c *capturer) await() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.running.Wait()
}

// end is await without patience.
func (c *capturer) end() {
	if c != nil {
		c.cancel()
		c.await()
	}
}

// results says what became of each. It is for after await.
func (c *capturer) results() []outcome.Captured {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.all {
		if one := &c.all[i]; one.Current == 0 {
			one.Error = fmt.Sprintf("not taken: no reading of memory.current came to %v", one.Fill)
		}
	}
	return c.all
}

// take takes one capture.
func (c *capturer) take(i int) {
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	defer patience.AfterFunc(c.timeout, func() { cancel(errCaptureTime) }).End() // which no machine that stands still uses up
	c.mu.Lock()
	one := c.all[i]
	c.mu.Unlock()
	begin := time.Now()
	data, err := c.fetch(ctx, one.Capture)
	one.Took, one.Size, one.After = time.Since(begin), Bytes(len(data)), c.current()
	if err == nil {
		one.Sites, one.InUse = topAllocations(data)
		one.Path, err = keepCapture(c.dir, captureName(c.name, one), data)
	} else {
		one.CutOff = c.hasEnded(ctx, err)
	}
	if err != nil {
		one.Error = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[i] = one
}

// fetch fetches what is asked for. Together with an error it returns the part that has come.
func (c *capturer) fetch(ctx context.Context, what Capture) ([]byte, error) {
	ctx, cancel := whileTargetRuns(ctx, c.p)
	defer cancel()
	got := bounded{most: int(c.most)}
	var err error
	if what.Get != "" {
		err = newRequester(Request{Path: what.Get}).fetch(ctx, c.p, 1, &got)
	} else {
		err = execFor(ctx, c.p, what.Exec, &got, &tail{})
	}
	if got.full {
		err = fmt.Errorf("%w: above %v", errCaptureLarge, c.most) // and not how that ended the command, or the answer
	}
	return got.bytes, err
}

// hasEnded reports whether a capture failed since its target was ending: its connections are closed first. An answer that came to
// its end was not cut off, whatever it says and whatever ends soon after it.
func (c *capturer) hasEnded(ctx context.Context, err error) bool {
	if errors.As(err, new(*HTTPStatusError)) {
		return false
	}
	if errors.Is(err, errCaptureLarge) || errors.Is(err, errCaptureTime) || answerOf(err) == outcome.AnswerRefused {
		return c.p.isOver()
	}
	grace := patience.New(answerGrace)
	defer grace.End()
	select {
	case <-c.p.over():
	case <-grace.Over:
	case <-ctx.Done():
	}
	return c.p.isOver()
}

// bounded takes so many bytes, and no more.
type bounded struct {
	most  int
	bytes []byte
	full  bool
}

// Write keeps p while there is room for all of it. From the first p that does not fit on it keeps nothing.
func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || len(b.bytes)+len(p) > b.most; b.full {
		return 0, errCaptureLarge
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// captureName is a name for the file: of the run, and of what was fetched. Either may be anybody's text.
func captureName(run string, c outcome.Captured) string {
	what := c.Capture.Get
	if what == "" {
		what = filepath.Base(c.Capture.Exec[0])
	}
	what, _, _ = strings.Cut(what, "?")
	if what = path.Base(what); what == "/" {
		what = "root"
	}
	ending := ""
	if c.Sites != nil {
		ending = ".pb.gz" // as the runtime names it
	}
	return plain(run, 120) + "." + plain(what, 40) + ending
}

// plain makes of a text a part of a file's name: letters, digits and a few signs, none of which a shell reads.
func plain(text string, maxBytes int) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=.,+-_", r) {
			return r
		}
		return '_'
	}, text)
	text = strings.TrimLeft(text, ".-")
	return text[:min(len(text), maxBytes)]
}

// keepCapture writes a file that was not there, and returns its path; "" without a folder. What a target holds in memory may
// be secret, so it is for nobody else to read.
func keepCapture(dir, name string, data []byte) (string, error) {
	if dir == "" {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("keep the capture: %w", err)
	}
	stem, ending, _ := strings.Cut(name, ".pb.gz")
	if len(stem) < len(name) {
		ending = ".pb.gz" + ending
	}
	for n := 1; n <= maxSameName; n++ {
		file := filepath.Join(dir, name)
		if n > 1 {
			file = filepath.Join(dir, stem+"-"+strconv.Itoa(n)+ending)
		}
		// O_EXCL follows no link, and waits for no reader of a FIFO.
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keep the capture: %w", err)
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("keep the capture: %w", errors.Join(err, os.Remove(file)))
		}
		return file, nil
	}
	return "", fmt.Errorf("keep the capture: %s has %d of this name: %s", dir, maxSameName, name)
}
