package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"oomcage/harness/internal/nearest"
	"oomcage/harness/outcome"
)

// composeFile reads the settings of a service from a Compose file, as docker compose -f does: with what it extends and includes, and
// with variables from the environment and from .env beside it. The service may be empty where there is only one; services of
// any profile count.
func composeFile(ctx context.Context, path, service string) (*Settings, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // and what it was told by is read already
		return nil, fmt.Errorf("%s is no regular file, as a Compose file is, which is read more than once: save it in one", path)
	}
	project, said, err := load(ctx, path)
	if err != nil {
		err = onOneLine(err)
		for _, text := range said {
			err = fmt.Errorf("%w (%s)", err, strings.TrimSuffix(text, "."))
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	names := slices.Sorted(maps.Keys(project.Services))
	list := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%s has no services", path)
	case service == "" && len(names) > 1:
		return nil, fmt.Errorf("%s has %d services: name one behind a colon, of %s", path, len(names), list)
	case service == "":
		service = names[0]
	case !slices.Contains(names, service):
		return nil, fmt.Errorf("%s has no service %q: %sit has %s", path, service, nearest.Hint(service, names), list)
	}
	s := &Settings{Name: service, Files: []string{path}}
	for _, text := range said {
		s.lose("%s", strings.TrimSuffix(text, "."))
	}
	of := project.Services[service]
	if err := s.docker(&of); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, service, err)
	}
	return s, nil
}

// onOneLine puts an error on one line.
func onOneLine(err error) error {
	parts := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return errors.New(strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": "))
}

// load is compose-go's, with what it warns of: that a variable is not set, for example, and was taken as empty.
func load(ctx context.Context, path string) (*types.Project, []string, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithWorkingDirectory(filepath.Dir(path)), cli.WithName("oomcage"),
		cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles([]string{"*"}), cli.WithoutEnvironmentResolution)
	if err != nil {
		return nil, nil, err
	}
	warned.Lock() // it warns by the logger that a process has
	defer warned.Unlock()
	var said warnings
	log := logrus.StandardLogger()
	out, hooks := log.Out, log.ReplaceHooks(logrus.LevelHooks{logrus.WarnLevel: {&said}})
	log.SetOutput(io.Discard)
	defer func() {
		log.SetOutput(out)
		log.ReplaceHooks(hooks)
	}()
	project, err := options.LoadProject(ctx)
	return project, said, err
}

var warned sync.Mutex

// warnings are what a library logs that matters: not that a key is obsolete.
type warnings []string

