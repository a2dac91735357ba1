package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLibrariesAreReadFromTheInterpretersList(t *testing.T) {
	n := parseLibraries([]byte("\tlinux-vdso.so.1 (0x00007ffc3d9f2000)\n" +
		"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2b3c000000)\n" +
		"\tlibgone.so.1 => not found\n" +
		"\tlibodd.so => /opt/a (b)/libodd.so (0x00007f2b3c000000)\n" +
		"\t/lib64/ld-linux-x86-64.so.2 (0x00007f2b3c400000)\n"))
	assert.Equal(t, need{
		files: []string{
			"/lib/x86_64-linux-gnu/libc.so.6", "/opt/a (b)/libodd.so", "/lib64/ld-linux-x86-64.so.2",
		},
		missing: []string{"libgone.so.1"},
	}, n)
	assert.Empty(t, parseLibraries([]byte("\tstatically linked\n")))
}

func TestScriptNeedsItsInterpreter(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program := filepath.Join(dir, "interp")
	require.NoError(t, os.WriteFile(program, []byte("x"), 0o755))
	for line, want := range map[string][]string{
		"#!/bin/sh -e\n":                    {"/bin/sh"},
		"#! /usr/bin/env interp\n1":         {"/usr/bin/env", program},
		"#!/usr/bin/env -S A=1 interp -u\n": {"/usr/bin/env", program},
		"#!relative\n":                      nil,
		"#!/usr/bin/env <%= config[:shebang] || \"ruby\" %>\n": nil,
		"#!/usr/bin/env {{ python }}\n":                        nil,
		"#!/usr/@PREFIX@/perl\n":                               nil,
		"#!":                                                   nil,
		"text":                                                 nil,
		"\x7fELF but not really":                               nil,
		"":                                                     nil,
	} {
		file := filepath.Join(dir, "script")
		require.NoError(t, os.WriteFile(file, []byte(line), 0o755))
		got, err := hostArch.needs(t.Context(), file)
		require.NoError(t, err, line)
		assert.Equal(t, need{programs: want}, got, line)
	}
}
