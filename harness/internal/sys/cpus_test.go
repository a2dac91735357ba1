package sys

import (
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlineCPUsAreCounted(t *testing.T) {
	for text, want := range map[string]int{"0\n": 1, "0-3\n": 4, "0-3,8,10-11\n": 7} {
		path := t.TempDir() + "/online"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.Equal(t, want, onlineCPUs(path), text)
	}
	for _, bad := range []string{"", "3-1\n", "0,0\n", "0-2,1\n", "+1\n", "0-\n", "0-99999999999\n", "0 \n"} {
		_, ok := countCPUs(bad)
		require.False(t, ok, "%q", bad)
	}
}

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
