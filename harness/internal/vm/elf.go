package vm

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// needs returns what the executable needs beside itself: the interpreter and the shared libraries of an
// ELF file, the interpreter of a script. A static executable and a file of data need nothing.
func needs(ctx context.Context, file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return nil, nil // shorter than any executable
	}
	switch {
	case string(magic[:]) == elf.ELFMAG:
		return elfNeeds(ctx, f, file)
	case string(magic[:2]) == "#!":
		return scriptNeeds(f, file)
	default:
		return nil, nil
	}
}

func elfNeeds(ctx context.Context, r io.ReaderAt, file string) ([]string, error) {
	e, err := elf.NewFile(r)
	if err != nil {
		return nil, nil // has ELF's magic, but is none
	}
	interp, err := interpreter(e)
	if err != nil {
		return nil, fmt.Errorf("read the interpreter of %s: %w", file, err)
	}
	if interp == "" || e.Machine != elf.EM_X86_64 {
		return nil, nil
	}
	// The interpreter itself knows best: RUNPATH, the linker's cache, libraries of libraries. It does not
	// run the program for that.
	cmd := exec.CommandContext(ctx, interp, "--list", file)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "LD_PRELOAD=") })
	stdout, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("list the shared libraries of %s: %w: %s", file, err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("list the shared libraries of %s: %w", file, err)
	}
	libs, err := parseLibraries(stdout)
	if err != nil {
		return nil, fmt.Errorf("list the shared libraries of %s: %w", file, err)
	}
	return append([]string{interp}, libs...), nil
}

// interpreter returns the PT_INTERP of the file, or "".
func interpreter(e *elf.File) (string, error) {
	for _, p := range e.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b, err := io.ReadAll(p.Open())
		return string(bytes.TrimRight(b, "\x00")), err
	}
	return "", nil
}

// parseLibraries reads what `ld.so --list` prints:
//
//	linux-vdso.so.1 (0x00007ffc…)
//	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2b…)
//	/lib64/ld-linux-x86-64.so.2 (0x00007f2b…)
func parseLibraries(list []byte) ([]string, error) {
	var libs []string
	for line := range strings.Lines(string(list)) {
		name, path, linked := strings.Cut(strings.TrimSpace(line), " => ")
		if !linked {
			path = name
		}
		if strings.HasPrefix(path, "not found") {
			return nil, fmt.Errorf("%s is not found", name)
		}
		if i := strings.LastIndex(path, " (0x"); i >= 0 {
			path = path[:i]
		}
		// The vdso comes from the kernel and has no path.
		if filepath.IsAbs(path) {
			libs = append(libs, path)
		}
	}
	return libs, nil
}

// scriptNeeds returns the interpreter that the first line names, looking through env.
func scriptNeeds(r io.ReadSeeker, file string) ([]string, error) {
	if _, err := r.Seek(2, io.SeekStart); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(io.LimitReader(r, 512)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) == 0 || !filepath.IsAbs(words[0]) {
		return nil, nil
	}
	if filepath.Base(words[0]) != "env" || len(words) < 2 {
		return words[:1], nil
	}
	path, err := exec.LookPath(words[1])
	if err != nil {
		return nil, fmt.Errorf("find the interpreter of %s: %w", file, err)
	}
	return []string{words[0], path}, nil
}
