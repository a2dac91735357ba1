package outcome

// verdictTable is all that can be said of a verdict in general. The tables in README.md and doc.go
// are made from it: TestVerdictTable.
var verdictTable = []struct {
	verdict Verdict
	what    string // what happened: the comment of the constant
	proof   string // what of the evidence proves it
}{
	{Survived, "the target was alive when the load ended",
		"running, or ended as `Stop` asked it to; no OOM in the cage, and a step taken if there was one"},
	{OOMKilled, "the cage's own limit killed the target",
		"SIGKILL, and the cage's own `oom` and `oom_kill` both rose"},
	{OOMGroupKilled, "the same, and memory.oom.group took the rest along",
		"`oom_group_kill` rose as well"},
	{ChildOOMKilled, "a process inside was killed, the target was not",
		"`oom_kill` rose, the target lives or ended otherwise"},
	{AncestorOOMKilled, "a limit above the cage killed it",
		"`oom_kill` rose, own `oom` did not, an ancestor's own did"},
	{HostOOMKilled, "the whole machine ran out",
		"`oom_kill` rose, no cgroup's own `oom` did"},
	{Killed, "a signal that no kernel OOM killer sent",
		"signalled, `oom_kill` did not rise; systemd-oomd is named"},
	{Exited, "it ended by itself",
		"exit code, and nothing says that it was for want of memory"},
	{RuntimeOOM, "its own runtime gave up for want of memory",
		"it ended by itself, `oom_kill` did not rise, and its last words say so"},
	{Stalled, "time ran out while it was throttled or thrashing",
		"alive at the timeout, with pressure, `high`, refaults or own `oom` risen, or its garbage collector at work all the time"},
	{TimedOut, "time ran out, and memory was not the cause",
		"alive at the timeout, none of those risen"},
	{Inconclusive, "the evidence contradicts itself or could not be read",
		"said in words"},
}

// Verdicts returns all verdicts, in the order of the constants.
func Verdicts() []Verdict {
	all := make([]Verdict, len(verdictTable))
	for i, row := range verdictTable {
		all[i] = row.verdict
	}
	return all
}
