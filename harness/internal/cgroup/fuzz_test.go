package cgroup

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The parsers of the kernel's files are fuzzed against the kernel's formats, read by hand: what
// they accept is what the kernel can have printed, and it means what the kernel meant.

// decimal reads what the kernel prints for %llu. It says nothing of another text.
func decimal(s string) (n *big.Int, ok bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

func FuzzFlatKeyedFile(f *testing.F) {
	for _, seed := range []string{
		"low 0\nhigh 12\nmax 18446744073709551615\n", "oom_kill 1", "oom 18446744073709551616\n", "a 1\na 1\n", "a  1\n", "a +1\n", "a\t1\n", "a 1\r\n", "", "\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := map[string]uint64{}
		valid := text == "" || strings.HasSuffix(text, "\n")
		lines := strings.Split(text, "\n")
		for _, line := range lines[:len(lines)-1] {
			words := strings.Split(line, " ")
			if len(words) != 2 || words[0] == "" {
				valid = false
				break
			}
			n, ok := decimal(words[1])
			_, twice := want[words[0]]
			if !ok || !n.IsUint64() || twice {
				valid = false
				break
			}
			want[words[0]] = n.Uint64()
		}
		got, err := parseKeyed([]byte(text))
		if !valid {
			require.Error(t, err, "read as %v", got)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzSizeFile(f *testing.F) {
	for _, seed := range []string{"max\n", "0\n", "99999744\n", "9223372036854775807\n", "18446744073709551615\n", "18446744073709551616\n", "max", "4096", " 1\n", "+1\n", "1_0\n", "1\n\n", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSize([]byte(text))
		number, ended := strings.CutSuffix(text, "\n")
		n, isNumber := decimal(number)
		switch {
		case ended && number == "max":
			require.NoError(t, err)
			require.EqualValues(t, math.MaxInt64, got)
		case ended && isNumber && n.IsUint64():
			require.NoError(t, err)
			require.EqualValues(t, min(n.Uint64(), math.MaxInt64), got)
		default:
			require.Error(t, err, "read as %d", got)
		}
	})
}

func FuzzPressureFile(f *testing.F) {
	const some, full = "some avg10=0.00 avg60=0.12 avg300=0.00 total=1500\n", "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
	for _, seed := range []string{
		some + full, some, full, full + some, some + some, "", "some total=1\n", strings.TrimSuffix(some, "\n"), strings.Replace(some, "=1500", "=9223372036854776", 1),
		strings.Replace(some, "avg60", "avg10", 1), strings.Replace(some, " total", " more=1 total", 1), strings.Replace(some, "0.12", "0.123", 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		totals := map[string]time.Duration{}
		valid := strings.HasSuffix(text, "\n")
		lines := strings.Split(text, "\n")
		for _, line := range lines[:len(lines)-1] {
			kind, us, ok := readPressureLine(line)
			_, twice := totals[kind]
			valid = valid && ok && !twice
			totals[kind] = us
		}
		_, some := totals["some"]
		got, err := parsePressure([]byte(text))
		if !valid || !some {
			require.Error(t, err, "read as %v", got)
			return
		}
		require.NoError(t, err)
		require.Equal(t, Pressure{Some: totals["some"], Full: totals["full"]}, got)
	})
}

// readPressureLine reads what psi_show prints: "%s avg10=%lu.%02lu avg60=%lu.%02lu
// avg300=%lu.%02lu total=%llu" (kernel/sched/psi.c).
func readPressureLine(line string) (kind string, total time.Duration, ok bool) {
	words := strings.Split(line, " ")
	if len(words) != 5 || words[0] != "some" && words[0] != "full" {
		return "", 0, false
	}
	for i, name := range []string{"avg10=", "avg60=", "avg300="} {
		value, named := strings.CutPrefix(words[1+i], name)
		whole, hundredths, _ := strings.Cut(value, ".")
		_, isWhole := decimal(whole)
		_, isHundredths := decimal(hundredths)
		if !named || !isWhole || !isHundredths || len(hundredths) != 2 {
			return "", 0, false
		}
	}
	value, named := strings.CutPrefix(words[4], "total=")
	us, isNumber := decimal(value)
	if !named || !isNumber {
		return "", 0, false
	}
	ns := us.Mul(us, big.NewInt(int64(time.Microsecond)))
	return words[0], time.Duration(ns.Int64()), ns.IsInt64()
}

// FuzzMountinfo prints a mount as show_mountinfo does (fs/proc_namespace.c), between two others,
// and has it read back.
func FuzzMountinfo(f *testing.F) {
	f.Add("sys/fs/cgroup", "cgroup2", "rw,nsdelegate", false)
	f.Add("my disk\\040\n\t", "", "rw", true)
	f.Add("nbsp\u00a0and\vfriends\r", "a - b", "ro,memory", false)
	f.Add("-", "-", "rw,errors=continue", true)
	f.Fuzz(func(t *testing.T, point, source, super string, shared bool) {
		if strings.ContainsRune(point+source+super, 0) {
			t.Skip("the kernel's names end at a NUL")
		}
		point = "/" + point
		escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace
		tag := ""
		if shared {
			tag = " shared:1"
		}
		const other = "22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
		line := fmt.Sprintf("36 35 98:0 / %s rw,noatime%s - cgroup2 %s %s\n", escape(point), tag, escape(source), escape(super))
		got, err := parseMounts(other + line + other)
		require.NoError(t, err)
		require.Len(t, got, 3)
		require.Equal(t, got[0], got[2])
		readOnly := strings.Contains(","+escape(super)+",", ",ro,")
		require.Equal(t, mount{point: point, fstype: "cgroup2", super: escape(super), readOnly: readOnly}, got[1])
		m, ok := got.unified()
		require.True(t, ok)
		require.Equal(t, got[1], m)
	})
}

// FuzzMountinfoText shows the parser any text. A line that it accepts has the kernel's eleven
// fields or, without its tags, ten; one that it refuses has not.
func FuzzMountinfoText(f *testing.F) {
	f.Add("36 35 98:0 / /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")
	f.Add("36 35 98:0 / /point rw - ext3  rw\n")
	f.Add("36 35 98:0 / /point - ext3 none rw\n")
	f.Add("29 23 nonsense\n")
	f.Fuzz(func(t *testing.T, text string) {
		valid := true
		lines := strings.Split(text, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		for _, line := range lines {
			left, right, separated := strings.Cut(line, " - ")
			valid = valid && separated && strings.Count(left, " ") >= 5 && strings.Count(right, " ") >= 2
		}
		got, err := parseMounts(text)
		if !valid {
			require.ErrorContains(t, err, "has no mount in it")
			return
		}
		require.NoError(t, err)
		require.Len(t, got, len(lines))
	})
}
