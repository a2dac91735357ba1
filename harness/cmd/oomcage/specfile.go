//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	shellquote "github.com/kballard/go-shellquote"
	"go.yaml.in/yaml/v3"

	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/nearest"
)

// Keys of a spec file that are no flags.
const (
	programKey = "program" // the program and its arguments
	runsKey    = "runs"    // several runs; what stands beside it holds for all
)

// maxSpecFile bounds what is read of a spec file: a file of results that was given by mistake is larger.
const maxSpecFile = 1 << 20

// specRun is one run of a spec file.
type specRun struct {
	file, name string
	line       int
	keys       []specKey
	program    []string
}

// specKey is a flag's values in a spec file.
type specKey struct {
	name   string
	line   int
	values []string
}

// isSpecFile reports whether an argument is a spec and no program: it ends in .yaml, .yml or .json, and is a file that
// cannot be executed, or none at all.
func isSpecFile(arg string) bool {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(arg)) {
		return false
	}
	info, err := os.Stat(arg)
	if err != nil {
		_, err = exec.LookPath(arg)
		return err != nil
	}
	return info.Mode().IsRegular() && info.Mode().Perm()&0o111 == 0
}

// readSpecFile reads the runs of a spec file: one, or those below its key runs.
func readSpecFile(path string) ([]specRun, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{fmt.Errorf("read the spec: %w%s", err, guest.AddHint(path))}
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("read the spec: %w", err)}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSpecFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the spec: %w", err)
	}
	if len(text) > maxSpecFile {
		return nil, usageError{fmt.Errorf("%s is no spec: it has more than %d bytes", path, maxSpecFile)}
	}
	return parseSpecFile(path, text)
}

// parseSpecFile is readSpecFile of a file that has been read.
func parseSpecFile(path string, text []byte) ([]specRun, error) {
	p := specParser{path: path, keys: specKeys()}
	if filepath.Ext(path) == ".json" {
		var err error
		if text, err = p.joinSurrogates(text); err != nil {
			return nil, usageError{err}
		}
	}
	root, err := p.root(text)
	if err != nil {
		return nil, usageError{err}
	}
	runs, err := p.runs(root)
	if err != nil {
		return nil, usageError{err}
	}
	return runs, nil
}

// specParser reads a spec file, and says where in it an error is.
type specParser struct {
	path string
	keys []flagKey
}

func (p *specParser) errorf(at *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.path, at.Line, fmt.Errorf(format, args...))
}

// escape finds the escapes of JSON, of which \uXXXX of a surrogate takes the other half with it.
var escape = regexp.MustCompile(`\\(?:u[dD][89abAB][[:xdigit:]]{2}\\u[dD][c-fC-F][[:xdigit:]]{2}|u[[:xdigit:]]{4}|.)`)

// joinSurrogates puts the character in the place of the two escapes that JSON has for one beyond U+FFFF: YAML has none.
func (p *specParser) joinSurrogates(text []byte) (joined []byte, err error) {
	from := 0
	for _, at := range escape.FindAllIndex(text, -1) {
		found := string(text[at[0]:at[1]])
		var half [2]uint64
		for i, digits := range strings.Split(found, `\u`)[1:] {
			half[i], _ = strconv.ParseUint(digits, 16, 32) // the expression takes nothing else
		}
		switch {
		case half[1] != 0:
			joined = append(joined, text[from:at[0]]...)
			joined = utf8.AppendRune(joined, utf16.DecodeRune(rune(half[0]), rune(half[1])))
			from = at[1]
		case utf16.IsSurrogate(rune(half[0])):
			line := 1 + bytes.Count(text[:at[0]], []byte("\n"))
			return nil, fmt.Errorf("%s:%d: %s is half a character: JSON has \\ud83d\\ude00 for one beyond U+FFFF, the high half first", p.path, line, found)
		}
	}
	return append(joined, text[from:]...), nil
}

// yamlLine is how the YAML library says where an error is.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// root is the mapping that a file is.
func (p *specParser) root(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty: a spec has a program, and keys that are called as the flags", p.path)
	case err != nil:
		where := p.path
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			where += ":" + m[1]
		}
		return nil, fmt.Errorf("%s: it is no YAML: %s", where, yamlLine.ReplaceAllString(err.Error(), ""))
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, p.errorf(root, "a spec is a mapping, as in max: 64MiB; oomcage schema says of what")
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s has more than one document: several runs stand below the key %s", p.path, runsKey)
	}
	return root, nil
}

