package kmsg

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Report is what the kernel prints of the moment before a kill (dump_header in mm/oom_kill.c). It comes 10 times in 5
// seconds at most, on the whole machine, and with it the line that names the limit.
type Report struct {
	Invoker string // comm of the task whose allocation failed
	GFPMask string // its flags, in words
	Order   int
	Stack   []string // the functions of the call trace, the innermost first; those that the kernel is not sure of are left out

	Memory, Swap, Kmem *Usage            // of the cgroup whose limit it was; nil where the log has none
	Stat               map[string]uint64 // its memory.stat, as printed; nil where the log has none
	StatCut            bool              // the kernel cut it off: keys are missing at its end

	Tasks     []Task // the largest first, at most 64; the victim is among them
	RestCount int    // of the other ones
	Rest      Task   // their sums; it has no IDs and no name

	statHere bool // what follows is memory.stat
	stack    stackState
}

// Usage is a page counter of a cgroup, in bytes. "max" is math.MaxInt64.
type Usage struct {
	Usage, Limit int64
	FailCnt      uint64
}

type stackState int

const (
	stackAwaited stackState = iota
	stackHere
	stackRead
)

// The bounds of what is kept. Linux 7.3 has 75 keys, and its longest traces had 17 functions that it was sure of (2026-11).
const (
	maxStatKeys = 160
	maxStack    = 48
)

// cutLength is the shortest record that the kernel may have cut: LOG_LINE_MAX of Linux 6.1 with CONFIG_PRINTK_CALLER,
// and one byte less for the string's end. There the whole memory.stat is one record, of 761 to 786 bytes in a guest of
// 1 GiB (2026-11); large numbers make it longer. Linux 6.12 has a record for each line.
const cutLength = 1024 - 48 - 1

// invokedText follows a comm of up to 15 bytes, which cannot have it inside: it is longer.
const (
	invokedText = " invoked oom-killer: "
	commLength  = 15
)

var (
	invokedLine = regexp.MustCompile(`^gfp_mask=0x[0-9a-f]+\(([\w|]+)\), (?:nodemask=\S+, )?order=(-?\d+), oom_score_adj=-?\d+$`)
	usageLine   = regexp.MustCompile(`^(memory|swap|kmem): usage (\d+)kB, limit (\d+)kB, failcnt (\d+)$`)
)

// parseInvoked parses the head of a report. It reports whether the line is one, and returns nil where the line is one of
// a form that is not known.
func parseInvoked(text string) (r *Report, is bool) {
	at := strings.Index(text, invokedText)
	if at < 0 || at > commLength {
		return nil, false
	}
	m := invokedLine.FindStringSubmatch(text[at+len(invokedText):])
	if m == nil {
		return nil, true
	}
	order, err := strconv.Atoi(m[2])
	if err != nil {
		return nil, true
	}
	return &Report{Invoker: text[:at], GFPMask: m[1], Order: order}, true
}

// add takes in a line between the head and the summary, and ignores what is not of the report. What comes twice counts
// once: the kernel says nothing twice.
func (r *Report) add(text string) {
	if r == nil {
		return
	}
	switch {
	case strings.HasPrefix(text, "Memory cgroup stats for "): // its name may be in other records
		r.statHere, r.stack = true, stackRead
	case strings.EqualFold(text, "Call Trace:"):
		if r.stack == stackAwaited {
			r.stack = stackHere
		}
	case text == " </TASK>":
		r.stack = stackRead
	case r.stack == stackHere && strings.HasPrefix(text, " "):
		r.addFunction(text)
	case r.addUsage(text):
		r.stack = stackRead
	case r.statHere:
		r.addStat(text)
	}
}

// addFunction takes in " name+0x1/0x2 [module]". One with "? " was found on the stack, and may be of an earlier call.
func (r *Report) addFunction(text string) {
	name, _, ok := strings.Cut(text[1:], "+0x")
	if ok && isWord(name) && len(r.Stack) < maxStack {
		r.Stack = append(r.Stack, name)
	}
}

func (r *Report) addUsage(text string) bool {
	m := usageLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	at := map[string]**Usage{"memory": &r.Memory, "swap": &r.Swap, "kmem": &r.Kmem}[m[1]]
	usage, err1 := parseKB(m[2])
	limit, err2 := parseKB(m[3])
	failed, err3 := strconv.ParseUint(m[4], 10, 64)
	if *at == nil && err1 == nil && err2 == nil && err3 == nil {
		*at = &Usage{usage, limit, failed}
	}
	return true
}

// parseKB reads a size in units of 1024 bytes. PAGE_COUNTER_MAX is LONG_MAX in whole pages, of up to 64 KiB.
func parseKB(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, err
	case n > (math.MaxInt64-1<<16)>>10:
		return math.MaxInt64, nil
	}
	return n << 10, nil
}

// addStat takes in one line of memory.stat, or all of it. A record of several lines may be cut: then the last number is
// not to be trusted, and its key is missing as those after it.
func (r *Report) addStat(text string) {
	lines := strings.Count(text, "\n") + 1
	cut := lines > 1 && len(text) >= cutLength
	if cut {
		text = text[:strings.LastIndexByte(text, '\n')]
	}
	for line := range strings.SplitSeq(text, "\n") {
		if _, _, ok := parseStat(line); !ok {
			return
		}
	}
	r.StatCut = r.StatCut || cut
	if r.Stat == nil {
		r.Stat = make(map[string]uint64, 80)
	}
	for line := range strings.SplitSeq(text, "\n") {
		key, n, _ := parseStat(line)
		if _, twice := r.Stat[key]; !twice && len(r.Stat) < maxStatKeys {
			r.Stat[strings.Clone(key)] = n
		}
	}
}

// parseStat reads "key 123".
func parseStat(line string) (key string, n uint64, ok bool) {
	const longest = 48 // of keys; Linux 7.3's has 25
	key, number, ok := strings.Cut(line, " ")
	if !ok || !isWord(key) || len(key) > longest {
		return "", 0, false
	}
	n, err := strconv.ParseUint(number, 10, 64)
	return key, n, err == nil
}

// isWord reports whether s is a name in C, or one that the compiler has made of it ("oom_kill_process.cold").
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}
