package harness

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
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
	if runtime.GOARCH != "amd64" {
		tb.Skip("the program is written in amd64's machine code")
	}
	var text []byte
	for _, c := range code {
		text = append(text, c...)
	}
	elf := append([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, make([]byte, 9)...)
	le := binary.LittleEndian
	for _, v := range []uint16{2, 62} { // executable, x86-64
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
		room, flags = 4096+uint64(bss), 7 // and write
	}
	elf = le.AppendUint32(elf, flags)
	for _, v := range []uint64{0, programBase, programBase, size, room, 4096} {
		elf = le.AppendUint64(elf, v)
	}
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, append(elf, text...), 0o700))
	return path
}

// exitProgram calls exit(0).
func exitProgram(tb testing.TB) string {
	tb.Helper()
	return program(tb, "exit", 0, systemCall(unix.SYS_EXIT))
}

// pauseProgram waits until it is killed.
func pauseProgram(tb testing.TB) string {
	tb.Helper()
	return program(tb, "pause", 0, systemCall(unix.SYS_PAUSE))
}

// forkBomb is a program that forks, and so do all its children, without end.
func forkBomb(tb testing.TB) string {
	tb.Helper()
	fork := systemCall(unix.SYS_FORK)
	return program(tb, "bomb", 0, fork, []byte{0xeb, byte(-len(fork) - 2)}) // jmp back to it
}

// eatProgram takes n bytes, a page at a time, prints a letter and waits until it is killed.
func eatProgram(tb testing.TB, n Bytes) string {
	tb.Helper()
	le := binary.LittleEndian
	touch := le.AppendUint32([]byte{0xbe}, programBase+4096)     // mov $bss,%esi
	touch = le.AppendUint32(append(touch, 0xb9), uint32(n/4096)) // mov $pages,%ecx
	touch = append(touch,
		0x88, 0x0e, // mov %cl,(%rsi)
		0x81, 0xc6, 0x00, 0x10, 0, 0, // add $4096,%esi
		0xff, 0xc9, // dec %ecx
		0x75, 0xf4) // jnz to the first of these
	const letter = programBase + 1                                                     // the E of the ELF header
	write := le.AppendUint32([]byte{0xbf, 1, 0, 0, 0, 0xba, 1, 0, 0, 0, 0xbe}, letter) // mov $1,%edi; mov $1,%edx; mov $letter,%esi
	return program(tb, "eat", n, touch, write, systemCall(unix.SYS_WRITE), systemCall(unix.SYS_PAUSE))
}

// systemCall makes one with the arguments that are in the registers. %edi is 0 at the start of a
// program.
func systemCall(n uint32) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0xb8}, n), 0x0f, 0x05) // mov $n,%eax; syscall
}
