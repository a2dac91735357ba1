package outcome

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recordedEnd is a file of testdata/runtimes.
type recordedEnd struct {
	runtime, version string
	status           ExitStatus
	output           string
}

// found is the runtime as lastWords names it, and whether it is to find any.
func (w recordedEnd) found() (runtime string, any bool) {
	switch w.runtime {
	case "none":
		return "", false
	case "ENOMEM":
		return "", true
	}
	return w.runtime, true
}

func keptLastWords(tb testing.TB) map[string]recordedEnd {
	tb.Helper()
	files, err := filepath.Glob("testdata/runtimes/*.txt")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	all := map[string]recordedEnd{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(tb, err)
		head, output, found := strings.Cut(string(text), "---\n")
		require.True(tb, found, file)
		header := map[string]string{}
		for line := range strings.Lines(head) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			header[name] = value
		}
		w := recordedEnd{runtime: header["runtime"], version: header["version"], output: output, status: ExitStatus{Ended: true, Signal: header["status"]}}
		require.NotEmpty(tb, w.runtime, file)
		require.NotEmpty(tb, w.version, file)
		if code, is := strings.CutPrefix(header["status"], "exit code "); is {
			n, err := strconv.Atoi(code)
			require.NoError(tb, err)
			w.status = exit(n)
		}
		all[filepath.Base(file)] = w
	}
	return all
}

func TestEachRuntimesLastWordsAreKnown(t *testing.T) {
	for file, w := range keptLastWords(t) {
		t.Run(file, func(t *testing.T) {
			runtime, any := w.found()
			end := lastWords(w.output, w.status)
			e := Evidence{Status: w.status, Ready: true, LastWords: end}
			v, why := Classify(e)
			if !any {
				require.Nil(t, end)
				require.Equal(t, Exited, v)
				return
			}
			require.NotNil(t, end)
			assert.Equal(t, runtime, end.Runtime)
			assert.Contains(t, w.output, end.Words)
			assert.Equal(t, RuntimeOOM, v)
			assert.Contains(t, why, `as its last words say: "`+end.Words+`"`)
			assert.Contains(t, why, w.status.String())
		})
	}
}

func TestEachSignatureWasSeenOrSaysWhyNot(t *testing.T) {
	kept := keptLastWords(t)
	for i, s := range signatures {
		seen := ""
		for file, w := range kept {
			if s.ends(w.status) && s.find(strings.FieldsFunc(w.output, func(r rune) bool { return r == '\n' })) != "" {
				seen = file
			}
		}
		if s.untried != "" {
			require.Empty(t, seen, "signature %d, of %s, was tried", i, s.runtime)
			continue
		}
		require.NotEmpty(t, seen, "signature %d, of %s: %s", i, s.runtime, s.words)
	}
}

// The same words of what ended well, or by a signal from outside, are a log's.
func TestWordsAreNoEndWithoutItsStatus(t *testing.T) {
	for file, w := range keptLastWords(t) {
		for _, status := range []ExitStatus{{}, exit(0), exit(130), exit(143), sigterm, sigkill, {Ended: true, Code: -1, Signal: UnknownSignal}} {
			require.Nil(t, lastWords(w.output, status), "%s: %s", file, status)
		}
		require.Nil(t, lastWords(w.output, exit(137)), file)
	}
}

