package harness

import (
	"flag"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/gobuild"
)

func TestHowToRunATestAgain(t *testing.T) {
	for name, c := range map[string]struct {
		started   invocation
		test      string
		benchmark bool
		want      string
	}{
		"by a user in a delegated cgroup": {
			invocation{pkg: "example.com/a"}, "TestX", false,
			`go test -count=1 -run '^TestX$' example.com/a`},
		"by root": {
			invocation{pkg: "example.com/a", root: true}, "TestX", false,
			`go test -count=1 -run '^TestX$' example.com/a   # as root`},
		"by sudo": {
			invocation{pkg: "example.com/a", root: true, sudo: true, flags: []string{"-race", "-tags", "a,b"}}, "TestX/sub", false,
			`sudo env "PATH=$PATH" go test -count=1 -run '^TestX$/^sub$' -race -tags a,b example.com/a`},
		"in a microVM": {
			invocation{pkg: "example.com/a", root: true, vm: "6.1.0-1", built: []string{"example.com/b"}}, "TestX", false,
			`go test -count=1 -run '^TestX$' -exec 'go tool oomcage vm -build example.com/b' example.com/a   # it ran on Linux 6.1.0-1`},
		"in a microVM of a chosen kernel": {
			invocation{pkg: "example.com/a", vm: "6.1.0-1", kernel: "/my kernels/6.1"}, "TestX", false,
			`'OOMCAGE_KERNEL=/my kernels/6.1' go test -count=1 -run '^TestX$' -exec 'go tool oomcage vm' example.com/a`},
		"in a microVM with disks": {
			invocation{pkg: "p", vm: "6.1.0-1", vmFlags: []string{"-swap", "268435456"}, built: []string{"b"}}, "TestX", false,
			`go test -count=1 -run '^TestX$' -exec 'go tool oomcage vm -swap 268435456 -build b' p   # it ran on Linux 6.1.0-1`},
		"with flags of its own": {
			invocation{pkg: "p", root: true, args: []string{"-max=1GiB", "-note=two words"}}, "TestX", false,
			`go test -count=1 -run '^TestX$' p -args -max=1GiB '-note=two words'   # as root`},
		"of a package that is not known": {
			invocation{}, "TestX", false, `go test -count=1 -run '^TestX$'`},
		"a benchmark": {
			invocation{pkg: "p"}, "BenchmarkX/a", true, `go test -count=1 -run '^$' -bench '^BenchmarkX$/^a$' p`},
		"of a name that is a pattern": {
			invocation{pkg: "p"}, "TestX/a|b(1)/it's_$5#01", false, `go test -count=1 -run '^TestX$/^a\|b\(1\)$/^it'\''s_\$5#01$' p`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, c.started.again(c.test, c.benchmark))
		})
	}
}

func TestTheTestBinarysOwnFlagsAreThoseThatWereGiven(t *testing.T) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("test.run", "", "")
	set.String("max", "", "")
	set.String("step", "10MiB", "")
	set.Bool("quick", false, "")
	require.NoError(t, set.Parse([]string{"-test.run", "TestX", "-quick", "-max", "1GiB"}))
	require.Equal(t, []string{"-max=1GiB", "-quick=true"}, ownFlags(set))
}

func TestThePlaceOfThisProcessIsKnown(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "6.1.0-1")
	manifest := t.TempDir() + "/built.json"
	mustWrite(t, manifest, `[{"package": "example.com/a"}, {"package": "example.com/b"}]`)
	t.Setenv(gobuild.Variable, manifest)
	t.Setenv("OOMCAGE_VM_FLAGS", "-swap\n268435456\n-add\na b")
	p := thisInvocation()
	require.Equal(t, reflect.TypeFor[Cage]().PkgPath(), p.pkg)
	require.Equal(t, "6.1.0-1", p.vm)
	require.Equal(t, []string{"example.com/a", "example.com/b"}, p.built)
	require.Equal(t, []string{"-swap", "268435456", "-add", "a b"}, p.vmFlags)
}
