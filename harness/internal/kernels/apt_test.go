package kernels

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archiveVariable names the folder of a fakeArchive. It makes this test binary play apt's tools, by the name that it is
// called by.
const archiveVariable = "OOMCAGE_TEST_ARCHIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(archiveVariable); dir != "" {
		if name := filepath.Base(os.Args[0]); strings.HasPrefix(name, "apt-") {
			if err := fakeArchive(dir).play(name, os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, "E:", err)
				os.Exit(100)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// fakeArchive is a folder that stands for a machine's package sources and its network. It has
//
//	pool/NAME.deb   the packages
//	depends/NAME    what apt-cache depends prints of them
//	targets         what apt-get indextargets prints
//	etc/            the machine's own sources
//	refuse          what apt-get update fails with
//	refuse-suites   the same where Debian's other suites are asked for
//	log             the commands that were run, which the tools write
//	suites, conf    what was asked for, which they copy
//	suites-conf     and the configuration then
type fakeArchive string

func (a fakeArchive) file(names ...string) string {
	return filepath.Join(append([]string{string(a)}, names...)...)
}

// play is what apt's tools do in a fakeArchive.
func (a fakeArchive) play(tool string, args []string) error {
	log, err := os.OpenFile(a.file("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintln(log, tool, strings.Join(args, " "))
	last := args[len(args)-1]
	switch tool + " " + strings.Join(args[:len(args)-1], " ") {
	case "apt-config shell parts":
		fmt.Printf("parts='%s/'\n", a.file("etc"))
	case "apt-get -q":
		return a.update()
	case "apt-get indextargets --format $(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)":
		return a.print("targets")
	case "apt-get -q download":
		deb, err := os.ReadFile(a.file("pool", last+".deb"))
		if err != nil {
			return fmt.Errorf("Unable to locate package %s", last)
		}
		return os.WriteFile(last+"_1_amd64.deb", deb, 0o644)
	case "apt-cache pkgnames":
		for _, name := range a.pool() {
			if strings.HasPrefix(name, last) {
				fmt.Println(name)
			}
		}
	case "apt-cache depends --important":
		return a.print("depends", last)
	default:
		return fmt.Errorf("unknown command: %s %q", tool, args)
	}
	return nil
}

func (a fakeArchive) print(names ...string) error {
	text, err := os.ReadFile(a.file(names...))
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

func (a fakeArchive) pool() (names []string) {
	files, _ := filepath.Glob(a.file("pool", "*.deb"))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".deb"))
	}
	return names
}

// update refuses what the archive refuses, and keeps what was asked for.
func (a fakeArchive) update() error {
	work := filepath.Dir(os.Getenv("APT_CONFIG"))
	conf, err := os.ReadFile(filepath.Join(work, "apt.conf"))
	if err != nil {
		return err
	}
	refusal := "refuse"
	suites, err := os.ReadFile(filepath.Join(work, "sources", "zz-kernels.list"))
	if err != nil {
		err = nil // there are none
	} else {
		refusal = "refuse-suites"
		err = os.WriteFile(a.file("suites"), suites, 0o644)
	}
	links, _ := filepath.Glob(filepath.Join(work, "sources", "*"))
	for i, link := range links {
		links[i] = filepath.Base(link)
	}
	name := map[string]string{"refuse": "conf", "refuse-suites": "suites-conf"}[refusal]
	err = errors.Join(err, os.WriteFile(a.file(name), fmt.Appendf(conf, "sources: %s\n", strings.Join(links, " ")), 0o644))
	if err != nil {
		return err
	}
	if why, err := os.ReadFile(a.file(refusal)); err == nil {
		return errors.New(string(why))
	}
	return nil
}

// newArchive puts an empty archive of Debian's in front of this machine's apt.
func newArchive(t *testing.T) fakeArchive {
	t.Helper()
	a, tools := fakeArchive(t.TempDir()), t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config"} {
		require.NoError(t, os.Symlink(self, filepath.Join(tools, tool)))
	}
	t.Setenv("PATH", tools)
	t.Setenv(archiveVariable, string(a))
	mustWrite(t, a.file("targets"), []byte("Debian|Debian|trixie|http://mirror.example/debian\nDebian|Debian-Security|trixie-security|http://mirror.example/security\n"))
	mustWrite(t, a.file("etc", "debian.sources"), nil)
	mustWrite(t, a.file("etc", "left.out"), nil)
	return a
}

