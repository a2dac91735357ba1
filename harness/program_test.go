package harness

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	programBase = 0x400000
	programText = programBase + 64 + 56 // behind the ELF header and the one program header
)

// program writes a static program of these instructions, with room for bss bytes from the second
// page on: an ELF file of one segment. There is none smaller, so a hundred of them fit into a small
// machine, and what the harness adds is not hidden by a runtime that starts.
func program(tb testing.TB, name string, bss Bytes, code ...[]byte) string {
	tb.Helper()
	var text []byte
	for _, c := range code {
		text = append(text, c...)
	}
	elf := append([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, make([]byte, 9)...)
	le := binary.LittleEndian
	for _, v := range []uint16{2, machineELF} { // executable
		elf = le.AppendUint16(elf, v)
	}
	elf = le.AppendUint32(elf, 1)
	for _, v := range []uint64{programText, 64, 0} { // entry, program headers, no sections
		elf = le.AppendUint64(elf, v)
	}
	elf = le.AppendUint32(elf, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		elf = le.AppendUint16(elf, v)
	}
	size := uint64(programText - programBase + len(text))
	elf = le.AppendUint32(elf, 1)  // load
	room, flags := size, uint32(5) // read, execute
	if bss > 0 {
		room, flags = uint64(os.Getpagesize())+uint64(bss), 7 // and write
	}
	elf = le.AppendUint32(elf, flags)
	for _, v := range []uint64{0, programBase, programBase, size, room, uint64(os.Getpagesize())} {
		elf = le.AppendUint64(elf, v)
	}
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, append(elf, text...), 0o700))
	return path
}

// exitProgram calls exit(0).
func exitProgram(tb testing.TB) string {
	tb.Helper()
	return program(tb, "exit", 0, codeExit())
}

// pauseProgram waits until it is killed.
func pauseProgram(tb testing.TB) string {
	tb.Helper()
	return program(tb, "pause", 0, codePause())
}

// forkBomb is a program that forks, and so do all its children, without end.
func forkBomb(tb testing.TB) string {
	tb.Helper()
	return program(tb, "bomb", 0, codeForks())
}

// eatProgram takes n bytes, a page at a time, prints a letter and waits until it is killed.
func eatProgram(tb testing.TB, n Bytes) string {
	tb.Helper()
	page := os.Getpagesize()
	const letter = programBase + 1 // the E of the ELF header
	return program(tb, "eat", n, codeTouch(uint32(programBase+page), uint32(int(n)/page), uint32(page)), codeWrite(letter), codePause())
}
