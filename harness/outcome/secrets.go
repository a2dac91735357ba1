package outcome

import (
	"slices"
	"strings"

	"oomcage/harness/internal/secret"
)

// WithoutSecrets returns the spec as it may be published. The values in Target.Env whose names look like those of
// secrets (API_TOKEN, PGPASSWORD), userinfo in URLs and the like are "[hidden]": there, in the arguments, the captures and the names of
// probe and step. Specs that differ in such values alone become equal.
func (s Spec) WithoutSecrets() Spec {
	hide := s.hider()
	s.Target.Args = secret.Words(s.Target.Args)
	for i, arg := range s.Target.Args {
		s.Target.Args[i] = hide(arg)
	}
	s.Target.Env = slices.Clone(s.Target.Env)
	for i, entry := range s.Target.Env {
		s.Target.Env[i] = secret.Env(entry)
	}
	s.Target.ReadyName = hide(secret.Text(s.Target.ReadyName))
	s.Load.Name = hide(secret.Text(s.Load.Name))
	s.Target.Capture = slices.Clone(s.Target.Capture)
	for i, c := range s.Target.Capture {
		s.Target.Capture[i] = c.withoutSecrets(hide)
	}
	return s
}

// WithoutSecrets returns the outcome as it may be published: without the secrets of its spec, and without the same values where the
// target or a step has printed them. The outcome that harness.Run returns has all of them.
func (o *Outcome) WithoutSecrets() *Outcome {
	hide := o.Spec.hider(o.Inherited...)
	p := *o
	p.Spec = o.Spec.WithoutSecrets()
	p.Why, p.Output, p.Error = hide(o.Why), hide(o.Output), hide(o.Error)
	p.Origin.Command = hide(secret.Text(o.Origin.Command))
	p.Inherited = slices.Clone(o.Inherited)
	for i, entry := range p.Inherited {
		p.Inherited[i] = hide(secret.Env(entry))
	}
	p.Lives = slices.Clone(o.Lives)
	for i := range p.Lives {
		p.Lives[i].Why = hide(p.Lives[i].Why)
	}
	p.Outages = slices.Clone(o.Outages)
	for i := range p.Outages {
		p.Outages[i].Error = hide(p.Outages[i].Error)
	}
	p.Evidence.Captures = slices.Clone(o.Evidence.Captures)
	for i, c := range p.Evidence.Captures {
		c.Capture, c.Error, c.Path = c.Capture.withoutSecrets(hide), hide(secret.Text(c.Error)), hide(c.Path)
		p.Evidence.Captures[i] = c
	}
	return &p
}

func (c Capture) withoutSecrets(hide func(string) string) Capture {
	c.Get = hide(secret.Text(c.Get))
	c.Exec = secret.Words(c.Exec)
	for i, word := range c.Exec {
		c.Exec[i] = hide(word)
	}
	return c
}

// hider returns what hides the secrets of Target.Env, of what the target has inherited besides, of the arguments and of the load
// in any text.
func (s Spec) hider(inherited ...string) func(string) string {
	var pairs []string
	for _, entry := range inherited {
		if hidden := secret.Env(entry); hidden != entry {
			_, value, _ := strings.Cut(entry, "=")
			_, without, _ := strings.Cut(hidden, "=")
			pairs = append(pairs, value, without) // a JVM prints all of it: Picked up JAVA_TOOL_OPTIONS: …
		}
	}
	for _, entry := range s.Target.Env {
		if hidden := secret.Env(entry); hidden != entry { // also one that is too short to be looked for
			pairs = append(pairs, entry, hidden)
		}
	}
	values := append(secret.Values(s.Target.Env), secret.Values(inherited)...)
	for _, words := range [][]string{s.Target.Args, {s.Load.Name}, {s.Target.ReadyName}} {
		values = append(values, secret.Found(words)...)
	}
	for _, value := range values {
		pairs = append(pairs, value, secret.Hidden)
		if quoted := strings.ReplaceAll(value, "'", `'\''`); quoted != value { // in a command line
			pairs = append(pairs, quoted, secret.Hidden)
		}
	}
	if pairs == nil {
		return func(text string) string { return text }
	}
	return strings.NewReplacer(pairs...).Replace
}
