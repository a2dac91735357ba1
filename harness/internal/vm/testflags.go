package vm

import (
	"path/filepath"
	"strings"
	"time"
)

// testFlags is what `go test` told the test binary that matters outside of it.
type testFlags struct {
	timeout   time.Duration // -test.timeout; 0: none
	outputDir string        // -test.outputdir, absolute; empty when not given
	fuzzCache string        // -test.fuzzcachedir, absolute; empty when not given
	outs      []out         // where the flags let the test write
}

// Profiles whose relative paths package testing takes below -test.outputdir.
var profileFlags = map[string]bool{
	"coverprofile": true, "cpuprofile": true, "memprofile": true, "blockprofile": true,
	"mutexprofile": true, "trace": true,
}

// parseTestFlags reads the -test.* flags among the arguments of a test binary. dir is its working
// directory, absolute.
func parseTestFlags(args []string, dir string) testFlags {
	abs := func(base, path string) string {
		if filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
		return filepath.Join(base, path)
	}
	var t testFlags
	values := testFlagValues(args)
	if v := values["outputdir"]; v != "" {
		t.outputDir = abs(dir, v)
		t.outs = append(t.outs, out{Path: t.outputDir, Dir: true})
	}
	profileDir := dir
	if t.outputDir != "" {
		profileDir = t.outputDir
	}
	// -test.testlogfile stays in the guest: without the log go test caches no result, and it must not, since
	// it can't see that a kernel or what -build made has changed.
	for name, v := range values {
		switch {
		case v == "":
		case profileFlags[name]:
			t.outs = append(t.outs, out{Path: abs(profileDir, v), Given: true})
		case name == "gocoverdir":
			t.outs = append(t.outs, out{Path: abs(dir, v), Dir: true})
		case name == "fuzzcachedir":
			t.fuzzCache = abs(dir, v)
			t.outs = append(t.outs, out{Path: t.fuzzCache, Dir: true})
		case name == "timeout":
			if d, err := time.ParseDuration(v); err == nil && d > 0 {
				t.timeout = d
			}
		}
	}
	return t
}

// testFlagValues returns the last value of each -test.NAME flag, up to the first argument that is none.
// Only the flags that take a value and that matter here count: the others are passed on unread.
func testFlagValues(args []string) map[string]string {
	values := map[string]string{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" || len(arg) < 2 || arg[0] != '-' {
			break
		}
		name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
		name, value, hasValue := strings.Cut(name, "=")
		name, isTest := strings.CutPrefix(name, "test.")
		if !isTest {
			continue
		}
		if !hasValue && takesValue[name] && i+1 < len(args) {
			i++
			value = args[i]
		}
		values[name] = value
	}
	return values
}

// Flags of package testing that may be written with their value as the next argument.
var takesValue = map[string]bool{
	"bench": true, "benchtime": true, "blockprofile": true, "blockprofilerate": true, "count": true,
	"coverprofile": true, "cpu": true, "cpuprofile": true, "fuzz": true, "fuzzcachedir": true,
	"fuzzminimizetime": true, "fuzztime": true, "gocoverdir": true, "list": true, "memprofile": true,
	"memprofilerate": true, "mutexprofile": true, "mutexprofilefraction": true, "outputdir": true,
	"parallel": true, "run": true, "shuffle": true, "skip": true, "testlogfile": true, "timeout": true,
	"trace": true,
}
