package outcome

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// whole is a report that has everything.
func whole() *OOMReport {
	return &OOMReport{
		Invoker: "a) \xc3\xbc", Group: "/cage", GFPMask: "GFP_KERNEL|__GFP_ACCOUNT", Order: 2,
		Memory: &OOMUsage{Usage: 33 * MiB, Limit: 32 * MiB, FailCnt: 45}, Swap: &OOMUsage{}, Kmem: &OOMUsage{Limit: Unlimited},
		Stat: map[string]uint64{"anon": 33206272, "sock": 0, "pgfault": 790}, StatCut: true,
		Tasks:     []OOMTask{{PID: 8, TGID: 7, UID: 1000, Name: "app", RSS: 6 * MiB, Anon: 3 * MiB, File: 2 * MiB, Shmem: MiB, PageTables: 212992, Swap: 4096, OOMScoreAdj: -5}},
		RestCount: 3, Rest: &OOMTask{RSS: MiB}, Stack: []string{"pipe_write", "vfs_write"},
	}
}

func TestAReportIsReadBackFromJSONAsItWas(t *testing.T) {
	want := OOMKill{PID: 7, Name: "app", Report: whole()}
	line, err := json.Marshal(want)
	require.NoError(t, err)
	var got OOMKill
	require.NoError(t, json.Unmarshal(line, &got))
	require.Equal(t, want, got)
	require.Contains(t, string(line), `"memory":{"usage":34603008,"limit":33554432,"failcnt":45},"swap":{"usage":0,"limit":0,"failcnt":0}`)
	require.Contains(t, string(line), `"rest_count":3`)

	line, err = json.Marshal(OOMKill{Report: &OOMReport{}})
	require.NoError(t, err)
	require.Contains(t, string(line), `"report":{}`, "what the log lacks is missing")
	line, err = json.Marshal(OOMKill{})
	require.NoError(t, err)
	require.NotContains(t, string(line), "report")
}

func TestAReportFitsALineOfResults(t *testing.T) {
	const victim = 4_000_063
	large := OOMTask{UID: 4294967294, Name: strings.Repeat("\x01", 15), RSS: 1 << 40, Anon: 1 << 40, File: 1 << 40, Shmem: 1 << 40, PageTables: 1 << 40, Swap: 1 << 40, OOMScoreAdj: -1000}
	r := whole()
	r.Stat, r.Tasks = map[string]uint64{}, nil
	for i := range 75 {
		r.Stat["workingset_refault_anon"+strings.Repeat("x", i%4)+string(rune('a'+i/4))] = 1 << 40
	}
	for i := range maxOOMTasks {
		large.PID, large.TGID = 4_000_000+i, 4_000_000+i
		r.Tasks = append(r.Tasks, large)
	}
	b := r.Bounded(victim)
	line, err := json.Marshal(b)
	require.NoError(t, err)
	require.Less(t, len(line), 13<<10)
	require.Greater(t, len(b.Tasks), 20)
	require.Equal(t, victim, b.Tasks[len(b.Tasks)-1].TGID, "the victim is kept")
	require.Equal(t, 4_000_000, b.Tasks[0].TGID)
	require.Equal(t, 3+maxOOMTasks-len(b.Tasks), b.RestCount)
	require.Equal(t, MiB+Bytes(maxOOMTasks-len(b.Tasks))<<40, b.Rest.RSS)
	require.Equal(t, Bytes(maxOOMTasks-len(b.Tasks))<<40, b.Rest.Swap)
	require.Empty(t, b.Rest.Name)
	require.Len(t, r.Tasks, maxOOMTasks, "the one it was made of is as it was")
	require.Equal(t, MiB, r.Rest.RSS)

	small := whole()
	require.Equal(t, whole(), small.Bounded(victim))
}

