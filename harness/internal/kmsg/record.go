package kmsg

import (
	"strconv"
	"strings"
)

// recordSize is CONSOLE_EXT_LOG_MAX of Linux 6.1: no record of /dev/kmsg is longer.
const recordSize = 8192

// Record is one record of the kernel log (Documentation/ABI/testing/dev-kmsg).
type Record struct {
	Facility int // 0 is the kernel. Who writes to /dev/kmsg cannot choose 0 and is 1, user, by default
	// Continues is set on the rest of a line that another message interrupted, or that was too long
	// for one record.
	Continues bool
	Text      string // the message, with \xNN for what is not printable ASCII and for the backslash
}

// parseRecord reads "prefix,sequence,microseconds,flags[,…];text". The lines after the first, which
// begin with a space, are a device's properties.
func parseRecord(s string) (Record, bool) {
	head, text, ok := strings.Cut(s, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 4 {
		return Record{}, false
	}
	prefix, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil {
		return Record{}, false
	}
	for _, number := range fields[1:3] {
		if _, err := strconv.ParseUint(number, 10, 64); err != nil {
			return Record{}, false
		}
	}
	text, _, _ = strings.Cut(text, "\n")
	return Record{Facility: int(prefix >> 3), Continues: strings.HasPrefix(fields[3], "c"), Text: text}, true
}

// unescape undoes the \xNN of /dev/kmsg.
func unescape(s string) string {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\x`)
		b.WriteString(plain)
		if !found {
			return b.String()
		}
		n, err := uint64(0), strconv.ErrSyntax
		if len(rest) >= 2 {
			n, err = strconv.ParseUint(rest[:2], 16, 8)
		}
		if err != nil {
			b.WriteString(`\x`)
			s = rest
			continue
		}
		b.WriteByte(byte(n))
		s = rest[2:]
	}
}
