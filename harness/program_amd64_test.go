package harness

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// machineELF is x86-64.
const machineELF = 62

// systemCall makes one with the arguments that are in the registers. %edi is 0 at the start of a
// program.
func systemCall(n uint32) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0xb8}, n), 0x0f, 0x05) // mov $n,%eax; syscall
}

func codeExit() []byte { return systemCall(unix.SYS_EXIT) }

func codePause() []byte { return systemCall(unix.SYS_PAUSE) }

func codeForks() []byte {
	fork := systemCall(unix.SYS_FORK)
	return append(fork, 0xeb, byte(-len(fork)-2)) // jmp back to it
}

// codeTouch writes to so many pages from an address on.
func codeTouch(from, pages, page uint32) []byte {
	le := binary.LittleEndian
	touch := le.AppendUint32([]byte{0xbe}, from)             // mov $from,%esi
	touch = le.AppendUint32(append(touch, 0xb9), pages)      // mov $pages,%ecx
	touch = append(touch, 0x88, 0x0e)                        // mov %cl,(%rsi)
	touch = le.AppendUint32(append(touch, 0x81, 0xc6), page) // add $page,%esi
	return append(touch,
		0xff, 0xc9, // dec %ecx
		0x75, 0xf4) // jnz to the first mov of these
}

// codeWrite writes the byte at an address to stdout.
func codeWrite(address uint32) []byte {
	write := binary.LittleEndian.AppendUint32([]byte{0xbf, 1, 0, 0, 0, 0xba, 1, 0, 0, 0, 0xbe}, address) // mov $1,%edi; mov $1,%edx; mov $address,%esi
	return append(write, systemCall(unix.SYS_WRITE)...)
}