// Levels are those of warnings.
func (*warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire keeps one.
func (w *warnings) Fire(e *logrus.Entry) error {
	if !strings.Contains(e.Message, "obsolete") && !slices.Contains(*w, e.Message) {
		*w = append(*w, e.Message)
	}
	return nil
}

// dockerMinimum is linuxMinMemory of the daemon.
const dockerMinimum = 6 << 20

// docker are the settings that a daemon makes of the service: adaptContainerSettings and verifyPlatformContainerResources of
// github.com/moby/moby/daemon, and ConvertMemorySwapToCgroupV2Value of github.com/opencontainers/cgroups, which runc writes.
func (s *Settings) docker(of *types.ServiceConfig) error {
	limit, reservation, pids := int64(of.MemLimit), int64(of.MemReservation), of.PidsLimit
	var cpus float64
	if d := of.Deploy; d != nil {
		if l := d.Resources.Limits; l != nil {
			limit, pids, cpus = cmp.Or(int64(l.MemoryBytes), limit), cmp.Or(l.Pids, pids), float64(l.NanoCPUs)
		}
		if r := d.Resources.Reservations; r != nil {
			reservation = cmp.Or(int64(r.MemoryBytes), reservation)
		}
	}
	swap := int64(of.MemSwapLimit) // of memory and swap together
	switch {
	case limit < 0 || reservation < 0 || swap < -1:
		return errors.New("a size is negative: give 0 or more")
	case limit > 0 && limit < dockerMinimum || reservation > 0 && reservation < dockerMinimum:
		return fmt.Errorf("mem_limit is %d bytes, and mem_reservation %d: docker refuses less than %d", limit, reservation, dockerMinimum)
	case limit == 0 && swap > 0:
		return errors.New("memswap_limit is of memory and swap together, and there is no mem_limit: docker refuses that")
	case swap > 0 && swap < limit:
		return fmt.Errorf("memswap_limit is %d, and mem_limit %d: it is of memory and swap together, so docker refuses that", swap, limit)
	case limit > 0 && reservation > limit:
		return fmt.Errorf("mem_reservation is %d, and mem_limit %d: docker refuses that", reservation, limit)
	case of.OomScoreAdj < outcome.OOMScoreAdjMin || of.OomScoreAdj > outcome.OOMScoreAdjMax:
		return fmt.Errorf("oom_score_adj is %d: it is from %d to %d", of.OomScoreAdj, outcome.OOMScoreAdjMin, outcome.OOMScoreAdjMax)
	}
	s.Limits = outcome.Limits{Max: outcome.Bytes(limit), Low: outcome.Bytes(reservation)}
	switch {
	case swap > 0:
		s.Limits.Swap = outcome.Bytes(swap - limit)
	case swap < 0 || limit == 0:
		s.Limits.Swap = outcome.Unlimited
	default: // as much as memory
		s.Limits.Swap = outcome.Bytes(limit)
	}
	if pids > 0 {
		s.Limits.Files = map[string]string{"pids.max": strconv.FormatInt(pids, 10)}
	}
	if of.OomScoreAdj != 0 {
		adj := int(of.OomScoreAdj)
		s.OOMScoreAdj = &adj
	}
	s.lostOfCompose(of, max(cpus, float64(of.CPUS)))
	return nil
}

// lostOfCompose notes what a cage with these settings lacks.
func (s *Settings) lostOfCompose(of *types.ServiceConfig, cpus float64) {
	if s.Limits.Max == 0 {
		s.lose("it has no memory limit: there the machine's memory is its limit")
	}
	if cpus > 0 {
		s.loseCPU(cpus)
	} else if of.CPUQuota > 0 {
		s.lose("its CPU time is limited by a quota")
	}
	if of.MemSwappiness != 0 {
		s.lose("mem_swappiness is of cgroup v1, and has no effect on v2, there neither")
	}
	if of.OomKillDisable {
		s.lose("oom_kill_disable is of cgroup v1, and has no effect on v2, there neither")
	}
	if of.ShmSize > 0 {
		s.lose("its /dev/shm has %v at most, and what is written there counts as the container's", outcome.Bytes(of.ShmSize))
	}
	var tmpfs []string
	for _, t := range of.Tmpfs {
		dir, _, _ := strings.Cut(t, ":")
		tmpfs = append(tmpfs, dir)
	}
	for _, v := range of.Volumes {
		if v.Type == types.VolumeTypeTmpfs {
			tmpfs = append(tmpfs, v.Target)
		}
	}
	for _, dir := range tmpfs {
		s.lose("%s is in memory (tmpfs), and what is written to it counts as the container's", dir)
	}
	if len(of.Ulimits) > 0 {
		s.lose("its ulimits: %s", strings.Join(slices.Sorted(maps.Keys(of.Ulimits)), ", "))
	}
	if of.CgroupParent != "" {
		s.lose("the limits of its cgroup_parent")
	}
	if of.Runtime != "" && of.Runtime != "runc" {
		s.lose("the runtime %s may run it in a machine of its own", of.Runtime)
	}
	s.loseEnv(slices.Sorted(maps.Keys(of.Environment)))
	for _, file := range of.EnvFiles {
		s.lose("its environment that comes of %s", filepath.Base(file.Path))
	}
}