func TestLastWords(t *testing.T) {
	const enomem = ""
	sigabrt, sigtrap, sigsegv := ExitStatus{Ended: true, Code: -1, Signal: "SIGABRT"}, ExitStatus{Ended: true, Code: -1, Signal: "SIGTRAP"}, ExitStatus{Ended: true, Code: -1, Signal: "SIGSEGV"}
	trace := "\n\truntime/panic.go:1229 +0x48\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:8\n"
	for name, c := range map[string]struct {
		output string
		status ExitStatus
		want   *RuntimeEnd
	}{
		"nothing":                      {"", exit(1), nil},
		"blank lines":                  {"\r\n\n \n", exit(1), nil},
		"Go at once":                   {"fatal error: runtime: cannot allocate memory", exit(2), &RuntimeEnd{"Go", "fatal error: runtime: cannot allocate memory"}},
		"Go, by another code":          {"fatal error: out of memory" + trace, exit(1), &RuntimeEnd{enomem, "out of memory"}},
		"Go, then a panic":             {"fatal error: out of memory" + trace + "panic: no such table" + trace, exit(2), nil},
		"Go, of another fatal error":   {"fatal error: all goroutines are asleep - deadlock!" + trace, exit(2), nil},
		"Go, in a log line":            {"child said: fatal error: runtime: out of memory\n" + trace, exit(2), &RuntimeEnd{enomem, "out of memory"}},
		"Go, with the beginning lost":  {"[earlier output left out]\nfatal error: runtime: out of memory\n" + strings.Repeat(trace, 500), exit(2), &RuntimeEnd{"Go", "fatal error: runtime: out of memory"}},
		"a Go program that cannot run": {"2026/11/29 03:11:03 start the worker: fork/exec /bin/true: cannot allocate memory\n", exit(1), &RuntimeEnd{enomem, "cannot allocate memory"}},
		"the same in a log of JSON":    {`{"level":"fatal","error":"fork/exec /bin/true: cannot allocate memory"}`, exit(1), &RuntimeEnd{enomem, `cannot allocate memory"}`}},

		"JVM without threads":       {"Exception in thread \"main\" java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached\n\tat java.base/java.lang.Thread.start0(Native Method)\n", exit(1), nil},
		"JVM, an impossible array":  {"Exception in thread \"main\" java.lang.OutOfMemoryError: Requested array size exceeds VM limit\n", exit(1), nil},
		"JVM, and its log after it": {"java.lang.OutOfMemoryError: Java heap space\n\tat A.b(A.java:1)\n12:00 INFO shutting down\n12:00 INFO bye\n", exit(1), &RuntimeEnd{"JVM", "java.lang.OutOfMemoryError: Java heap space"}},
		"JVM, long before its end":  {"java.lang.OutOfMemoryError: Java heap space\n1\n2\n3\n4\n", exit(1), nil},
		"JVM, with code 3":          {"Terminating due to java.lang.OutOfMemoryError: Metaspace\n", exit(3), &RuntimeEnd{"JVM", "Terminating due to java.lang.OutOfMemoryError: Metaspace"}},

		"V8 in Deno":               {"\n#\n# Fatal JavaScript out of memory: Reached heap limit\n#\n#FailureMessage Object: 0x7ffd\n==== C stack trace ====\n    deno(+0x1) [0x2]\n", sigtrap, &RuntimeEnd{"V8", "# Fatal JavaScript out of memory"}},
		"V8, by a segmentation":    {"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n", sigsegv, nil},
		"another end of Node":      {"FATAL ERROR: v8::FromJust Maybe value is Nothing\n", sigabrt, nil},
		".NET":                     {"Out of memory.\n", sigabrt, &RuntimeEnd{".NET", "Out of memory."}},
		".NET, not caught":         {"Unhandled exception. System.OutOfMemoryException: Exception of type 'System.OutOfMemoryException' was thrown.\n   at Program.Main()\n", sigabrt, &RuntimeEnd{".NET", "Unhandled exception. System.OutOfMemoryException"}},
		".NET, which cannot start": {"GC heap initialization failed with error 0x8007000E\nFailed to create CoreCLR, HRESULT: 0x8007000E\n", exit(137), &RuntimeEnd{".NET", "Failed to create CoreCLR, HRESULT: 0x8007000E"}},

		"NumPy":                          {"numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1000000000,)\n", exit(1), &RuntimeEnd{"Python", "numpy.core._exceptions._ArrayMemoryError:"}},
		"Python, a class of such a name": {"GpuMemoryError: no\n", exit(1), nil},
		"an exit code of a shell":        {"memory allocation of 1048576 bytes failed\nAborted\n", exit(134), &RuntimeEnd{"Rust", "memory allocation of 1048576 bytes failed"}},
		"mlock":                          {"agent: mlock: Cannot allocate memory\n", exit(1), nil},
		"a GPU":                          {"RuntimeError: CUDA error: out of memory\n", exit(1), nil},
		"a sentence":                     {"FAIL: the worker must say that it is out of memory, and go on\n", exit(1), nil},
		"a word that ends alike":         {"fail: without memory\nrunoutofmemory\n", exit(1), nil},
		"long ago":                       {"a: Cannot allocate memory\n1\n2\n3\n4\n", exit(1), nil},
		"by SIGSEGV":                     {"a: Cannot allocate memory\n", sigsegv, nil},
		"by abort":                       {"a: Cannot allocate memory\n", sigabrt, &RuntimeEnd{enomem, "Cannot allocate memory"}},
		"Windows' line ends":             {"a: Cannot allocate memory\r\n", exit(1), &RuntimeEnd{enomem, "Cannot allocate memory"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, lastWords(c.output, c.status)) })
	}
}

