package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionHasTheCommitAndWhetherItWasChanged(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Path: modulePath(), Version: "v0.1.0"}}
	require.Contains(t, versionLine(info), "oomcage v0.1.0, go1.")
	info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	require.Contains(t, versionLine(info), "oomcage v0.1.0, commit abc with changes, go1.")
	require.Contains(t, versionLine(nil), "oomcage (unknown), go1.")
}

func TestTheVersionIsOomcagesWhereAnotherModuleHasItAsItsTool(t *testing.T) {
	info := &debug.BuildInfo{
		Main:     debug.Module{Path: "example.com/service", Version: "v9.9.9"},
		Deps:     []*debug.Module{{Path: modulePath(), Version: "v0.1.0"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}},
	}
	require.Contains(t, versionLine(info), "oomcage v0.1.0, go1.")
}
