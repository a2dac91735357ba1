package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"oomcage/harness/internal/human"
	"oomcage/harness/outcome"
)

// share is what a run takes outside its cage: the kernel's structures for the cage and its processes, and
// the harness's timeline and evidence. The target's own memory is in its cage.
const share = 8 * outcome.MiB

// Budget is how much memory the cages that run at once may take together, so that the limit of the guard, the
// cgroup over all of them, is never the one that kills. The zero value is of no use: call NewBudget.
type Budget struct {
	total outcome.Bytes

	mu      sync.Mutex
	used    outcome.Bytes
	waiting []*claim // the first one goes first, however large it is: no point starves
}

type claim struct {
	size    outcome.Bytes
	granted chan struct{}
}

// NewBudget returns a budget of that many bytes.
func NewBudget(total outcome.Bytes) *Budget { return &Budget{total: total} }

// claim is what a run with these limits may take: memory.max, the swap it may use, and the target's
// share outside. A run without memory.max, or with unlimited swap, may take everything, so it runs
// alone.
func (b *Budget) claim(l outcome.Limits) outcome.Bytes {
	if l.Max == 0 || l.Max == outcome.Unlimited || l.Swap == outcome.Unlimited {
		return b.total
	}
	if l.Swap > outcome.Unlimited-share-l.Max {
		return outcome.Unlimited
	}
	return l.Max + l.Swap + share
}

// fits says in an error why a run with these limits could never begin.
func (b *Budget) fits(l outcome.Limits) error {
	if need := b.claim(l); need > b.total {
		return fmt.Errorf("%w: it may take %v (memory.max %v, memory.swap.max %v, and %v outside the cage), and all cages together get %v: lower its limits, or give the machine more memory",
			ErrNoRoom, human.Size(need), human.Size(l.Max), human.Size(l.Swap), human.Size(share), human.Size(b.total))
	}
	return nil
}

// ErrNoRoom is the error of limits that are more than a Budget, or than this machine spares for a cage.
var ErrNoRoom = errors.New("there is no room")

// Acquire waits until there is room for a run with these limits, in the order of the calls. It takes memory.max, the swap, and 8 MiB
// for what the run takes outside its cage; a run without memory.max, or with unlimited swap, takes the whole budget. The caller calls
// release when the run is over; to call it again does nothing. The error is ErrNoRoom where the limits are more than the budget, or the
// cause of ctx's end.
func (b *Budget) Acquire(ctx context.Context, l outcome.Limits) (release func(), err error) {
	if err := b.fits(l); err != nil {
		return nil, err
	}
	c := &claim{b.claim(l), make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	b.grant()
	b.mu.Unlock()
	free := sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.used -= c.size
		b.grant()
	})
	select {
	case <-c.granted:
		return free, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, c); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	} else {
		b.used -= c.size // granted at the same moment
	}
	b.grant() // the one behind may fit
	return nil, context.Cause(ctx)
}

// grant lets those begin that fit, the first one first. The caller holds the lock.
func (b *Budget) grant() {
	for len(b.waiting) > 0 && b.waiting[0].size <= b.total-b.used {
		b.used += b.waiting[0].size
		close(b.waiting[0].granted)
		b.waiting = b.waiting[1:]
	}
}
