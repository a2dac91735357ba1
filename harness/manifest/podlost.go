package manifest

import (
	"maps"
	"slices"
	"strings"
)

// lost notes what a cage with these settings lacks.
func (f *found) lost(s *Settings) {
	c, p := f.container, f.pod
	if s.Limits.Max == 0 {
		s.lose("it has no memory limit: there the node's memory is its limit, or a kubelet that evicts, or what a LimitRange of its namespace adds")
	}
	if beside := f.beside(); len(beside) > 0 {
		s.lose("beside it run %s, and the pod has a limit over all of them where each has one", strings.Join(beside, ", "))
	}
	if p.Resources != nil {
		s.lose("the pod has resources of its own, which its containers share")
	}
	if q := c.Resources.Limits["cpu"]; q.positive() {
		cpus, _ := q.Float64()
		s.loseCPU(cpus)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Resources.Limits)) {
		if strings.HasPrefix(name, "hugepages-") {
			s.lose("it has %s, which memory.max does not count", name)
		}
	}
	for _, v := range p.Volumes {
		for _, m := range c.VolumeMounts {
			if v.EmptyDir != nil && v.EmptyDir.Medium == "Memory" && m.Name == v.Name {
				s.lose("the volume %s is in memory, and what is written to it counts as the container's", v.Name)
			}
		}
	}
	if !c.LivenessProbe.IsZero() {
		s.lose("a kubelet kills it when its liveness probe fails")
	}
	if !c.StartupProbe.IsZero() {
		s.lose("a kubelet kills it when its startup probe fails")
	}
	if p.RuntimeClassName != "" {
		s.lose("the runtime class %s may run it in a machine of its own", p.RuntimeClassName)
	}
	var env []string
	for _, e := range c.Env {
		env = append(env, e.Name)
	}
	s.loseEnv(env)
	for _, from := range c.EnvFrom {
		if m := from.ConfigMapRef; m != nil {
			s.lose("its environment that comes of the ConfigMap %s", m.Name)
		}
		if m := from.SecretRef; m != nil {
			s.lose("its environment that comes of the Secret %s", m.Name)
		}
	}
}

// beside are the containers of the pod that run while this one does.
func (f *found) beside() (names []string) {
	c, p := f.container, f.pod
	for i := range p.Containers {
		if o := &p.Containers[i]; o != c && (!f.init || c.sidecar()) {
			names = append(names, o.Name)
		}
	}
	for i := range p.InitContainers {
		o := &p.InitContainers[i]
		if o == c && !c.sidecar() {
			break // those behind it start when it has ended
		}
		if o != c && o.sidecar() {
			names = append(names, o.Name)
		}
	}
	return names
}

// loseCPU notes that the target runs faster than there.
func (s *Settings) loseCPU(cpus float64) { s.lose("its CPU time is limited to %.4g CPUs", cpus) }

// loseEnv notes the environment, by its names alone: values may be secrets.
func (s *Settings) loseEnv(names []string) {
	const maxNamed = 8
	switch n := len(names); {
	case n > maxNamed:
		s.lose("its environment: %s and %d more", strings.Join(names[:maxNamed], ", "), n-maxNamed)
	case n > 0:
		s.lose("its environment: %s", strings.Join(names, ", "))
	}
}
