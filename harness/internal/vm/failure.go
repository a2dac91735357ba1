package vm

import (
	"errors"
	"fmt"
	"strings"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/printable"
)

// Failure says why nothing is known about the program: the machinery failed.
type Failure struct {
	advise.Finding
	kind      failureKind
	detail    string // evidence in several lines; may be empty
	Artifacts string // folder with the console log and the QEMU command line; empty when QEMU never ran
}

// failureKind tells the failures apart.
type failureKind string

const (
	badRequest   failureKind = "request"   // what makes no sense on any machine
	notThere     failureKind = "absent"    // a program, file or package that is not there, or cannot be built
	noQEMU       failureKind = "qemu"      // QEMU is missing
	noKernel     failureKind = "kernel"    // no kernel, or one that cannot be read
	noDisk       failureKind = "disk"      // a disk of the guest could not be made
	qemuFailed   failureKind = "start"     // QEMU ended before the guest did anything
	guestPanic   failureKind = "panic"     // the guest's kernel panicked
	guestOOM     failureKind = "oom"       // the whole guest ran out of memory
	noExitCode   failureKind = "no-exit"   // the guest ended without an exit code
	timeLimit    failureKind = "timeout"   // the time limit was reached
	silentGuest  failureKind = "silent"    // the guest said nothing for too long, and had not started the program
	flawedGuest  failureKind = "flaw"      // it booted, and its machine was not right
	notResumed   failureKind = "resume"    // QEMU did not resume a guest that was saved
	guestFailed  failureKind = "init"      // the guest's init could not do its work
	noReader     failureKind = "reader"    // whoever read the output has gone
	otherFailure failureKind = "machinery" // anything on the host
)

func failure(kind failureKind, found, helps string) *Failure {
	return &Failure{Finding: advise.Finding{Found: found, Help: helps}, kind: kind}
}

// with adds the evidence.
func (f *Failure) with(detail string) *Failure {
	f.detail = detail
	return f
}

// UsageError reports whether the options themselves are wrong, so that nothing was tried.
func (f *Failure) UsageError() bool { return f.kind == badRequest }

// kept is where what is known of the guest was kept, as the end of a sentence.
func (f *Failure) kept() string {
	if f.Artifacts == "" {
		return ""
	}
	return "; what is known of it: " + f.Artifacts
}

// asFailure makes a Failure of any error.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	found, help := advise.Parts(err)
	return failure(otherFailure, found, help)
}

// Error is for people: what was found, what helps, where the artifacts are. What the guest's console says in it is
// printable.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.Finding.Error())
	if f.detail != "" {
		for line := range strings.Lines(strings.TrimRight(f.detail, "\n")) {
			fmt.Fprintf(&b, "\n  | %s", printable.Lines(strings.TrimRight(line, "\r\n")))
		}
	}
	if f.Artifacts != "" {
		fmt.Fprintf(&b, "\n  console log and QEMU command: %s", printable.Line(f.Artifacts))
	}
	return b.String()
}

const moreMemory = "give the guest more memory with -mem SIZE, for example -mem 2GiB"
