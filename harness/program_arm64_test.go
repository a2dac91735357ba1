package harness

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// machineELF is arm64.
const machineELF = 183

func instructions(words ...uint32) []byte {
	var code []byte
	for _, word := range words {
		code = binary.LittleEndian.AppendUint32(code, word)
	}
	return code
}

// set is movz and movk of a value to a register.
func set(register, value uint32) []byte {
	return instructions(0xd2800000|value&0xffff<<5|register, 0xf2a00000|value>>16<<5|register)
}

// systemCall makes one with these first arguments. All registers are 0 at the start of a program.
func systemCall(n uint32, args ...uint32) []byte {
	var code []byte
	for i, arg := range args {
		code = append(code, set(uint32(i), arg)...)
	}
	return append(append(code, set(8, n)...), instructions(0xd4000001)...) // svc #0
}

func codeExit() []byte { return systemCall(unix.SYS_EXIT, 0) }

// codePause is ppoll of nothing: arm64 has no pause.
func codePause() []byte { return systemCall(unix.SYS_PPOLL, 0, 0, 0, 0, 0) }

func codeForks() []byte {
	fork := systemCall(unix.SYS_CLONE, uint32(unix.SIGCHLD), 0, 0, 0, 0)
	return append(fork, branch(0x14000000, 0, -len(fork))...) // b back to it
}

// branch is one by so many bytes, which the instruction has in words from a bit on.
func branch(instruction, bit uint32, bytes int) []byte {
	width := uint32(26)
	if bit != 0 {
		width = 19
	}
	return instructions(instruction | uint32(bytes/4)&(1<<width-1)<<bit)
}

// codeTouch writes to so many pages from an address on.
func codeTouch(from, pages, page uint32) []byte {
	loop := instructions(
		0x39000022,              // strb w2,[x1]
		0x91400021|page>>12<<10, // add x1,x1,#page
		0xf1000442,              // subs x2,x2,#1
	)
	code := append(append(set(1, from), set(2, pages)...), loop...)
	return append(code, branch(0x54000001, 5, -len(loop))...) // b.ne
}

// codeWrite writes the byte at an address to stdout.
func codeWrite(address uint32) []byte { return systemCall(unix.SYS_WRITE, 1, address, 1) }
