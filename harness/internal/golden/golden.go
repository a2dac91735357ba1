// Package golden compares what tests make with files in testdata. Only tests import it.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files that are made, such as those in testdata")

// Update reports whether the files are to be written, and not compared: the test's flag -update.
func Update() bool { return *update }

// Compare compares with a file, shows the first lines that differ, and leaves what it got beside it.
func Compare(tb testing.TB, path string, got []byte) {
	tb.Helper()
	if Update() {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(want, got) {
		_ = os.Remove(path + ".got") // of an earlier run
		return
	}
	note := path + ".got has all of it"
	if wrong := os.WriteFile(path+".got", got, 0o644); wrong != nil {
		note = wrong.Error()
	}
	folder, _ := os.Getwd() // that of the package
	tb.Errorf("%s is not what is made now (-want +got); %s; to take it over:\n  go test ./harness/%s -update\n%s", path, note, filepath.Base(folder), differences(string(want), string(got)))
}

// differences are the first lines in which two texts differ.
func differences(want, got string) string {
	const most, longest = 10, 300 // of lines, and bytes of one: a page has its data in one line
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var text strings.Builder
	line := func(sign string, lines []string, i int) {
		if i < len(lines) {
			fmt.Fprintf(&text, "%s %.*s\n", sign, longest, lines[i])
		}
	}
	for i, shown := 0, 0; i < max(len(a), len(b)) && shown < most; i++ {
		if i < len(a) && i < len(b) && a[i] == b[i] {
			continue
		}
		fmt.Fprintf(&text, "%d:\n", i+1)
		line("-", a, i)
		line("+", b, i)
		shown++
	}
	return text.String()
}
