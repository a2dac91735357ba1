package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"oomcage/harness/outcome"
)

// The classes of pods, and oom_score_adj of what is in them (pkg/kubelet/qos/policy.go).
const (
	guaranteed = "Guaranteed"
	burstable  = "Burstable"
	bestEffort = "BestEffort"

	guaranteedAdj = -997
	bestEffortAdj = 1000
)

// settings are what a kubelet makes of the container, see generateLinuxContainerResources in
// pkg/kubelet/kuberuntime/kuberuntime_container_linux.go of Kubernetes 1.34.
func (f *found) settings(s *Settings, n Node) error {
	f.pod.setDefaults()
	if err := f.check(); err != nil {
		return err
	}
	s.QoS = f.pod.qos()
	adj := f.oomScoreAdj(s.QoS, n)
	s.OOMScoreAdj = &adj

	own := f.container.Resources
	limit, request := memory(own.Limits), memory(own.Requests)
	s.Limits = outcome.Limits{Max: limit, OOMGroup: !n.SingleProcessOOMKill}
	if limit == 0 && f.pod.Resources != nil { // getMemoryLimit
		s.Limits.Max = memory(f.pod.Resources.Limits)
	}
	if n.LimitedSwap {
		s.Limits.Swap = f.swap(s.QoS, n)
	}
	if n.ThrottlingFactor > 0 {
		s.Limits.Min = request
		s.Limits.High = memoryHigh(request, limit, n)
	}
	if m := s.Limits.Max; m > 0 && m < outcome.SmallestMax {
		hint := ""
		if own.Limits["memory"].Rat != nil && !own.Limits["memory"].IsInt() {
			hint = ", rounded up from a fraction, as m, a thousandth, makes one where Mi is meant"
		}
		return fmt.Errorf("its memory limit is %d bytes%s, and below %v no program can be executed", m, hint, outcome.SmallestMax)
	}
	f.lost(s)
	if n.Guest && (s.QoS == burstable && adj != guaranteedAdj || n.LimitedSwap || n.ThrottlingFactor > 0 && limit == 0) {
		s.lose("the node: shares are of the microVM's memory, %v, as nothing says how much the node has", n.Memory)
	}
	return nil
}

// setDefaults are those of the API server: what has a limit and no request requests as much (SetDefaults_Pod), and a pod that has a
// limit over all what its containers do, or as much (defaultPodRequests).
func (p *podSpec) setDefaults() {
	for _, all := range [][]container{p.Containers, p.InitContainers} {
		for i := range all {
			r := &all[i].Resources
			r.Requests = withDefaults(r.Requests, r.Limits)
		}
	}
	if p.Resources == nil || len(p.Resources.Limits) == 0 {
		return
	}
	of := map[string]quantity{}
	for _, name := range []string{"cpu", "memory"} {
		if q := p.requested(name); q.Rat != nil {
			of[name] = q
		}
	}
	p.Resources.Requests = withDefaults(withDefaults(p.Resources.Requests, of), p.Resources.Limits)
}

func withDefaults(list, defaults map[string]quantity) map[string]quantity {
	all := map[string]quantity{}
	maps.Copy(all, defaults)
	maps.Copy(all, list)
	return all
}

// requested is what the containers of a pod request together: those that run side by side, or an init container with the
// sidecars before it, whichever is more (AggregateContainerRequests of k8s.io/component-helpers).
func (p *podSpec) requested(name string) (sum quantity) {
	for _, c := range p.Containers {
		sum = sum.plus(c.Resources.Requests[name])
	}
	var sidecars, most quantity
	for _, c := range p.InitContainers {
		q := sidecars.plus(c.Resources.Requests[name])
		if c.sidecar() {
			sidecars = q
		}
		most = most.atLeast(q)
	}
	return sum.plus(sidecars).atLeast(most)
}

// sidecar reports whether an init container stays.
func (c *container) sidecar() bool { return c.RestartPolicy == "Always" }

// check refuses what the API server would (validateResourceRequirements and validatePodResourceConsistency in
// pkg/apis/core/validation), of the whole pod.
func (f *found) check() error {
	p := f.pod
	for _, c := range slices.Concat(p.Containers, p.InitContainers) {
		if err := c.Resources.check(); err != nil {
			if c.Name == f.container.Name {
				return fmt.Errorf("its %w: the API refuses that", err)
			}
			return fmt.Errorf("the %w of %s beside it: the API refuses that", err, c.Name)
		}
	}
	if p.Resources == nil {
		return nil
	}
	if err := p.Resources.check(); err != nil {
		return fmt.Errorf("the pod's %w: the API refuses that", err)
	}
	for _, name := range []string{"cpu", "memory"} {
		if own, all := p.Resources.Requests[name], p.requested(name); own.Rat != nil && all.cmp(own) > 0 {
			return fmt.Errorf("the pod's %s request is %s, and its containers together request %s: the API refuses that", name, own, all)
		}
		for _, c := range p.Containers { // and not the others
			if own, limit := p.Resources.Limits[name], c.Resources.Limits[name]; own.Rat != nil && limit.cmp(own) > 0 {
				return fmt.Errorf("the pod's %s limit is %s, and that of %s is %s: the API refuses that", name, own, c.Name, limit)
			}
		}
	}
	return nil
}