// runs are those of the file.
func (p *specParser) runs(root *yaml.Node) ([]specRun, error) {
	all := specRun{file: p.path, line: root.Line}
	list, err := p.mapping(root, &all, true)
	if err != nil {
		return nil, err
	}
	if list == nil {
		if !all.runsSomething() {
			return nil, p.errorf(root, "there is no program: give the key %s, as in program: [./app, -addr, $ADDR]", programKey)
		}
		return []specRun{all}, nil
	}
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, p.errorf(list, "%s is a list of runs, each with a name", runsKey)
	}
	var runs []specRun
	for _, item := range list.Content {
		if item = resolved(item); item.Kind != yaml.MappingNode {
			return nil, p.errorf(item, "a run is a mapping, as in - name: web")
		}
		run := specRun{file: p.path, line: item.Line}
		if _, err := p.mapping(item, &run, false); err != nil {
			return nil, err
		}
		run.inherit(all)
		switch run.name = run.ownName(); {
		case run.name == "":
			return nil, p.errorf(item, "a run has no name, by which it is told from the others")
		case slices.ContainsFunc(runs, func(r specRun) bool { return r.name == run.name }):
			return nil, p.errorf(item, "the name %q stands twice", run.name)
		case !run.runsSomething():
			return nil, p.errorf(item, "the run %s has no program: give the key %s, here or for all", run.name, programKey)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// inherit takes over what a run does not say itself.
func (r *specRun) inherit(all specRun) {
	own := r.keys
	has := func(key string) bool {
		return slices.ContainsFunc(own, func(k specKey) bool { return k.name == key })
	}
	for _, k := range withoutLoad(all.keys, has) {
		if k.name != "name" && !has(k.name) {
			r.keys = append(r.keys, k)
		}
	}
	if r.program == nil {
		r.program = all.program
	}
}

// runsSomething reports whether the run has a program, or an image that has one.
func (r *specRun) runsSomething() bool {
	return r.program != nil || slices.ContainsFunc(r.keys, func(k specKey) bool { return k.name == containerFlag })
}

// ownName is what the file calls the run, or "".
func (r *specRun) ownName() string {
	for _, k := range r.keys {
		if k.name == "name" && len(k.values) == 1 {
			return k.values[0]
		}
	}
	return ""
}

// mapping reads the keys of a run, and returns the list of runs where there may be one.
func (p *specParser) mapping(m *yaml.Node, to *specRun, top bool) (list *yaml.Node, err error) {
	seen := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], resolved(m.Content[i+1])
		name := key.Value
		if first, twice := seen[name]; twice {
			return nil, p.errorf(key, "the key %s stands twice, first on line %d", name, first)
		}
		seen[name] = key.Line
		switch {
		case name == programKey:
			to.program, err = p.program(value)
		case name == runsKey && top:
			list = value
		default:
			err = p.flag(key, value, to)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// program is a list of words, or a line that is taken apart as a shell does.
func (p *specParser) program(value *yaml.Node) (words []string, err error) {
	if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
		words, err = shellquote.Split(value.Value)
	} else {
		words, err = p.scalars(programKey, value)
	}
	if err == nil && len(words) == 0 {
		err = errors.New("it has no words: write a program and its arguments")
	}
	if err != nil {
		return nil, p.errorf(value, "%s: %w", programKey, err)
	}
	return words, nil
}

// flag reads the values of a flag.
func (p *specParser) flag(key, value *yaml.Node, to *specRun) error {
	at := slices.IndexFunc(p.keys, func(k flagKey) bool { return k.name == key.Value })
	if at < 0 {
		names := []string{programKey, runsKey}
		for _, k := range p.keys {
			names = append(names, k.name)
		}
		if notInFiles(key.Value) {
			return p.errorf(key, "%s stands on the command line alone: --%s", key.Value, key.Value)
		}
		if key.Value == runsKey {
			return p.errorf(key, "%s stands at the top of a file alone: a run has none in it", runsKey)
		}
		return p.errorf(key, "there is no key %q: %sthe keys are the flags of oomcage run, sweep and bisect, and oomcage schema lists them",
			key.Value, nearest.Hint(key.Value, names))
	}
	k := p.keys[at]
	values, err := p.values(k, value)
	if err != nil {
		return err
	}
	to.keys = append(to.keys, specKey{k.name, key.Line, values})
	return nil
}

// values are those of a key: one, a list, or a mapping where the flag's value has a name in it.
func (p *specParser) values(k flagKey, value *yaml.Node) ([]string, error) {
	switch {
	case value.Kind == yaml.MappingNode && k.between != "":
		var all []string
		for i := 0; i+1 < len(value.Content); i += 2 {
			name, v := value.Content[i], resolved(value.Content[i+1])
			switch {
			case v.Kind != yaml.ScalarNode:
				return nil, p.errorf(v, "%s: %s has no single value", k.name, name.Value)
			case v.Tag == "!!null":
				all = append(all, name.Value)
			default:
				all = append(all, name.Value+k.between+v.Value)
			}
		}
		return all, nil
	case value.Kind == yaml.MappingNode:
		return nil, p.errorf(value, "%s is no mapping: it has one value, or a list of them", k.name)
	case value.Tag == "!!null":
		return nil, p.errorf(value, "%s has no value", k.name)
	case value.Kind == yaml.ScalarNode:
		return []string{value.Value}, nil
	}
	all, err := p.scalars(k.name, value)
	if err != nil {
		return nil, p.errorf(value, "%s: %w", k.name, err)
	}
	if !k.list { // as they are written on the command line: --max 64M,128M
		all = []string{strings.Join(all, ",")}
	}
	return all, nil
}

// scalars are the values of a list.
func (p *specParser) scalars(name string, list *yaml.Node) ([]string, error) {
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, errors.New("a value is needed, or a list of them")
	}
	var all []string
	for _, item := range list.Content {
		if item = resolved(item); item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, fmt.Errorf("line %d: %s has a list of single values", item.Line, name)
		}
		all = append(all, item.Value)
	}
	return all, nil
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
