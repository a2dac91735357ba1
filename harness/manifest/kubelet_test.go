package manifest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// What .ci/tools/kubelet has asked the kubelet's own code, and the API server's, of pods with all that matters here.
func TestAPodIsWhatTheKubeletMakesOfIt(t *testing.T) {
	f, err := os.Open("testdata/kubelet.jsonl")
	require.NoError(t, err)
	defer f.Close()
	count := 0
	for lines := json.NewDecoder(f); ; count++ {
		var want struct {
			Pod              json.RawMessage
			Container, QoS   string
			LimitedSwap      bool    `json:"limited_swap"`
			ThrottlingFactor float64 `json:"throttling_factor"`
			SingleProcess    bool    `json:"single_process"`
			Refused          bool
			Adj              int
			Max              outcome.Bytes
			Unified          map[string]string // files of cgroup v2
		}
		err := lines.Decode(&want)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		s, err := kubernetesFile(want.Pod, want.Container, Node{
			Memory: 16 * gib, Swap: 4 * gib, Allocatable: 15 * gib,
			LimitedSwap: want.LimitedSwap, ThrottlingFactor: want.ThrottlingFactor, SingleProcessOOMKill: want.SingleProcess,
		})
		if want.Refused {
			require.ErrorContains(t, err, "the API refuses that", "%s of %s", want.Container, want.Pod)
			continue
		}
		require.NoError(t, err, "%s of %s", want.Container, want.Pod)
		limits := outcome.Limits{Max: want.Max, OOMGroup: want.Unified["memory.oom.group"] == "1"}
		for file, to := range map[string]*outcome.Bytes{"memory.high": &limits.High, "memory.min": &limits.Min, "memory.swap.max": &limits.Swap} {
			if text := want.Unified[file]; text != "" {
				require.NoError(t, to.Set(text))
			}
		}
		require.Equal(t, limits, s.Limits, "%s of %s", want.Container, want.Pod)
		require.Equal(t, want.QoS, s.QoS, "%s of %s", want.Container, want.Pod)
		require.Equal(t, want.Adj, *s.OOMScoreAdj, "%s of %s", want.Container, want.Pod)
	}
	require.Equal(t, 500, count)
}

func TestWhatAPodLosesIsSaid(t *testing.T) {
	s, err := kubernetesFile([]byte("{kind: Pod, spec: {initContainers: [{name: log, restartPolicy: Always}, {name: set}, {name: late, restartPolicy: Always}], "+
		"containers: [{name: a, resources: {limits: {memory: 1Gi}}, startupProbe: {httpGet: {port: 80}}, "+
		"envFrom: [{configMapRef: {name: c}}, {secretRef: {name: s}}]}]}}"), "a", node)
	require.NoError(t, err)
	require.Equal(t, []string{
		"beside it run log, late, and the pod has a limit over all of them where each has one", "a kubelet kills it when its startup probe fails",
		"its environment that comes of the ConfigMap c", "its environment that comes of the Secret s",
	}, s.Lost)
	s, err = kubernetesFile([]byte("{kind: Pod, spec: {initContainers: [{name: log, restartPolicy: Always}, {name: set, resources: {limits: {memory: 1Gi}}}, "+
		"{name: late, restartPolicy: Always}], containers: [{name: a}]}}"), "set", node)
	require.NoError(t, err)
	require.Equal(t, []string{"beside it run log, and the pod has a limit over all of them where each has one"}, s.Lost)
}
