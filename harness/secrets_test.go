package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

var withSecrets = &Outcome{Spec: outcome.Spec{Target: outcome.Target{Path: "app", Env: []string{"API_TOKEN=swordfish"}}}, Output: "my token is swordfish"}

func TestWhatATestLeavesBehindHasNoSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outcome.json")
	r := &testRecord{runs: 1, last: []*Outcome{withSecrets}}
	r.keep(t, withSecrets, path)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(kept)+r.print("go test"), "swordfish")
}
