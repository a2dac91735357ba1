package outcome

import (
	"fmt"
	"slices"
)

// DaemonKill is what an OOM killer in user space has noted about a cgroup during the run. systemd-oomd counts in
// user.oomd_ooms how often it has chosen the cgroup, before it kills, and in user.oomd_kill how many processes
// it has killed there, afterwards (increment_oomd_xattr in src/oom/oomd-util.c); oomd does so in trusted.oomd_ooms
// and trusted.oomd_kill, which root alone can read. Others, such as earlyoom, leave no trace.
type DaemonKill struct {
	By    string `json:"by"`    // systemd-oomd or oomd
	Group string `json:"group"` // the cage, a cgroup above it, or one below it in which the target was
	OOMs  uint64 `json:"ooms"`  // how often it has chosen the cgroup
	Kills uint64 `json:"kills"` // how many processes it has killed there; it may count them when the run is over
}

// String returns "systemd-oomd chose /cage and killed 3 processes there".
func (k DaemonKill) String() string {
	if k.Kills == 0 {
		return fmt.Sprintf("%s chose %s", k.By, k.Group)
	}
	return fmt.Sprintf("%s chose %s and killed %s there", k.By, k.Group, processes(k.Kills))
}

// daemonKillsSince returns what was noted after before.
func daemonKillsSince(after, before []DaemonKill) []DaemonKill {
	var since []DaemonKill
	for _, k := range after {
		i := slices.IndexFunc(before, func(b DaemonKill) bool { return b.By == k.By && b.Group == k.Group })
		if i >= 0 {
			k.OOMs -= min(k.OOMs, before[i].OOMs)
			k.Kills -= min(k.Kills, before[i].Kills)
		}
		if k.OOMs+k.Kills > 0 {
			since = append(since, k)
		}
	}
	return since
}
