package sweep

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Shard is one machine's part of a sweep: every Total-th point, from the Index-th on. The zero value is
// all of it.
type Shard struct {
	Index int // from 0 on
	Total int
}

// String prints "2/4", which is index 2 of 4; "" is all.
func (s Shard) String() string {
	if s.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Total)
}

// Set reads what String prints, as flag.Value wants it.
func (s *Shard) Set(text string) error {
	index, total, ok := strings.Cut(text, "/")
	if !ok {
		return fmt.Errorf("parse the shard %q: write INDEX/TOTAL with the index from 0 on, such as 0/4", text)
	}
	got, err := parseShard(index, total, 0)
	if err != nil {
		return fmt.Errorf("parse the shard %q: %w", text, err)
	}
	*s = got
	return nil
}

// Type names the value in help texts of pflag.
func (s *Shard) Type() string { return "INDEX/TOTAL" }

// Of returns the shard's part of the points.
func (s Shard) Of(points []Point) []Point {
	if s.Total == 0 {
		return points
	}
	var part []Point
	for i := s.Index; i < len(points); i += s.Total {
		part = append(part, points[i])
	}
	return part
}

// engine is a CI system, or another one that starts several of the same job, and the variables in which it
// tells each which one it is.
type engine struct {
	name         string
	index, total string
	first        int    // the index of the first
	status       string // names a file that a job which shards creates; Bazel runs it only once otherwise
}

// Kubernetes gives no total: the manifest sets it, see docs/kubernetes.md. GitHub gives neither to a job's
// environment: the workflow passes -shard.
var engines = []engine{
	{name: "Bazel", index: "TEST_SHARD_INDEX", total: "TEST_TOTAL_SHARDS", status: "TEST_SHARD_STATUS_FILE"},
	{name: "GitLab", index: "CI_NODE_INDEX", total: "CI_NODE_TOTAL", first: 1},
	{name: "Buildkite", index: "BUILDKITE_PARALLEL_JOB", total: "BUILDKITE_PARALLEL_JOB_COUNT"},
	{name: "CircleCI", index: "CIRCLE_NODE_INDEX", total: "CIRCLE_NODE_TOTAL"},
	{name: "Kubernetes", index: "JOB_COMPLETION_INDEX", total: "JOB_COMPLETION_TOTAL"},
}

// ShardOf finds out which shard the engine wants this process to run, from its environment; all where there
// is none, or only one job. A setting without its other half, or out of range, is an error: to run everything
// then would look like success on each machine. For Bazel it creates the file by which a test says that it shards.
func ShardOf(getenv func(string) string) (Shard, error) {
	var found Shard
	var by engine
	for _, e := range engines {
		index, total := getenv(e.index), getenv(e.total)
		if index == "" && total == "" || total == "1" && index == "" {
			continue // GitLab sets the total in every job, and the index only where there are several
		}
		if index == "" || total == "" {
			set, missing := e.index, e.total
			if index == "" {
				set, missing = missing, set
			}
			return Shard{}, fmt.Errorf("%s is set (%s) and %s is not: set both, or neither for all points", set, e.name, missing)
		}
		s, err := parseShard(index, total, e.first)
		if err != nil {
			return Shard{}, fmt.Errorf("%s=%s %s=%s (%s): %w", e.index, index, e.total, total, e.name, err)
		}
		if file := getenv(e.status); e.status != "" && file != "" {
			if err := os.WriteFile(file, nil, 0o666); err != nil {
				return Shard{}, fmt.Errorf("tell %s that this test shards: %w", e.name, err)
			}
		}
		if s.Total == 1 {
			continue // CircleCI says so in every job: it must not contradict Bazel's shards, which may run in one
		}
		if found.Total != 0 && s != found {
			return Shard{}, fmt.Errorf("%w: %s says shard %s and %s says %s", ErrShards, by.name, found, e.name, s)
		}
		found, by = s, e
	}
	return found, nil
}

// parseShard takes an index that counts from first on.
func parseShard(index, total string, first int) (Shard, error) {
	t, err := strconv.Atoi(total)
	if err != nil || t < 1 {
		return Shard{}, fmt.Errorf("the total %q must be a number from 1 on", total)
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < first || i >= t+first {
		return Shard{}, fmt.Errorf("the index %q must be a number from %d to %d", index, first, t+first-1)
	}
	return Shard{i - first, t}, nil
}
