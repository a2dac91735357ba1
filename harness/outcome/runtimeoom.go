package outcome

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// RuntimeEnd is the end of a target whose own runtime gave up for want of memory, by what it printed last. A runtime does
// that at a limit of its own (-Xmx, --max-old-space-size, memory_limit, ulimit -v), or when the kernel refuses it
// memory. Neither leaves a trace in the cage's counters, so these words are all that there is.
type RuntimeEnd struct {
	Runtime string `json:"runtime,omitempty"` // such as Go, JVM, V8 or Python; empty: any program that printed the text of ENOMEM
	Words   string `json:"words"`             // what of the output says so
}

// signature is how a runtime ends that has no memory left.
type signature struct {
	runtime string
	codes   []int          // its exit codes
	anyCode bool           // or any exit code that a program chooses itself
	signals []string       // and the signals that end it, also as a shell passes them on: 128 and their number
	words   *regexp.Regexp // in one line
	except  *regexp.Regexp // in the same line, where the words mean something else
	within  int            // how many lines that are not indented may follow; anyLines: all
	later   *regexp.Regexp // a line which tells that these words were not the last ones
	untried string         // why its words are known from documents alone; empty: testdata/runtimes has the real ones
}

// anyLines stands for an end that is followed by a trace, of which each frame begins a line.
const anyLines = -1

// fewLines leaves room for what others say of an end: "make: *** [all] Error 2", or a log's "shutting down".
const fewLines = 3

// laterError is an error of the same language, after which an earlier one was not the last word.
var laterError = regexp.MustCompile(`^(?:Exception in thread |Caused by: |Traceback |[\w.$]+(?:Exception|Error)(?:: |$))`)

var abort = []string{"SIGABRT"}

// javaMemory are an OutOfMemoryError's messages that are about memory. The one about threads is not, and an array that
// is too large would be so in any heap.
const javaMemory = `(?:Java heap space|GC overhead limit exceeded|Metaspace|Compressed class space|Direct buffer memory|` +
	`Cannot reserve \d+ bytes of direct buffer memory|Map failed|Unable to allocate \d+ bytes)`

