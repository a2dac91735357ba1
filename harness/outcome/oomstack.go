package outcome

import "strings"

// purposes are functions of the kernel that say what memory was allocated for. The innermost of a trace counts: a write
// that faults on its own buffer is a page fault.
var purposes = map[string]string{
	"do_swap_page": "swap in",

	"__pte_alloc": "page table", "pte_alloc_one": "page table", "__pmd_alloc": "page table", "__pud_alloc": "page table",

	"do_wp_page": "copy on write", "wp_page_copy": "copy on write", "do_cow_fault": "copy on write", "do_huge_pmd_wp_page": "copy on write",
	"do_huge_pmd_anonymous_page": "huge page fault", "hugetlb_fault": "huge page fault",
	"do_anonymous_page": "page fault", "filemap_fault": "page fault", "shmem_fault": "page fault", "__do_fault": "page fault",
	"handle_mm_fault": "page fault", "faultin_page": "page fault",

	"generic_perform_write": "write", "pipe_write": "write", "anon_pipe_write": "write", "vfs_write": "write", "do_iter_write": "write", "vfs_iter_write": "write", "io_write": "write",
	"filemap_read": "read", "vfs_read": "read", "do_iter_read": "read", "vfs_iter_read": "read", "io_read": "read",
	"vfs_fallocate": "fallocate", "do_filp_open": "open", "filename_lookup": "lookup", "iterate_dir": "directory read", "__do_sys_memfd_create": "memfd_create",

	"copy_process": "clone", "bprm_execve": "exec", "load_elf_binary": "exec",
	"memory_max_write": "write to memory.max", // what it was lowered to did not suffice
}

// subjects are the beginnings of functions that name a file system or a kind of network. Of those that are made of
// others, the more particular comes first in a trace.
var subjects = []struct{ prefix, name string }{
	{"ext4_", "ext4"}, {"xfs_", "xfs"}, {"btrfs_", "btrfs"}, {"f2fs_", "f2fs"}, {"nfs_", "nfs"}, {"nfs4_", "nfs"}, {"cifs_", "cifs"}, {"ceph_", "ceph"},
	{"fuse_", "fuse"}, {"ovl_", "overlayfs"}, {"v9fs_", "9p"}, {"p9_", "9p"}, {"erofs_", "erofs"}, {"zfs_", "zfs"}, {"zpl_", "zfs"},
	{"shmem_", "tmpfs"}, {"hugetlbfs_", "hugetlbfs"}, {"kernfs_", "kernfs"}, {"proc_", "procfs"}, {"blkdev_", "block device"}, {"pipe_", "pipe"}, {"anon_pipe_", "pipe"},
	{"tcp_", "tcp"}, {"udp_", "udp"}, {"udpv6_", "udp"}, {"unix_", "unix socket"}, {"netlink_", "netlink"}, {"packet_", "packet socket"}, {"vsock_", "vsock"},
}

// actions are the ends of functions that name a file system or network by their beginning.
var actions = []struct{ suffix, purpose string }{
	{"_sendmsg", "send"}, {"_sendpage", "send"}, {"_recvmsg", "receive"}, {"_rcv", "receive"}, {"_file_write_iter", "write"}, {"_file_read_iter", "read"}, {"_filemap_fault", "page fault"},
	{"_buffered_write_iter", "write"}, {"_fallocate", "fallocate"},
}

// plumbing are further functions that a stack is easier to read with, by their beginning.
var plumbing = []string{
	"sock_", "__sys_send", "__sys_recv", "skb_", "sk_", "inet_", "inet6_", "iomap_", "filemap_", "page_cache_", "read_pages", "vfs_", "io_", "swap", "__mm_populate", "do_fault", "do_read_fault", "do_shared_fault",
}

// OOMStack returns the functions of a call trace for OOMReport.Stack: those that say what the memory was for, in their order, at most
// 12.
func OOMStack(trace []string) []string {
	const maxFrames = 12 // Linux 7.3's traces had 6 (2026-11)
	var kept []string
	for _, name := range trace {
		if len(kept) < maxFrames && (purposeOf(name) != "" || subjectOf(name) != "" || hasAnyPrefix(name, plumbing)) {
			kept = append(kept, name)
		}
	}
	return kept
}

// Path says in a word or two what the allocation was for that failed: "ext4 write", "tcp send", "page fault"; "" where Stack does not
// tell. That is the last straw, and need not be what filled the memory.
func (r *OOMReport) Path() string {
	for i, name := range r.Stack {
		purpose := purposeOf(name)
		if purpose == "" {
			continue
		}
		among := r.Stack
		if !ofFile(purpose) {
			among = r.Stack[:i+1] // who called may have been at something else
		}
		for _, name := range among {
			if subject := subjectOf(name); subject != "" {
				return subject + " " + purpose
			}
		}
		return purpose
	}
	return ""
}

// ofFile reports whether a purpose is a caller's own, which is named further out as well.
func ofFile(purpose string) bool {
	switch purpose {
	case "write", "read", "fallocate", "open", "lookup", "directory read", "send", "receive":
		return true
	}
	return false
}

func purposeOf(name string) string {
	if purpose, ok := purposes[name]; ok {
		return purpose
	}
	if subjectOf(name) == "" {
		return ""
	}
	for _, a := range actions {
		if strings.HasSuffix(strings.TrimSuffix(name, "_locked"), a.suffix) {
			return a.purpose
		}
	}
	return ""
}

func subjectOf(name string) string {
	name = strings.TrimLeft(name, "_")
	for _, s := range subjects {
		if strings.HasPrefix(name, s.prefix) {
			return s.name
		}
	}
	return ""
}

func hasAnyPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
