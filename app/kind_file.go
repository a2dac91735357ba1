package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileBlock is the page cache of a temporary file that stays open. The file has a
// name until it is released: a service that is killed leaves it behind, as any
// program does. On tmpfs its pages are shmem, which stays charged with it.
type fileBlock struct{ *os.File }

// fileChunk is how many bytes of a file are dirty at most. Dirty pages cannot be
// reclaimed: a cage full of them may be killed for what is only page cache. It is
// also the size of a buffer, whose memory is charged for a while beside the pages.
const fileChunk = 256 << 10

func takeFile(size int64) (block, error) {
	f, err := os.CreateTemp("", "app-*.load")
	if err != nil {
		return nil, fmt.Errorf("create a file for the page cache: %w", err)
	}
	b := fileBlock{f}
	if err := b.write(size); err != nil {
		return nil, errors.Join(err, b.release())
	}
	return b, nil
}

// write appends size bytes, and has each chunk written back before the next. The
// pages stay in the cache, clean; nothing is flushed from the disk's own cache, for
// nobody will want the file after a crash. On tmpfs there is nothing to write to.
func (b fileBlock) write(size int64) error {
	const untilClean = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	buffer := make([]byte, min(size, fileChunk))
	for done := int64(0); done < size; {
		part := buffer[:min(size-done, fileChunk)]
		fill(part)
		if _, err := b.Write(part); err != nil {
			return err // of *os.File: names the path
		}
		if err := unix.SyncFileRange(int(b.Fd()), done, int64(len(part)), untilClean); err != nil {
			return fmt.Errorf("write %s back to disk: %w", b.Name(), err)
		}
		done += int64(len(part))
	}
	return nil
}

// release drops the pages with the file: nobody else has it open.
func (b fileBlock) release() error {
	return errors.Join(os.Remove(b.Name()), b.Close())
}
