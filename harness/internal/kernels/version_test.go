package kernels

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKernelsAreOrderedByVersionNotByName(t *testing.T) {
	want := []string{
		"vmlinuz-5.15.0-91-generic", "vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-47-cloud-amd64",
		"vmlinuz-6.8.0-45-generic", "vmlinuz-6.8.0-100-generic", "vmlinuz-6.12.0-rc2", "vmlinuz-6.12.0",
		"vmlinuz-6.12.117+deb12-cloud-amd64", "vmlinuz-10.1",
	}
	got := slices.Clone(want)
	slices.Sort(got)
	require.NotEqual(t, want, got, "the order of names would do")
	slices.SortStableFunc(got, compareVersions)
	assert.Equal(t, want, got)
}

func TestOtherProcessorsThanTheMicroVMsAreRefused(t *testing.T) {
	require.NoError(t, AMD64.Check())
	require.NoError(t, ARM64.Check())
	err := Arch("riscv64").Check()
	assert.ErrorContains(t, err, "found an executable for riscv64")
	assert.ErrorContains(t, err, "to help: an x86-64 or arm64 machine")
}
