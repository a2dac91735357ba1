//go:build linux

package sweep

import "oomcage/harness"

// Code is the part of the points' specs that is code, and so stands in no file. The zero value has none.
type Code struct {
	// Ready waits until the target can take load; see harness.Target. nil: it can as soon as it is started. To keep results it needs
	// a name, Grid.Spec.Target.ReadyName.
	Ready harness.Probe

	// Step is one step of the load, where Grid.Step makes none; see harness.Load. nil: there is none. To keep results it needs a
	// name, Grid.Spec.Load.Name.
	Step harness.Step
}

// Runnable returns the point's spec with its code, for harness.Run. The step that Grid.Step makes goes before that of the code.
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
