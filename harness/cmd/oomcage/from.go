//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oomcage/harness"
	"oomcage/harness/internal/guest"
	"oomcage/harness/internal/nearest"
	"oomcage/harness/internal/printable"
	"oomcage/harness/manifest"
	"oomcage/harness/outcome"
)

// fromFlags say which manifest has the limits, and for which machine.
type fromFlags struct {
	source string
	node   []string
	adj    int

	flags *pflag.FlagSet
	read  *manifest.Settings // of the source; nil without one
	lost  []string           // of it, and of this machine
}

func (f *fromFlags) registerFrom(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.flags.StringVar(&f.source, "from", "", "take the limits of `FILE[:NAME]`: a container of a Kubernetes manifest, a service of a Compose file, or a unit of systemd; flags go before it")
	f.flags.StringArrayVar(&f.node, "node", nil, "of the machine that -from is meant for, as `NAME=VALUE`: memory, swap, allocatable, or of its kubelet swapBehavior, memoryThrottlingFactor, singleProcessOOMKill (repeatable; default: this machine)")
	f.flags.IntVar(&f.adj, "oom-score-adj", 0, "oom_score_adj of the target, from -1000 to 1000, `N`")
}

// nodeKeys are what -node says of a machine, the last three as the kubelet's configuration calls them.
var nodeKeys = map[string]func(n *manifest.Node, value string) error{
	"memory": func(n *manifest.Node, value string) error {
		n.Guest = false
		return n.Memory.Set(value)
	},
	"swap":        func(n *manifest.Node, value string) error { return n.Swap.Set(value) },
	"allocatable": func(n *manifest.Node, value string) error { return n.Allocatable.Set(value) },
	"swapBehavior": func(n *manifest.Node, value string) error {
		if value != "LimitedSwap" && value != "NoSwap" {
			return errors.New("it is LimitedSwap or NoSwap")
		}
		n.LimitedSwap = value == "LimitedSwap"
		return nil
	},
	"memoryThrottlingFactor": func(n *manifest.Node, value string) (err error) {
		if n.ThrottlingFactor, err = strconv.ParseFloat(value, 64); err != nil || n.ThrottlingFactor == 0 {
			return errors.New("it is above 0, and 1 at most, as 0.9")
		}
		return nil
	},
	"singleProcessOOMKill": func(n *manifest.Node, value string) (err error) {
		if n.SingleProcessOOMKill, err = strconv.ParseBool(value); err != nil {
			return errors.New("it is true or false")
		}
		return nil
	},
}

// machine is this one, but for what the flags say.
func (f *fromFlags) machine() (manifest.Node, error) {
	n, err := manifest.ThisNode()
	if err != nil {
		return n, err
	}
	names := slices.Sorted(maps.Keys(nodeKeys))
	for _, text := range f.node {
		name, value, ok := strings.Cut(text, "=")
		set := nodeKeys[name]
		switch {
		case !ok:
			return n, fmt.Errorf("-node %q is not NAME=VALUE: it looks like memory=16GiB", text)
		case set == nil:
			return n, fmt.Errorf("-node %q: %sthe names are %s", text, nearest.Hint(name, names), strings.Join(names, ", "))
		}
		if err := set(&n, value); err != nil {
			return n, fmt.Errorf("-node %q: %w", text, err)
		}
	}
	if err := n.Validate(); err != nil {
		return n, fmt.Errorf("-node: %w", err)
	}
	return n, nil
}

