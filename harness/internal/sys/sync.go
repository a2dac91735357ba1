package sys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// SyncFolder puts the names in a folder on the disk: what is synced in a new file is of no use if the machine
// loses the file's name. A file system that cannot do so answers EINVAL, which is no error here.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
