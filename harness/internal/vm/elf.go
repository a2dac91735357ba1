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
	"regexp"
	"slices"
	"strings"
)

// need is what a file takes to run, or to be loaded, beside itself.
type need struct {
	programs []string // an interpreter of a script, which has needs of its own
	files    []string // an ELF interpreter and shared libraries, with the libraries of those
	beside   []string // those of the files that were found by $ORIGIN, so relative to the file
	missing  []string // names of shared libraries that the host has not got either
}

// needs looks at what the file is, and not at its mode: shared libraries are rarely executable. A static
// executable and a file of data need nothing.
func (a arch) needs(ctx context.Context, file string) (need, error) {
	f, err := os.Open(file)
	if err != nil {
		return need{}, err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return need{}, nil // shorter than any executable
	}
	switch {
	case string(magic[:]) == elf.ELFMAG:
		return a.elfNeeds(ctx, f, file)
	case string(magic[:2]) == "#!":
		return scriptNeeds(f, file)
	default:
		return need{}, nil
	}
}

func (a arch) elfNeeds(ctx context.Context, r io.ReaderAt, file string) (need, error) {
	e, err := elf.NewFile(r)
	switch {
	case err != nil || e.Machine != a.elf && !a.foreign():
		return need{}, nil // has ELF's magic, but is none that runs
	case e.Machine != a.elf:
		return need{}, a.notHere(file, e.Machine)
	case a.foreign() && linked(e):
		return need{}, fmt.Errorf("%s is linked with shared libraries for %s, which this machine cannot look up: "+
			"link it statically, as CGO_ENABLED=0 go build does", file, a.name)
	}
	interp, err := interpreter(e)
	if err != nil {
		return need{}, fmt.Errorf("read the interpreter of %s: %w", file, err)
	}
	if !linked(e) {
		return need{}, nil
	}
	if hasAuditors(e) {
		return need{}, fmt.Errorf("%s has auditors (DT_AUDIT), which to ask for its shared libraries would run on this machine", file)
	}
	library, loader := interp == "", interp
	if library || !ofTheSystem(interp) {
		if loader = a.loaderOf(e); loader == "" {
			return need{}, nil
		}
	}
	stdout, err := listLibraries(ctx, loader, file).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(bytes.TrimSpace(exit.Stderr)) > 0 {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		if !library && loader != interp {
			err = fmt.Errorf("%w (its own interpreter, %s, is none of the system's, and is not run here)", err, interp)
		}
		return need{}, fmt.Errorf("list the shared libraries of %s: %w", file, err)
	}
	n := parseLibraries(stdout)
	if !library && filepath.IsAbs(interp) {
		n.files = append([]string{interp}, n.files...)
	}
	n.files = append(n.files, loadedByLibc(n.files)...)
	n.beside = besideOrigin(e, file, n.files)
	return n, nil
}

// systemFolders have the interpreters of a machine's own programs.
var systemFolders = []string{"/lib", "/lib32", "/lib64", "/libx32", "/usr", "/opt", "/nix/store", "/gnu/store", "/home/linuxbrew/.linuxbrew"}

// ofTheSystem reports whether an interpreter is one of this machine's. No other is run here: a stranger's file that goes along may name any
// program as its own, one of the same folder for example. One that is not there is none that could be run.
func ofTheSystem(interp string) bool {
	if !filepath.IsAbs(interp) {
		return false
	}
	real, err := filepath.EvalSymlinks(interp)
	return err != nil || slices.ContainsFunc(systemFolders, func(dir string) bool { return inside(dir, real) })
}

// hasAuditors reports whether the file has the dynamic linker load and run libraries that watch it, as glibc's does from 2.32 on also where
// it only lists what the file needs. It looks where that looks: a file need not have sections.
func hasAuditors(e *elf.File) bool {
	word := 8 // bytes
	if e.Class == elf.ELFCLASS32 {
		word = 4
	}
	for _, p := range e.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		table, err := io.ReadAll(p.Open())
		if err != nil {
			return true // what cannot be read is not run either
		}
		for ; len(table) >= 2*word; table = table[2*word:] {
			if tag := elf.DynTag(e.ByteOrder.Uint32(table)); tag == elf.DT_AUDIT || tag == elf.DT_DEPAUDIT { // its upper half is 0
				return true
			}
		}
	}
	return false
}

