//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"

	"oomcage/harness"
	"oomcage/harness/report"
	"oomcage/harness/sweep"
)

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
