// Package bundle makes the script of the page of oomcage report of the ES modules that it is written as.
package bundle

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

const page = "../../../harness/report/page/"

var update = flag.Bool("update", false, "rewrite the script")

func TestThePagesScriptIsWhatItsModulesMake(t *testing.T) {
	made := api.Build(api.BuildOptions{
		EntryPoints: []string{page + "report.mjs"}, Bundle: true, Format: api.FormatIIFE, Target: api.ES2022, Charset: api.CharsetUTF8,
		Banner: map[string]string{"js": "// Code generated from the modules beside it by go generate ./harness/report. DO NOT EDIT."},
	})
	for _, message := range append(made.Errors, made.Warnings...) {
		t.Errorf("%+v: %s", message.Location, message.Text)
	}
	if t.Failed() {
		return
	}
	script := made.OutputFiles[0].Contents
	if *update {
		if err := os.WriteFile(page+"script.js", script, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(page + "script.js"); err != nil || !bytes.Equal(have, script) {
		t.Errorf("%sscript.js is not what the modules beside it make now (%v); run go generate ./harness/report", page, err)
	}
}
