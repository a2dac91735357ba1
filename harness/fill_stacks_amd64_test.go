package harness

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread of Go takes five times as much as its kernel stack. These threads have none of their own memory: they share all
// with the one that made them, and wait in pause(2). So they have to be made by machine code.
func init() {
	fillers["kernel stacks"] = func(_ string, _ func(int), counter *int64) {
		runtime.LockOSThread()
		const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
		code, err := unix.Mmap(-1, 0, page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		fail(err)
		b := binary.LittleEndian.AppendUint64([]byte{0x48, 0xBB}, uint64(uintptr(unsafe.Pointer(counter)))) // mov rbx, counter
		b = append(b, 0xB8, 56, 0, 0, 0)                                                                    // loop: mov eax, SYS_clone
		b = append(b, 0xBF)                                                                                 // mov edi, flags
		b = binary.LittleEndian.AppendUint32(b, flags)
		b = append(b, 0x31, 0xF6, 0x31, 0xD2, 0x4D, 0x31, 0xD2, 0x4D, 0x31, 0xC0) // xor esi, edx, r10, r8: no stack of its own
		b = append(b, 0x0F, 0x05)                                                 // syscall
		b = append(b, 0x85, 0xC0, 0x74, 0x0C, 0x78, 0x11)                         // test eax, eax; jz child; js full
		b = append(b, 0xF0, 0x48, 0x81, 0x03, 0, 0x40, 0, 0)                      // lock add qword [rbx], 16 KiB: THREAD_SIZE
		b = append(b, 0xEB, byte(0x100-(len(b)+2-10)))                            // jmp loop
		b = append(b, 0xB8, 34, 0, 0, 0, 0x0F, 0x05, 0xEB, 0xF7)                  // child: mov eax, SYS_pause; syscall; jmp child
		b = append(b, 0xC3)                                                       // full: ret
		copy(code, b)
		entry := uintptr(unsafe.Pointer(&code[0]))
		closure := &entry
		(*(*func())(unsafe.Pointer(&closure)))()
		fillAnon()
	}
}
