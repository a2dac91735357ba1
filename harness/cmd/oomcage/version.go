package main

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"oomcage/harness/outcome"
)

// modulePath is what this module is called, by the path of a package of it: the main module is another one where a module
// has oomcage as its tool.
func modulePath() string {
	return strings.TrimSuffix(reflect.TypeFor[outcome.Outcome]().PkgPath(), "/harness/outcome")
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which oomcage this is",
		Long: withCodes("version says which version and commit this is, which Go it was built by, and which kernels the microVM has.", "version"),
		Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine(info)+kernelsLine())
			return err
		},
	}
}

// versionLine says the version, the commit where it is known, and what it was built by and for.
func versionLine(info *debug.BuildInfo) string {
	commit := ""
	if info != nil {
		own := info.Main.Path == modulePath()
		for _, s := range info.Settings {
			switch {
			case !own: // the commit is that of a module that has oomcage as its tool
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				commit += " with changes"
			}
		}
	}
	return fmt.Sprintf("oomcage %s%s, %s, %s/%s", ownVersion(info), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// ownVersion is oomcage's, whatever module has it as its tool.
func ownVersion(info *debug.BuildInfo) string {
	if info == nil {
		return "(unknown)"
	}
	for _, m := range info.Deps {
		if m.Path == modulePath() {
			return cmp.Or(m.Version, info.Main.Version)
		}
	}
	return info.Main.Version
}