func (r *resources) check() error {
	for _, name := range []string{"cpu", "memory"} {
		if request, limit := r.Requests[name], r.Limits[name]; limit.Rat != nil && request.cmp(limit) > 0 {
			return fmt.Errorf("%s request is %s and above its limit, which is %s", name, request, limit)
		}
	}
	return nil
}

// qos is the class of the pod (ComputePodQOS in pkg/apis/core/v1/helper/qos).
func (p *podSpec) qos() string {
	var lists []resources
	if p.Resources != nil {
		lists = append(lists, *p.Resources)
	} else {
		for _, c := range slices.Concat(p.Containers, p.InitContainers) {
			lists = append(lists, c.Resources)
		}
	}
	requests, limits := map[string]quantity{}, map[string]quantity{}
	same := true
	for _, r := range lists {
		for _, name := range []string{"cpu", "memory"} {
			if q := r.Requests[name]; q.positive() {
				requests[name] = requests[name].plus(q)
			}
			if q := r.Limits[name]; q.positive() {
				limits[name] = limits[name].plus(q)
			} else if p.Resources == nil || len(r.Limits) > 0 {
				same = false
			}
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return bestEffort
	}
	if len(requests) != len(limits) {
		same = false
	}
	for name, q := range requests {
		same = same && q.cmp(limits[name]) == 0
	}
	if same {
		return guaranteed
	}
	return burstable
}

// oomScoreAdj is that of the container's processes (GetContainerOOMScoreAdjust in pkg/kubelet/qos/policy.go).
func (f *found) oomScoreAdj(class string, n Node) int {
	switch {
	case f.pod.PriorityClassName == "system-node-critical", class == guaranteed:
		return guaranteedAdj
	case class == bestEffort:
		return bestEffortAdj
	}
	var rest int64 // what the pod requests beyond its containers is shared by them
	p := f.pod
	if p.Resources != nil && p.Resources.Requests["memory"].positive() {
		left := int64(memory(p.Resources.Requests)) - p.requested("memory").value()
		rest = left / int64(len(p.Containers)+len(p.InitContainers))
	}
	of := func(request int64) int { return 1000 - int(share(1000, request+rest, int64(n.Memory))) }
	adj := of(int64(memory(f.container.Resources.Requests)))
	if f.init && f.container.sidecar() && len(p.Containers) > 0 { // no sooner than the least of those it is there for
		least := int64(math.MaxInt64)
		for _, c := range p.Containers {
			least = min(least, int64(memory(c.Resources.Requests)))
		}
		adj = min(adj, of(least))
	}
	return min(max(adj, 1000+guaranteedAdj), bestEffortAdj-1)
}

// share is a*b/c, where a*b may be more than an int64 holds.
func share(a, b, c int64) int64 {
	q := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
	q.Quo(q, big.NewInt(c))
	if !q.IsInt64() {
		return a
	}
	return min(q.Int64(), a)
}

// swap is the part of the node's swap that a container of a Burstable pod gets: as large as its part of the node's memory is
// (GetContainerSwapBehavior, calcSwapForBurstablePods).
func (f *found) swap(class string, n Node) outcome.Bytes {
	request, limit := memory(f.container.Resources.Requests), memory(f.container.Resources.Limits)
	critical := strings.HasPrefix(f.pod.PriorityClassName, "system-") && strings.HasSuffix(f.pod.PriorityClassName, "-critical")
	if critical || class != burstable || request == limit || request > n.Memory {
		return 0
	}
	return outcome.Bytes(float64(request) / float64(n.Memory) * float64(n.Swap))
}

// memoryHigh is where MemoryQoS begins to throttle: 90 % of the way from the request to the limit or, without one, to what the node
// has for pods. 0: nowhere.
func memoryHigh(request, limit outcome.Bytes, n Node) outcome.Bytes {
	if request == limit {
		return 0
	}
	upTo := cmp.Or(limit, n.allocatable())
	page := float64(n.pageSize())
	high := outcome.Bytes(math.Floor((float64(request)+(float64(upTo)-float64(request))*n.ThrottlingFactor)/page) * page)
	if high <= request {
		return 0
	}
	return high
}