// listLibraries asks the interpreter, which knows best: RUNPATH, the linker's cache, libraries of libraries. It does
// not run the program for that. glibc's stops at the first library that is missing when asked by --list, and goes on
// when asked as ldd asks.
func listLibraries(ctx context.Context, interp, file string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, interp, "--list", file)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "LD_PRELOAD=") })
	if strings.HasPrefix(filepath.Base(interp), "ld-linux") {
		cmd.Args = []string{interp, file}
		cmd.Env = append(cmd.Env, "LD_TRACE_LOADED_OBJECTS=1")
	}
	return cmd
}

// linked reports whether the file is linked with shared libraries. One of debugging symbols only seems to be.
func linked(e *elf.File) bool {
	if len(e.Sections) > 0 {
		return e.SectionByType(elf.SHT_DYNAMIC) != nil
	}
	return slices.ContainsFunc(e.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
}

// loaderOf returns the interpreter of the programs that would load the library, or "" where there is none.
func (a arch) loaderOf(e *elf.File) string {
	loader := a.glibc
	libs, _ := e.ImportedLibraries() // without a list of them, it is taken for the usual one
	if slices.ContainsFunc(libs, func(lib string) bool { return strings.HasPrefix(lib, "libc.musl-") }) {
		loader = a.musl
	}
	if _, err := os.Stat(loader); err != nil {
		return ""
	}
	return loader
}

// loadedByLibc returns what glibc loads by itself, to end a thread: without it, that aborts the program.
func loadedByLibc(libs []string) []string {
	for _, lib := range libs {
		if filepath.Base(lib) != "libc.so.6" {
			continue
		}
		unwinder := filepath.Join(filepath.Dir(lib), "libgcc_s.so.1")
		if _, err := os.Stat(unwinder); err == nil && !slices.Contains(libs, unwinder) {
			return []string{unwinder}
		}
	}
	return nil
}

// besideOrigin returns those of the libraries that lie where a RUNPATH or RPATH of the file leads by $ORIGIN.
func besideOrigin(e *elf.File, file string, libs []string) []string {
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		values, _ := e.DynString(tag) // a file without has none
		for dir := range strings.SplitSeq(strings.Join(values, ":"), ":") {
			if origin := strings.NewReplacer("$ORIGIN", filepath.Dir(file), "${ORIGIN}", filepath.Dir(file)).Replace(dir); origin != dir {
				dirs = append(dirs, filepath.Clean(origin))
			}
		}
	}
	var beside []string
	for _, lib := range libs {
		if slices.Contains(dirs, filepath.Dir(filepath.Clean(lib))) {
			beside = append(beside, filepath.Clean(lib))
		}
	}
	return beside
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
//	libgone.so.1 => not found
//	/lib64/ld-linux-x86-64.so.2 (0x00007f2b…)
func parseLibraries(list []byte) (n need) {
	for line := range strings.Lines(string(list)) {
		name, path, linked := strings.Cut(strings.TrimSpace(line), " => ")
		if !linked {
			path = name
		}
		if strings.HasPrefix(path, "not found") {
			n.missing = append(n.missing, name)
			continue
		}
		if i := strings.LastIndex(path, " (0x"); i >= 0 {
			path = path[:i]
		}
		// The vdso comes from the kernel and has no path.
		if filepath.IsAbs(path) {
			n.files = append(n.files, path)
		}
	}
	return n
}

// template finds what a generator of scripts replaces: the file is no script yet.
var template = regexp.MustCompile(`<%|\{\{|\{%|\$\{|@\w+@`)

// scriptNeeds returns the interpreter that the first line names, looking through env.
func scriptNeeds(r io.ReadSeeker, file string) (need, error) {
	if _, err := r.Seek(2, io.SeekStart); err != nil {
		return need{}, err
	}
	line, err := bufio.NewReader(io.LimitReader(r, 512)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return need{}, err
	}
	words := strings.Fields(line)
	if len(words) == 0 || !filepath.IsAbs(words[0]) || template.MatchString(line) {
		return need{}, nil
	}
	programs := words[:1]
	if filepath.Base(words[0]) == "env" {
		if name := envProgram(words[1:]); name != "" {
			path, err := exec.LookPath(name)
			if err != nil {
				return need{programs: programs}, fmt.Errorf("find the interpreter of %s: %w", file, err)
			}
			programs = append(slices.Clone(programs), path)
		}
	}
	return need{programs: programs}, nil
}

// envProgram returns the program among the arguments of env, or "".
func envProgram(args []string) string {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") {
			return arg
		}
	}
	return ""
}
