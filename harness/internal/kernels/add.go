package kernels

import (
	"context"
	"strings"
)

// Add puts a kernel into the store that the user has: one or several packages, a folder, or an image. It is named by its
// release.
func (s Store) Add(ctx context.Context, files []string, say func(string)) (Kernel, error) {
	files, err := absolute(files)
	if err != nil {
		return Kernel{}, err
	}
	unlock, err := s.lock(ctx, say)
	if err != nil {
		return Kernel{}, err
	}
	defer unlock()
	stage, err := newStaging(s.dir, s.arch)
	if err != nil {
		return Kernel{}, err
	}
	defer stage.remove()
	for _, file := range files {
		if err := stage.take(file); err != nil {
			return Kernel{}, err
		}
	}
	dir, release, err := stage.finish(strings.Join(files, " "))
	if err != nil {
		return Kernel{}, err
	}
	return s.install(dir, release)
}
