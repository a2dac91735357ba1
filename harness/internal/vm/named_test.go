package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesThatArgumentsNameGoAlong(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	for _, folder := range []string{"data", "my.service.d", "a-b@.service.d", "a-.service.d", "service.d"} {
		require.NoError(t, os.Mkdir(folder, 0o700))
	}
	for _, file := range []string{"pod.yaml", "pod", "my.service", "a-b@.service", "two words", "it's", `a\`} {
		put(t, filepath.Join(dir, file), "")
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"data:/mnt"}, nil}, // as programs name a volume, or a host and port
		{[]string{"-v=data:/mnt", "sh -c 'p data:/mnt'"}, nil},
		{[]string{"data"}, []string{"data"}},
		{[]string{"two words"}, []string{"two words"}},
		{[]string{"it's", `-o=a\`}, []string{"it's", `a\`}}, // no shell's words
		{[]string{"--from", "pod:app"}, []string{"pod"}},
		{[]string{"--from=pod:app"}, []string{"pod"}},
		{[]string{"-from=pod:app", "pod:app"}, []string{"pod"}},
		{[]string{"pod:app"}, nil},
		{[]string{"pod.yaml:app"}, []string{"pod.yaml"}},
		{[]string{"sh", "-c", "oomcage run --from pod:app -- p"}, []string{"pod"}},
		{[]string{"my.service"}, []string{"my.service", "my.service.d", "service.d"}},
		{[]string{"--from", "./a-b@c.service"}, []string{"a-b@.service", "a-b@.service.d", "a-.service.d", "service.d"}},
		{[]string{"-test.run=pod"}, nil},
	} {
		var got []string
		for _, file := range named(c.args, dir) {
			rel, err := filepath.Rel(dir, file)
			require.NoError(t, err)
			got = append(got, rel)
		}
		assert.Equal(t, c.want, got, "%q", c.args)
	}
}
