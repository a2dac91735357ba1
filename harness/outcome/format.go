package outcome

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Format is the version of the lines of results: the "format" of each. It rises when an older oomcage would
// misread what a newer one writes; a key that is only added leaves it as it is. Format 3 has "predicted" for what was
// "window", and the name once.
const Format = 3

// ErrNewer is the error of a line whose format is above Format. Nothing is wrong with the line.
var ErrNewer = errors.New("made by a newer oomcage")

// MarshalJSON writes the outcome with its format as the first key.
func (o Outcome) MarshalJSON() ([]byte, error) {
	type fields Outcome // without this method
	return json.Marshal(struct {
		Format int `json:"format"`
		fields
	}{Format, fields(o)})
}

// ParseOutcome reads a line of a result file. A line without a format is of format 1; one of a newer format is
// ErrNewer. Keys that it does not know are passed over. A line is an error if it is no JSON object, lacks a known verdict or the
// evidence, or has a key twice in one object, as readers differ in which one they take.
func ParseOutcome(line []byte) (*Outcome, error) {
	o := new(Outcome)
	if err := parse(line, o); err != nil {
		return nil, err
	}
	return o, o.readWindows(line)
}

// ParseSummary is ParseOutcome without Timeline, Census, StepTimes and Output, which are most of a line, and are not needed to look
// over many outcomes. Its errors are the same.
func ParseSummary(line []byte) (*Outcome, error) {
	type fields Outcome
	var s struct {
		fields
		Timeline  skipped `json:"timeline"`
		Census    skipped `json:"census"`
		StepTimes skipped `json:"step_times"`
		Output    skipped `json:"output"`
	}
	if err := parse(line, &s); err != nil {
		return nil, err
	}
	o := Outcome(s.fields)
	return &o, o.readWindows(line)
}

// readWindows takes in what is called "window" in a line of format 1 or 2.
func (o *Outcome) readWindows(line []byte) error {
	if !bytes.Contains(line, []byte(`"window"`)) {
		return nil
	}
	var made struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(line, &made); err != nil {
		return fmt.Errorf("no outcome: %w", err)
	}
	if made.Format >= 3 { // there it is a field of somebody else, of whatever shape
		return nil
	}
	type windowed struct {
		Window *Prediction `json:"window"`
	}
	var old struct {
		windowed
		Lives []windowed `json:"lives"`
	}
	if err := json.Unmarshal(line, &old); err != nil {
		return fmt.Errorf("no outcome: %w", err)
	}
	o.Predicted = old.Window
	for i, life := range old.Lives {
		o.Lives[i].Predicted = life.Window
	}
	return nil
}

// skipped is a value that is not looked at.
type skipped struct{}

// UnmarshalJSON leaves the value.
func (skipped) UnmarshalJSON([]byte) error { return nil }

// parse reads a line into what has the fields of an Outcome.
func parse(line []byte, o any) error {
	line = bytes.Trim(line, " \t\r\n")
	if len(line) == 0 || line[0] != '{' {
		return noObject(line)
	}
	err := json.Unmarshal(line, o) // which looks over all of it first; to do so again takes a tenth of all
	if err != nil && !json.Valid(line) {
		return noObject(line)
	}
	top, twice := scanKeys(line)
	if err := checkFormat(top["format"]); err != nil {
		return err
	}
	if twice != nil {
		return fmt.Errorf("no outcome: it has the key %q twice in one object (upper and lower case are the same)", twice)
	}
	if err := checkNeeded(top); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("no outcome: %w", err)
	}
	return nil
}

// noObject says what a line is that is no JSON object.
func noObject(line []byte) error {
	err := json.Unmarshal(line, &struct{}{})
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("no outcome: it is a JSON %s, and an object is needed", wrong.Value)
	case err == nil:
		return errors.New(`no outcome: it has no "verdict"`) // it is null
	default:
		return fmt.Errorf("no outcome: %w; a whole JSON object is needed, and this begins %q", err, line[:min(len(line), 40)])
	}
}