// The traces are those of testdata in internal/kmsg, of Linux 6.1 to 7.3, but for the last eight.
func TestAStackSaysWhatTheMemoryWasFor(t *testing.T) {
	head := "dump_stack_lvl dump_header oom_kill_process.cold out_of_memory mem_cgroup_out_of_memory try_charge_memcg "
	for _, c := range []struct{ trace, stack, path string }{
		{"charge_memcg __mem_cgroup_charge do_anonymous_page __handle_mm_fault handle_mm_fault do_user_addr_fault exc_page_fault asm_exc_page_fault", "do_anonymous_page handle_mm_fault", "page fault"},
		{"charge_memcg __mem_cgroup_charge __handle_mm_fault handle_mm_fault do_user_addr_fault", "handle_mm_fault", "page fault"},
		{"__mem_cgroup_charge do_wp_page __handle_mm_fault handle_mm_fault", "do_wp_page handle_mm_fault", "copy on write"},
		{"__memcg_kmem_charge_page __alloc_pages pte_alloc_one __pte_alloc __handle_mm_fault handle_mm_fault", "pte_alloc_one __pte_alloc handle_mm_fault", "page table"},
		{
			"charge_memcg __mem_cgroup_charge shmem_add_to_page_cache shmem_get_folio_gfp shmem_write_begin generic_perform_write __generic_file_write_iter generic_file_write_iter vfs_write ksys_write do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"shmem_add_to_page_cache shmem_get_folio_gfp shmem_write_begin generic_perform_write vfs_write", "tmpfs write",
		},
		{"__memcg_kmem_charge_page __alloc_pages pipe_write vfs_write ksys_write", "pipe_write vfs_write", "pipe write"},
		{"__alloc_frozen_pages_noprof alloc_pages_mpol alloc_pages_noprof anon_pipe_prefill_and_lock anon_pipe_write vfs_write ksys_write", "anon_pipe_prefill_and_lock anon_pipe_write vfs_write", "pipe write"},
		{
			"mem_cgroup_charge_skmem __sk_mem_raise_allocated __sk_mem_schedule tcp_wmem_schedule tcp_sendmsg_locked tcp_sendmsg __sock_sendmsg sock_write_iter vfs_write ksys_write",
			"tcp_wmem_schedule tcp_sendmsg_locked tcp_sendmsg sock_write_iter vfs_write", "tcp send",
		},
		{"memory_max_write kernfs_fop_write_iter vfs_write ksys_write", "memory_max_write kernfs_fop_write_iter vfs_write", "write to memory.max"},
		{"__filemap_get_folio ext4_da_write_begin generic_perform_write ext4_buffered_write_iter vfs_write", "ext4_da_write_begin generic_perform_write ext4_buffered_write_iter vfs_write", "ext4 write"},
		{"__filemap_get_folio generic_perform_write ext4_buffered_write_iter vfs_write", "generic_perform_write ext4_buffered_write_iter vfs_write", "ext4 write"},
		{"do_anonymous_page handle_mm_fault exc_page_fault fault_in_readable generic_perform_write ext4_buffered_write_iter vfs_write", "do_anonymous_page handle_mm_fault generic_perform_write ext4_buffered_write_iter vfs_write", "page fault"},
		{"filemap_add_folio page_cache_ra_unbounded filemap_fault __do_fault handle_mm_fault", "filemap_add_folio page_cache_ra_unbounded filemap_fault __do_fault handle_mm_fault", "page fault"},
		{"shmem_get_folio_gfp shmem_fault __do_fault handle_mm_fault", "shmem_get_folio_gfp shmem_fault __do_fault handle_mm_fault", "tmpfs page fault"},
		{"swap_cluster_readahead swapin_readahead do_swap_page handle_mm_fault", "swap_cluster_readahead swapin_readahead do_swap_page handle_mm_fault", "swap in"},
		{"alloc_thread_stack_node dup_task_struct copy_process kernel_clone __do_sys_clone3", "copy_process", "clone"},
		{"some_driver_ioctl __x64_sys_ioctl", "", ""},
	} {
		stack := OOMStack(strings.Fields(head + c.trace))
		require.Equal(t, c.stack, strings.Join(stack, " "))
		require.Equal(t, c.path, (&OOMReport{Stack: stack}).Path(), c.trace)
	}
	require.Len(t, OOMStack(strings.Fields(strings.Repeat("vfs_write ", 100))), 12, "bounded")
}
