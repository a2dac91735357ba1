package harness

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOnlineCPUs gives each bit of a mask a CPU, prints the list as the kernel does and has it
// counted; and shows the parser any other text, of which it accepts only a list that ascends.
func FuzzOnlineCPUs(f *testing.F) {
	for _, seed := range []string{"0\n", "0-3\n", "0-3,8,10-11\n", "3-1\n", "0,0\n", "0-2,1\n", "", "+1\n", "0-\n", "-1\n", "0-99999999999\n", "0-2147483647\n"} {
		f.Add(uint64(len(seed)), seed)
	}
	f.Fuzz(func(t *testing.T, mask uint64, text string) {
		if mask != 0 {
			list, count := printMask(mask)
			n, ok := countCPUs(list + "\n")
			require.True(t, ok, list)
			require.Equal(t, count, n, list)
		}
		n, ok := countCPUs(text)
		if !ok {
			return
		}
		last, count := int64(-1), int64(0)
		for part := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), ",") {
			for i, end := range strings.Split(part, "-") {
				cpu, isNumber := new(big.Int).SetString(end, 10)
				require.True(t, isNumber && cpu.IsInt64(), text)
				require.Less(t, i, 2, text)
				if i == 0 {
					require.Greater(t, cpu.Int64(), last, text)
					count++
				} else {
					require.GreaterOrEqual(t, cpu.Int64(), last, text)
					count += cpu.Int64() - last
				}
				last = cpu.Int64()
			}
		}
		require.EqualValues(t, count, n)
	})
}

// printMask prints the bits that are set, and how many those are.
func printMask(mask uint64) (list string, count int) {
	var parts []string
	for bit := 0; bit < 64; bit++ {
		first := bit
		for bit < 64 && mask>>bit&1 == 1 {
			bit++
		}
		switch bit - first {
		case 0:
			continue
		case 1:
			parts = append(parts, big.NewInt(int64(first)).String())
		default:
			parts = append(parts, big.NewInt(int64(first)).String()+"-"+big.NewInt(int64(bit-1)).String())
		}
		count += bit - first
	}
	return strings.Join(parts, ","), count
}

// FuzzExpand compares with a reading letter by letter, as the manual of Target.Args has it.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$ADDR", "-addr=${ADDR}", "$HOST:$PORT", "$ADDRESS", "${ADDR", "${ADDRESS}", "$$PORT", "$PORT_", "$PORTé", "${HOST}PORT", "$$ADDR$", "$ADDR$ADDR", "${${PORT}}", "\xff$HOST\xff", "$HOST\n$PORT"} {
		f.Add(seed)
	}
	r := &reservation{port: 12345}
	values := map[string]string{"ADDR": "127.0.0.1:12345", "HOST": "127.0.0.1", "PORT": "12345"}
	f.Fuzz(func(t *testing.T, s string) {
		var want strings.Builder
		for rest := s; rest != ""; {
			name, length := variableAt(rest)
			if length == 0 {
				want.WriteByte(rest[0])
				rest = rest[1:]
				continue
			}
			want.WriteString(values[name])
			rest = rest[length:]
		}
		require.Equal(t, want.String(), r.expand(s))
	})
}

// variableAt names the variable that s begins with, and says how long it is there.
func variableAt(s string) (name string, length int) {
	for _, name := range []string{"ADDR", "HOST", "PORT"} {
		if strings.HasPrefix(s, "${"+name+"}") {
			return name, len(name) + len("${}")
		}
		after, found := strings.CutPrefix(s, "$"+name)
		if !found {
			continue
		}
		if next := strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"); next == after {
			return name, len("$") + len(name)
		}
	}
	return "", 0
}
