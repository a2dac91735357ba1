package harness

import (
	"time"

	"oomcage/harness/outcome"
)

// maxKillTimes bounds what a target that is killed again and again leaves in a line of results.
const maxKillTimes = 1000

// addKills notes the kills that are counted and not yet placed.
func (t *timeline) addKills(kills uint64, at time.Duration, step, acknowledged int) {
	for uint64(len(t.kills)) < min(kills, maxKillTimes) {
		t.kills = append(t.kills, outcome.KillTime{At: at, Step: step, Acknowledged: acknowledged})
	}
}
