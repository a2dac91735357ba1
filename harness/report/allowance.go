package report

// allowance is how much of each point's detail a page may hold.
type allowance struct {
	samples  int  // of the timeline
	text     int  // bytes of the output, and of each other text
	evidence bool // as JSON, beside the facts
}

// processes is how many of those that were in the cage are named.
func (a allowance) processes() int { return min(a.samples/4, 16) }

// moments is how many kills and captures a timeline has.
func (a allowance) moments() int { return min(a.samples, 50) }

// minText is how many bytes of the reason and of each fact are always kept.
const minText = 256

// half is the next smaller allowance. The smallest one keeps nothing but the reason and the facts.
func (a allowance) half() allowance {
	if a.samples <= 16 && a.evidence {
		return allowance{a.samples, a.text, false}
	}
	return allowance{a.samples / 2, a.text / 2, a.evidence}
}

// generous is what a page of few points holds of each. With more points there is less to each from the
// start, since a page that does not fit is made again with half of it.
func generous(points int) allowance {
	points = max(points, 1)
	return allowance{samples: max(16, min(400, 400_000/points)), text: max(1<<10, min(64<<10, 64<<20/points)), evidence: true}
}

// kept is what is kept of each of n outcomes until twice as many are there.
func kept(n int) allowance {
	return allowance{samples: min(400, 400_000/n), text: min(64<<10, 64<<20/n)}
}
