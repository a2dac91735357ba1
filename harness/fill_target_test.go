package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"oomcage/harness/outcome"
)

func init() {
	// fill KIND DIR COUNTER: takes memory of one kind, MiB by MiB, until it is killed. What it has taken it counts in a file.
	roles["fill"] = func() {
		counter := mapCounter(os.Args[3])
		took := func(n int) { atomic.AddInt64(counter, int64(n)) }
		fillers[os.Args[1]](os.Args[2], took, counter)
	}
}

// mapCounter maps a number that outlives the process which counts.
func mapCounter(path string) *int64 {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	fail(err)
	fail(f.Truncate(8))
	b, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	fail(err)
	return (*int64)(unsafe.Pointer(&b[0]))
}

const (
	mebi     = 1 << 20
	page     = 4 << 10
	hugePage = 2 << 20
)

var fillers = map[string]func(dir string, took func(int), counter *int64){
	"anon": func(_ string, took func(int), _ *int64) {
		took(int(sizeOf("/proc/self/status", "RssAnon")))
		for {
			touch(mapped(mebi))
			took(mebi)
		}
	},
	// A byte of each huge page is touched. Where there is room for none any more, small ones are taken.
	"huge pages": func(_ string, took func(int), _ *int64) {
		took(int(sizeOf("/proc/self/smaps", "AnonHugePages")))
		b, err := unix.Mmap(-1, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		fail(err)
		fail(unix.Madvise(b, unix.MADV_HUGEPAGE))
		start := int(-uintptr(unsafe.Pointer(&b[0])) % hugePage)
		for i := range 26 {
			b[start+i*hugePage] = 1
			took(hugePage)
		}
		fillAnon()
	},
	// What the kernel has written meanwhile is written to again.
	"dirty file": func(dir string, took func(int), _ *int64) {
		b := lockedFile(filepath.Join(dir, "file"), unix.PROT_READ|unix.PROT_WRITE)
		for i := 0; i < 52*mebi; i += mebi {
			touch(b[i : i+mebi])
			took(mebi)
		}
		go func() {
			for {
				touch(b[:52*mebi])
			}
		}()
		fillAnon()
	},
	// Pages of a larger folio are given up all the same while the folio is not locked as a whole (seen on 7.3).
	"mapped file": func(dir string, _ func(int), counter *int64) {
		b := lockedFile(filepath.Join(dir, "file"), unix.PROT_READ)
		for i := 0; i < len(b); i += page {
			seen += b[i]
			if i/page%16 == 15 {
				atomic.StoreInt64(counter, int64(resident(b[:i+page])))
			}
		}
	},
	"tmpfs": func(dir string, took func(int), _ *int64) {
		f, err := os.Create(filepath.Join(dir, "filled"))
		fail(err)
		writeOn(f, took)
	},
	"memfd": func(_ string, took func(int), _ *int64) {
		fd, err := unix.MemfdCreate("filled", 0)
		fail(err)
		writeOn(os.NewFile(uintptr(fd), "memfd"), took)
	},
	"sock": fillSockets,
	"pipe": func(_ string, took func(int), _ *int64) {
		for {
			var fds [2]int
			fail(unix.Pipe2(fds[:], unix.O_NONBLOCK))
			_, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, mebi)
			fail(err)
			for range mebi / len(block) {
				n, err := unix.Write(fds[1], block)
				fail(err)
				took(n)
			}
		}
	},
	// What is read and was never written is one page of zeros for all, but each 2 MiB take a page of entries.
	"page tables": func(_ string, took func(int), _ *int64) {
		b, err := unix.Mmap(-1, 0, 64<<30, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		fail(err)
		fail(unix.Madvise(b, unix.MADV_NOHUGEPAGE))
		look(b, hugePage, took)
	},
	// On tmpfs, names cannot be given up. What the machine has of such objects is no count of these: they get the room of others that
	// were freed, whose pages the kernel had kept, and more are freed meanwhile. So it is what the cage is charged with, and anon is not.
	"names": func(dir string, _ func(int), counter *int64) {
		current := filepath.Join(ownCgroup(), "memory.current")
		charged := func() int64 {
			return int64(mustAtoi(strings.TrimSpace(mustRead(current)))) - sizeOf("/proc/self/smaps", "Anonymous")
		}
		before := charged()
		file := filepath.Join(dir, "file")
		fail(os.WriteFile(file, nil, 0o600))
		for i := 0; ; i++ {
			fail(os.Link(file, filepath.Join(dir, strings.Repeat("n", 240)+strconv.Itoa(i))))
			if i%400 == 0 { // to sum up all mappings takes long
				atomic.StoreInt64(counter, charged()-before)
			}
		}
	},
	"swap": func(_ string, took func(int), _ *int64) {
		took(int(sizeOf("/proc/self/status", "RssAnon")))
		for {
			touch(mapped(mebi))
			took(mebi)
		}
	},
	"copy-on-write": fillByFork,
	"mlock": func(_ string, took func(int), _ *int64) {
		for {
			fail(unix.Mlock(mapped(mebi)))
			took(mebi)
		}
	},
}

var block = make([]byte, 64<<10)

// mapped maps so much memory in small pages.
func mapped(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	fail(err)
	fail(unix.Madvise(b, unix.MADV_NOHUGEPAGE))
	return b
}

// touch writes to each page.
func touch(b []byte) {
	for i := 0; i < len(b); i += page {
		b[i] = 1
	}
}

// seen keeps what was read from being read for nothing.
var seen byte

// look reads a byte of each step.
func look(b []byte, step int, took func(int)) {
	for i := 0; i < len(b); i += step {
		seen += b[i]
		took(page)
	}
}

// resident is how much of it is in memory.
func resident(b []byte) int {
	pages := make([]byte, (len(b)+page-1)/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		fail(errno)
	}
	n := 0
	for _, is := range pages {
		n += int(is&1) * page
	}
	return n
}

func writeOn(f *os.File, took func(int)) {
	for {
		n, err := f.Write(block)
		fail(err)
		took(n)
	}
}

// lockedFile maps a file whose pages stay in memory once they are there: the kernel would give them up. They come by page
// faults, since mlock itself would end with an error where memory runs out.
func lockedFile(path string, prot int) []byte {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	fail(err)
	fail(f.Truncate(fileSize))
	b, err := unix.Mmap(int(f.Fd()), 0, fileSize, prot, unix.MAP_SHARED)
	fail(err)
	const onFault = 1 // MLOCK_ONFAULT
	if _, _, errno := unix.Syscall(unix.SYS_MLOCK2, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), onFault); errno != 0 {
		fail(errno)
	}
	return b
}