// checkNeeded says what an outcome lacks, by the values of its keys.
func checkNeeded(top map[string][]byte) error {
	verdict := Verdict("")
	switch text := top["verdict"]; {
	case text == nil || isNull(text):
		return errors.New(`no outcome: it has no "verdict"`)
	case json.Unmarshal(text, &verdict) != nil:
		return fmt.Errorf("no outcome: the verdict %.40s is unknown; known are %s", text, known())
	case !slices.Contains(Verdicts(), verdict):
		return fmt.Errorf("no outcome: the verdict %q is unknown; known are %s", verdict, known())
	case top["evidence"] == nil || isNull(top["evidence"]):
		return errors.New(`no outcome: it has no "evidence" to judge by`)
	}
	return nil
}

func isNull(value []byte) bool { return string(value) == "null" }

// checkFormat judges the text of a "format"; nil where there is none.
func checkFormat(text []byte) error {
	if text == nil {
		return nil
	}
	format, err := strconv.ParseUint(string(text), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && text[0] != '-' || err == nil && format > Format:
		return fmt.Errorf("%w (format %.40s; this one reads %d): install that one", ErrNewer, text, Format)
	case err != nil || format == 0:
		return fmt.Errorf(`no outcome: its "format" is %.40s, and a number from 1 on is needed`, text)
	}
	return nil
}

func known() string {
	var texts []string
	for _, v := range Verdicts() {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ", ")
}

// fewKeys are compared with each other; more are looked up.
const fewKeys = 32

// objectKeys are the keys of an object that is being read, folded.
type objectKeys struct {
	from int // the first one's place among all open objects' keys
	many map[string]bool
}

// scanKeys returns the values of the outermost object by their keys, and a key that some object has twice, or nil.
// Keys are folded, since encoding/json takes "Verdict" for "verdict". The text is valid JSON, and an object.
func scanKeys(text []byte) (top map[string][]byte, twice []byte) {
	top = map[string][]byte{}
	var open []objectKeys // of the arrays, too: they have no keys
	var keys [][]byte
	var key []byte
	value := -1 // where the value of the outermost key begins
	closeValue := func(end int) {
		if len(open) == 1 && value >= 0 {
			if _, ok := top[string(key)]; !ok {
				top[string(key)] = bytes.TrimSpace(text[value:end])
			}
			value = -1
		}
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			open = append(open, objectKeys{from: len(keys)})
		case '}', ']':
			closeValue(i)
			keys = keys[:open[len(open)-1].from]
			open = open[:len(open)-1]
		case ',':
			closeValue(i)
		case '"':
			end := endOfString(text, i)
			after := len(text) - len(bytes.TrimLeft(text[end:], " \t\r\n"))
			if after == len(text) || text[after] != ':' {
				i = end - 1
				continue
			}
			name := foldKey(text[i:end])
			at := &open[len(open)-1]
			if twice == nil && at.has(keys, name) {
				twice = name
			}
			keys = append(keys, name)
			if at.many != nil {
				at.many[string(name)] = true
			}
			if len(open) == 1 {
				key, value = name, after+1
			}
			i = after
		}
	}
	return top, twice
}

// has reports whether the object has the key already; all are the keys of the open objects, of which it is the last.
func (o *objectKeys) has(all [][]byte, key []byte) bool {
	own := all[o.from:]
	if o.many == nil && len(own) >= fewKeys {
		o.many = map[string]bool{}
		for _, k := range own {
			o.many[string(k)] = true
		}
	}
	if o.many != nil {
		return o.many[string(key)]
	}
	return slices.ContainsFunc(own, func(k []byte) bool { return bytes.Equal(k, key) })
}

// foldKey makes a key, with its quotes, such that those which encoding/json takes for the same are equal.
func foldKey(quoted []byte) []byte {
	plain := quoted[1 : len(quoted)-1]
	if !slices.ContainsFunc(plain, func(c byte) bool { return c == '\\' || c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' }) {
		return plain
	}
	var key string
	if json.Unmarshal(quoted, &key) != nil {
		return plain // it was valid before
	}
	return []byte(strings.Map(foldRune, key))
}

// foldRune is one rune for all that are equal but for their case: of letters the lower case.
func foldRune(r rune) rune {
	lowest := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		lowest = min(lowest, next)
	}
	return unicode.ToLower(lowest)
}

// endOfString is where the string that begins at i ends, behind its quote.
func endOfString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}
