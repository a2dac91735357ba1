package sweep_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"oomcage/harness/outcome"
	"oomcage/harness/sweep"
)

// A file of results is read a line at a time, and the checks look at all of them together.
func ExampleReader() {
	file := strings.NewReader(`{"name":"max=64MiB","verdict":"oom-killed","acknowledged":4,"attempted":5,"evidence":{}}
{"name":"max=128MiB","verdict":"survived","acknowledged":9,"attempted":9,"evidence":{}}
`)
	var all []*outcome.Outcome
	for r := sweep.NewReader(file); ; {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Name, o.Verdict, o.Acknowledged)
		all = append(all, o)
	}
	fmt.Println(len(sweep.Check(all)), "findings")
	// Output:
	// max=64MiB oom-killed 4
	// max=128MiB survived 9
	// 0 findings
}
