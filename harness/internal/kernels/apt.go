package kernels

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/shell"
)

// suites are those of Debian's that have kernels, beside the machine's own.
var suites = []string{"bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid"}

// byHand is what helps where apt does not.
const byHand = "oomcage kernels add FILE.deb, or DIR, or VMLINUZ, with one that you have"

// apt is the apt of this machine with its own package sources and keys, but with lists and packages of our own: it takes no
// root, installs nothing, and leaves nothing behind. It checks what it fetches as it does for the machine.
type apt struct {
	work    string // a folder of this one's own
	arch    Arch   // of the packages
	foreign bool   // which is not the machine's
	env     []string
}

// newApt reads the package lists of the machine's sources, and of Debian's suites that it has not got where it has Debian's.
// Packages for another processor than the machine's come from Debian's suites alone: other sources rarely have them, and
// dpkg need not know of that processor.
func newApt(ctx context.Context, work string, s Store, say func(string)) (*apt, error) {
	if err := s.host.Check(); err != nil {
		return nil, err
	}
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, advise.New(tool+" is missing, and kernels are fetched with Debian's and Ubuntu's tools", byHand)
		}
	}
	a := &apt{work: work, arch: s.arch, foreign: s.arch != s.host, env: append(os.Environ(), "LC_ALL=C")}
	parts, err := a.setUp(ctx)
	if err != nil {
		return nil, err
	}
	say("reading the lists of this machine's package sources")
	if said, err := a.update(ctx); err != nil {
		return nil, advise.New(fmt.Sprintf("apt-get update did not work with this machine's package sources: %v\n%s", err, quoted(said)),
			"check /etc/apt/sources.list, "+parts+" and the network, then fetch again; or "+byHand)
	}
	return a, a.addSuites(ctx, say)
}

