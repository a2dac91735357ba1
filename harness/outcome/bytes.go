package outcome

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// Bytes is a size in bytes. What 0 means as a limit is said where
// the limit is. In JSON it is an integer; a string for ParseBytes is read as well. It is a value for
// flag and pflag.
type Bytes int64

// Units of Bytes, and the size that stands for "max" in the kernel's files: no limit.
const (
	KiB       Bytes = 1 << 10
	MiB       Bytes = 1 << 20
	GiB       Bytes = 1 << 30
	Unlimited Bytes = math.MaxInt64
)

// ParseBytes reads a size as the kernel, systemd and docker -m do: a bare number is bytes, and
// k, M, G, T and P are powers of 1024 with or without "iB" or "B", so 100M is 104857600. "max"
// is Unlimited. Negative sizes, exponents and what does not fit into an int64 are errors.
func ParseBytes(s string) (Bytes, error) {
	if s == "max" {
		return Unlimited, nil
	}
	bad := func(why string) (Bytes, error) {
		return 0, fmt.Errorf("parse the size %q: %s; sizes look like 1048576, 20MiB, 1.5G or max", s, why)
	}
	// RAMInBytes takes all that ParseFloat takes: exponents, Inf, hexadecimals, underscores. It is
	// asked for the unit alone, since it computes in float64, which is exact only up to 2^53.
	number := strings.TrimRight(s, " kKmMgGtTpPiIbB")
	if strings.Trim(number, "0123456789.") != "" || number == "" {
		return bad("it is not a number with a unit")
	}
	one := int64(1)
	if unit := s[len(number):]; unit != "" {
		var err error
		if one, err = units.RAMInBytes("1" + unit); err != nil || unit == " " {
			return bad("its unit is unknown")
		}
	}
	if strings.Contains(number, ".") {
		value, err := strconv.ParseFloat(number, 64)
		switch n := value * float64(one); {
		case err != nil:
			return bad("it is not a number with a unit")
		case one == 1:
			return bad("it is not a whole number of bytes")
		case n >= math.MaxInt64 || value > 0 && n < 1:
			return bad("it is out of range")
		default:
			return Bytes(n), nil
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/one {
		return bad("it is not below 2^63 bytes")
	}
	return Bytes(n * one), nil
}

// String returns the exact size in the largest unit that divides it, as ParseBytes reads it: "100MiB", "99999744"; "max" for Unlimited.
func (b Bytes) String() string {
	if b == Unlimited {
		return "max"
	}
	for _, u := range []struct {
		size Bytes
		name string
	}{{GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set sets b to what ParseBytes reads, as flag.Value and pflag.Value have it. After an error b is as it was.
func (b *Bytes) Set(s string) error {
	n, err := ParseBytes(s)
	if err == nil {
		*b = n
	}
	return err
}

// Type returns what help texts call the value, as pflag.Value has it.
func (b *Bytes) Type() string { return "size" }

// UnmarshalJSON reads an integer, or a string for ParseBytes.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		return b.Set(s)
	}
	n, err := strconv.ParseInt(string(data), 10, 64) // all but this one is slower: a line of results has a hundred sizes
	if err != nil {
		err = json.Unmarshal(data, &n) // which takes null
	}
	if err != nil {
		return fmt.Errorf("parse the size %s: it is not a whole number of bytes", data)
	}
	*b = Bytes(n)
	return nil
}