// has puts packages into the archive, each a kernel of its release or what is said of it.
func (a fakeArchive) has(t *testing.T, packages map[string]map[string]string) {
	t.Helper()
	for name, files := range packages {
		deb, err := os.ReadFile(mustDeb(t, ".gz", files))
		require.NoError(t, err)
		mustWrite(t, a.file("pool", name+".deb"), deb)
	}
}

// whole is a package that has all of a kernel, as Debian's up to 6.18.
func whole(release string) map[string]string {
	return map[string]string{
		"./boot/vmlinuz-" + release: string(image(release)), "./boot/config-" + release: "CONFIG_EXT4_FS=y\n",
		"./lib/modules/" + release + "/kernel/fs/ext4/ext4.ko": "module",
	}
}

func (a fakeArchive) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(a.file("log"))
	require.NoError(t, err)
	return string(text)
}

func named(all []Kernel) (names []string) {
	for _, k := range all {
		names = append(names, k.Name+" "+k.Release)
	}
	return names
}

func TestTheKernelsOfDebianAreFetched(t *testing.T) {
	a, s := newArchive(t), newStore(t)
	const newest = "7.3.4+deb13-cloud-amd64" // in four packages, and below /usr
	a.has(t, map[string]map[string]string{
		"linux-image-6.1.0-9-cloud-amd64": whole("6.1.0-9-cloud-amd64"), "linux-image-6.1.0-47-cloud-amd64": whole("6.1.0-47-cloud-amd64"),
		"linux-image-6.12.9+deb13-cloud-amd64": whole("6.12.9+deb13-cloud-amd64"), "linux-image-cloud-amd64": nil,
		"linux-image-" + newest:   nil,
		"linux-binary-" + newest:  {"./usr/lib/modules/" + newest + "/vmlinuz": string(image(newest))},
		"linux-base-" + newest:    {"./usr/lib/modules/" + newest + "/config": "CONFIG_EXT4_FS=m\n"},
		"linux-modules-" + newest: {"./usr/lib/modules/" + newest + "/kernel/fs/ext4/ext4.ko": "module"},
	})
	mustWrite(t, a.file("depends", "linux-image-"+newest), []byte("linux-image-"+newest+"\n  Depends: linux-binary-"+newest+
		"\n  Depends: linux-base-"+newest+"\n  Depends: linux-modules-"+newest+"\n  Depends: linux-base\n  PreDepends: x\n"))

	var said []string
	have, err := s.Fetch(t.Context(), All, false, func(line string) { said = append(said, line) })
	require.NoError(t, err, a.log(t))
	assert.Equal(t, []string{"6.1 6.1.0-47-cloud-amd64", "6.12 6.12.9+deb13-cloud-amd64", "7.3 " + newest}, named(have), "there is no 6.18")
	assert.Equal(t, []string{"config", "lib/modules/" + newest + "/kernel/fs/ext4/ext4.ko", "vmlinuz"}, tree(t, filepath.Dir(have[2].Image)))
	assert.Contains(t, said, "fetching linux-image-"+newest)
	assert.NotContains(t, a.log(t), "download linux-base\n")

	before := a.log(t)
	have, err = s.Fetch(t.Context(), Newest, false, silent)
	require.NoError(t, err)
	assert.Equal(t, []string{"7.3 " + newest}, named(have))
	assert.Equal(t, before, a.log(t), "it is there")

	a.has(t, map[string]map[string]string{"linux-image-6.12.10+deb13-cloud-amd64": whole("6.12.10+deb13-cloud-amd64")})
	have, err = s.Fetch(t.Context(), "6.12", true, silent)
	require.NoError(t, err)
	assert.Equal(t, []string{"6.12 6.12.10+deb13-cloud-amd64"}, named(have), "a newer one")
	list, err := s.List()
	require.NoError(t, err)
	assert.Len(t, list, 3)
}

