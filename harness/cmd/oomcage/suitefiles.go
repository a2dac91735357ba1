//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"oomcage/harness"
	"oomcage/harness/report"
	"oomcage/harness/sweep"
)

// check refuses files that would be lost.
func (f fileFlags) check(entries []entry) error {
	if f.junit != "" && f.junit == f.html {
		return usageError{fmt.Errorf("-junit and -html are the same file, %s: name two", f.junit)}
	}
	for flag, path := range map[string]string{"junit": f.junit, "html": f.html, "save": f.save} {
		if path == "" {
			continue
		}
		if sweep.IsResults(path) {
			return usageError{fmt.Errorf("-%s %s: it is a file of results, which would be replaced: name another one", flag, path)}
		}
		for _, e := range entries {
			if sameFile(path, e.file()) {
				return usageError{fmt.Errorf("-%s %s: it is the spec that is read, and would be replaced: name another file", flag, path)}
			}
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return usageError{fmt.Errorf("-%s %s: it is there, and no regular file: name another one", flag, path)}
		}
	}
	return nil
}

// sameFile reports whether two paths lead to one file that is there.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// write writes what the flags ask for of all runs.
func (f fileFlags) write(suite string, entries []entry) error {
	var errs []error
	if f.junit != "" {
		text, err := junitOf(suite, entries)
		if err == nil {
			err = writeWhole(f.junit, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the JUnit file: %w", err))
		}
	}
	if f.html != "" {
		var page bytes.Buffer
		err := report.Write(&page, pageOf(entries), report.HTML)
		if err == nil {
			err = writeWhole(f.html, page.Bytes())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the page: %w", err))
		}
	}
	return errors.Join(errs...)
}

// pageOf is what the page shows: the outcomes, and what of them was not as expected. The checks of a sweep are about points
// that differ in their limits, which runs of a suite are not.
func pageOf(entries []entry) *report.Set {
	var outcomes []*harness.Outcome
	var unexpected []sweep.Finding
	for _, e := range entries {
		if e.outcome == nil {
			continue
		}
		outcomes = append(outcomes, e.outcome)
		if why := e.failure(); why != "" {
			unexpected = append(unexpected, sweep.Finding{Check: "expected", Points: []string{e.outcome.Name}, Text: e.outcome.Name + ": " + why})
		}
	}
	set := report.NewSet(outcomes)
	set.Findings, set.ShowSecrets = unexpected, true // the outcomes are what was shown
	return set
}
