//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"oomcage/harness/sweep"
)

// worksFlags say when a program that lives is well.
type worksFlags struct {
	latency    sweep.Quantile
	pressure   percent
	refaults   string // a number of 0 is one too
	throughput string
}

func (w *worksFlags) register(f *pflag.FlagSet) {
	f.Var(&w.latency, "max-latency", "a step takes no longer, as p99=200ms; p50, p95 and max too")
	f.Var(&w.pressure, "max-pressure", "something waits for memory in at most this part of a run's time, as 5% (memory.pressure, some)")
	f.StringVar(&w.refaults, "max-refaults", "", "at most `N` pages come back soon after the kernel has dropped them")
	f.StringVar(&w.throughput, "min-throughput", "", "at least `N/s` steps are taken, as 50/s")
}

// works is what they ask for.
func (w *worksFlags) works() (sweep.Criteria, error) {
	asked := sweep.Criteria{Latency: w.latency, Pressure: float64(w.pressure)}
	if asked.Pressure > 1 {
		return asked, fmt.Errorf("-max-pressure is %s: it is a part of the time, from 0 to 100%%", &w.pressure)
	}
	if w.refaults != "" {
		n, err := strconv.ParseUint(w.refaults, 10, 64)
		if err != nil {
			return asked, fmt.Errorf("-max-refaults %q is no number of pages; it looks like 100", w.refaults)
		}
		asked.Refaults = &n
	}
	if w.throughput != "" {
		n, err := strconv.ParseFloat(strings.TrimSuffix(w.throughput, "/s"), 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return asked, fmt.Errorf("-min-throughput %q: %w", w.throughput, errors.New("it looks like 50/s, and is above 0"))
		}
		asked.Rate = n
	}
	return asked, nil
}
