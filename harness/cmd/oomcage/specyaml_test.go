package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// asJSON is what an editor compares with a schema.
func asJSON(t *testing.T, text string) (value any) {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	line, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &value))
	return value
}