// signatures are tried in their order.
var signatures = []signature{
	{
		runtime: "Go", codes: []int{2}, signals: abort, // the latter with GOTRACEBACK=crash
		words:  regexp.MustCompile(`^fatal error: (?:(?:runtime: |pageAlloc: )?(?:out of memory|cannot allocate memory)|failed to reserve page summary memory)`),
		within: anyLines, later: regexp.MustCompile(`^(?:panic|fatal error): `),
	},
	{
		runtime: "JVM", codes: []int{1},
		words:  regexp.MustCompile(`^(?:Exception in thread "[^"]*" |Caused by: )?java\.lang\.OutOfMemoryError: ` + javaMemory),
		within: fewLines, later: laterError,
	},
	{runtime: "JVM", codes: []int{3}, words: regexp.MustCompile(`^Terminating due to java\.lang\.OutOfMemoryError: ` + javaMemory), within: fewLines},
	{runtime: "JVM", signals: abort, words: regexp.MustCompile(`^Aborting due to java\.lang\.OutOfMemoryError: ` + javaMemory), within: anyLines},
	{
		runtime: "JVM", codes: []int{1}, signals: abort,
		words: regexp.MustCompile(`There is insufficient memory for the Java Runtime Environment to continue`), within: anyLines,
	},
	{runtime: "JVM", codes: []int{1}, words: regexp.MustCompile(`^Could not reserve enough space for \d+KB object heap`), within: fewLines},
	{
		runtime: "V8", signals: []string{"SIGABRT", "SIGTRAP", "SIGILL"},
		words:  regexp.MustCompile(`^(?:FATAL ERROR: .{0,100}(?:JavaScript heap|process) out of memory|# Fatal (?:process|JavaScript) (?:OOM|out of memory))`),
		within: anyLines,
	},
	{
		runtime: "V8", codes: []int{1},
		words:  regexp.MustCompile(`^(?:RangeError: Array buffer allocation failed|Error \[ERR_WORKER_OUT_OF_MEMORY\])`),
		within: fewLines, later: laterError,
	},
	{
		runtime: ".NET", signals: abort,
		words:  regexp.MustCompile(`^(?:Out of memory\.$|Unhandled exception\. System\.OutOfMemoryException|Process is terminating due to OutOfMemoryException)`),
		within: fewLines, untried: "Debian has no .NET; from dotnet/runtime, issues 76987 and 82337",
	},
	{ // 137 is no SIGKILL here, but the low byte of the host's 0x80008089
		runtime: ".NET", codes: []int{137}, words: regexp.MustCompile(`^Failed to create CoreCLR, HRESULT: 0x8007000E`),
		within: fewLines, untried: "Debian has no .NET; from dotnet/sdk, issue 42252",
	},
	{
		runtime: "Mono", codes: []int{1},
		words:  regexp.MustCompile(`^(?:\[ERROR\] FATAL UNHANDLED EXCEPTION: System\.OutOfMemoryException|Error: Garbage collector could not allocate \d+ bytes of memory)`),
		within: fewLines,
	},
	{
		runtime: "Python", codes: []int{1},
		words:  regexp.MustCompile(`^(?:[\w.]+\.)?(?:_Array)?MemoryError(?:: |$)`),
		within: fewLines, later: laterError,
	},
	{
		runtime: "PHP", codes: []int{255},
		words:  regexp.MustCompile(`^(?:PHP )?Fatal error:  ?(?:Allowed memory size of \d+ bytes exhausted|Out of memory)`),
		within: fewLines,
	},
	{runtime: "PHP", codes: []int{1}, words: regexp.MustCompile(`^mmap\(\) failed: \[12\] Cannot allocate memory`), within: fewLines},
	{runtime: "Ruby", codes: []int{1}, words: regexp.MustCompile(`failed to allocate memory \(NoMemoryError\)$|^\[FATAL\] failed to allocate memory$`), within: fewLines},
	{runtime: "Perl", anyCode: true, words: regexp.MustCompile(`^Out of memory(?:!$| in perl:| during )`), within: fewLines},
	{runtime: "Rust", signals: abort, words: regexp.MustCompile(`^memory allocation of \d+ bytes failed`), within: fewLines},
	{
		runtime: "C++", signals: abort,
		words:  regexp.MustCompile(`^(?:terminate called after throwing an instance of '|libc\+\+abi: terminating (?:due to|with) uncaught exception of type )std::bad_alloc`),
		within: fewLines,
	},
	{runtime: "Erlang", codes: []int{1}, signals: abort, words: regexp.MustCompile(`^\w+: Cannot (?:re)?allocate \d+ bytes of memory \(of type `), within: fewLines},
	{runtime: "OCaml", codes: []int{2}, words: regexp.MustCompile(`^Fatal error: exception (?:Stdlib\.)?Out_of_memory$`), within: fewLines},
	{runtime: "Lua", codes: []int{1}, words: regexp.MustCompile(`^lua[\d.]*: not enough memory$`), within: fewLines},
	{runtime: "XZ", codes: []int{1}, words: regexp.MustCompile(`^[\w./-]*(?:xz|lzma)[\w.-]*: .*: Memory usage limit reached$`), within: fewLines}, // --memlimit-decompress
	{runtime: "Redis", signals: abort, words: regexp.MustCompile(`# Out Of Memory allocating \d+ bytes!`), within: anyLines},
	{
		// ENOMEM as glibc and musl name it, and what programs say that look at malloc's result. mlock returns it at a limit
		// of its own, and other memory than the cage's runs out too.
		anyCode: true, signals: abort,
		words: regexp.MustCompile(`(?i)(?:^|[^\w])(?:(?:cannot allocate|out of|not enough) memory|memory exhausted|xmalloc: cannot allocate \d+ bytes|` +
			`out of memory allocating \d+ bytes(?: after a total of \d+ bytes)?|out of memory, (?:m|re|c)alloc failed|out of memory \(7\))["'\]}.!)]*$`),
		except: regexp.MustCompile(`(?i)mlock|memlock|cuda|\bhip\b|\bgpu\b|device|vulkan|vram`),
		within: fewLines,
	},
}

