package sweep

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"oomcage/harness/outcome"
)

// Reader reads outcomes line by line, as they come, and holds one line at a time. All of oomcage that reads results uses it, and so
// reads the same lines: it passes over blank ones, a line may end in CRLF, the first may begin with a byte order mark, and the last
// need not end. A line may have 64 MiB. The zero value is of no use: call NewReader.
type Reader struct {
	// Summary leaves out what outcome.ParseSummary does.
	Summary bool

	in      *bufio.Reader
	longest int
	rawLine
	some bool // an outcome was read
	next int64
}

// rawLine is a line as it was read.
type rawLine struct {
	line  int   // its number
	from  int64 // where its text begins
	text  []byte
	ended bool // by a line break
}

// longestLine bounds what a file that is none of ours, such as /dev/zero, can take of memory. A timeline takes
// 500 KB, the output 64 KiB and the arguments and the environment at most 6 MiB, each up to six times that where
// all bytes are escaped.
const longestLine = 64 << 20

// endlessLine is how many times as long a line may be to be passed over. Beyond, the rest of the file is not looked for.
const endlessLine = 4

// keptBuffer is how much of the buffer is kept for the next line.
const keptBuffer = 1 << 20

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), longest: longestLine, rawLine: rawLine{ended: true}}
}

// LineError is the error of one line. The next one may be read all the same.
type LineError struct {
	File string // its path; "" from a Reader, which does not know it
	Line int    // from 1 on
	Err  error  // what is wrong with the line
}

// Error returns "results.jsonl:3: " and Err, or "line:3: " and Err.
func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %v", cmp.Or(e.File, "line"), e.Line, e.Err)
}

// Unwrap returns Err, which may be outcome.ErrNewer or ErrTorn.
func (e *LineError) Unwrap() error { return e.Err }

// ErrTorn is the error of a last line that is only the beginning of one: its sweep was killed while it wrote it.
var ErrTorn = errors.New("the line was torn")

var byteOrderMark = []byte("\uFEFF")

// Next returns the next outcome, or io.EOF behind the last one. After a *LineError, which is of one line, the next line can be read;
// any other error is the end.
func (r *Reader) Next() (*outcome.Outcome, error) {
	if err := r.nextLine(); err != nil {
		return nil, err
	}
	o, err := r.parse(r.text)
	return r.take(r.rawLine, o, err)
}

// nextLine reads the next line that is not blank.
func (r *Reader) nextLine() error {
	for {
		if err := r.readLine(); err != nil || len(r.text) > 0 {
			return err
		}
	}
}

func (r *Reader) parse(text []byte) (*outcome.Outcome, error) {
	if r.Summary {
		return outcome.ParseSummary(text)
	}
	return outcome.ParseOutcome(text)
}

// take judges what the lines, in their order, were parsed to.
func (r *Reader) take(l rawLine, o *outcome.Outcome, err error) (*outcome.Outcome, error) {
	if err == nil {
		r.some = true
		return o, nil
	}
	if !l.ended && l.begins(r.some) {
		err = ErrTorn
	}
	return nil, &LineError{"", l.line, err}
}

// Line returns the number of the line that Next has read last, from 1 on; 0 before the first.
func (r *Reader) Line() int { return r.line }

// begins reports whether the text is the beginning of a line as Append writes it, or an earlier one did, and of no other JSON. The file system may
// have filled up with zeros what it had not written when the machine lost its power, after some outcomes.
func (l rawLine) begins(some bool) bool {
	text := bytes.TrimRight(l.text, "\x00")
	if len(text) == 0 {
		return some
	}
	for format := 1; format <= outcome.Format; format++ {
		head := fmt.Appendf(nil, `{"format":%d,"name":"`, format)
		if bytes.HasPrefix(text, head) || bytes.HasPrefix(head, text) {
			return true
		}
	}
	return false
}

// readLine reads the next line, without the spaces around it. Of a line that is too long nothing is kept.
func (r *Reader) readLine() error {
	if cap(r.text) > keptBuffer {
		r.text = nil
	}
	r.text = r.text[:0]
	r.from = r.next
	length := 0
	for {
		part, err := r.in.ReadSlice('\n')
		r.next += int64(len(part))
		if length += len(part); length <= r.longest {
			r.text = append(r.text, part...)
		}
		switch {
		case length > endlessLine*r.longest:
			return fmt.Errorf("no results: %d MiB without a line break; name a file with one outcome a line", length>>20)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && length == 0:
			return io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		r.line++
		r.ended = err == nil
		if length > r.longest {
			r.text = nil
			return &LineError{"", r.line, fmt.Errorf("no outcome: the line is longer than %d MiB", r.longest>>20)}
		}
		r.trim()
		return nil
	}
}

// trim takes off what is around the text.
func (r *Reader) trim() {
	whole := r.text
	if r.from == 0 {
		r.text = bytes.TrimPrefix(r.text, byteOrderMark)
	}
	r.text = bytes.TrimLeft(r.text, " \t\r\n")
	r.from += int64(len(whole) - len(r.text))
	r.text = bytes.TrimRight(r.text, " \t\r\n")
}

// Read returns the outcomes of a file. Its errors are those of ReadEach. Beside ErrTorn, and no other error, it returns the outcomes
// before the torn line.
func Read(path string) ([]*outcome.Outcome, error) {
	var outcomes []*outcome.Outcome
	err := ReadEach(path, false, func(o *outcome.Outcome) error {
		outcomes = append(outcomes, o)
		return nil
	})
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	return outcomes, err
}

// ReadEach reads a file and calls take with each outcome in turn, so that only what take keeps stays in memory; summary is that of
// Reader. It ends with the first error: of opening the file, of take, or of a line, which is a *LineError with the path and advice around
// it.
func ReadEach(path string, summary bool, take func(o *outcome.Outcome) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := NewReader(f)
	r.Summary = summary
	for o, err := range r.ahead() {
		if err != nil {
			return inFile(path, r.some, err)
		}
		if err := take(o); err != nil {
			return err
		}
	}
	return nil
}

// inFile names the place of a reader's error, and what helps; some is set where other lines of the file are outcomes.
// It advises nobody to change a file that a newer oomcage has written, or that is no file of results.
func inFile(path string, some bool, err error) error {
	var bad *LineError
	var named *os.PathError
	switch {
	case errors.As(err, &bad):
	case errors.As(err, &named):
		return err // it has the path
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
	bad = &LineError{path, bad.Line, bad.Err}
	switch {
	case errors.Is(err, outcome.ErrNewer):
		return bad
	case errors.Is(err, ErrTorn):
		return fmt.Errorf("%w when its sweep was killed", bad)
	case some:
		return fmt.Errorf("%w; repair or remove the line", bad)
	default:
		return fmt.Errorf("%w; it may be no file of results", bad)
	}
}

// IsResults reports whether path is a regular file that begins with an outcome, even one that is torn or of a newer oomcage.
func IsResults(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	r := NewReader(f)
	_, err = r.Next()
	return err == nil || errors.Is(err, outcome.ErrNewer) || errors.Is(err, ErrTorn)
}
