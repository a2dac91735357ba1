//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"oomcage/harness/outcome"
)

// stopFlag is how the target is asked to end; nil: it is not.
type stopFlag struct{ stop *outcome.Stop }

// String is the signal and the grace, or "".
func (s *stopFlag) String() string {
	if s.stop == nil {
		return ""
	}
	return s.stop.String()
}

// Type names the value in help texts of pflag.
func (s *stopFlag) Type() string { return "SIGNAL[,GRACE]" }

// Set takes TERM and TERM,5s.
func (s *stopFlag) Set(text string) error {
	stop, err := outcome.ParseStop(text)
	s.stop = &stop
	return err
}

func (s *specFlags) registerStop(cmd *cobra.Command) {
	cmd.Flags().Var(&s.stop, "stop", fmt.Sprintf("when the load has ended and the target lives, or without a load when it is ready: send it this signal, and wait for its end, as TERM,5s (default grace %v)", outcome.DefaultGrace))
}

// checkStop refuses what is no stop for this run.
func (s *specFlags) checkStop() error {
	with, _, _ := s.stop.or().Explicit() // Set has looked
	switch {
	case s.stop.stop == nil:
		return nil
	case with.Grace >= s.timeout:
		return fmt.Errorf("-stop has a grace of %v, and the whole run has %v: give -timeout more", with.Grace, s.timeout)
	case !s.speaksHTTP() && s.run == "" && s.probe().probe == nil:
		return errors.New("-stop would end the target as soon as it is started: say by -ready what is waited for, or give a load")
	}
	return nil
}

// or is the stop, or the zero one.
func (s *stopFlag) or() outcome.Stop {
	if s.stop == nil {
		return outcome.Stop{}
	}
	return *s.stop
}
