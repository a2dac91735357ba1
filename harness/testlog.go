package harness

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/testlog"
)

// records are the tests that have outcomes and have not ended.
var records struct {
	sync.Mutex
	of map[testing.TB]*testRecord
}

// testRecord is what a test that fails prints, once, when it ends.
type testRecord struct {
	runs int        // guarded by records, as is last
	last []*Outcome // the last ones, in their order

	file sync.Mutex // held while outcome.json grows
	path string     // of outcome.json; empty until there is one
}

// maxPrinted is how many outcomes a test that fails prints: a loop of a thousand runs keeps no
// thousand timelines in memory. An assertion on an earlier one prints it by itself.
const maxPrinted = 3

// record leaves o with its test: for the end, should it fail; as attributes; and, with go test
// -artifacts, as a line of outcome.json.
func record(tb testing.TB, o *Outcome) {
	tb.Helper()
	r, n := remember(tb, o)
	setAttributes(tb, o, n)
	if artifactsAreKept() {
		// Where there is no folder, ArtifactDir ends the test, and that prints the outcome.
		r.keep(tb, o, filepath.Join(tb.ArtifactDir(), "outcome.json"))
	}
}

// remember returns the test's record and how many outcomes it has now.
func remember(tb testing.TB, o *Outcome) (*testRecord, int) {
	tb.Helper()
	records.Lock()
	defer records.Unlock()
	r := records.of[tb]
	if r == nil {
		r = &testRecord{}
		if records.of == nil {
			records.of = map[testing.TB]*testRecord{}
		}
		records.of[tb] = r
		tb.Cleanup(func() {
			tb.Helper()
			records.Lock()
			delete(records.of, tb)
			records.Unlock()
			if tb.Failed() {
				_, benchmark := tb.(*testing.B)
				tb.Log(r.print(thisInvocation().again(tb.Name(), benchmark)))
			}
		})
	}
	r.runs++
	if r.last = append(r.last, o); len(r.last) > maxPrinted {
		r.last = slices.Delete(r.last, 0, 1)
	}
	return r, r.runs
}

func init() { testlog.WillPrint = willBePrinted }

// willBePrinted reports whether a test prints the outcome when it fails.
func willBePrinted(o any) bool {
	records.Lock()
	defer records.Unlock()
	for _, r := range records.of {
		if slices.ContainsFunc(r.last, func(last *Outcome) bool { return last == o }) {
			return true
		}
	}
	return false
}

func (r *testRecord) print(again string) string {
	var b strings.Builder
	if left := r.runs - len(r.last); left > 0 {
		fmt.Fprintf(&b, "the last %d of %d runs:\n", len(r.last), r.runs)
	}
	for _, o := range r.last {
		fmt.Fprintf(&b, "%s\n", o.WithoutSecrets()) // test logs are published
	}
	if r.path != "" {
		fmt.Fprintf(&b, "  %-10s %s\n", "kept", printable.Line(r.path))
	}
	fmt.Fprintf(&b, "  %-10s %s", "again", printable.Line(again))
	return b.String()
}

// setAttributes tells go test -json, and what reads it, how the nth run of a test ended. Later
// runs have their number in the keys, since a reader keeps one value for each key.
func setAttributes(tb testing.TB, o *Outcome, n int) {
	tb.Helper()
	suffix := ""
	if n > 1 {
		suffix = "_" + strconv.Itoa(n)
	}
	limit := "max"
	if most := o.Evidence.Limits.Max; most != 0 && most != Unlimited {
		limit = strconv.FormatInt(int64(most), 10)
	}
	tb.Attr("verdict"+suffix, string(o.Verdict))
	tb.Attr("acknowledged"+suffix, strconv.Itoa(o.Acknowledged))
	tb.Attr("limit_bytes"+suffix, limit)
	if kind, size := o.Evidence.Fullest.FilledBy(); kind != "" {
		tb.Attr("filled_by"+suffix, string(kind))
		tb.Attr("filled_by_bytes"+suffix, strconv.FormatInt(int64(size), 10))
	}
}

// artifactsAreKept reports whether go test -artifacts was asked for. Without it the artifact
// directory is removed when the test ends.
func artifactsAreKept() bool {
	f := flag.Lookup("test.artifacts")
	return f != nil && f.Value.String() == "true"
}

// keep adds o to the file. Whoever gives -artifacts wants the file, and a log of a test that
// passes is not shown: so a file that cannot be written fails the test, which goes on.
func (r *testRecord) keep(tb testing.TB, o *Outcome, path string) {
	tb.Helper()
	r.file.Lock()
	defer r.file.Unlock()
	if err := appendLine(path, o.WithoutSecrets()); err != nil {
		tb.Errorf("keep the outcome (%s) as an artifact: %v", o.Verdict, err)
		return
	}
	r.path = path
}

// appendLine adds o to the file as one line of JSON. A line that did not fit is taken back: the
// lines before it stay readable.
func appendLine(path string, o *Outcome) (err error) {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return nil
}
