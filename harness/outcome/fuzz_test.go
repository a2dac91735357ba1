package outcome

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sizeUnits are those of the manual of ParseBytes, in lower case.
var sizeUnits = map[string]uint{
	"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40, "p": 50, "pb": 50, "pib": 50,
}

// readSize computes a size exactly, in bytes and what is left over. It knows no "max".
func readSize(s string) (size *big.Rat, ok bool) {
	number := strings.TrimRight(s, "kKmMgGtTpPiIbB")
	shift, known := sizeUnits[strings.ToLower(s[len(number):])]
	if len(number) < len(s) { // one space may stand between a number and its unit
		number = strings.TrimSuffix(number, " ")
	}
	digits := strings.Replace(number, ".", "", 1)
	if !known || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	size, ok = new(big.Rat).SetString("0" + number)
	if !ok {
		return nil, false
	}
	return size.Mul(size, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), shift))), true
}

// FuzzSizeText reads sizes once more, exactly. Whole numbers are exact; a fraction is cut to whole
// bytes in float64, which is right to 2^-52 of it for each of the two roundings.
func FuzzSizeText(f *testing.F) {
	for _, seed := range []string{
		"max", "0", "1048576", "100M", "100MiB", "20 mib", "1.5G", "0.5k", "9007199254740993", "9007199254740993B", "8191.999P", "8192P", "8191P", "5.M", ".5M", "1.5", "1.5B",
		"1.5 ", "5 ", "5  M", "5M ", "5Mi", "5BB", "0.0001k", "0.0", "0.M", "-1", "+1", "1e3", "0x1", "1_0", "1..5M", "9223372036854775807", "9223372036854775808B", "9007199254740992KiB", "٣M",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseBytes(s)
		exact, ok := readSize(s)
		if s == "max" {
			require.NoError(t, err)
			require.Equal(t, Unlimited, got)
			return
		}
		limit, one := new(big.Rat).SetInt64(math.MaxInt64), big.NewRat(1, 1)
		fraction := strings.Contains(s, ".")
		switch {
		case !ok, fraction && sizeUnits[strings.ToLower(strings.TrimLeft(s, "0123456789. "))] == 0:
			require.Error(t, err, "read as %d", got)
			return
		case exact.Cmp(limit) > 0, exact.Sign() > 0 && exact.Cmp(one) < 0 && new(big.Rat).Sub(one, exact).Cmp(big.NewRat(1, 1<<50)) > 0:
			require.Error(t, err, "read as %d", got)
			return
		case err != nil: // a fraction that rounds to 2^63
			require.True(t, fraction, err)
			require.Negative(t, new(big.Rat).Sub(limit, exact).Cmp(big.NewRat(1<<12, 1)), err)
			return
		}
		off := new(big.Rat).Sub(exact, new(big.Rat).SetInt64(int64(got)))
		tolerance := new(big.Rat)
		if fraction {
			tolerance.Mul(exact, big.NewRat(2, 1<<52)).Add(tolerance, one)
		}
		require.LessOrEqual(t, off.Abs(off).Cmp(tolerance), 0, "%q was read as %d", s, got)
		back, err := ParseBytes(got.String())
		require.NoError(t, err)
		require.Equal(t, got, back)
	})
}

func FuzzLastWordsAreWordsOfTheOutput(f *testing.F) {
	for _, w := range keptLastWords(f) {
		f.Add(w.output, w.status.Code, w.status.Signal)
	}
	f.Fuzz(func(t *testing.T, output string, code int, signal string) {
		end := lastWords(output, ExitStatus{Ended: true, Code: code, Signal: signal})
		if end == nil {
			return
		}
		require.NotEmpty(t, end.Words)
		require.Contains(t, output, end.Words)
		require.False(t, signal == "" && code == 0 || signal == "SIGKILL")
	})
}

func FuzzASizeSurvivesItsTextAndItsJSON(f *testing.F) {
	for _, seed := range []int64{0, 1, 1023, 1 << 10, 99999744, 100 << 20, 3 << 30, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		size := Bytes(n)
		data, err := json.Marshal(size)
		require.NoError(t, err)
		var back Bytes
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, size, back)
		back, err = ParseBytes(size.String())
		if n < 0 {
			require.Error(t, err, "a negative size is none")
			return
		}
		require.NoError(t, err)
		require.Equal(t, size, back)
		data, err = json.Marshal(size.String())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, size, back)
	})
}

func FuzzScheduleText(f *testing.F) {
	for _, seed := range []string{"10s:max=64M", "step=20:high=48M,low=0", "0s:swap=max", "-1s:max=1", "step=:=", ":", "1s:max=64M,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		changes, err := ParseChanges(text)
		if err != nil {
			return
		}
		for _, c := range changes {
			again, err := ParseChanges(c.String())
			require.NoError(t, err, "%q is %s", text, c)
			require.Equal(t, []Change{c}, again)
		}
	})
}
