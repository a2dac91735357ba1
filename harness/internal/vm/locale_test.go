package vm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLocalesThatTakeFilesAreThoseOfTheEnvironment(t *testing.T) {
	assert.Equal(t, []string{"en_GB.UTF-8", "C.UTF-8"}, localeNames([]string{
		"LANG=en_GB.UTF-8", "LC_TIME=C", "LC_ALL=C.UTF-8", "LC_CTYPE=en_GB.UTF-8", "LC_NUMERIC=", "LC_PAPER=POSIX",
		"LANGUAGE=en:de", "LC_NAME=../../etc",
	}))
}
