package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/sweep"
)

func TestFlagsMayHaveOneDashOrTwo(t *testing.T) {
	for name, c := range map[string]struct{ args, want []string }{
		"one dash":                {[]string{"vm", "-mem", "1GiB", "p"}, []string{"vm", "--mem", "1GiB", "p"}},
		"one dash and a value":    {[]string{"vm", "-mem=1GiB", "p"}, []string{"vm", "--mem=1GiB", "p"}},
		"two dashes":              {[]string{"vm", "--mem", "1GiB", "p"}, []string{"vm", "--mem", "1GiB", "p"}},
		"a value like a flag":     {[]string{"vm", "-add", "-mem", "p"}, []string{"vm", "--add", "-mem", "p"}},
		"a value like a command":  {[]string{"vm", "-add", "vm", "p"}, []string{"vm", "--add", "vm", "p"}},
		"the program's flags":     {[]string{"vm", "-cpus=2", "p", "-mem", "x", "-h"}, []string{"vm", "--cpus=2", "p", "-mem", "x", "-h"}},
		"after two dashes":        {[]string{"vm", "--", "-mem"}, []string{"vm", "--", "-mem"}},
		"a program named vm":      {[]string{"vm", "vm", "-mem"}, []string{"vm", "vm", "-mem"}},
		"help":                    {[]string{"vm", "-help"}, []string{"vm", "--help"}},
		"short help":              {[]string{"vm", "-h"}, []string{"vm", "-h"}},
		"unknown":                 {[]string{"vm", "-what", "p"}, []string{"vm", "--what", "p"}},
		"a value behind a letter": {[]string{"report", "-oa.md"}, []string{"report", "-oa.md"}},
		"nothing":                 {[]string{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRootCommand(&bytes.Buffer{}, &bytes.Buffer{})
			assert.Equal(t, c.want, doubleDashes(root, c.args))
		})
	}
}

func TestSwitchesTakeNoValue(t *testing.T) {
	root := &cobra.Command{Use: "root"}
	sub := &cobra.Command{Use: "sub", Run: func(*cobra.Command, []string) {}}
	sub.Flags().Bool("switch", false, "")
	root.AddCommand(sub)
	assert.Equal(t, []string{"sub", "--switch", "arg", "--switch=false"},
		doubleDashes(root, []string{"sub", "-switch", "arg", "-switch=false"}))
}

func TestExitCodesOfTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"help":             {[]string{"vm", "-h"}, 0, "go test -exec", ""},
		"no program":       {[]string{"vm"}, exitUsage, "", "no program to run"},
		"an argument":      {[]string{"demo", "more"}, exitUsage, "", "oomcage demo -h"},
		"unknown flag":     {[]string{"vm", "-what", "p"}, exitUsage, "", "oomcage vm: unknown flag: --what\n  to help: oomcage vm -h"},
		"mistyped":         {[]string{"run", "-maxx", "64M", "p"}, exitUsage, "", "unknown flag: --maxx; did you mean --max?"},
		"unknown command":  {[]string{"frobnicate"}, exitUsage, "", "frobnicate"},
		"a bad size":       {[]string{"vm", "-mem", "much", "p"}, exitUsage, "", "it is not a number with a unit"},
		"too small":        {[]string{"vm", "-mem", "1MiB", "p"}, exitUsage, "", "out of range"},
		"too little swap":  {[]string{"vm", "-swap", "4096", "p"}, exitUsage, "", "4096 is out of range: from 1MiB to 1024GiB"},
		"a small disk":     {[]string{"vm", "-scratch=1M", "p"}, exitUsage, "", "1M is out of range: from 16MiB to 1024GiB"},
		"too large":        {[]string{"vm", "-mem", "9999999999G", "p"}, exitUsage, "", `"9999999999G"`},
		"absent program":   {[]string{"vm", "/no/such/program"}, exitMachine, "", "/no/such/program"},
		"no accelerator":   {[]string{"vm", "-accel", "hvf", "p"}, exitUsage, "", "-accel is auto, kvm or tcg, not hvf"},
		"a relative place": {[]string{"vm", "-add", "a:b", "p"}, exitUsage, "", "-add a:b: the path in the guest must be absolute"},
		"nothing to judge": {[]string{"judge"}, exitUsage, "", "or - for stdin"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := execute(c.args, &stdout, &stderr)
			require.Equal(t, c.code, code, stderr.String())
			assert.Contains(t, stdout.String(), c.stdout)
			assert.Contains(t, stderr.String(), c.stderr)
			if c.stderr == "" {
				assert.Empty(t, stderr.String())
			}
		})
	}
}

func TestCommandEndsWithTheCodeThatItAsksFor(t *testing.T) {
	var stderr bytes.Buffer
	assert.Equal(t, 1, exitStatus(&cobra.Command{}, exitCode(1), &stderr))
	assert.Empty(t, stderr.String(), "the command has said all that there is to say")
}

func TestWhereThereIsNoRoomTheMicroVMIsMadeLarger(t *testing.T) {
	err := fmt.Errorf("a sweep: %w", sweep.ErrNoRoom)
	t.Setenv("OOMCAGE_VM", "")
	require.Equal(t, "a sweep: there is no room", advised(err))
	t.Setenv("OOMCAGE_VM", "6.12")
	require.Equal(t, "a sweep: there is no room; give the microVM more memory: oomcage vm -mem SIZE …", advised(err))
}
