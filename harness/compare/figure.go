package compare

// figure is a measure with a number.
type figure struct {
	name  string
	what  string // for people
	worse int    // the sign of a change for the worse
	of    func(run) (value float64, known bool)
	at    func(*Point) *Change
	floor func(median float64) float64 // a smaller difference is of no interest; by the median of both sides' runs
	print func(float64) string
}

const (
	// peakFloor is what one CPU charges ahead of what is used: MEMCG_CHARGE_BATCH pages (include/linux/memcontrol.h).
	peakFloor = 64 * 4 << 10
	// latencyFloor, in nanoseconds, is what a scheduler's turn can add to a step.
	latencyFloor = 100e3
)

var figures = []figure{
	{
		name: "peak", what: "peak of memory", worse: 1, print: printSize,
		of:    func(r run) (float64, bool) { return float64(r.peak), r.peak > 0 },
		at:    func(p *Point) *Change { return &p.Peak },
		floor: func(median float64) float64 { return max(median/100, peakFloor) },
	},
	{
		name: "steps", what: "steps acknowledged", worse: -1, print: printCount,
		of:    func(r run) (float64, bool) { return float64(r.acked), true },
		at:    func(p *Point) *Change { return &p.Steps },
		floor: func(float64) float64 { return 1 },
	},
	{
		name: "latency", what: "latency of steps, p95", worse: 1, print: printTime,
		of:    func(r run) (float64, bool) { return float64(r.latency), r.latency > 0 },
		at:    func(p *Point) *Change { return &p.Latency },
		floor: func(median float64) float64 { return max(median/10, latencyFloor) },
	},
}

// measureOf is the figure of that name.
func measureOf(name string) figure {
	for _, f := range figures {
		if f.name == name {
			return f
		}
	}
	return figure{}
}
