package vm

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Failure says why nothing is known about the program: the machinery failed.
type Failure struct {
	kind      failureKind
	found     string // what happened, in a sentence
	helps     string // what helps, with the command; may be empty
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
	bootLimit    failureKind = "boot"      // the guest said nothing for too long
	guestFailed  failureKind = "init"      // the guest's init could not do its work
	badResults   failureKind = "results"   // files could not be carried back
	noReader     failureKind = "reader"    // whoever read the output has gone
	otherFailure failureKind = "machinery" // anything on the host
)

func failure(kind failureKind, found, helps string) *Failure {
	return &Failure{kind: kind, found: found, helps: helps}
}

// Senseless tells that the options themselves are wrong, so that nothing was tried.
func (f *Failure) Senseless() bool { return f.kind == badRequest }

// asFailure makes a Failure of any error.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return failure(otherFailure, err.Error(), "")
}

// Error is for people: what was found, what helps, where the artifacts are.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.found)
	if f.helps != "" {
		fmt.Fprintf(&b, "\n  to help: %s", f.helps)
	}
	if f.detail != "" {
		for line := range strings.Lines(strings.TrimRight(f.detail, "\n")) {
			fmt.Fprintf(&b, "\n  | %s", strings.TrimRight(line, "\r\n"))
		}
	}
	if f.Artifacts != "" {
		fmt.Fprintf(&b, "\n  console log and QEMU command: %s", f.Artifacts)
	}
	return b.String()
}

const moreMemory = "give the guest more memory with -mem SIZE, for example -mem 2GiB"

var (
	panicLine   = regexp.MustCompile(`Kernel panic - not syncing: (.*)`)
	timestamp   = regexp.MustCompile(`(?m)^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? `)
	outOfMemory = regexp.MustCompile(`(?m)^Out of memory: Killed process \d+ .*`)

	// What QEMU says before it even starts the kernel.
	initrdTooLarge = regexp.MustCompile(`initrd is too large`)

	// What the kernel says when it cannot even unpack the initramfs, or has nobody left to kill.
	memoryPanics = regexp.MustCompile(`deadlocked on memory|no killable process`)
	unpackFailed = regexp.MustCompile(`(?m)^.*(Initramfs unpacking failed|incomplete write|` +
		`initrd overwritten|initrd extends beyond end of memory|initrd too large|Memory is too small|` +
		`Cannot allocate|Failed to allocate).*`)
)

// readConsole judges a guest that ended without a word from what its kernel printed. It returns nil when
// the text explains nothing. booted says that init had said hello before.
func readConsole(console []byte, booted bool) *Failure {
	text := timestamp.ReplaceAll(bytes.ReplaceAll(console, []byte("\r"), nil), nil)
	unpack := unpackFailed.Find(text)
	match := panicLine.FindSubmatch(text)
	oom := outOfMemory.Find(text)
	switch {
	case match == nil && booted:
		return nil
	case match == nil && unpack == nil && oom == nil:
		return nil
	case match != nil && memoryPanics.Match(match[1]):
		f := failure(guestOOM, "the guest ran out of memory: kernel panic: "+string(match[1]), moreMemory)
		f.detail = tail(text, match[0])
		return f
	case !booted && (unpack != nil || oom != nil):
		f := failure(guestOOM, "the guest ran out of memory while it booted: the initramfs does not fit", moreMemory)
		f.detail = tail(text, unpack)
		if unpack == nil {
			f.detail = tail(text, oom)
		}
		return f
	default:
		f := failure(guestPanic, "the guest's kernel panicked: "+string(match[1]),
			"read the console log; another kernel may help: -kernel FILE")
		f.detail = tail(text, match[0])
		return f
	}
}

// tail returns the few lines up to the mark, or the last ones without a mark.
func tail(text, mark []byte) string {
	const lines = 12
	if i := bytes.Index(text, mark); mark != nil && i >= 0 {
		text = text[:i+len(mark)]
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
