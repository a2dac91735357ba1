//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/secret"
)

// saveSpecs writes what the entries are as a spec file.
func saveSpecs(path string, entries []entry) error {
	if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
		return usageError{fmt.Errorf("-save %s: a spec's name ends in .yaml or .yml", path)}
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("-save %s: what is there cannot be read, so it is not replaced: %w", path, err)}
	}
	if len(old) > 0 {
		if _, err := parseSpecFile(path, old); err != nil {
			return usageError{fmt.Errorf("-save %s: it is there, and is no spec, so it is not replaced: %w", path, err)}
		}
	}
	showSecrets, _ := entries[0].cmd.Flags().GetBool("show-secrets") // all of them have it
	text, err := specText(entries, showSecrets)
	if err != nil {
		return fmt.Errorf("write the spec: %w", err)
	}
	write := writeWhole
	if _, err := os.Stat(path); showSecrets && err != nil { // there is none whose mode it would have
		write = func(path string, text []byte) error { return os.WriteFile(path, text, 0o600) }
	}
	if err := write(path, text); err != nil {
		return fmt.Errorf("write the spec: %w", err)
	}
	return nil
}

// specText is a spec file of the entries.
func specText(entries []entry, showSecrets bool) ([]byte, error) {
	s := specWriter{keys: specKeys(), showSecrets: showSecrets}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if len(entries) == 1 {
		s.run(root, entries[0], false)
	} else {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range entries {
			item := &yaml.Node{Kind: yaml.MappingNode}
			s.run(item, e, true)
			list.Content = append(list.Content, item)
		}
		root.Content = append(root.Content, word(runsKey), list)
	}
	root.HeadComment = "The keys are the flags of oomcage run, sweep and bisect; oomcage schema describes them to an editor."
	if s.inEnvironment != nil {
		root.HeadComment += "\nTo run it, set in the environment: " + printable.Line(strings.Join(s.inEnvironment, ", ")) + "."
	}
	if s.hidden != nil {
		root.HeadComment += "\nTo run it, write what is " + secret.Hidden + ", or give it on the command line: " + strings.Join(s.hidden, ", ") + "."
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	err := e.Close()
	return b.Bytes(), err
}

// specWriter makes spec files. Of secrets it keeps what is needed to run it again: the names of variables, whose values the
// environment has then, and where else something is missing.
type specWriter struct {
	keys          []flagKey
	showSecrets   bool
	inEnvironment []string // variables
	hidden        []string // keys
}

// run puts the keys of one run into a mapping, of several each with its name.
func (s *specWriter) run(to *yaml.Node, e entry, named bool) {
	add := func(key string, value *yaml.Node) { to.Content = append(to.Content, word(key), value) }
	if name := e.cmd.Flags().Lookup("name"); named && (name == nil || !name.Changed) {
		add("name", word(e.name))
	}
	program := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	hidden := secret.Words(e.args)
	for i, arg := range e.args {
		program.Content = append(program.Content, word(s.hide(programKey, arg, func(string) string { return hidden[i] })))
	}
	if len(e.args) > 0 {
		add(programKey, program)
	}
	for _, f := range given(e.cmd) {
		if value := s.value(f); value != nil {
			add(f.Name, value)
		}
	}
}

// given are the flags that a command line or a file has set, in the order of the help.
func given(cmd *cobra.Command) (flags []*pflag.Flag) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && !notInFiles(f.Name) {
			flags = append(flags, f)
		}
	})
	return flags
}

// value is what a key has; nil where it is no key.
func (s *specWriter) value(f *pflag.Flag) *yaml.Node {
	i := slices.IndexFunc(s.keys, func(k flagKey) bool { return k.name == f.Name })
	if i < 0 {
		return nil
	}
	if !s.keys[i].list {
		n := word(s.hide(f.Name, f.Value.String(), secret.Text))
		switch f.Value.Type() {
		case "bool", "int", "float64":
			n.Tag = "" // a number is written as one
		}
		return n
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, value := range valuesOf(f) {
		switch f.Name {
		case "env":
			value = s.variable(value)
		case "header":
			value = s.hide(f.Name, value, secret.Header)
		default:
			value = s.hide(f.Name, value, secret.Text)
		}
		item := word(value)
		if f.Value.Type() == "intSlice" {
			item.Tag = ""
		}
		list.Content = append(list.Content, item)
	}
	return list
}

// variable is NAME=VALUE, or the NAME of a secret, which is in the environment when the spec is run.
func (s *specWriter) variable(entry string) string {
	if s.showSecrets || secret.Env(entry) == entry {
		return entry
	}
	name, _, _ := strings.Cut(entry, "=")
	s.inEnvironment = append(s.inEnvironment, name)
	return name
}

// hide leaves out the secrets of a text.
func (s *specWriter) hide(key, text string, hide func(string) string) string {
	if s.showSecrets || hide(text) == text {
		return text
	}
	if !slices.Contains(s.hidden, key) {
		s.hidden = append(s.hidden, key)
	}
	return hide(text)
}

// word is a text as a YAML scalar, in quotes where it would be something else without.
func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
