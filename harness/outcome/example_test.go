package outcome_test

import (
	"fmt"

	"oomcage/harness/outcome"
)

// How many steps does a service survive that has 2 MiB when it is ready, under 100 MiB, and takes 20 MiB a step?
func ExamplePredict() {
	ready := outcome.Baseline{Current: 2 * outcome.MiB, PageSize: 4 * outcome.KiB, CPUs: 2}
	fmt.Println(outcome.Predict(ready, outcome.Limits{Max: 100 * outcome.MiB}, 20*outcome.MiB))
	// Output: 4..4
}

// SIGKILL alone proves nothing: the counters of the cage say whose limit it was.
func ExampleClassify() {
	killed := outcome.Evidence{
		Ready:       true,
		Status:      outcome.ExitStatus{Ended: true, Signal: "SIGKILL"},
		Events:      outcome.Events{OOM: 1, OOMKill: 1},
		EventsLocal: outcome.Events{OOM: 1, OOMKill: 1},
	}
	verdict, _ := outcome.Classify(killed)
	fmt.Println(verdict)

	killed.Events, killed.EventsLocal = outcome.Events{}, outcome.Events{}
	verdict, why := outcome.Classify(killed)
	fmt.Println(verdict, "-", why)
	// Output:
	// oom-killed
	// killed - ended by SIGKILL, and no kernel OOM killer had a part in it: oom_kill did not rise
}
