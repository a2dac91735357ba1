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
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if kind := f.Value.Type(); err == nil && (kind == "string" || kind == "stringArray") && slices.Contains(values, "") {
			err = usageError{fmt.Errorf("-%s is empty: give it a value, or leave it out (is a variable not set?)", f.Name)}
		}
	})
	return err
}
