package sweep

import "math"

// maxTree holds values by their places, and finds the largest ones of a range. Each call takes the logarithm of their
// number. Node 1 is the root, and the children of node i are 2i and 2i+1.
type maxTree struct {
	size int       // of the leaves, a power of two
	most []float64 // the largest value below a node, without what is added to the nodes above it
	more []float64 // what is added to all values below a node
}

// newMaxTree makes a tree of n values, all minus infinity.
func newMaxTree(n int) *maxTree {
	t := &maxTree{size: 1}
	for t.size < n {
		t.size *= 2
	}
	t.most, t.more = make([]float64, 2*t.size), make([]float64, 2*t.size)
	for i := range t.most {
		t.most[i] = math.Inf(-1)
	}
	return t
}

// set gives a place its value.
func (t *maxTree) set(place int, value float64) {
	node := t.size + place
	for up := node / 2; up >= 1; up /= 2 {
		value -= t.more[up]
	}
	t.most[node], t.more[node] = value, 0
	t.rise(node / 2)
}

// rise sums up from a node to the root.
func (t *maxTree) rise(node int) {
	for ; node >= 1; node /= 2 {
		t.most[node] = max(t.most[2*node], t.most[2*node+1]) + t.more[node]
	}
}

// add adds to the values of the places from..to.
func (t *maxTree) add(from, to int, value float64) {
	if from > to {
		return
	}
	l, r := t.size+from, t.size+to+1
	first, last := l, r-1
	for ; l < r; l, r = l/2, r/2 {
		if l%2 == 1 {
			t.most[l] += value
			t.more[l] += value
			l++
		}
		if r%2 == 1 {
			r--
			t.most[r] += value
			t.more[r] += value
		}
	}
	t.rise(first / 2)
	t.rise(last / 2)
}

// max returns the largest value of the places from..to, and the first place that has it.
func (t *maxTree) max(from, to int) (value float64, place int) {
	return t.maxBelow(1, 0, t.size-1, from, to)
}

func (t *maxTree) maxBelow(node, first, last, from, to int) (float64, int) {
	if to < first || last < from {
		return math.Inf(-1), from
	}
	if first == last {
		return t.most[node], first
	}
	middle := (first + last) / 2
	if from <= first && last <= to { // one way down
		if t.most[2*node] >= t.most[2*node+1] {
			_, place := t.maxBelow(2*node, first, middle, from, to)
			return t.most[node], place
		}
		_, place := t.maxBelow(2*node+1, middle+1, last, from, to)
		return t.most[node], place
	}
	value, place := t.maxBelow(2*node, first, middle, from, to)
	if right, at := t.maxBelow(2*node+1, middle+1, last, from, to); right > value {
		value, place = right, at
	}
	return value + t.more[node], place
}

// first returns the first place from a place on whose value is above another, or -1. Nothing may have been added.
func (t *maxTree) first(from int, above float64) int {
	if from >= t.size {
		return -1
	}
	node := t.size + from
	for t.most[node] <= above { // go up and to the right until some value below the node is above it
		for node%2 == 1 {
			if node /= 2; node == 0 {
				return -1
			}
		}
		node++
	}
	for node < t.size {
		if node *= 2; t.most[node] <= above {
			node++
		}
	}
	return node - t.size
}

// last returns the last place up to a place whose value is above another, or -1. Nothing may have been added.
func (t *maxTree) last(to int, above float64) int {
	if to < 0 {
		return -1
	}
	node := t.size + to
	for t.most[node] <= above { // go up and to the left
		for node%2 == 0 {
			node /= 2
		}
		if node == 1 {
			return -1
		}
		node--
	}
	for node < t.size {
		if node = 2*node + 1; t.most[node] <= above {
			node--
		}
	}
	return node - t.size
}
