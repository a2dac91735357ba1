//go:build linux

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/nearest"
	"oomcage/harness/internal/shell"
	"oomcage/harness/outcome"
)

// readyFlag says when a target is ready. Its zero value says nothing.
type readyFlag struct {
	text    string
	name    string // of the probe, in results
	probe   harness.Probe
	request *outcome.Request // that is to be answered, without where it is sent to
}

// whenItListens is the form that a load of requests has where -ready is not given.
const whenItListens = "tcp"

// readyForms are those that -ready takes beside a path.
var readyForms = []string{whenItListens, "unix:PATH", "output:REGEX", "exec:COMMAND"}

// String is what was given, or "".
func (r *readyFlag) String() string { return r.text }

// Type names the value in help texts of pflag.
func (r *readyFlag) Type() string { return "WHEN" }

// Set takes one of the forms, and refuses what could never be met.
func (r *readyFlag) Set(text string) (err error) {
	r.text, r.name = text, text
	form, what, _ := strings.Cut(text, ":")
	switch {
	case text == whenItListens:
		r.name, r.probe = "TCP", harness.TCPReady()
	case strings.HasPrefix(text, "/"):
		r.name, r.request = "GET "+text, answered(text)
		if err := r.request.Validate(); err != nil {
			return err
		}
		r.probe = harness.HTTPProbe(*r.request)
	case what == "":
		return unknownForm(text)
	case form == "unix":
		r.probe = harness.UnixReady(what)
	case form == "output":
		var words *regexp.Regexp
		if words, err = regexp.Compile(what); err != nil {
			return err
		}
		r.probe = harness.OutputReady(words)
	case form == "exec":
		var words []string
		if words, err = splitCommand(what); err != nil {
			return err
		}
		r.name, r.probe = "exec:"+shell.Join(words...), harness.ExecReady(words...)
	default:
		return unknownForm(text)
	}
	return nil
}

// answered is the request of PATH, PATH STATUS, PATH TEXT or PATH STATUS TEXT. A path has no spaces.
func answered(text string) *outcome.Request {
	path, rest, more := strings.Cut(text, " ")
	r := &outcome.Request{Path: path, Text: rest}
	if !more {
		return r
	}
	first, body, _ := strings.Cut(rest, " ")
	if status, err := strconv.Atoi(first); err == nil && len(first) == len("200") && status >= 100 {
		r.Status, r.Text = []int{status}, body
	}
	return r
}

// unknownForm says what -ready takes, and which of it was meant.
func unknownForm(text string) error {
	form, what, isForm := strings.Cut(text, ":")
	var known []string
	for _, f := range readyForms {
		name, _, _ := strings.Cut(f, ":")
		known = append(known, name)
	}
	all := strings.Join(readyForms[:len(readyForms)-1], ", ") + " or " + readyForms[len(readyForms)-1]
	switch {
	case form == "http" || form == "https":
		return fmt.Errorf("it takes the path alone, as the target is at $ADDR: write /…, %s", all)
	case isForm && what == "":
		return fmt.Errorf("there is nothing behind the colon: write a path such as /ping, %s", all)
	case nearest.Of(form, known) != "":
		return fmt.Errorf("%swrite a path such as /ping, %s", nearest.Hint(form, known), all)
	case isForm:
		return fmt.Errorf("there is no probe %q: write a path such as /ping, %s", form, all)
	default:
		return fmt.Errorf("it does not begin with a slash: write %q, %s", "/"+text, all)
	}
}

func (s *specFlags) registerReady(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&s.ready, "ready", "`WHEN` the target is ready: PATH, 'PATH STATUS TEXT', tcp, unix:PATH, output:REGEX or exec:COMMAND, as oomcage run -h has it (default: tcp with an HTTP load, or its socket, else at once)")
	f.DurationVar(&s.readyTimeout, "ready-timeout", 0, "time limit until it is ready (default: that of the whole run)")
}

// probe is how the target is ready, and what that is called: "" for one that is ready at once. A path is asked for where the
// load goes.
func (s *specFlags) probe() readyFlag {
	r := s.ready
	switch {
	case r.text == "" && s.speaksHTTP() && s.socket != "":
		_ = r.Set("unix:" + s.socket) // these are of the forms
	case r.text == "" && s.speaksHTTP():
		_ = r.Set(whenItListens)
	case r.request != nil && s.speaksHTTP():
		to := *r.request
		to.HTTPS, to.CA, to.Insecure, to.Socket = s.https, s.ca, s.insecure, s.socket
		r.probe = harness.HTTPProbe(to)
	}
	return r
}

// checkReady refuses a time for what is not waited for.
func (s *specFlags) checkReady() error {
	switch {
	case s.readyTimeout < 0:
		return fmt.Errorf("-ready-timeout is %v: it must not be negative", s.readyTimeout)
	case s.readyTimeout > s.timeout:
		return fmt.Errorf("-ready-timeout is %v, and the whole run has %v: give -timeout more", s.readyTimeout, s.timeout)
	case s.readyTimeout != 0 && s.probe().probe == nil:
		return errors.New("-ready-timeout has nothing to limit: say by -ready what is waited for")
	}
	return nil
}
