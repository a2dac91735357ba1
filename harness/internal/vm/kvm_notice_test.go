package vm

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoticeComesOncePerBootOfTheHost(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	assert.True(t, firstTime("emulated"))
	assert.False(t, firstTime("emulated"))
	assert.True(t, firstTime("emulated, for another reason"))
	assert.False(t, firstTime("emulated"))

	for _, content := range []string{`{"boot": "the boot before", "notes": ["emulated"]}`, "no JSON", ""} {
		require.NoError(t, os.WriteFile(cachePath("said.json"), []byte(content), 0o600))
		assert.True(t, firstTime("emulated"), content)
		assert.False(t, firstTime("emulated"), content)
	}
}

func TestNoticeComesEachTimeWhereItCannotBeRemembered(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/dev/null")
	assert.True(t, firstTime("emulated"))
	assert.True(t, firstTime("emulated"))
}