// setUp writes the configuration and names the folder of the machine's own sources. The hooks of the machine's configuration are
// cleared: some delete or rewrite its files after an update.
func (a *apt) setUp(ctx context.Context) (parts string, err error) {
	out, err := a.output(ctx, "apt-config", "shell", "parts", "Dir::Etc::sourceparts/d")
	if err != nil {
		return "", err
	}
	if words, err := shellquote.Split(out); err == nil && len(words) == 1 {
		parts = strings.TrimPrefix(words[0], "parts=")
	}
	sources := filepath.Join(a.work, "sources")
	for _, dir := range []string{sources, filepath.Join(a.work, "lists/partial"), filepath.Join(a.work, "cache/archives/partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	for _, ending := range []string{"*.list", "*.sources"} {
		files, _ := filepath.Glob(parts + ending) // a folder whose path is a bad pattern has none
		for _, file := range files {
			if err := os.Symlink(file, filepath.Join(sources, filepath.Base(file))); err != nil {
				return "", err
			}
		}
	}
	first := filepath.Join(a.work, "apt-first.conf")
	a.env = append(a.env, "APT_CONFIG="+first)
	return parts, errors.Join(
		os.WriteFile(filepath.Join(a.work, "status"), nil, 0o644),
		a.writeConf(""),
		// apt reads this file first, then the machine's configuration, and last the file that this one names: ours.
		os.WriteFile(first, fmt.Appendf(nil, "Dir::Etc::Main \"%s/apt.conf\";\n", a.work), 0o644),
	)
}

// writeConf writes apt's configuration: the machine's, ours, and more.
func (a *apt) writeConf(more string) error {
	conf := ""
	if _, err := os.ReadFile("/etc/apt/apt.conf"); err == nil {
		conf = "#include \"/etc/apt/apt.conf\";\n"
	}
	conf += fmt.Sprintf(`#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Etc::sourceparts "%[1]s/sources";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
APT::Sandbox::User "root";
`, a.work)
	return os.WriteFile(filepath.Join(a.work, "apt.conf"), []byte(conf+more), 0o644)
}

// onlySuites leaves the machine's own sources out, and asks for packages for another processor than the machine's.
func (a *apt) onlySuites() error {
	sources := filepath.Join(a.work, "sources")
	if err := errors.Join(os.RemoveAll(sources), os.Mkdir(sources, 0o755)); err != nil {
		return err
	}
	return a.writeConf(fmt.Sprintf(`Dir::Etc::sourcelist "/dev/null";
APT::Architecture "%[1]s";
#clear APT::Architectures;
APT::Architectures:: "%[1]s";
`, a.arch))
}

// addSuites adds Debian's suites that the machine has not got, from the same mirror. A suite ends some day, and the mirror has
// it no more: so it may fail where the machine's own may not.
func (a *apt) addSuites(ctx context.Context, say func(string)) error {
	targets, err := a.output(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return err
	}
	mirror := ""
	var have []string
	for line := range strings.Lines(targets) {
		if f := strings.SplitN(strings.TrimSpace(line), "|", 4); len(f) == 4 && f[0] == "Debian" {
			have = append(have, f[2])
			if f[1] == "Debian" && mirror == "" {
				mirror = f[3]
			}
		}
	}
	switch {
	case mirror == "" && a.foreign:
		return advise.New(fmt.Sprintf("this machine's package sources are not Debian's, whose kernels for %s are fetched", a.arch), byHand)
	case mirror == "":
		return nil
	case a.foreign:
		have = nil
		if err := a.onlySuites(); err != nil {
			return err
		}
	}
	options := "arch=" + string(a.arch)
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	if _, err := os.Stat(keyring); err == nil {
		options += " signed-by=" + keyring
	}
	list := ""
	for _, suite := range suites {
		if !slices.Contains(have, suite) {
			list += fmt.Sprintf("deb [%s] %s %s main\n", options, mirror, suite)
		}
	}
	if err := os.WriteFile(filepath.Join(a.work, "sources", "zz-kernels.list"), []byte(list), 0o644); err != nil {
		return err
	}
	if said, err := a.update(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		say("these suites of Debian cannot be read, and go without:\n" + quoted(said))
	}
	return nil
}

func (a *apt) update(ctx context.Context) (said string, err error) {
	cmd := a.command(ctx, "apt-get", "-q", "update")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// names lists the packages whose names begin so.
func (a *apt) names(ctx context.Context, prefix string) ([]string, error) {
	out, err := a.output(ctx, "apt-cache", "pkgnames", prefix)
	return strings.Fields(out), err
}

// depends lists the dependencies of a package that match. A package that is not there has none.
func (a *apt) depends(ctx context.Context, pkg string, pattern *regexp.Regexp) []string {
	out, err := a.output(ctx, "apt-cache", "depends", "--important", pkg)
	if err != nil {
		return nil
	}
	var all []string
	for line := range strings.Lines(out) {
		if dep, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && pattern.MatchString(dep) {
			all = append(all, dep)
		}
	}
	return all
}

// download fetches a package and returns its file.
func (a *apt) download(ctx context.Context, pkg string) (string, error) {
	dir, err := os.MkdirTemp(a.work, "deb")
	if err != nil {
		return "", err
	}
	cmd := a.command(ctx, "apt-get", "-q", "download", pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", advise.New(fmt.Sprintf("apt-get download %s did not work: %v\n%s", pkg, err, quoted(string(out))), "fetch again; or "+byHand)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", fmt.Errorf("apt-get download %s has left %d files, and one is needed", pkg, len(files))
	}
	return filepath.Join(dir, files[0].Name()), nil
}

func (a *apt) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := a.command(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", shell.Join(append([]string{name}, args...)...), err, quoted(stderr.String()))
	}
	return string(out), nil
}

// command is ended with ctx, and what it has started does not hold up its end.
func (a *apt) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.WaitDelay = a.env, aptGrace
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// quoted is what a program said, set off from our own words.
func quoted(said string) string {
	return "  | " + strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n  | ")
}
