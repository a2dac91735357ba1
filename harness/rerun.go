package harness

import (
	"flag"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	"oomcage/harness/internal/gobuild"
	"oomcage/harness/internal/shell"
)

// invocation is what this process knows of how it was started, as far as it matters for doing it again.
type invocation struct {
	pkg     string   // the package's import path; empty where it is not known
	flags   []string // of the build
	vm      string   // the microVM's kernel release; empty outside
	kernel  string   // $OOMCAGE_KERNEL, which chose that kernel
	vmFlags []string // those by which the microVM differs from the usual one
	built   []string // packages that -build compiled
	args    []string // the test binary's own flags, which came behind -args
	root    bool
	sudo    bool // root by sudo
}

func thisInvocation() invocation {
	p := invocation{
		vm: os.Getenv("OOMCAGE_VM"), kernel: os.Getenv("OOMCAGE_KERNEL"),
		root: os.Geteuid() == 0, sudo: os.Getenv("SUDO_USER") != "",
		args: ownFlags(flag.CommandLine),
	}
	if flags := os.Getenv("OOMCAGE_VM_FLAGS"); flags != "" {
		p.vmFlags = strings.Split(flags, "\n")
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		p.pkg = strings.TrimSuffix(info.Path, ".test")
		for _, s := range info.Settings {
			switch {
			case s.Key == "-race" && s.Value == "true":
				p.flags = append(p.flags, "-race")
			case s.Key == "-tags":
				p.flags = append(p.flags, "-tags", s.Value)
			}
		}
	}
	built, _ := gobuild.ReadManifest(os.Getenv(gobuild.Variable)) // outside the microVM there is none
	for _, b := range built {
		p.built = append(p.built, b.Package)
	}
	return p
}

// ownFlags are the flags that were given and that are not of package testing, with = as a boolean one
// needs it.
func ownFlags(set *flag.FlagSet) []string {
	var own []string
	set.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			own = append(own, "-"+f.Name+"="+f.Value.String())
		}
	})
	return own
}

// again returns the shell command that runs the test or benchmark of this name once more in the
// same place. It has only what is known here.
func (p invocation) again(name string, benchmark bool) string {
	words := []string{"go", "test", "-count=1", "-run", exactly(name)}
	if benchmark {
		words = append(words[:3], "-run", "^$", "-bench", exactly(name))
	}
	words = append(words, p.flags...)
	if p.vm != "" {
		vm := append([]string{"go", "tool", "oomcage", "vm"}, p.vmFlags...)
		for _, pkg := range p.built {
			vm = append(vm, "-build", pkg)
		}
		words = append(words, "-exec", shell.Join(vm...))
	}
	if p.pkg != "" {
		words = append(words, p.pkg)
	}
	if len(p.args) > 0 {
		words = append(append(words, "-args"), p.args...)
	}
	command := shell.Join(words...)
	switch {
	case p.vm != "" && p.kernel != "":
		return shell.Join("OOMCAGE_KERNEL="+p.kernel) + " " + command
	case p.vm != "":
		return command + "   # it ran on Linux " + p.vm
	case p.sudo:
		return `sudo env "PATH=$PATH" ` + command
	case p.root:
		return command + "   # as root"
	}
	return command
}

// exactly is the pattern for -run and -bench that matches the test of this name alone. Package
// testing takes the pattern apart at each slash and matches the parts one by one.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}
