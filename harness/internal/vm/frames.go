package vm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// frameKind says what a frame on the second serial port carries.
type frameKind byte

const (
	frameHello   frameKind = 'h' // guest: that it has booted, before anything else; in what its machine is not right, or nothing
	frameBegun   frameKind = 'b' // guest: nothing but that the program was started
	frameStdout  frameKind = 'o' // guest: bytes that the program wrote
	frameStderr  frameKind = 'e' // guest: bytes that the program wrote
	frameEnded   frameKind = 'n' // guest: JSON of exitStatus, when the program has ended; what it wrote follows
	frameComing  frameKind = 'c' // guest: JSON of coming, before the results
	frameFile    frameKind = 'f' // guest: JSON of fileHeader, which begins a result
	frameData    frameKind = 'd' // guest: a piece of the result that was begun, see encodePiece
	frameFileEnd frameKind = 'z' // guest: the end of it; what could not be read of it, or nothing
	frameProblem frameKind = 'p' // guest: a line about a result that could not be read
	frameDmesg   frameKind = 'k' // guest: a piece of the kernel log
	frameExit    frameKind = 'x' // guest: JSON of exitStatus, the last frame
	frameSignal  frameKind = 's' // host: one byte, the signal to send to the program
	frameResume  frameKind = 'r' // host: JSON of resumeWord, to a guest that was saved
)

// The stream starts with it. Whatever the firmware or the UART probe put on the line before is skipped.
const frameMagic = "\x00oomcage-1\n"

// A frame is kind, length (4 bytes, little endian), payload, and the CRC-32 of all that.
const (
	frameHeader = 5
	// Small enough that neither stdout nor stderr waits long for the other.
	frameMax = 32 << 10
)

// errCorrupt means that the serial line lost or changed bytes. What came before it was right.
var errCorrupt = errors.New("the serial stream is corrupt")

// frameWriter writes frames. It may be used by several goroutines.
type frameWriter struct {
	mu      sync.Mutex
	w       io.Writer
	started bool
}

// frame writes p as one or more frames of the kind; an empty p is one empty frame.
func (f *frameWriter) frame(kind frameKind, p []byte) error {
	for {
		piece := p[:min(len(p), frameMax)]
		if err := f.one(kind, piece); err != nil {
			return err
		}
		p = p[len(piece):]
		if len(p) == 0 {
			return nil
		}
	}
}

func (f *frameWriter) one(kind frameKind, p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	buf := make([]byte, 0, len(frameMagic)+frameHeader+len(p)+crc32.Size)
	if !f.started {
		buf = append(buf, frameMagic...)
	}
	start := len(buf)
	buf = append(buf, byte(kind))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p)))
	buf = append(buf, p...)
	buf = binary.LittleEndian.AppendUint32(buf, crc32.ChecksumIEEE(buf[start:]))
	if _, err := f.w.Write(buf); err != nil {
		return fmt.Errorf("write to the serial line: %w", err)
	}
	f.started = true
	return nil
}

// to returns a writer whose bytes become frames of the kind.
func (f *frameWriter) to(kind frameKind) io.Writer { return kindWriter{f, kind} }

type kindWriter struct {
	f    *frameWriter
	kind frameKind
}

// Write sends p as a frame of its kind.
func (k kindWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := k.f.frame(k.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// frameReader reads frames. It is not for concurrent use.
type frameReader struct {
	r       *bufio.Reader
	started bool
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, frameHeader+frameMax+crc32.Size)}
}

// next returns the next frame. Its error is io.EOF when the stream ended between two frames, and wraps
// errCorrupt when the bytes make no sense.
func (f *frameReader) next() (frameKind, []byte, error) {
	if !f.started {
		if err := f.skipToMagic(); err != nil {
			return 0, nil, err
		}
		f.started = true
	}
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil, fmt.Errorf("%w: it ends inside a frame", errCorrupt)
		}
		return 0, nil, err
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if size > frameMax {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errCorrupt, size)
	}
	body := make([]byte, int(size)+crc32.Size)
	if _, err := io.ReadFull(f.r, body); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil, fmt.Errorf("%w: it ends inside a frame", errCorrupt)
		}
		return 0, nil, err
	}
	payload, sum := body[:size], binary.LittleEndian.Uint32(body[size:])
	if crc32.Update(crc32.ChecksumIEEE(head[:]), crc32.IEEETable, payload) != sum {
		return 0, nil, fmt.Errorf("%w: checksum of a frame of kind %q", errCorrupt, head[0])
	}
	return frameKind(head[0]), payload, nil
}

func (f *frameReader) skipToMagic() error {
	matched := 0
	for matched < len(frameMagic) {
		c, err := f.r.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case frameMagic[matched]:
			matched++
		case frameMagic[0]: // its first byte occurs nowhere else in it
			matched = 1
		default:
			matched = 0
		}
	}
	return nil
}
