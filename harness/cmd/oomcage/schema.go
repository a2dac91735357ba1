//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Describe spec files to an editor, as a JSON schema",
		Long: withCodes(`schema prints the JSON schema of the files that oomcage run, sweep and bisect take. Editors that know JSON schemas then
complete the keys, say what each is, and mark those that are not there:

  oomcage schema >oomcage.schema.json

Name it in the first line of a spec (or in the editor's settings, as yaml.schemas of VS Code):

  # yaml-language-server: $schema=oomcage.schema.json`, "schema"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var text bytes.Buffer
			e := json.NewEncoder(&text)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			err := e.Encode(specSchema())
			if err == nil {
				_, err = text.WriteTo(cmd.OutOrStdout())
			}
			if err != nil {
				return fmt.Errorf("print the schema: %w", err)
			}
			return nil
		},
	}
}

// schema is a JSON schema, as far as one is needed here.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"`
}

// specSchema describes spec files, by the flags of the commands that take them.
func specSchema() *schema {
	scalars := []string{"string", "number", "boolean"}
	words := &schema{Type: "array", Items: &schema{Type: scalars}, MinItems: 1}
	run := map[string]*schema{programKey: {
		Description: "the program and its arguments: a list, or a line that is taken apart as a shell does; $ADDR, $HOST and $PORT are the address that is reserved for it",
		AnyOf:       []*schema{words, {Type: "string"}},
		Examples:    []any{[]string{"./app", "-addr", "$ADDR"}},
	}}
	for _, k := range specKeys() {
		run[k.name] = k.schema()
	}
	top := map[string]*schema{runsKey: {
		Description: "several runs, one after the other; what stands beside this key holds for all that do not say otherwise",
		Type:        "array", MinItems: 1,
		Items: &schema{Type: "object", Properties: run, Required: []string{"name"}, Additional: false},
	}}
	maps.Copy(top, run)
	return &schema{
		Schema: "http://json-schema.org/draft-07/schema#", Title: "a spec of oomcage",
		Description: "what oomcage run, sweep and bisect run; the keys are the flags of these commands",
		Type:        "object", Properties: top, Additional: false,
	}
}

// schema describes the values of a key.
func (k flagKey) schema() *schema {
	var said, types []string
	s := &schema{}
	for _, command := range specCommands {
		f := k.flags[command]
		if f == nil {
			continue
		}
		_, usage := pflag.UnquoteUsage(f)
		if !slices.Contains(said, usage) {
			said = append(said, usage)
		}
		for _, t := range typesOf(f.Value.Type()) {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	s.Description = strings.Join(said, "; or ")
	one := &schema{Type: types}
	if len(types) == 1 {
		one.Type = types[0]
	}
	s.AnyOf = []*schema{one, {Type: "array", Items: one, MinItems: 1}}
	if k.between != "" {
		s.AnyOf = append(s.AnyOf, &schema{Type: "object", Additional: &schema{Type: []string{"string", "number", "boolean", "null"}}})
	}
	if slices.Equal(types, []string{"boolean"}) {
		s.AnyOf, s.Type = nil, "boolean"
	}
	return s
}

// typesOf are the types of JSON that a flag of that type is written as.
func typesOf(flagType string) []string {
	switch flagType {
	case "bool":
		return []string{"boolean"}
	case "int", "intSlice":
		return []string{"integer"}
	case "float64":
		return []string{"number"}
	default: // a size may be a number, and so may any word
		return []string{"string", "number"}
	}
}
