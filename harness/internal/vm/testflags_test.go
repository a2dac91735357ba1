package vm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTestFlagsNameWhereResultsGo(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want testFlags
	}{
		"none": {},
		"as go test passes them": {
			args: []string{"-test.testlogfile=/tmp/b/testlog.txt", "-test.paniconexit0", "-test.timeout=10m0s"},
			want: testFlags{
				timeout: 10 * time.Minute, // and no testlogfile: it stays in the guest
			},
		},
		"profiles go below the output folder": {
			args: []string{"-test.outputdir=/o", "-test.coverprofile=c.out", "-test.cpuprofile=/abs/cpu.out"},
			want: testFlags{
				outputDir: "/o",
				outs:      []out{{Path: "/o", Dir: true}, {Path: "/o/c.out", Given: true}, {Path: "/abs/cpu.out", Given: true}},
			},
		},
		"profiles without an output folder go to the working directory": {
			args: []string{"--test.trace", "t.out", "-test.memprofile=sub/m.out"},
			want: testFlags{outs: []out{{Path: "/pkg/t.out", Given: true}, {Path: "/pkg/sub/m.out", Given: true}}},
		},
		"folders": {
			args: []string{"-test.gocoverdir=cov", "-test.fuzzcachedir=/cache/fuzz"},
			want: testFlags{
				fuzzCache: "/cache/fuzz", outs: []out{{Path: "/pkg/cov", Dir: true}, {Path: "/cache/fuzz", Dir: true}},
			},
		},
		"a relative output folder": {
			args: []string{"-test.outputdir", "o", "-test.blockprofile=b", "-test.mutexprofile=m"},
			want: testFlags{
				outputDir: "/pkg/o", outs: []out{{Path: "/pkg/o", Dir: true}, {Path: "/pkg/o/b", Given: true}, {Path: "/pkg/o/m", Given: true}},
			},
		},
		"the value of another flag is none": {
			args: []string{"-test.run", "-test.coverprofile=no", "-test.v=true", "-test.count", "1"},
		},
		"flags end at the first argument": {
			args: []string{"-test.short", "arg", "-test.coverprofile=no"},
		},
		"flags end at two dashes": {
			args: []string{"--", "-test.coverprofile=no"},
		},
		"no time limit": {args: []string{"-test.timeout=0s"}},
		"flags of others are left alone": {
			args: []string{"-coverprofile=no", "-update"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseTestFlags(c.args, "/pkg")
			assert.ElementsMatch(t, c.want.outs, got.outs)
			got.outs, c.want.outs = nil, nil
			assert.Equal(t, c.want, got)
		})
	}
}