// applyFrom puts the limits of the manifest into a spec, and then what the flags say of them.
func (f *fromFlags) applyFrom(ctx context.Context, spec *outcome.Spec) error {
	if f.source == "" && len(f.node) > 0 {
		return errors.New("-node says for which machine -from is meant, and there is none")
	}
	if f.source != "" {
		n, err := f.machine()
		if err != nil {
			return err
		}
		s, err := manifest.Read(ctx, f.source, n)
		if err != nil {
			return fmt.Errorf("-from: %w%s", err, missingHint(f.source, err))
		}
		f.read, f.lost = s, slices.Clone(s.Lost)
		spec.Limits, spec.Target.OOMScoreAdj = s.Limits, s.OOMScoreAdj
		if s.OOMScoreAdj != nil && !f.flags.Changed("oom-score-adj") {
			if err := f.heedAdj(spec, *s.OOMScoreAdj); err != nil {
				return err
			}
		}
		if l := s.Limits; f.otherMax(s) && (l.Swap > 0 || l.High > 0) {
			f.lost = append(f.lost, "what depends on its memory.max, where a flag gives another: memory.swap.max and memory.high stay those of the file's")
		}
	}
	if f.flags.Changed("oom-score-adj") {
		spec.Target.OOMScoreAdj = &f.adj
	}
	return nil
}

// missingHint says how a file comes into the microVM.
func missingHint(source string, err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return guest.AddHint(manifest.File(source))
	}
	return ""
}

// otherMax reports whether a flag gives another memory.max than a file by which other limits follow from it.
func (f *fromFlags) otherMax(s *manifest.Settings) bool {
	given := f.flags.Lookup("max")
	unit := slices.Contains([]string{".service", ".scope", ".slice"}, filepath.Ext(s.Files[0])) // where each limit is for itself
	return !unit && s.Limits.Max > 0 && (given == nil || given.Changed)                         // bisect has no such flag, and tries its own
}

// heedAdj leaves the manifest's oom_score_adj out where the target may not get it.
func (f *fromFlags) heedAdj(spec *outcome.Spec, adj int) error {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	inherited, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	// How low a process may go is in no file: it depends on CAP_SYS_RESOURCE in the first user namespace, and on what was set before.
	got := adjOf(adj, inherited, func(adj int) bool {
		if os.WriteFile(file, []byte(strconv.Itoa(adj)), 0) != nil {
			return false
		}
		return os.WriteFile(file, text, 0) == nil
	})
	if got != adj {
		spec.Target.OOMScoreAdj = nil
		f.lost = append(f.lost, fmt.Sprintf("oom_score_adj %d takes CAP_SYS_RESOURCE here: the target keeps %d, which is the same among its own processes", adj, got))
	}
	return nil
}

// adjOf is the oom_score_adj that a target gets which is to have adj: where that may not be, 0 as without a manifest, or else what
// it inherits. A process may raise it always, and lower it where may says so.
func adjOf(adj, inherited int, may func(adj int) bool) int {
	for _, want := range []int{adj, 0} {
		if want >= inherited || may(want) {
			return want
		}
	}
	return inherited
}

// tellFrom says which limits came of the manifest, and what did not: once, however many runs take it.
func (f *fromFlags) tellFrom(cmd *cobra.Command, spec outcome.Spec) {
	if f.read == nil || !firstToSay(cmd.Context(), f.read.Name+"\x00"+strings.Join(f.read.Files, "\x00")) {
		return
	}
	w, name := cmd.ErrOrStderr(), cmd.CommandPath()
	if name == "oomcage sweep" { // whose points have others
		spec.Limits, spec.Target.OOMScoreAdj = f.read.Limits, f.read.OOMScoreAdj
	}
	what := []string{limitsText(spec.Limits, cmd)}
	if adj := spec.Target.OOMScoreAdj; adj != nil {
		what = append(what, fmt.Sprintf("oom_score_adj %d", *adj))
	}
	called := f.read.Name
	if f.read.QoS != "" {
		called += ", " + f.read.QoS
	}
	line(w, name, fmt.Sprintf("from %s (%s): %s", strings.Join(f.read.Files, ", "), called, strings.Join(what, ", ")))
	for _, text := range f.lost {
		line(w, name, "not taken over: "+text)
	}
}

// limitsText are the limits, but for those that the command tries one after the other.
func limitsText(l harness.Limits, cmd *cobra.Command) string {
	if cmd.Name() == "bisect" {
		l.Max = 0
	}
	return l.String()
}

func line(w io.Writer, command, text string) {
	fmt.Fprintf(w, "%s: %s\n", command, printable.Line(text))
}
