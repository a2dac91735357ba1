//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness/internal/secret"
)

// specCommands are the commands that run a spec file. Its keys are all of their flags.
var specCommands = []string{"run", "sweep", "bisect"}

func newSpecCommand(name string) *cobra.Command {
	switch name {
	case "run":
		return newRunCommand()
	case "sweep":
		return newSweepCommand()
	default:
		return newBisectCommand()
	}
}

// notInFiles reports whether a flag is about one invocation of the command, and not about what is run.
func notInFiles(flag string) bool {
	return slices.Contains([]string{"help", "save", "only", "json", "format", "junit", "html", "show-secrets", "out", "resume", "rebuilt", "shard", "force"}, flag)
}

// flagKey is a flag as a key of spec files.
type flagKey struct {
	name    string
	list    bool   // it may be given several times
	between string // name and value, where it takes both: "=" or ": "
	flags   map[string]*pflag.Flag
}

// specKeys are the keys of a spec file: the flags of all commands that run one, so that a new flag is a new key.
func specKeys() (keys []flagKey) {
	for _, command := range specCommands {
		newSpecCommand(command).LocalFlags().VisitAll(func(f *pflag.Flag) {
			if notInFiles(f.Name) || f.Hidden {
				return
			}
			i := slices.IndexFunc(keys, func(k flagKey) bool { return k.name == f.Name })
			if i < 0 {
				i = len(keys)
				keys = append(keys, flagKey{name: f.Name, flags: map[string]*pflag.Flag{}})
			}
			if _, several := f.Value.(pflag.SliceValue); several {
				keys[i].list = true
				keys[i].between = between(f)
			}
			keys[i].flags[command] = f
		})
	}
	return keys
}

var nameAndValue = regexp.MustCompile(`^'?[\w.]+(=|: )\w+'?$`)

// between is what stands between a name and its value in what the flag takes, as its help shows it: NAME=VALUE.
func between(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	if m := nameAndValue.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// apply sets the flags of a command as the file says, but for those that its command line has set. Keys that only another
// command takes are left to that.
func (r specRun) apply(cmd *cobra.Command) error {
	for _, k := range withoutLoad(r.keys, func(key string) bool { return cmd.Flags().Changed(key) }) {
		f := cmd.Flags().Lookup(k.name)
		if f == nil || f.Changed {
			continue
		}
		for _, value := range k.values {
			value, err := known(k.name, value)
			if err == nil {
				err = setFlag(cmd.Flags(), k.name, value)
			}
			if err != nil {
				return usageError{fmt.Errorf("%s:%d: %s: %w", r.file, k.line, k.name, err)}
			}
		}
	}
	return nil
}

// What a step is, of which there is one, and what says more of a request.
var (
	loadKinds   = []string{"post", "get", "request", "exec"}
	loadDetails = []string{"body", "body-size", "header", "status", "answer", "https", "ca", "insecure", "socket"}
)

// withoutLoad are the keys without their load, where a nearer place has given one of another kind: that replaces it, and all
// that says more of it.
func withoutLoad(keys []specKey, nearer func(key string) bool) []specKey {
	other := func(k specKey) bool { return slices.Contains(loadKinds, k.name) && !nearer(k.name) }
	if !slices.ContainsFunc(loadKinds, nearer) || !slices.ContainsFunc(keys, other) {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k specKey) bool { return other(k) || slices.Contains(loadDetails, k.name) })
}

// known completes a value that was a secret when the file was saved: that of a variable is taken from the environment.
func known(key, value string) (string, error) {
	if key == "env" && !strings.Contains(value, "=") {
		text, ok := os.LookupEnv(value)
		if !ok {
			return "", fmt.Errorf("%s has no value here, and none in the environment: set it there, as files have no secrets", value)
		}
		return value + "=" + text, nil
	}
	return value, notHidden(value)
}

// notHidden refuses what is not in a file that was saved.
func notHidden(text string) error {
	if strings.Contains(text, secret.Hidden) {
		return fmt.Errorf("%q was saved without its secret: write it here, or give it on the command line", text)
	}
	return nil
}

// setFlag is Set of the flag set, with the error that the value has.
func setFlag(flags *pflag.FlagSet, name, value string) error {
	err := flags.Set(name, value)
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = invalid.Unwrap()
	}
	if err != nil {
		return plain{err}
	}
	return nil
}

// copyGiven sets the flags of another command of the same name as this one's command line has set them.
func copyGiven(from, to *cobra.Command) (err error) {
	from.Flags().Visit(func(f *pflag.Flag) {
		if to.Flags().Lookup(f.Name) == nil {
			return
		}
		for _, value := range valuesOf(f) {
			err = errors.Join(err, setFlag(to.Flags(), f.Name, value))
		}
	})
	return err
}
