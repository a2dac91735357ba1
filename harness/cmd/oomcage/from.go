//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

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
	"memory":      func(n *manifest.Node, value string) error { return n.Memory.Set(value) },
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
	var names []string
	for name := range nodeKeys {
		names = append(names, name)
	}
	slices.Sort(names)
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
		if adj := s.OOMScoreAdj; adj != nil && !f.flags.Changed("oom-score-adj") && !mayLower(*adj) {
			spec.Target.OOMScoreAdj = nil
			f.lost = append(f.lost, fmt.Sprintf("oom_score_adj %d takes CAP_SYS_RESOURCE: the target has 0, which is the same among its own processes", *adj))
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

// mayLower reports whether a process of this one's may get that oom_score_adj (proc(5)).
func mayLower(adj int) bool {
	if adj >= 0 {
		return true
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[unix.CAP_SYS_RESOURCE/32].Effective&(1<<(unix.CAP_SYS_RESOURCE%32)) != 0
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
	of := cmp.Or(f.read.QoS, "")
	if of != "" {
		of = ", " + of
	}
	line(w, name, fmt.Sprintf("from %s (%s%s): %s", strings.Join(f.read.Files, ", "), f.read.Name, of, strings.Join(what, ", ")))
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
