package vm

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/sys"
)

// said is what the user was told in one boot of the host, and need not be told again.
type said struct {
	Boot  string   `json:"boot"` // boot_id of the host
	Notes []string `json:"notes"`
}

// firstTime reports whether the user has not been told the note since the host was booted, and remembers it. Where it
// cannot be remembered, it is told each time.
func firstTime(note string) bool {
	path := cachePath("said.json")
	if path == "" {
		return true
	}
	boot, err := bootID()
	if err != nil {
		return true
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return true
	}
	defer file.Close()
	if err := sys.AwaitLock(context.Background(), file); err != nil {
		return true
	}
	var have said
	if json.NewDecoder(file).Decode(&have) != nil || have.Boot != boot {
		have = said{Boot: boot}
	}
	if slices.Contains(have.Notes, note) {
		return false
	}
	have.Notes = append(have.Notes, note)
	if data, err := json.Marshal(have); err == nil {
		// Half a file is read as none.
		_ = errors.Join(file.Truncate(0), writeAt(file, append(data, '\n')))
	}
	return true
}

// bootID is another one after each boot of the host.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// cachePath returns the path of a file that is remembered between runs, or "" where there is no home. Its folder
// exists if it can.
func cachePath(name string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "oomcage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	return filepath.Join(dir, name)
}