// A stored outcome has the words, so that it can be judged again without its output.
func TestLastWordsAreEvidence(t *testing.T) {
	o := &Outcome{Attempted: 5, Acknowledged: 4, Evidence: Evidence{
		Status: exit(2), Ready: true, Peak: 40 * MiB, Limits: Limits{Max: 64 * MiB},
		LastWords: &RuntimeEnd{"Go", "fatal error: runtime: out of memory"},
	}}
	o.Verdict, o.Why = o.Judge()
	require.Equal(t, RuntimeOOM, o.Verdict)
	require.Equal(t, `its own runtime (Go) gave up for want of memory, as its last words say: "fatal error: runtime: out of memory"; `+
		`no kernel OOM killer had a part in it, and it ended by itself with exit code 2 at 40.0 of 64.0 MiB, during step 5`, o.Why)
	require.Contains(t, o.help(), "look for a limit of its own first")
	stored, err := ParseSummary([]byte(asJSON(t, o)))
	require.NoError(t, err)
	v, why := stored.Judge()
	require.Equal(t, o.Verdict, v)
	require.Equal(t, o.Why, why)

	o.Evidence.Status, o.Evidence.Ready = ExitStatus{Ended: true, Code: -1, Signal: "SIGABRT"}, false
	o.Evidence.LastWords = &RuntimeEnd{"", "Out of memory"}
	_, why = o.Judge()
	require.Equal(t, `it gave up for want of memory, as its last words say: "Out of memory"; `+
		`no kernel OOM killer had a part in it, and it ended by SIGABRT at 40.0 of 64.0 MiB, before it was ready, during step 5`, why)
}

func TestARefusalForWantOfMemoryIsNamed(t *testing.T) {
	for said, want := range map[string]string{
		"step 5: run redis-cli: exit status 1: OOM command not allowed when used memory > 'maxmemory'.":                                                         "OOM command not allowed when used memory > 'maxmemory'",
		"step 5: run psql: exit status 1: ERROR:  out of memory\nDETAIL:  Failed on request of size 500000004 in memory context \"ExprContext\".":               "ERROR:  out of memory",
		"step 5: run psql: exit status 1: ERROR:  53200: out of memory":                                                                                         "ERROR:  53200: out of memory",
		"step 5: ERROR: out of memory (SQLSTATE 53200)":                                                                                                         "ERROR: out of memory",
		"step 5: POST http://127.0.0.1:1/: 500 Internal Server Error: Handler dispatch failed; nested exception is java.lang.OutOfMemoryError: Java heap space": "java.lang.OutOfMemoryError: Java heap space",
		"step 5: POST http://127.0.0.1:1/: 500 Internal Server Error: Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)":         "Allowed memory size of 134217728 bytes exhausted",
		"step 5: run curl: fork/exec /usr/bin/curl: cannot allocate memory":                                                                                     "", // that is the step's
		"step 5: POST http://127.0.0.1:1/: 404 Not Found":                                                                                                       "",
	} {
		o := &Outcome{Attempted: 5, Acknowledged: 4, Error: said, Evidence: Evidence{Ready: true}}
		v, why := o.Judge()
		require.Equal(t, Survived, v)
		note := fmt.Sprintf(`; step 5 was not acknowledged; the target refused step 5 for want of memory, as its answer says: "%s"`, want)
		require.Equal(t, want != "", strings.HasSuffix(why, note), why)

		o.Evidence.Status = exit(1)
		_, why = o.Judge()
		require.NotContains(t, why, "refused", "its end says more")
	}
}
