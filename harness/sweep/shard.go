package sweep

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Shard is one machine's part of a sweep: every Total-th point, from the one at Index on. The zero value is
// all of it. It is a value for flag and pflag.
type Shard struct {
	Index int // from 0 to Total-1
	Total int // how many shards there are; 0: no shards
}

// String returns "2/4" for the Index 2 of 4; "" for the zero value.
func (s Shard) String() string {
	if s.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Total)
}

// Set reads "2/4", as flag.Value has it. A total below 1, and an index that is not below it, are errors.
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

// Type returns what help texts call the value, as pflag.Value has it.
func (s *Shard) Type() string { return "INDEX/TOTAL" }

// Of returns the shard's part of the points, in their order.
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
// environment: the workflow passes -shard. Slurm, whose numbers are the user's, is below.
var engines = []engine{
	{name: "Bazel", index: "TEST_SHARD_INDEX", total: "TEST_TOTAL_SHARDS", status: "TEST_SHARD_STATUS_FILE"},
	{name: "GitLab", index: "CI_NODE_INDEX", total: "CI_NODE_TOTAL", first: 1},
	{name: "Buildkite", index: "BUILDKITE_PARALLEL_JOB", total: "BUILDKITE_PARALLEL_JOB_COUNT"},
	{name: "CircleCI", index: "CIRCLE_NODE_INDEX", total: "CIRCLE_NODE_TOTAL"},
	{name: "Kubernetes", index: "JOB_COMPLETION_INDEX", total: "JOB_COMPLETION_TOTAL"},
}

// ShardFromEnv finds out from the environment which shard a CI system wants this process to run: Bazel, GitLab, Buildkite, CircleCI, an
// indexed Job of Kubernetes, or an array of Slurm. Without one, and where there is only one job, it returns the zero value. An index
// without a total, or one that is out of range, is an error: to run everything then would look like success on each machine. So are two
// systems that want different shards (ErrShards), and an array of Slurm with holes (ErrNoShard). For Bazel it creates the file by which
// a test says that it shards. It takes os.Getenv.
func ShardFromEnv(getenv func(string) string) (Shard, error) {
	var found Shard
	var by engine
	for _, e := range append(engines, slurm) {
		index, total := getenv(e.index), getenv(e.total)
		if e.name == slurm.name && index != "" && total != "" {
			s, err := slurmShard(getenv)
			if err != nil {
				return Shard{}, fmt.Errorf("%s=%s (%s): %w", e.index, index, e.name, err)
			}
			index, total = strconv.Itoa(s.Index), strconv.Itoa(s.Total)
		}
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
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o666) // one that is there is not emptied
			if err != nil {
				return Shard{}, fmt.Errorf("tell %s that this test shards: %w", e.name, err)
			}
			f.Close()
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

// slurm is the engine whose tasks may have any numbers.
var slurm = engine{name: "Slurm", index: "SLURM_ARRAY_TASK_ID", total: "SLURM_ARRAY_TASK_COUNT"}

// slurmShard is that of a task of a job array: of 1-9:2 the task 3 is the shard 1/5. Slurm tells each task the least and the
// largest number, the step between them, and how many there are, but not the list of those that follow no step (sbatch(1)). How
// many run at once, 1-9%2, makes no difference.
func slurmShard(getenv func(string) string) (Shard, error) {
	number := map[string]int{}
	for _, name := range []string{"ID", "COUNT", "MIN", "MAX", "STEP"} {
		text := getenv("SLURM_ARRAY_TASK_" + name)
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return Shard{}, fmt.Errorf("SLURM_ARRAY_TASK_%s is %q: it must be a number from 0 on", name, text)
		}
		number[name] = n
	}
	id, count, least, largest, step := number["ID"], number["COUNT"], number["MIN"], number["MAX"], number["STEP"]
	switch {
	case count == 1 && id == least && id <= 1:
		return Shard{0, 1}, nil
	case count == 1:
		return Shard{}, fmt.Errorf("%w: the array has the one task %d, which may be one of a larger array that is run again", ErrNoShard, id)
	case step == 0 || (largest-least)%step != 0 || (largest-least)/step+1 != count:
		return Shard{}, fmt.Errorf("%w: the array has %d tasks from %d to %d, and they are not all of them by the step %d: which is the one after another cannot be told of a list with holes",
			ErrNoShard, count, least, largest, step)
	case id < least || id > largest || (id-least)%step != 0:
		return Shard{}, fmt.Errorf("%w: the array has the tasks %d-%d:%d", ErrNoShard, least, largest, step)
	}
	return Shard{(id - least) / step, count}, nil
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
