package kernels

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutApt is a PATH on which nothing is.
func withoutApt(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

func TestWhatWasFetchedIsNotLookedForAgain(t *testing.T) {
	withoutApt(t)
	s := newStore(t)
	for _, name := range []string{"6.1", "7.3"} {
		mustWrite(t, filepath.Join(s.dir, name, "vmlinuz"), image(name+".4-cloud-amd64"))
	}
	require.NoError(t, s.remember(All, []string{"6.1", "7.3"}))
	for what, want := range map[string][]string{All: {"6.1", "7.3"}, Newest: {"7.3"}, "6.1": {"6.1"}} {
		have, err := s.Fetch(t.Context(), what, false, silent)
		require.NoError(t, err)
		var names []string
		for _, k := range have {
			names = append(names, k.Name)
		}
		assert.Equal(t, want, names, what)
	}
	_, err := s.Fetch(t.Context(), All, true, silent)
	require.ErrorContains(t, err, "apt-get is missing", "it is looked for again")

	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "6.1")))
	_, err = s.Fetch(t.Context(), All, false, silent)
	require.ErrorContains(t, err, "apt-get is missing", "one of them is gone")
}

func TestWithoutAptTheErrorSaysWhatElseThereIs(t *testing.T) {
	withoutApt(t)
	s := newStore(t)
	_, err := s.Fetch(t.Context(), Newest, false, silent)
	require.ErrorContains(t, err, "apt-get is missing")
	require.ErrorContains(t, err, "to help: oomcage kernels add FILE.deb")
	require.Empty(t, visible(t, s))
}

func TestOnlySeriesCanBeFetchedByName(t *testing.T) {
	s := newStore(t)
	for _, what := range []string{"6", "six", "6.1.0-9-cloud-amd64", "../6.1", ""} {
		_, err := s.Fetch(t.Context(), what, false, silent)
		require.ErrorContains(t, err, "is no kernel that can be fetched", what)
	}
	require.NoDirExists(t, s.dir)
}

func TestTheNewestPackageOfASeriesIsChosen(t *testing.T) {
	packages := []string{
		"linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-47-cloud-amd64", "linux-image-6.1.0-48-amd64",
		"linux-image-6.12.9+deb13-cloud-amd64", "linux-image-6.19-rc6-cloud-amd64", "linux-image-7.3.4+deb13-cloud-amd64-unsigned",
		"linux-image-cloud-amd64", "linux-image-6.8.0-45-generic",
	}
	assert.Equal(t, "6.1.0-47-cloud-amd64", newest(packages, "6.1", "-cloud-amd64"))
	assert.Equal(t, "6.12.9+deb13-cloud-amd64", newest(packages, "", "-cloud-amd64"))
	assert.Empty(t, newest(packages, "6.8", "-cloud-amd64"))
	assert.Equal(t, "6.8.0-45-generic", newest(packages, "6.8", "-generic"))
}
