package outcome

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesAreReadAsTheKernelReadsThem(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1": 1, "1048576": MiB, "100000000": 100000000,
		"100M": 104857600, "100m": 104857600, "100MB": 104857600, "100MiB": 104857600, "20 MiB": 20 * MiB,
		"1.5G": 1536 * MiB, "0.5k": 512, "max": Unlimited,
		"9007199254740993": 9007199254740993, "9007199254740993B": 9007199254740993, "9007199254740991KiB": 9007199254740991 * KiB,
		"9223372036854775807": Unlimited,
	} {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestSizesThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "M", "-1", "-1M", "+1", "1e3", "1e3M", "0x10", "1_000", "NaN", "Inf", "infinity", "maximum", "MAX",
		"9999999999G", "8192P", "9223372036854775808", "99999999999999999999999999", "1X", "1MM", "1..5M", "0.0001", "1.5", "1.5B", "1.5 ", "5 ", "٣M",
	} {
		got, err := ParseBytes(text)
		require.Error(t, err, "%q was read as %d", text, got)
		require.ErrorContains(t, err, "sizes look like", text)
	}
}

func TestASizePrintsExactly(t *testing.T) {
	for size, want := range map[Bytes]string{
		0: "0", 1: "1", 1024: "1KiB", 99999744: "97656KiB", 99999745: "99999745", 100 * MiB: "100MiB", 3 * GiB: "3GiB", Unlimited: "max",
	} {
		require.Equal(t, want, size.String())
		back, err := ParseBytes(size.String())
		require.NoError(t, err)
		require.Equal(t, size, back)
	}
}

func TestASizeIsAnIntegerInJSON(t *testing.T) {
	data, err := json.Marshal(Limits{Max: 99999744, Swap: Unlimited})
	require.NoError(t, err)
	require.JSONEq(t, `{"max": 99999744, "swap": 9223372036854775807}`, string(data))

	var l Limits
	require.NoError(t, json.Unmarshal([]byte(`{"max": "100MiB", "high": 4096, "swap": "max"}`), &l))
	require.Equal(t, Limits{Max: 100 * MiB, High: 4096, Swap: Unlimited}, l)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"max": 1.5}`), &l), "whole number of bytes")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"max": "lots"}`), &l), `"lots"`)
}

func TestASizeIsAFlag(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	b := 5 * MiB
	fs.Var(&b, "max", "")
	require.NoError(t, fs.Parse([]string{"-max", "64MiB"}))
	require.Equal(t, 64*MiB, b)
	require.Error(t, b.Set("nonsense"))
	require.Equal(t, 64*MiB, b, "a bad size changes nothing")
}