const fileSize = 96 * mebi

// fillSockets sends what nobody reads. What the kernel holds of it is more than what was sent. At the limit the kernel
// refuses, and kills nobody, so that the last pages are taken otherwise. It does all that on one CPU: of each, up to 1 MiB more or
// less than what it holds is not in the kernel's count (SK_MEMORY_PCPU_RESERVE in include/net/sock.h).
func fillSockets(_ string, _ func(int), counter *int64) {
	stayOnACPU()
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	fail(err)
	fail(unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	fail(unix.Listen(ln, 4096))
	addr, err := unix.Getsockname(ln)
	fail(err)
	before := sockets()
	for quiet := 0; quiet < 3; {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		fail(err)
		fail(unix.Connect(fd, addr))
		_, _, err = unix.Accept(ln)
		fail(err)
		fail(unix.SetNonblock(fd, true))
		sent := 0
		for {
			n, err := unix.Write(fd, block)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			fail(err)
			sent += n
			atomic.StoreInt64(counter, sockets()-before)
		}
		if quiet++; sent > len(block) {
			quiet = 0
		}
	}
	fillAnon()
}

// stayOnACPU keeps the goroutine on one of the CPUs that the process may use.
func stayOnACPU() {
	runtime.LockOSThread()
	var may, one unix.CPUSet
	fail(unix.SchedGetaffinity(0, &may))
	cpu := 0
	for !may.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	fail(unix.SchedSetaffinity(0, &one))
}

// fillAnon takes what there is left.
func fillAnon() {
	for {
		touch(mapped(mebi))
	}
}

// sockets is how much memory the machine has in TCP's buffers.
func sockets() int64 {
	_, rest, _ := strings.Cut(mustRead("/proc/net/sockstat"), "TCP:")
	_, mem, _ := strings.Cut(rest, " mem ")
	pages, _, _ := strings.Cut(mem, "\n")
	return int64(mustAtoi(pages)) * page
}

// sizeOf reads one of the sizes that the kernel prints in kB, or the sum where it prints one of each mapping. That is not
// smaps_rollup: some kernels, 6.1 among them, leave a mapping out of it where another thread waits for mmap_lock
// (show_smaps_rollup in fs/proc/task_mmu.c).
func sizeOf(path, key string) (sum int64) {
	found := false
	for line := range strings.Lines(mustRead(path)) {
		if size, is := strings.CutPrefix(line, key+":"); is {
			found = true
			sum += int64(mustAtoi(strings.Fields(size)[0])) << 10
		}
	}
	if !found {
		fail(fmt.Errorf("%s has no %s", path, key))
	}
	return sum
}

// fillByFork takes 32 MiB, and has a forked child write to them: with the 5 to 9 MiB of a test binary natively and under
// cgo (2026-11), 23 are copied until a limit of 64 is met. The child is no Go program any more: it has one thread, and
// touches memory only. Near the limit, where the cage has 54 to 61 MiB, it waits until the recorder has seen both, which may
// not get a CPU for long on a busy machine. It has no huge pages: at the limit the kernel takes back what of them is zero
// (since Linux 6.12), up to 2 MiB after the last census.
func fillByFork(dir string, _ func(int), counter *int64) {
	const size, near = 32 * mebi, 17 * mebi
	file, err := unix.BytePtrFromString(filepath.Join(dir, seenFile))
	fail(err)
	here := unix.AT_FDCWD
	if disabled, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0); err != nil || disabled == 0 { // exec keeps it
		fail(errors.Join(err, unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)))
		fail(unix.Exec("/proc/self/exe", os.Args, os.Environ()))
	}
	pause := unix.NsecToTimespec(int64(10 * time.Millisecond))
	b := mapped(size)
	touch(b)
	setScore(outcome.OOMScoreAdjMax) // which the child inherits, so that it is the one to be killed
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	if errno != 0 {
		fail(errno)
	}
	if pid != 0 {
		setScore(0)
		_, err := unix.Wait4(int(pid), nil, 0, nil)
		fail(err)
		return
	}
	for i := 0; i < len(b); i += page {
		b[i] = 2
		*counter += page
		for i%(64*page) == 0 {
			_, _, _ = syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
			if i < near {
				break
			}
			if _, _, errno := syscall.RawSyscall6(unix.SYS_FACCESSAT, uintptr(here), uintptr(unsafe.Pointer(file)), unix.F_OK, 0, 0, 0); errno == 0 {
				break
			}
		}
	}
	for {
		_, _, _ = syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // as pause, which arm64 lacks
	}
}

// seenFile is there when the recorder has seen the cage with seenAt: see marking.
const (
	seenFile = "seen"
	seenAt   = 52 * outcome.MiB
)

func setScore(score int) {
	fail(os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(score)), 0))
}
