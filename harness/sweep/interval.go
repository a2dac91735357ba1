package sweep

import "math"

// Interval is a confidence interval of 95 % for a share from 0 to 1.
type Interval struct {
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
}

// z95 is how many standard deviations around the mean of a normal distribution hold 95 % of it.
const z95 = 1.959964

// wilson is the interval of k of n, by the score test (Wilson 1927): unlike that of a normal distribution it is right
// for few, and for none or all of them.
func wilson(k, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	p, m := float64(k)/float64(n), float64(n)
	middle := p + z95*z95/(2*m)
	off := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	whole := 1 + z95*z95/m
	i := Interval{max(0, (middle-off)/whole), min(1, (middle+off)/whole)}
	if k == 0 { // not 1e-17
		i.Lo = 0
	}
	if k == n {
		i.Hi = 1
	}
	return i
}