func TestTheListsAreReadWithoutTheMachinesHooksAndWithDebiansOtherSuites(t *testing.T) {
	a, s := newArchive(t), newStore(t)
	a.has(t, map[string]map[string]string{"linux-image-6.1.0-9-cloud-amd64": whole("6.1.0-9-cloud-amd64")})
	mustWrite(t, a.file("refuse-suites"), []byte("http://mirror.example/debian sid has no Release file"))
	var said []string
	have, err := s.Fetch(t.Context(), "6.1", false, func(line string) { said = append(said, line) })
	require.NoError(t, err, a.log(t))
	assert.Len(t, have, 1)
	assert.Contains(t, said, "these suites of Debian cannot be read, and go without:\n  | E: http://mirror.example/debian sid has no Release file")

	conf, err := os.ReadFile(a.file("conf"))
	require.NoError(t, err)
	assert.Contains(t, string(conf), "#clear APT::Update::Post-Invoke;\n")
	assert.Contains(t, string(conf), "sources: debian.sources\n", "of the machine's own")
	suites, err := os.ReadFile(a.file("suites"))
	require.NoError(t, err)
	var asked []string
	for line := range strings.Lines(string(suites)) {
		_, source, _ := strings.Cut(line, "] ")
		asked = append(asked, strings.TrimSpace(source))
	}
	const mirror = "http://mirror.example/debian "
	assert.Equal(t, []string{mirror + "bookworm main", mirror + "bookworm-backports main", mirror + "trixie-backports main", mirror + "sid main"}, asked)
}

// Ubuntu's archive has more versions than it supports, so what its package for virtual machines depends on counts.
func TestTheKernelOfUbuntuIsFetched(t *testing.T) {
	a, s := newArchive(t), newStore(t)
	const release = "6.8.0-45-generic"
	a.has(t, map[string]map[string]string{
		"linux-image-" + release: {"./boot/vmlinuz-" + release: string(image(release))}, "linux-image-6.8.0-9-generic": nil, "linux-image-6.11.0-3-generic": nil,
		"linux-modules-" + release: {"./lib/modules/" + release + "/kernel/fs/ext4/ext4.ko": "module", "./boot/config-" + release: "CONFIG_EXT4_FS=m\n"},
	})
	mustWrite(t, a.file("targets"), []byte("Ubuntu|Ubuntu|noble|http://mirror.example/ubuntu\n"))
	mustWrite(t, a.file("depends", "linux-image-virtual"), []byte("linux-image-virtual\n  Depends: linux-image-"+release+"\n"))
	mustWrite(t, a.file("depends", "linux-image-"+release), []byte("x\n  Depends: linux-modules-"+release+"\n"))
	for _, what := range []string{Newest, All} {
		have, err := s.Fetch(t.Context(), what, false, silent)
		require.NoError(t, err, a.log(t))
		assert.Equal(t, []string{"6.8 " + release}, named(have))
	}
	assert.NoFileExists(t, a.file("suites"), "those are Debian's")
	_, err := s.Fetch(t.Context(), "6.9", false, silent)
	require.ErrorContains(t, err, "have no linux-image-6.9.…-cloud-amd64 or linux-image-6.9.…-generic\n  to help: ")
}

func TestAFetchThatFailsSaysWhatAptSaidAndLeavesNothing(t *testing.T) {
	const release = "6.1.0-9-cloud-amd64"
	for want, spoil := range map[string]func(a fakeArchive){
		"apt-get update did not work with this machine's package sources: exit status 100\n  | E: no route to mirror.example\n  to help: check /etc/apt/sources.list, ": func(a fakeArchive) {
			mustWrite(t, a.file("refuse"), []byte("no route to mirror.example"))
		},
		"apt-get download linux-modules-" + release + " did not work: exit status 100\n  | E: Unable to locate package": func(a fakeArchive) {
			mustWrite(t, a.file("depends", "linux-image-"+release), []byte("x\n  Depends: linux-modules-"+release+"\n"))
		},
		"the kernel in linux-image-" + release + " says that it is 6.1.0-8-cloud-amd64": func(a fakeArchive) {
			a.has(t, map[string]map[string]string{"linux-image-" + release: whole("6.1.0-8-cloud-amd64")})
		},
		"package sources have no linux-image-6.1.…-cloud-amd64 or": func(a fakeArchive) { require.NoError(t, os.RemoveAll(a.file("pool"))) },
		"apt-get indextargets --format":                            func(a fakeArchive) { require.NoError(t, os.Remove(a.file("targets"))) },
	} {
		a, s := newArchive(t), newStore(t)
		a.has(t, map[string]map[string]string{"linux-image-" + release: whole(release)})
		spoil(a)
		_, err := s.Fetch(t.Context(), "6.1", false, silent)
		require.ErrorContains(t, err, want)
		assert.Empty(t, visible(t, s), want)
	}
}

func TestAFetchIsGivenUpForItsCause(t *testing.T) {
	newArchive(t)
	s := newStore(t)
	given := errors.New("given up")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := s.Fetch(ctx, Newest, false, func(string) { cancel(given) })
	require.Equal(t, given, err)
	assert.Empty(t, visible(t, s))
}
