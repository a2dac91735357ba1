//go:build vmhost

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The shell parts of .github/actions/setup run as GitHub runs them, on a machine that has QEMU and Debian's archive: what the
// service does itself is the cache alone.
func TestTheSetupActionPutsTheCommandAndAKernelWhereTheyAreFound(t *testing.T) {
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Name, Shell, Run, Uses string
				Env                    map[string]string
			}
		}
	}
	folder, err := filepath.Abs("../../../.github/actions/setup")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal([]byte(mustRead(t, filepath.Join(folder, "action.yml"))), &action))

	temp, cache := t.TempDir(), t.TempDir()
	path, output := filepath.Join(temp, "path"), filepath.Join(temp, "output")
	env := append(os.Environ(), "GITHUB_ACTION_PATH="+folder, "GITHUB_PATH="+path, "GITHUB_OUTPUT="+output, "RUNNER_TEMP="+temp, "XDG_CACHE_HOME="+cache)
	inputs := strings.NewReplacer("${{ inputs.kernels }}", action.Inputs["kernels"].Default)
	ran := 0
	for _, step := range action.Runs.Steps {
		if step.Uses != "" {
			require.Regexp(t, `^actions/cache@`, step.Uses)
			continue
		}
		require.Equal(t, "bash", step.Shell, step.Name)
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Dir, cmd.Env = t.TempDir(), env // a workflow's own folder is anybody's
		for name, value := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+inputs.Replace(value))
		}
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", step.Name, said)
		ran++
	}
	require.Equal(t, 5, ran)
	require.Regexp(t, `^week=\d{4}-\d{2}\n$`, mustRead(t, output))

	list := exec.CommandContext(t.Context(), filepath.Join(strings.TrimSpace(mustRead(t, path)), "oomcage"), "kernels")
	list.Env = env
	said, err := list.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Regexp(t, `(?m)^\d+\.\d+ +\d+\.\d+\.\d+\S*-amd64 `, string(said))
}

// On an arm64 runner it installed the QEMU of x86-64, and no guest could be booted.
func TestTheSetupActionInstallsTheQEMUOfTheRunner(t *testing.T) {
	var action struct {
		Runs struct{ Steps []struct{ Name, Run string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(mustRead(t, "../../../.github/actions/setup/action.yml")), &action))
	step := action.Runs.Steps[0]
	require.Equal(t, "QEMU and mkfs.ext4", step.Name)

	dir := t.TempDir()
	script := func(path, text string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	}
	script(".ci/install", `echo "$@"`)
	for machine, qemu := range map[string]string{"x86_64": "qemu-system-x86_64:qemu-system-x86", "aarch64": "qemu-system-aarch64:qemu-system-arm"} {
		script("bin/uname", "echo "+machine)
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "GITHUB_ACTION_PATH="+filepath.Join(dir, ".github/actions/setup"))
		require.NoError(t, os.MkdirAll(filepath.Join(dir, ".github/actions/setup"), 0o700))
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Equal(t, qemu+" mkfs.ext4:e2fsprogs\n", string(said))
	}
}
