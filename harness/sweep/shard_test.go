package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShardsTogetherAreAllPointsAndEachPointIsInOne(t *testing.T) {
	points, err := Grid{Spec: app(), Axes: mustAxes(t, "count=1..11+1"), Step: PostTemplate("/take")}.Points()
	require.NoError(t, err)
	for total := 1; total <= 13; total++ {
		seen := map[string]int{}
		for index := range total {
			for _, p := range (Shard{index, total}).Of(points) {
				seen[p.Name]++
			}
		}
		require.Len(t, seen, 11)
		for name, n := range seen {
			require.Equal(t, 1, n, name)
		}
	}
	require.Equal(t, points, Shard{}.Of(points))
}

func TestTheEnginesVariablesSayWhichShardThisIs(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Shard
		err  string
	}{
		{nil, Shard{}, ""},
		{map[string]string{"TEST_SHARD_INDEX": "0", "TEST_TOTAL_SHARDS": "4"}, Shard{0, 4}, ""},
		{map[string]string{"CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "4"}, Shard{3, 4}, ""},
		{map[string]string{"BUILDKITE_PARALLEL_JOB": "3", "BUILDKITE_PARALLEL_JOB_COUNT": "4"}, Shard{3, 4}, ""},
		{map[string]string{"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2"}, Shard{1, 2}, ""},
		{map[string]string{"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETION_TOTAL": "2"}, Shard{1, 2}, ""},
		{map[string]string{"CI_NODE_TOTAL": "1"}, Shard{}, ""},
		{map[string]string{"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "1"}, Shard{}, ""},
		{map[string]string{"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "1"}, Shard{}, "from 1 to 1"},
		{map[string]string{"CI_NODE_TOTAL": "4"}, Shard{}, "CI_NODE_TOTAL is set (GitLab) and CI_NODE_INDEX is not"},
		{map[string]string{"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1"}, Shard{}, ""},
		{map[string]string{"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "1", "TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "4"}, Shard{1, 4}, ""},
		{map[string]string{"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "2", "TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "4"}, Shard{}, "two shards"},
		{map[string]string{"JOB_COMPLETION_INDEX": "1"}, Shard{}, "JOB_COMPLETION_INDEX is set (Kubernetes) and JOB_COMPLETION_TOTAL is not"},
		{map[string]string{"TEST_TOTAL_SHARDS": "4"}, Shard{}, "TEST_TOTAL_SHARDS is set (Bazel) and TEST_SHARD_INDEX is not"},
		{map[string]string{"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "4"}, Shard{}, "from 1 to 4"},
		{map[string]string{"CI_NODE_INDEX": "5", "CI_NODE_TOTAL": "4"}, Shard{}, "from 1 to 4"},
		{map[string]string{"TEST_SHARD_INDEX": "4", "TEST_TOTAL_SHARDS": "4"}, Shard{}, "from 0 to 3"},
		{map[string]string{"TEST_SHARD_INDEX": "-1", "TEST_TOTAL_SHARDS": "4"}, Shard{}, "from 0 to 3"},
		{map[string]string{"TEST_SHARD_INDEX": "0", "TEST_TOTAL_SHARDS": "0"}, Shard{}, "from 1 on"},
		{map[string]string{"TEST_SHARD_INDEX": "x", "TEST_TOTAL_SHARDS": "2"}, Shard{}, "must be a number"},
		{map[string]string{"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4", "TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "4"}, Shard{}, "two shards"},
		{map[string]string{"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "4", "TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "4"}, Shard{1, 4}, ""},
	} {
		t.Run(fmt.Sprint(c.env), func(t *testing.T) {
			s, err := ShardFromEnv(func(name string) string { return c.env[name] })
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, s)
		})
	}
}

func TestATaskOfAnArrayOfSlurmIsAShard(t *testing.T) {
	of := func(id, least, largest, step, count string) map[string]string {
		return map[string]string{
			"SLURM_ARRAY_TASK_ID": id, "SLURM_ARRAY_TASK_MIN": least, "SLURM_ARRAY_TASK_MAX": largest, "SLURM_ARRAY_TASK_STEP": step, "SLURM_ARRAY_TASK_COUNT": count,
		}
	}
	for _, c := range []struct {
		env  map[string]string
		want Shard
		err  string
	}{
		{of("0", "0", "3", "1", "4"), Shard{0, 4}, ""},
		{of("3", "0", "3", "1", "4"), Shard{3, 4}, ""},
		{of("1", "1", "9", "2", "5"), Shard{0, 5}, ""},
		{of("3", "1", "9", "2", "5"), Shard{1, 5}, ""},
		{of("9", "1", "9", "2", "5"), Shard{4, 5}, ""},
		{of("1000", "1000", "1001", "1", "2"), Shard{0, 2}, ""},
		{of("12", "10", "14", "2", "3"), Shard{1, 3}, ""},
		{of("0", "0", "0", "1", "1"), Shard{}, ""},
		{of("1", "1", "1", "1", "1"), Shard{}, ""},
		{of("7", "7", "7", "1", "1"), Shard{}, "cannot be told: the array has the one task 7, which may be one of a larger array that is run again"},
		{of("7", "1", "7", "1", "3"), Shard{}, "the array has 3 tasks from 1 to 7, and they are not all of them by the step 1"},
		{of("5", "1", "7", "4", "3"), Shard{}, "which is the one after another cannot be told of a list with holes"},
		{of("2", "1", "9", "2", "5"), Shard{}, "the array has the tasks 1-9:2"},
		{of("11", "1", "9", "2", "5"), Shard{}, "the array has the tasks 1-9:2"},
		{of("1", "1", "9", "0", "5"), Shard{}, "by the step 0"},
		{of("1", "1", "9", "", "5"), Shard{}, `SLURM_ARRAY_TASK_STEP is "": it must be a number from 0 on`},
		{of("-1", "1", "9", "2", "5"), Shard{}, "SLURM_ARRAY_TASK_ID=-1 (Slurm): SLURM_ARRAY_TASK_ID is"},
		{of("", "1", "9", "2", "5"), Shard{}, "SLURM_ARRAY_TASK_COUNT is set (Slurm) and SLURM_ARRAY_TASK_ID is not"},
		{of("1", "1", "9", "2", ""), Shard{}, "SLURM_ARRAY_TASK_ID is set (Slurm) and SLURM_ARRAY_TASK_COUNT is not"},
	} {
		t.Run(fmt.Sprint(c.env), func(t *testing.T) {
			s, err := ShardFromEnv(func(name string) string { return c.env[name] })
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, s)
		})
	}
}

func TestBazelIsToldThatTheTestShards(t *testing.T) {
	status := filepath.Join(t.TempDir(), "status")
	env := map[string]string{"TEST_SHARD_INDEX": "0", "TEST_TOTAL_SHARDS": "4", "TEST_SHARD_STATUS_FILE": status}
	_, err := ShardFromEnv(func(name string) string { return env[name] })
	require.NoError(t, err)
	require.FileExists(t, status)
	require.NoError(t, os.WriteFile(status, []byte("somebody's"), 0o600))
	_, err = ShardFromEnv(func(name string) string { return env[name] })
	require.NoError(t, err)
	kept, err := os.ReadFile(status)
	require.NoError(t, err)
	require.Equal(t, "somebody's", string(kept))
	env["TEST_SHARD_STATUS_FILE"] = filepath.Join(status, "no")
	_, err = ShardFromEnv(func(name string) string { return env[name] })
	require.ErrorContains(t, err, "tell Bazel")
	require.NoError(t, os.Remove(status))
}

func TestAShardIsWrittenAsItIsRead(t *testing.T) {
	var s Shard
	require.NoError(t, s.Set("2/4"))
	require.Equal(t, Shard{2, 4}, s)
	require.Equal(t, "2/4", s.String())
	require.Empty(t, Shard{}.String())
	for text, want := range map[string]string{"": "INDEX/TOTAL", "2": "INDEX/TOTAL", "4/4": "from 0 to 3", "a/4": "number", "0/0": "from 1 on"} {
		require.ErrorContains(t, s.Set(text), want)
		require.Equal(t, Shard{2, 4}, s)
	}
}
