//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness/internal/guest"
	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// loadFlags say what a step is, and how steps are sent.
type loadFlags struct {
	get, post    urlPath // of get, post, request and run at most one is given
	request, run string

	body, bodySize   string
	header           []string
	status           []int
	https, insecure  bool
	ca, socket, text string

	steps, clients, tolerate int
	rate                     float64

	all *pflag.FlagSet
}

func (l *loadFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	l.all = f
	f.Var(&l.post, "post", "a step is POST of this `PATH` at $ADDR; $step and $kind in it are the step's")
	f.Var(&l.get, "get", "a step is GET of this `PATH` at $ADDR")
	f.StringVar(&l.request, "request", "", "a step is this request: `'METHOD PATH'`, as 'PUT /upload'; the flags down to -socket say more of it")
	f.StringVar(&l.body, "body", "", "`TEXT` of the request's body, or @FILE")
	f.StringVar(&l.bodySize, "body-size", "", "a body of `SIZE` that does not compress, or of $step")
	f.StringArrayVar(&l.header, "header", nil, "a header of the request, as `'NAME: VALUE'` (repeatable)")
	f.IntSliceVar(&l.status, "status", nil, "these `CODES` are acknowledgements (default: all of 2xx)")
	f.StringVar(&l.text, "answer", "", "`TEXT` that an acknowledgement has in its body")
	f.BoolVar(&l.https, "https", false, "send the request by HTTPS")
	f.StringVar(&l.ca, "ca", "", "PEM `FILE` of certificates that HTTPS trusts beside the system's")
	f.BoolVar(&l.insecure, "insecure", false, "check no certificate of HTTPS")
	f.StringVar(&l.socket, "socket", "", "send the request to the Unix socket at `PATH`")
	f.StringVar(&l.run, "exec", "", "a step is this `COMMAND`, run outside the cage, without a shell; $ADDR and $PID are the target's")
	f.IntVar(&l.steps, "steps", 0, "`N` steps at most (default: until the target ends or time is up)")
	f.IntVar(&l.clients, "clients", 0, "`N` steps are under way at once (default: 1, or with -rate as many as it takes, up to 1000)")
	f.Float64Var(&l.rate, "rate", 0, "send `R` steps a second, however slow the target is (default: each waits for an answer)")
	f.IntVar(&l.tolerate, "tolerate", 0, "go on after `N` failed steps, 10 ms later where there is no -rate (default: the first ends the load)")
}

// apply puts into the spec how steps are sent, and returns what a step is.
func (l *loadFlags) apply(spec *outcome.Spec) (sweep.Template, error) {
	for _, n := range []struct {
		flag  string
		value float64
	}{{"steps", float64(l.steps)}, {"clients", float64(l.clients)}, {"rate", l.rate}, {"tolerate", float64(l.tolerate)}} {
		if n.value < 0 {
			return sweep.Template{}, fmt.Errorf("-%s is %v: it must not be negative", n.flag, n.value)
		}
	}
	spec.Load.Count, spec.Load.Clients, spec.Load.Rate, spec.Load.Tolerate = l.steps, l.clients, l.rate, l.tolerate
	return l.load()
}

// load is what a step is; the zero value without one.
func (l *loadFlags) load() (sweep.Template, error) {
	given := 0
	for _, text := range []string{string(l.get), string(l.post), l.request, l.run} {
		if text != "" {
			given++
		}
	}
	alone, refines := l.firstGiven("steps", "clients", "rate", "tolerate"), l.firstGiven(loadDetails...)
	switch {
	case given > 1:
		return sweep.Template{}, errors.New("-post, -get, -request and -exec are one load each: give one of them")
	case given == 0 && alone != "":
		return sweep.Template{}, fmt.Errorf("-%s has no step to count: give -post, -get, -request or -exec", alone)
	case refines != "" && (given == 0 || l.run != ""):
		return sweep.Template{}, fmt.Errorf("-%s is about an HTTP request, and there is none: give -request, -post or -get", refines)
	case given == 0:
		return sweep.Template{}, nil
	case l.run != "":
		words, err := splitCommand(l.run)
		if err != nil {
			return sweep.Template{}, fmt.Errorf("-exec %q: %w", l.run, err)
		}
		return sweep.CommandTemplate(words...), nil
	}
	return l.http()
}

// firstGiven is the first of these flags that has another value than without it, or "".
func (l *loadFlags) firstGiven(names ...string) string {
	for _, name := range names {
		if f := l.all.Lookup(name); f.Value.String() != f.DefValue {
			return name
		}
	}
	return ""
}

// http is the load of the request that the flags describe.
func (l *loadFlags) http() (sweep.Template, error) {
	r := outcome.Request{Header: l.header, Status: l.status, Text: l.text, HTTPS: l.https, CA: l.ca, Insecure: l.insecure, Socket: l.socket}
	switch {
	case l.get != "":
		r.Method, r.Path = "GET", string(l.get)
	case l.post != "":
		r.Method, r.Path = "POST", string(l.post)
	default:
		method, path, ok := strings.Cut(l.request, " ")
		if !ok {
			return sweep.Template{}, fmt.Errorf("-request %q is not METHOD PATH: it looks like 'POST /upload'", l.request)
		}
		r.Method, r.Path = method, strings.TrimSpace(path)
	}
	r.Body = l.body
	if file, ok := strings.CutPrefix(l.body, "@"); ok {
		r.Body, r.BodyFile = "", file
		if !strings.Contains(file, "$") { // $step and the like are known later
			info, err := os.Stat(file)
			if err != nil {
				return sweep.Template{}, fmt.Errorf("-body %s: %w", l.body, guest.ExplainMissing(err))
			}
			if !info.Mode().IsRegular() {
				return sweep.Template{}, fmt.Errorf("-body %s: it is no regular file, and is read anew for each step", l.body)
			}
		}
	}
	if l.ca != "" {
		if _, err := os.Stat(l.ca); err != nil {
			return sweep.Template{}, fmt.Errorf("-ca %s: %w", l.ca, guest.ExplainMissing(err))
		}
	}
	ofStep := l.bodySize == "$step"
	if l.bodySize != "" && !ofStep {
		if err := r.BodySize.Set(l.bodySize); err != nil {
			return sweep.Template{}, fmt.Errorf("-body-size: %w; or it is $step", err)
		}
	}
	if err := r.Validate(); err != nil {
		return sweep.Template{}, err
	}
	load := sweep.RequestTemplate(r)
	if ofStep {
		if l.body != "" {
			return sweep.Template{}, errors.New("-body and -body-size are two bodies: give one of them")
		}
		load = load.WithBodyOfStep()
	}
	return load, nil
}

// speaksHTTP reports whether the load asks the target by HTTP, so that it has to listen first.
func (l *loadFlags) speaksHTTP() bool { return string(l.get)+string(l.post)+l.request != "" }
