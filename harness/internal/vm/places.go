package vm

import (
	"os"
	"path/filepath"
	"slices"
)

// resultPlaces lists the working directory and what the test flags name. Folders are named by where they
// really are: the guest walks them, and a walk ends at a link.
func resultPlaces(flags testFlags, dir string) []out {
	outs := append([]out{{Path: dir, Dir: true}}, flags.outs...)
	if cover := os.Getenv("GOCOVERDIR"); cover != "" {
		if abs, err := filepath.Abs(cover); err == nil {
			outs = append(outs, out{Path: abs, Dir: true})
		}
	}
	for i, o := range outs {
		if real, err := filepath.EvalSymlinks(o.Path); err == nil && o.Dir {
			outs[i].Path = real
		}
	}
	// A file that is named is not also one of the folder that it lies in.
	slices.SortStableFunc(outs, func(a, b out) int {
		return cmpBool(a.Dir, b.Dir)
	})
	return outs
}

// deepest is the folder, or the nearest above it that is there.
func deepest(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == "/" {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// carryBack has the files come back that the program writes wherever they are.
func (o Options) carryBack(j *job, more *carried) error {
	if err := o.carryOutputs(j, more); err != nil {
		return err
	}
	return o.carryResults(j, more)
}

// carryResults has the results go along, and come back.
func (o Options) carryResults(j *job, more *carried) error {
	for _, file := range o.Results {
		path, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		// First, so that they are not also taken for files of the working directory.
		j.Out = append([]out{{Path: path, Grows: true}}, j.Out...)
		if _, err := os.Stat(path); err == nil {
			more.files = append(more.files, path)
		}
		more.folders = append(more.folders, deepest(filepath.Dir(path)))
	}
	return nil
}

// carryOutputs has what lies outside of the working directory come back, and go along if it is there.
func (o Options) carryOutputs(j *job, more *carried) error {
	for _, file := range o.Outputs {
		path, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		if inside(j.Dir, path) || slices.Contains(o.Results, file) {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			if !info.Mode().IsRegular() {
				continue
			}
			more.files = append(more.files, path)
		}
		j.Out = append([]out{{Path: path}}, j.Out...)
		more.folders = append(more.folders, deepest(filepath.Dir(path)))
	}
	return nil
}
