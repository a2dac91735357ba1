package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLibrariesAreReadFromTheInterpretersList(t *testing.T) {
	libs, err := parseLibraries([]byte("\tlinux-vdso.so.1 (0x00007ffc3d9f2000)\n" +
		"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2b3c000000)\n" +
		"\tlibodd.so => /opt/a (b)/libodd.so (0x00007f2b3c000000)\n" +
		"\t/lib64/ld-linux-x86-64.so.2 (0x00007f2b3c400000)\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"/lib/x86_64-linux-gnu/libc.so.6", "/opt/a (b)/libodd.so", "/lib64/ld-linux-x86-64.so.2",
	}, libs)

	_, err = parseLibraries([]byte("\tlibgone.so.1 => not found\n"))
	assert.EqualError(t, err, "libgone.so.1 is not found")

	libs, err = parseLibraries([]byte("\tstatically linked\n"))
	require.NoError(t, err)
	assert.Empty(t, libs)
}

func TestScriptNeedsItsInterpreter(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program := filepath.Join(dir, "interp")
	require.NoError(t, os.WriteFile(program, []byte("x"), 0o755))
	for line, want := range map[string][]string{
		"#!/bin/sh -e\n":            {"/bin/sh"},
		"#! /usr/bin/env interp\n1": {"/usr/bin/env", program},
		"#!relative\n":              nil,
		"#!":                        nil,
		"text":                      nil,
		"\x7fELF but not really":    nil,
		"":                          nil,
	} {
		file := filepath.Join(dir, "script")
		require.NoError(t, os.WriteFile(file, []byte(line), 0o755))
		got, err := needs(t.Context(), file)
		require.NoError(t, err, line)
		assert.Equal(t, want, got, line)
	}
}
