package vm

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSwapDeviceHasTheKernelsHeaderAndTakesNoRoom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swap")
	require.NoError(t, makeSwap(file, 8<<20+1, 4096))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, data, 8<<20, "whole pages")
	assert.Equal(t, uint32(1), binary.LittleEndian.Uint32(data[1024:]), "version")
	assert.Equal(t, uint32(2047), binary.LittleEndian.Uint32(data[1028:]), "last page")
	assert.Zero(t, binary.LittleEndian.Uint32(data[1032:]), "bad pages")
	assert.Equal(t, "SWAPSPACE2", string(data[4086:4096]))
	info, err := os.Stat(file)
	require.NoError(t, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	assert.Less(t, stat.Blocks*512, int64(1<<20), "bytes on the host's disk")
}

func TestMissingMkfsNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findMkfs()
	assert.ErrorContains(t, err, "mkfs.ext4 is missing")
	assert.ErrorContains(t, err, "e2fsprogs")

	elsewhere := t.TempDir()
	tool := filepath.Join(elsewhere, "mkfs.ext4")
	require.NoError(t, os.WriteFile(tool, nil, 0o755))
	got, err := findMkfs(t.TempDir(), elsewhere)
	require.NoError(t, err)
	assert.Equal(t, tool, got)
}

func TestDriversAreNeededForDisksAlone(t *testing.T) {
	assert.Empty(t, Options{}.drivers(archAMD64))
	assert.Equal(t, archAMD64.drivers, Options{Swap: 1}.drivers(archAMD64))
	assert.Equal(t, archARM64.drivers, Options{Swap: 1}.drivers(archARM64))
	assert.Equal(t, append(archAMD64.drivers[:2:2], ext4Driver), Options{Swap: 1, Scratch: 1}.drivers(archAMD64))
}
