//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness"
	"oomcage/harness/internal/advise"
)

func TestWhereThereAreNoCagesTheCommandIsShownInTheMicroVM(t *testing.T) {
	root := newRootCommand(io.Discard, io.Discard)
	for name, want := range map[string]string{"run": "  to help: oomcage vm -- oomcage run …\n", "demo": ""} {
		cmd, _, err := root.Find([]string{name})
		require.NoError(t, err)
		var stderr bytes.Buffer
		err = fmt.Errorf("%w: no cgroup v2", harness.ErrNotSupported)
		require.Equal(t, exitMachine, exitStatus(cmd, err, &stderr))
		require.Equal(t, fmt.Sprintf("oomcage %s: %v\n%s", name, err, want), stderr.String())
	}
}

func TestTheRefusalOfACommandHasNoAdviceForTests(t *testing.T) {
	cmd, _, err := newRootCommand(io.Discard, io.Discard).Find([]string{"run"})
	require.NoError(t, err)
	var stderr bytes.Buffer
	err = fmt.Errorf("make a cage: %w", &advise.Finding{Found: "the memory controller is bound to cgroup v1", Help: "sudo go test ./...", Kind: harness.ErrNotSupported})
	require.Equal(t, exitMachine, exitStatus(cmd, err, &stderr))
	require.Equal(t, "oomcage run: the memory controller is bound to cgroup v1\n  to help: oomcage vm -- oomcage run …\n  or: sudo oomcage run …\n", stderr.String())
}

// Root is one of two ways: a user to whom a cgroup is delegated needs no other.
func TestAHelpThatAsksForRootNamesTheDelegatedCgroup(t *testing.T) {
	asks := regexp.MustCompile(`(needs?|takes?) [^.;]*\broot\b[^.;]*`)
	root := newRootCommand(io.Discard, io.Discard)
	found := map[string]bool{}
	for _, cmd := range append(root.Commands(), root) {
		for _, sentence := range asks.FindAllString(strings.Join(strings.Fields(cmd.Long), " "), -1) {
			if strings.Contains(sentence, " no root") {
				continue
			}
			require.Contains(t, sentence, "delegated cgroup", cmd.Name())
			found[cmd.Name()] = true
		}
	}
	require.Equal(t, map[string]bool{"oomcage": true, "run": true, "demo": true}, found)
}

// A second one that was fatal would end this test's process. Both have come before it ends: one that is still on its
// way would be the next command's.
func TestASignalThatComesTwiceAtOnceAsksOnce(t *testing.T) {
	come := make(chan os.Signal, 2)
	signal.Notify(come, syscall.SIGINT)
	defer signal.Stop(come)
	ctx, stop := signalContext()
	defer stop()
	for range 2 {
		require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
		<-come
		<-ctx.Done()
	}
	require.Equal(t, signalError{syscall.SIGINT}, context.Cause(ctx))
}
