package main

import (
	"math"
	"strings"
	"testing"

	"github.com/docker/go-units"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testMost is the bound of the sizes in tests, so that they do not depend on the
// machine: 1 GiB, in bytes.
const testMost = 1 << 30

func TestSizesAreReadAsRAMInBytesReadsThem(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1048576": 1048576, "100M": 104857600, "20MiB": 20971520, "20mib": 20971520,
		"20MB": 20971520, "20 MiB": 20971520, "512k": 524288, "7b": 7, "0.5KiB": 512,
		"1.5": 1, "007": 7, "1G": testMost, "0.0009765625T": testMost,
	} {
		got, err := parseSize(text, testMost)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		theirs, err := units.RAMInBytes(text)
		require.NoError(t, err, text)
		assert.Equal(t, theirs, got, text)
	}
}

func TestSizesThatAreNoneAreRejectedWithAReason(t *testing.T) {
	for text, why := range map[string]string{
		"":                             "plain decimal number",
		" ":                            "plain decimal number",
		"lots":                         "plain decimal number",
		"MiB":                          "plain decimal number",
		"max":                          "plain decimal number",
		"1e3":                          "plain decimal number",
		"1e3M":                         "plain decimal number",
		"0x10":                         "plain decimal number",
		"0x1p20":                       "plain decimal number",
		"1_000":                        "plain decimal number",
		"1,000":                        "plain decimal number",
		"1.2.3":                        "plain decimal number",
		"1.":                           "plain decimal number",
		".5M":                          "plain decimal number",
		"+5":                           "plain decimal number",
		"--5":                          "plain decimal number",
		"5  M":                         "plain decimal number",
		"5\n":                          "plain decimal number",
		"5\u212aiB":                    "plain decimal number", // the Kelvin sign, whose lower case is k
		"٣":                            "plain decimal number",
		"NaN":                          "plain decimal number",
		"nan b":                        "plain decimal number",
		"Inf":                          "plain decimal number",
		"20Mb/s":                       "plain decimal number",
		"20MiBs":                       "unknown unit",
		"20 apples":                    "unknown unit",
		"0":                            "less than one byte",
		"0.0":                          "less than one byte",
		"0GiB":                         "less than one byte",
		"-0":                           "less than one byte",
		"-1":                           "less than one byte",
		"-20MiB":                       "less than one byte",
		"0.9":                          "less than one byte",
		"0.0001k":                      "less than one byte",
		"1073741825":                   "RAM and swap",
		"1.1G":                         "RAM and swap",
		"9223372036854775808":          "RAM and swap",
		"9999999999G":                  "RAM and swap",
		"8E":                           "unknown unit",
		"16777216T":                    "RAM and swap",
		strings.Repeat("9", 400):       "RAM and swap",
		"-" + strings.Repeat("9", 400): "less than one byte",
	} {
		_, err := parseSize(text, testMost)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, why, text)
		assert.ErrorContains(t, err, "from 1 byte to 1GiB", text)
	}
}

func TestMachineHasMemory(t *testing.T) {
	maxSize, err := machineMemory()
	require.NoError(t, err)
	assert.Greater(t, maxSize, int64(16<<20), "a machine that runs Go tests")
	assert.Less(t, maxSize, int64(1<<47), "what a process can address")
}

func FuzzSizeIsWithinBoundsAndAgreesWithRAMInBytes(f *testing.F) {
	for _, seed := range []string{"20MiB", "1048576", "0.3K", "9999999999G", "1e3", "NaN", "-1", "1.5 g"} {
		f.Add(seed, int64(testMost))
		f.Add(seed, int64(math.MaxInt64))
	}
	f.Fuzz(func(t *testing.T, text string, maxSize int64) {
		got, err := parseSize(text, maxSize)
		if err != nil {
			return
		}
		require.Positive(t, got)
		theirs, err := units.RAMInBytes(text)
		require.NoError(t, err)
		require.Equal(t, theirs, got)
		if maxSize < 1<<53 { // above, neither is exact
			require.LessOrEqual(t, got, maxSize)
		}
	})
}
