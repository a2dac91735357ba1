package outcome

import (
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
)

// help says what would help where memory was the cause.
func (o *Outcome) help() string {
	if own := o.ownLimitHelp(); own != "" {
		return own
	}
	c := o.Evidence.Fullest
	if o.filled(o.Verdict) == "" {
		return ""
	}
	var advice []string
	for _, a := range advices {
		if size := a.size(c); size > 0 && size >= c.Current/partShare {
			advice = append(advice, fmt.Sprintf("%s (%s): %s", a.about, human.Size(size), a.help))
		}
	}
	if o.hugePages() != "" {
		advice = append(advice, "huge pages hold more than was asked for: see what it takes without them (Target.NoTHP, --no-thp), and what they are worth to its speed; then PR_SET_THP_DISABLE or madvise(2) is the way to do without")
	}
	if o.Verdict == AncestorOOMKilled {
		advice = slices.Insert(advice, 0, "look above the cage first: its own limit was not the one")
	}
	if len(advice) == 0 {
		advice = []string{fmt.Sprintf("no kind of memory stands out; more than %s is needed: `oomcage bisect` finds how much", human.Size(c.Current))}
	}
	return strings.Join(advice, "; ")
}

// advices say what helps against each way to fill a cgroup, where it takes a quarter of it.
var advices = []struct {
	about string
	size  func(*Composition) Bytes
	help  string
}{
	{"copies after a fork", func(c *Composition) Bytes { return c.Copied }, "leave as much free as the child's lifetime writes, or write less while it lives"},
	{"locked memory", func(c *Composition) Bytes { return c.Stat.Unevictable }, "lock less (mlock, mlockall): what is locked can be neither swapped nor dropped"},
	{"heap", func(c *Composition) Bytes {
		return c.Stat.Anon + c.Stat.toSwap(c.Current) - c.Copied - c.Stat.Unevictable
	}, "take a heap profile before the end (--capture), tell the runtime the limit (GOMEMLIMIT, -XX:MaxRAMPercentage, --max-old-space-size), or raise memory.max: `oomcage bisect` finds by how much"},
	{"dirty page cache", func(c *Composition) Bytes { return c.Stat.unwritten() }, "the disk is slower than what is written: sync as you go, or write less at once"},
	{"mapped files", func(c *Composition) Bytes {
		return c.Stat.File - c.Stat.Shmem - c.Stat.unwritten() - c.Stat.Unevictable
	}, "page cache is taken back by itself: what stays is in use all the time, so the working set is larger than the limit"},
	{"tmpfs and shared memory", func(c *Composition) Bytes { return c.Stat.Shmem }, "remove these files, bound the mount (size=), or keep them on a disk: they stay charged until they are removed"},
	{"sockets", func(c *Composition) Bytes { return c.Stat.Sock }, "read faster than is sent, accept fewer connections, or bound their buffers (SO_RCVBUF, net.ipv4.tcp_rmem)"},
	{"pipes and other pages of the kernel", func(c *Composition) Bytes { return c.Stat.kernelOther() }, "read what is in the pipes, or make them smaller (F_SETPIPE_SZ)"},
	{"page tables", func(c *Composition) Bytes { return c.Stat.PageTables + c.Stat.SecPageTables }, "map less, or in larger pieces: each 2 MiB that are touched take 4 KiB, in each process"},
	{"kernel stacks", func(c *Composition) Bytes { return c.Stat.KernelStack }, "start fewer threads: each takes 16 KiB of stack, and about as much beside it"},
	{"names and inodes", func(c *Composition) Bytes { return c.Stat.SlabReclaimable }, "have fewer files, above all on tmpfs, where names cannot be given up"},
	{"other objects of the kernel", func(c *Composition) Bytes { return c.Stat.SlabUnreclaimable }, "have fewer files, sockets, processes or mounts"},
}
