//go:build linux

package sweep

import "oomcage/harness"

// Code is what the specs of points have that is code. The zero value has none.
type Code struct {
	// Ready waits until the target can take load; see harness.Target. Grid.Spec.Target.ReadyName names it.
	Ready harness.Probe

	// Step is one push, where Grid.Step does not make it; see harness.Load. Grid.Spec.Load.Name names it.
	Step harness.Step
}

// Runnable is the point's spec with its code.
func (p Point) Runnable(c Code) harness.Spec {
	s := harness.SpecOf(p.Spec)
	s.Name = p.Name
	s.Target.Ready, s.Load.Step = c.Ready, c.Step
	switch l := p.step; {
	case l.request.Path != "":
		s.Load.Step = harness.HTTP(l.request)
	case len(l.words) > 0:
		s.Load.Step = harness.Exec(l.words...)
	}
	return s
}

// unnamed is the code of a point that has no name, or "": nothing tells its outcomes from those of another.
func (c Code) unnamed(p Point) string {
	switch {
	case c.Step != nil && p.Spec.Load.Name == "":
		return "step (Load.Name)"
	case c.Ready != nil && p.Spec.Target.ReadyName == "":
		return "probe (Target.ReadyName)"
	default:
		return ""
	}
}
