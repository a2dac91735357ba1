package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASpecThatCannotBeRunIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	step := HTTPPost("/")
	for want, s := range map[string]Spec{
		"no Target.Path":               {},
		"Timeout is -1s":               {Target: Target{Path: "x"}, Timeout: -time.Second},
		"Load.Count is -1":             {Target: Target{Path: "x"}, Load: Load{Step: step, Count: -1}},
		"Load.Bytes is -1":             {Target: Target{Path: "x"}, Load: Load{Step: step, Bytes: -1}},
		"was a unit forgotten":         {Target: Target{Path: "x"}, Limits: Limits{Max: 100}},
		"limit High is 100 bytes":      {Target: Target{Path: "x"}, Limits: Limits{High: 100}},
		"use Limits.Max, which":        {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"memory.max": "1"}}},
		"no Step":                      {Target: Target{Path: "x"}, Load: Load{Count: 3}},
		"limit Max is -1":              {Target: Target{Path: "x"}, Limits: Limits{Max: -1}},
		"limit Swap is -4096":          {Target: Target{Path: "x"}, Limits: Limits{Swap: -4096}},
		`"../memory.max"`:              {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"../memory.max": "1"}}},
		`the harness itself uses that`: {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"cgroup.kill": "1"}}},
		`files look like pids.max`:     {Target: Target{Path: "x"}, Limits: Limits{Files: map[string]string{"": "1"}}},
	} {
		o, err := Run(t.Context(), s)
		require.Nil(t, o)
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, ErrNotSupported)
	}
}
