package vm

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// contents sends the bytes of the file from offset to end, without its holes: what is not sent is a hole on the
// host too. What the file lacks of it, since somebody cut it, is one. An error of reading is a *fs.PathError.
func (s *sender) contents(f *os.File, offset, end int64) error {
	buf := make([]byte, pieceMax)
	for offset < end {
		start, stop, err := nextData(f, offset, end)
		if err != nil {
			return err
		}
		for start < stop {
			n, err := f.ReadAt(buf[:min(int64(len(buf)), stop-start)], start)
			if n > 0 {
				piece, packErr := s.encode(start, buf[:n])
				if packErr != nil {
					return packErr
				}
				if err := s.w.frame(frameData, piece); err != nil {
					return err
				}
				start += int64(n)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		offset = stop
	}
	return nil
}

// nextData returns the first range of bytes at or behind offset that is no hole. A file system that does not know
// its holes says that there are none; one that does not even know the question answers EINVAL.
func nextData(f *os.File, offset, end int64) (start, stop int64, err error) {
	start, err = unix.Seek(int(f.Fd()), offset, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return end, end, nil // nothing but a hole
	case errors.Is(err, unix.EINVAL):
		return offset, end, nil
	case err != nil:
		return 0, 0, &os.PathError{Op: "seek data in", Path: f.Name(), Err: err}
	}
	stop, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, &os.PathError{Op: "seek a hole in", Path: f.Name(), Err: err}
	}
	return min(start, end), min(stop, end), nil
}
