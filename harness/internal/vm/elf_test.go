package vm

import (
	"debug/elf"
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

// A stranger's file that -add took along could run what it liked on the host.
func TestAnInterpreterThatIsNotTheSystemsIsNotRun(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("loader", []byte("#!/bin/sh\ntouch "+dir+"/ran\n"), 0o755))
	for _, interp := range []string{"./loader", filepath.Join(dir, "loader")} {
		_, _ = hostArch.needs(t.Context(), writeELF(t, hostArch.elf, interp+"\x00")) // the system's may not take it
		require.NoFileExists(t, "ran", interp)
	}
	assert.True(t, ofTheSystem(hostArch.glibc))
	assert.True(t, ofTheSystem("/no/such/loader"))
}

// A genuine loader runs them even where it is only asked for a list.
func TestAFileWithAuditorsIsNotAskedForItsLibraries(t *testing.T) {
	for _, tag := range []elf.DynTag{elf.DT_AUDIT, elf.DT_DEPAUDIT} {
		file := writeELF(t, hostArch.elf, hostArch.glibc+"\x00", elf.Dyn64{Tag: int64(elf.DT_STRTAB)}, elf.Dyn64{Tag: int64(tag)})
		_, err := hostArch.needs(t.Context(), file)
		require.ErrorContains(t, err, file+" has auditors (DT_AUDIT)")
	}
}
