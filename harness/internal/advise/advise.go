// Package advise has the error of a user: what was found, and what helps.
package advise

import (
	"errors"

	"oomcage/harness/internal/printable"
)

// Finding says what was found, and what helps.
type Finding struct {
	Found string // in a sentence
	Help  string // with the command; may be empty
	Kind  error  // what it wraps, or nil
}

// New is a Finding of no kind.
func New(found, help string) error { return &Finding{Found: found, Help: help} }

// Error says both, and is printable.
func (f *Finding) Error() string {
	said := printable.Lines(f.Found)
	if f.Help != "" {
		said += "\n  to help: " + printable.Lines(f.Help)
	}
	return said
}

// Unwrap returns what kind of error it is, or nil.
func (f *Finding) Unwrap() error { return f.Kind }

// Parts returns both, for those who print them in another way. What embeds a Finding has it too.
func (f *Finding) Parts() (found, help string) { return f.Found, f.Help }

// Parts returns what was found and what helps, as an error says it. Of an error that is no Finding, found is all of its text.
func Parts(err error) (found, help string) {
	var f interface{ Parts() (found, help string) }
	if errors.As(err, &f) {
		return f.Parts()
	}
	return err.Error(), ""
}
