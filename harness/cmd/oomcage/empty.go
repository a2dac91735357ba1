package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// refuseEmpty refuses text flags that an unset variable has left empty: a check by nothing is none.
func refuseEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if kind := f.Value.Type(); err == nil && (kind == "string" || kind == "stringArray") && slices.Contains(valuesOf(f), "") {
			err = usageError{fmt.Errorf("-%s is empty: give it a value, or leave it out (is a variable not set?)", f.Name)}
		}
	})
	return err
}

// valuesOf are the texts that set a flag to what it is.
func valuesOf(f *pflag.Flag) []string {
	if several, ok := f.Value.(pflag.SliceValue); ok {
		return several.GetSlice()
	}
	return []string{f.Value.String()}
}
