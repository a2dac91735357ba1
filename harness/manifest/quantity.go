package manifest

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// quantity is an amount of a resource, as Kubernetes writes it: 64Mi, 0.5, 1e9, 100m. It is exact.
//
// k8s.io/apimachinery has one, which would bring 28 modules into the graph of everyone who imports this one, and a version of
// a module that was never released. testdata/quantities has what both make of the same texts: .ci/tools/kubernetes holds
// theirs to it.
type quantity struct{ *big.Rat }

// A quantity has these suffixes, or an exponent. E alone is exa.
var (
	quantityForm = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,9})?$`)
	powersOf2    = map[string]uint{"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
	powersOf10   = map[string]int{"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
)

// maxExponent is far above what an int64 holds, and far below what takes memory to compute. Quantities beyond it are cut.
const maxExponent = 60

func noQuantity(text string) error {
	return fmt.Errorf("%q is no quantity: it looks like 64Mi, 1.5Gi, 500m or 134217728", text)
}

// parseQuantity reads one.
func parseQuantity(text string) (quantity, error) {
	m := quantityForm.FindStringSubmatch(text)
	if m == nil || m[2]+m[3] == "" || len(text) > 100 {
		return quantity{}, noQuantity(text)
	}
	r, ok := new(big.Rat).SetString(m[1] + "0" + m[2] + "." + m[3] + "0")
	if !ok {
		return quantity{}, noQuantity(text)
	}
	suffix := m[4]
	if power, ok := powersOf2[suffix]; ok {
		return quantity{r.Mul(r, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), power)))}, nil
	}
	exponent, ok := powersOf10[suffix]
	if !ok {
		exponent, _ = strconv.Atoi(suffix[1:]) // the form has let nothing else through
	}
	exponent = min(max(exponent, -maxExponent), maxExponent)
	ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		ten.Inv(ten)
	}
	return quantity{r.Mul(r, ten)}, nil
}

// value is the amount as a whole number, rounded up as Quantity.Value does.
func (q quantity) value() int64 {
	if q.Rat == nil {
		return 0
	}
	whole, rest := new(big.Int).QuoRem(q.Num(), q.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	} else if rest.Sign() < 0 { // away from zero
		whole.Sub(whole, big.NewInt(1))
	}
	if !whole.IsInt64() {
		return math.MaxInt64
	}
	return whole.Int64()
}

// String is the amount in decimals: "0.9". The forms of a quantity have no others.
func (q quantity) String() string {
	if q.Rat == nil {
		return "0"
	}
	digits, _ := q.FloatPrec()
	return q.FloatString(digits)
}

// positive reports whether there is any of it.
func (q quantity) positive() bool { return q.Rat != nil && q.Sign() > 0 }

// plus is the sum of two, of which either may be none.
func (q quantity) plus(other quantity) quantity {
	switch {
	case q.Rat == nil:
		return other
	case other.Rat == nil:
		return q
	}
	return quantity{new(big.Rat).Add(q.Rat, other.Rat)}
}

// atLeast is the larger of two, of which either may be none: 0 is more than that.
func (q quantity) atLeast(other quantity) quantity {
	if q.Rat == nil || other.cmp(q) > 0 {
		return other
	}
	return q
}

// cmp compares two, of which none is 0.
func (q quantity) cmp(other quantity) int {
	zero := new(big.Rat)
	return cmp.Or(q.Rat, zero).Cmp(cmp.Or(other.Rat, zero))
}

// UnmarshalYAML takes a text or a number.
func (q *quantity) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a quantity is a number, as 64Mi", n.Line)
	}
	text := n.Value
	var whole int64
	if n.ShortTag() == "!!int" && n.Decode(&whole) == nil { // 0100 and 0x40 are numbers to YAML, and the API gets what they are
		text = strconv.FormatInt(whole, 10)
	}
	got, err := parseQuantity(text)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	if got.Sign() < 0 {
		return fmt.Errorf("line %d: %s: it must not be negative", n.Line, n.Value)
	}
	*q = got
	return nil
}
