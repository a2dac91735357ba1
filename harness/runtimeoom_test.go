package harness

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// limitData lets this process have n bytes of private memory more than it has (RLIMIT_DATA).
func limitData(n int) {
	status, err := os.ReadFile("/proc/self/status")
	fail(err)
	had := regexp.MustCompile(`VmData:\s+(\d+) kB`).FindSubmatch(status)
	kib, err := strconv.Atoi(string(had[1]))
	fail(err)
	most := uint64(kib<<10 + n)
	fail(unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most}))
}

// The cage has room for all of it: the limit that is met is the process's own, and no killer kills.
func TestAGoProgramWithoutMemoryGivesUpByItself(t *testing.T) {
	const step, own = 8 * MiB, 40 * MiB
	target := as(t, "limited-serve", "$ADDR", strconv.Itoa(int(own)))
	// Without its collector, which does not look whether it was given memory: see outcome/testdata/runtimes.
	target.Env = append(target.Env, "GOGC=off")
	target.Ready = HTTPReady("/ready")
	o := RunT(t, Spec{
		Target: target, Limits: Limits{Max: 256 * MiB},
		Load: Load{Step: HTTPPost(fmt.Sprintf("/eat/%d", step)), Count: 20, Bytes: step},
	})
	o.RequireVerdict(t, RuntimeOOM)
	o.RequireOOMKills(t, 0)
	// Of what was mapped before the limit was set, the heap has some left: 4 to 6 steps were seen in 50 runs on Debian 12
	// (2026-11), where the limit alone has 5. The cage has room for 30.
	o.RequireAcknowledged(t, 1, 2*int(own/step))
	require.Equal(t, 2, o.Evidence.Status.Code)
	require.Equal(t, "Go", o.Evidence.LastWords.Runtime)
	require.Regexp(t, `^its own runtime \(Go\) gave up for want of memory, as its last words say: "fatal error: (runtime: )?(out of|cannot allocate) memory"; `+
		`no kernel OOM killer had a part in it, and it ended by itself with exit code 2 at \d+\.\d of 256.0 MiB, during step \d`, o.Why)
}

func TestAProgramThatSaysThatItWasRefusedMemoryGaveUp(t *testing.T) {
	o := RunT(t, Spec{Target: as(t, "refused", strconv.Itoa(int(16*MiB))), Limits: Limits{Max: 256 * MiB}})
	o.RequireVerdict(t, RuntimeOOM)
	require.Empty(t, o.Evidence.LastWords.Runtime)
	require.Contains(t, o.Why, `it gave up for want of memory, as its last words say: "cannot allocate memory"`)
}

// The same words of a program that ends well are none of its last ones.
func TestAProgramThatLogsThoseWordsAndEndsWellHasExited(t *testing.T) {
	target := as(t, "env", "fatal error: runtime: out of memory")
	target.Env = append(target.Env, "GREETING=Out of memory")
	o := RunT(t, Spec{Target: target, Limits: Limits{Max: 256 * MiB}})
	o.RequireVerdict(t, Exited)
	require.Contains(t, o.Output, "out of memory] Out of memory")
	require.Nil(t, o.Evidence.LastWords)
}