// lastWords looks in the output of a target, and at how it ended, for the end of a runtime that had no memory left. nil:
// nothing says so. What merely logged such words, and ended well or long after, is not taken for one.
func lastWords(output string, status ExitStatus) *RuntimeEnd {
	if !status.Ended || status.Signal == "" && status.Code == 0 {
		return nil
	}
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, s := range signatures {
		if !s.ends(status) {
			continue
		}
		if words := s.find(lines); words != "" {
			return &RuntimeEnd{Runtime: s.runtime, Words: words}
		}
	}
	return nil
}

const (
	shellSignal = 128 // a shell ends with this and the number of the signal that has ended its program
	lastSignal  = 64  // SIGRTMAX
)

// shellSignals are the signals of the signatures as a shell passes them on.
var shellSignals = map[int]string{shellSignal + 4: "SIGILL", shellSignal + 5: "SIGTRAP", shellSignal + 6: "SIGABRT"}

// ends reports whether the runtime may have ended like that.
func (s signature) ends(status ExitStatus) bool {
	chosen := status.Code <= shellSignal || status.Code > shellSignal+lastSignal
	switch {
	case status.Signal != "":
		return slices.Contains(s.signals, status.Signal)
	case slices.Contains(s.codes, status.Code) || s.anyCode && chosen:
		return true
	default:
		return slices.Contains(s.signals, shellSignals[status.Code])
	}
}

// find returns the words in these lines, or "".
func (s signature) find(lines []string) string {
	after := 0
	for _, line := range slices.Backward(lines) {
		words := s.words.FindString(line)
		switch {
		case words != "" && (s.except == nil || !s.except.MatchString(line)):
			return strings.TrimSpace(words)
		case s.later != nil && s.later.MatchString(line):
			return ""
		case line[0] != ' ' && line[0] != '\t':
			after++
		}
		if s.within != anyLines && after > s.within {
			return ""
		}
	}
	return ""
}

// gaveUp reports whether the target has ended by itself for want of memory, by its last words.
func (e Evidence) gaveUp() bool {
	return e.LastWords != nil && (e.Status.Signal != "" && e.Status.Signal != "SIGKILL" || e.Status.Signal == "" && e.Status.Code != 0)
}

// runtimeOOM is the reason where the target's last words are those of a runtime without memory.
func runtimeOOM(e Evidence) string {
	how, who := "by itself with "+e.Status.String(), "it"
	if e.Status.Signal != "" {
		how = "by " + e.Status.Signal
	}
	if e.LastWords.Runtime != "" {
		who = "its own runtime (" + e.LastWords.Runtime + ")"
	}
	return fmt.Sprintf(`%s gave up for want of memory, as its last words say: "%s"; no kernel OOM killer had a part in it, and it ended %s at %s%s`,
		who, e.LastWords.Words, how, fullness(e), startNote(e))
}

// refusals are what targets answer to a step for which they have no memory, and live on. They do so at a limit of their own
// (maxmemory, -Xmx), or when the kernel has refused them memory.
var refusals = []*regexp.Regexp{
	regexp.MustCompile(`OOM command not allowed when used memory > 'maxmemory'`),     // Redis, Valkey
	regexp.MustCompile(`ERROR: +(?:53200: )?out of memory|SQLSTATE 53200`),           // PostgreSQL
	regexp.MustCompile(`java\.lang\.OutOfMemoryError: ` + javaMemory),                // in the answer of a server
	regexp.MustCompile(`\bMemoryError\b|Allowed memory size of \d+ bytes exhausted`), // the same
}

// refusal says that the target refused a step for want of memory, with a semicolon before it, or "".
func (o *Outcome) refusal() string {
	if !o.Evidence.Alive() && o.Evidence.Stop == nil || o.Attempted <= o.Acknowledged {
		return ""
	}
	for _, words := range refusals {
		if said := words.FindString(o.Error); said != "" {
			return fmt.Sprintf(`; the target refused step %d for want of memory, as its answer says: "%s"`, o.Attempted, said)
		}
	}
	return ""
}
