//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"oomcage/harness"
	"oomcage/harness/internal/advise"
	"oomcage/harness/internal/gobuild"
	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

func newDemoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Watch the kernel kill the gin service at 100000000 bytes",
		Long: withCodes(`demo does what the recipe does by hand: it starts the gin service in a cgroup with
memory.max 100000000 and memory.swap.max 0, makes it take 20 MiB a step over HTTP, and shows
memory.current after each step until the kernel kills it.

It needs cgroup v2 and root, or a delegated cgroup. make demo runs it in the microVM elsewhere.`, "demo"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), cmd.OutOrStdout()) },
	}
}

// demo prints to w as the run goes on.
func demo(ctx context.Context, w io.Writer) error {
	if err := harness.Supported(); err != nil { // before the minute that compiling may take
		return fmt.Errorf("%w\n  to help: in a clone of oomcage, make demo shows it in the microVM", err)
	}
	info, _ := debug.ReadBuildInfo()
	app, remove, err := buildService(ctx, modulePath()+"/app", ownVersion(info))
	if err != nil {
		return err
	}
	defer remove()
	const step = 20 * harness.MiB
	fmt.Fprintf(w, "The gin service under memory.max 100000000 and memory.swap.max 0, %v a step.\n%s.\n\n", step, kernel())
	spec := harness.Spec{
		Name:   "demo",
		Target: harness.Target{Path: app, Args: []string{"-addr", "$ADDR"}, Ready: harness.HTTPReady("/ping")},
		Limits: harness.Limits{Max: 100000000},
		Load:   harness.Load{Step: harness.HTTPPost("/generate-load/memory"), Bytes: step},
	}
	o, err := harness.Run(ctx, watched(spec, newStepPrinter(w, spec)))
	if err != nil {
		return err
	}
	e := o.Evidence
	predicted := "none"
	if o.Predicted != nil {
		predicted = o.Predicted.String()
	}
	fmt.Fprintf(w, "\n%s: %s.\nThe service acknowledged %s; %s were predicted.\n", o.Verdict, printable.Line(o.Why), human.Count(o.Acknowledged, "step"), predicted)
	fmt.Fprintf(w, "verdict=%s acked=%d predicted=%s oom=%d oom_kill=%d limit_bytes=%d peak_bytes=%d\n",
		o.Verdict, o.Acknowledged, predicted, e.Events.OOM, e.Events.OOMKill, e.Limits.Max, o.Peak)
	if o.Verdict != harness.OOMKilled || o.Predicted == nil || !o.Predicted.Contains(o.Acknowledged) {
		fmt.Fprintf(os.Stderr, "oomcage demo: the service was not killed by its own limit within the predicted steps:\n%s", o)
		return exitCode(exitFailed)
	}
	return nil
}

// buildService compiles the demo's service: where its source is, or else of the version that this command has.
func buildService(ctx context.Context, pkg, version string) (path string, remove func(), err error) {
	path, err = harness.Build(ctx, pkg)
	if err == nil || os.Getenv("OOMCAGE_VM") != "" || ctx.Err() != nil {
		return path, func() {}, err
	}
	if strings.HasPrefix(version, "v") && !strings.Contains(version, "+") { // one that can be had elsewhere
		dir, dirErr := os.MkdirTemp("", "oomcage-demo-")
		if dirErr != nil {
			return "", nil, dirErr
		}
		remove = func() { os.RemoveAll(dir) }
		if err = gobuild.Install(ctx, dir, pkg+"@"+version); err == nil {
			return filepath.Join(dir, filepath.Base(pkg)), remove, nil
		}
		remove()
	}
	return "", nil, advise.New(fmt.Sprintf("the demo's service, %s, cannot be compiled here: %v", pkg, err),
		"run it where its source is: in a clone of oomcage, make demo; or with a program of your own: oomcage run -h")
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux"
	}
	where := "on this machine"
	if os.Getenv("OOMCAGE_VM") != "" {
		where = "in a microVM"
	}
	return fmt.Sprintf("Linux %s %s", unix.ByteSliceToString(u.Release[:]), where)
}
