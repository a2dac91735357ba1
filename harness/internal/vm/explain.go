package vm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// explain finds out why a guest ended, or was ended, without an exit status.
func (s *session) explain(err error) error {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	console, _ := os.ReadFile(s.machine.console) // without one there is nothing to judge
	if f := readConsole(console, s.booted); f != nil {
		return f
	}
	if initrdTooLarge.Match(s.stderr) {
		return failure(guestOOM, "the initramfs does not fit into the guest's memory", moreMemory).with(string(s.stderr))
	}
	// A kernel without room to unpack itself just resets.
	if needed := minFor(s.size); !s.booted && s.machine.memory < needed {
		return failure(guestOOM, fmt.Sprintf("the guest ended before it said a word, and its memory is too small: %d MiB, "+
			"while its initramfs of %d MiB needs about %d MiB", s.machine.memory>>20, s.size>>20, needed>>20), moreMemory)
	}
	if !s.booted {
		return failure(qemuFailed, "QEMU ended before the guest said a word", "look at its message below, or try -accel tcg or another -kernel").
			with(cmp.Or(string(s.stderr), tail(console, nil)))
	}
	f = failure(noExitCode, "the guest ended without an exit code", "read the console log")
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		f.Found += ": " + err.Error()
	}
	return f.with(tail(console, nil))
}

// minFor is the memory below which a guest surely can't boot: the archive, what is unpacked from it,
// which may fill half of the memory, and the kernel. Bytes.
func minFor(initramfs int64) int64 { return 2*initramfs + 64<<20 }

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
		`Cannot allocate|Failed to allocate|page allocation failure).*`)
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
		return failure(guestOOM, "the guest ran out of memory: kernel panic: "+string(match[1]), moreMemory).with(tail(text, match[0]))
	case !booted && (unpack != nil || oom != nil):
		if unpack == nil {
			unpack = oom
		}
		return failure(guestOOM, "the guest ran out of memory while it booted: the initramfs does not fit", moreMemory).with(tail(text, unpack))
	default:
		return failure(guestPanic, "the guest's kernel panicked: "+string(match[1]),
			"read the console log; another kernel may help: -kernel FILE").with(tail(text, match[0]))
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
