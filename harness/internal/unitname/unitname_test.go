package unitname

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesAreTheUnitsOwnAndItsTemplates(t *testing.T) {
	require.Equal(t, []string{"a.service"}, Files("a.service"))
	require.Equal(t, []string{"getty@tty1.service", "getty@.service"}, Files("getty@tty1.service"))
	require.Equal(t, []string{"getty@.service"}, Files("getty@.service"))
}

func TestDropInsAreTheMoreSpecialOnesFirst(t *testing.T) {
	require.Equal(t, []string{"a.service"}, DropIns("a.service"))
	require.Equal(t, []string{"shop-web-1.service", "shop-web-.service", "shop-.service"}, DropIns("shop-web-1.service"))
	require.Equal(t, []string{"a-b@c.service", "a-b@.service", "a-.service", "a-@c.service", "a-@.service"}, DropIns("a-b@c.service"))
}
