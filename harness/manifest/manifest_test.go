package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

const (
	kib = outcome.KiB
	mib = outcome.MiB
	gib = outcome.GiB
)

// node is a machine of 16 GiB, with 4 GiB of swap.
var node = Node{Memory: 16 * gib, Swap: 4 * gib}

func mustRead(t *testing.T, source string, n Node) *Settings {
	t.Helper()
	s, err := Read(t.Context(), "testdata/"+source, n)
	require.NoError(t, err)
	return s
}

func TestAContainerHasTheLimitsOfItsManifest(t *testing.T) {
	for source, want := range map[string]struct {
		name, class string
		limits      outcome.Limits
		adj         int
		lost        []string
	}{
		"kubernetes/deployment.yaml:app": {
			"Deployment/web/app", "Burstable", outcome.Limits{Max: 2 * gib, OOMGroup: true}, 938, // 1000 - 1000/16, as the kubelet cuts it
			[]string{
				"beside it run proxy, and the pod has a limit over all of them where each has one", "its CPU time is limited to 1.5 CPUs",
				"the volume cache is in memory, and what is written to it counts as the container's",
				"a kubelet kills it when its liveness probe fails", "its environment: GOMEMLIMIT, DATABASE_URL",
			},
		},
		// A sidecar goes no sooner than what it is there for: 998 by its own request.
		"kubernetes/deployment.yaml:proxy": {
			"Deployment/web/proxy", "Burstable", outcome.Limits{Max: 64 * mib, OOMGroup: true}, 938,
			[]string{"beside it run app, and the pod has a limit over all of them where each has one"},
		},
		// What is not requested is as much as the limit.
		"kubernetes/deployment.yaml:web/migrate": {
			"Deployment/web/migrate", "Burstable", outcome.Limits{Max: 256 * mib, OOMGroup: true}, 985, nil, // proxy starts when it has ended
		},
		"kubernetes/guaranteed.yaml": {
			"Pod/db/postgres", "Guaranteed", outcome.Limits{Max: 4 * gib, OOMGroup: true}, -997,
			[]string{"its CPU time is limited to 2 CPUs", "it has hugepages-2Mi, which memory.max does not count"},
		},
		"kubernetes/besteffort.yaml": {
			"CronJob/backup/dump", "BestEffort", outcome.Limits{OOMGroup: true}, 1000,
			[]string{
				"it has no memory limit: there the node's memory is its limit, or a kubelet that evicts, or what a LimitRange of its namespace adds",
				"the runtime class gvisor may run it in a machine of its own",
			},
		},
		// The annotation says which; the pod's limit is the container's that has none, and the GiB that no container requests is
		// shared by two: 1000 - 1000*0.5/16.
		"kubernetes/podlevel.yaml": {
			"Pod/shared/worker", "Burstable", outcome.Limits{Max: 4 * gib, OOMGroup: true}, 969,
			[]string{
				"beside it run exporter, and the pod has a limit over all of them where each has one",
				"the pod has resources of its own, which its containers share",
			},
		},
		"kubernetes/critical.yaml": {"DaemonSet/cni/agent", "Burstable", outcome.Limits{Max: 100_000_000, OOMGroup: true}, -997, nil},
		"kubernetes/list.json:cache/redis": {
			"StatefulSet/cache/redis", "Burstable", outcome.Limits{Max: 100_000_000, OOMGroup: true}, 997, nil,
		},
		"kubernetes/list.json:Job/fill/redis": {
			"Job/fill/redis", "Burstable", outcome.Limits{Max: 512 * mib, OOMGroup: true}, 969, nil,
		},
	} {
		t.Run(source, func(t *testing.T) {
			s := mustRead(t, source, node)
			file, _, _ := strings.Cut(source, ":")
			assert.Equal(t, &Settings{
				Name: want.name, Files: []string{"testdata/" + file}, Limits: want.limits, OOMScoreAdj: &want.adj, QoS: want.class, Lost: want.lost,
			}, s)
		})
	}
}

// A file may have an object of one name in several namespaces, and a name says which is meant.
func TestContainersOfOneNameAreToldApartByTheirNamespaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.yaml")
	var text strings.Builder
	for namespace, limit := range map[string]int{"namespace: test": 64, "namespace: prod": 65, "labels: {}": 66} {
		fmt.Fprintf(&text, "kind: Deployment\nmetadata: {name: web, %s}\nspec: {template: {spec: {containers: [{name: app, resources: {limits: {memory: %dMi}}}]}}}\n---\n", namespace, limit)
	}
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	for name, limit := range map[string]outcome.Bytes{"test/Deployment/web/app": 64, "prod/Deployment/web/app": 65, "Deployment/web/app": 66} {
		s, err := Read(t.Context(), path+":"+name, node)
		require.NoError(t, err)
		require.Equal(t, name, s.Name)
		require.Equal(t, limit*mib, s.Limits.Max)
	}
}

func TestAKubeletThatIsSetUpOtherwiseMakesOtherLimits(t *testing.T) {
	app := "kubernetes/deployment.yaml:app"
	with := func(change func(n *Node)) Node {
		n := node
		change(&n)
		return n
	}
	require.False(t, mustRead(t, app, with(func(n *Node) { n.SingleProcessOOMKill = true })).Limits.OOMGroup)

	swapping := with(func(n *Node) { n.LimitedSwap = true })
	require.Equal(t, 256*mib, mustRead(t, app, swapping).Limits.Swap, "1 of 16 GiB is requested, so a sixteenth of the swap")
	for _, none := range []string{"deployment.yaml:migrate", "guaranteed.yaml", "besteffort.yaml", "critical.yaml"} {
		require.Zero(t, mustRead(t, "kubernetes/"+none, swapping).Limits.Swap, none)
	}

	throttling := with(func(n *Node) { n.ThrottlingFactor = 0.9 })
	l := mustRead(t, app, throttling).Limits
	require.Equal(t, gib, l.Min)
	require.Equal(t, outcome.Bytes(2040107008), l.High, "1 GiB and 90 % of the GiB above it, down to a page")
	require.Zero(t, mustRead(t, "kubernetes/guaranteed.yaml", throttling).Limits.High)
	require.Zero(t, mustRead(t, "kubernetes/besteffort.yaml", throttling).Limits.High, "the kubelet takes none and none for the same")
	throttling.Allocatable = 10 * gib
	s, err := kubernetesFile([]byte("{kind: Pod, spec: {containers: [{name: a, resources: {requests: {memory: 1Gi}}}]}}"), "", throttling)
	require.NoError(t, err)
	require.Equal(t, outcome.Bytes(math9(1*gib, 10*gib)), s.Limits.High)

	small := with(func(n *Node) { n.Memory = gib })
	require.Equal(t, 3, *mustRead(t, app, small).OOMScoreAdj, "never as low as that of a Guaranteed pod")
}

// math9 is the formula of the feature, in whole numbers.
func math9(request, upTo outcome.Bytes) int64 {
	return int64((request + (upTo-request)*9/10) / 4096 * 4096)
}

func TestAServiceHasTheLimitsOfItsComposeFile(t *testing.T) {
	t.Setenv("WEB_MEMORY", "") // .env counts where the environment has nothing
	require.NoError(t, os.Unsetenv("WEB_MEMORY"))
	adj := 500
	for service, want := range map[string]Settings{
		"web": {
			Limits: outcome.Limits{Max: 100 * mib, Low: 50 * mib, Swap: 100 * mib, Files: map[string]string{"pids.max": "64"}},
			Lost:   []string{"its CPU time is limited to 0.5 CPUs", "its environment: LOG_LEVEL"},
		},
		"worker": {
			Limits: outcome.Limits{Max: 256 * mib, Low: 100 * mib, Swap: 44 * mib}, OOMScoreAdj: &adj,
			Lost: []string{
				"mem_swappiness is of cgroup v1, and has no effect on v2, there neither", "oom_kill_disable is of cgroup v1, and has no effect on v2, there neither",
				"its environment that comes of secrets.env",
			},
		},
		"builder": {
			Limits: outcome.Limits{Max: gib, Swap: outcome.Unlimited},
			Lost: []string{
				"its /dev/shm has 64MiB at most, and what is written there counts as the container's",
				"/tmp is in memory (tmpfs), and what is written to it counts as the container's", "its ulimits: nofile",
			},
		},
		"plain": {Limits: outcome.Limits{Swap: outcome.Unlimited}, Lost: []string{"it has no memory limit: there the machine's memory is its limit"}},
		"mail":  {Limits: outcome.Limits{Max: 64 * mib, Swap: 64 * mib}},
	} {
		t.Run(service, func(t *testing.T) {
			want.Name, want.Files = service, []string{"testdata/compose/compose.yaml"}
			assert.Equal(t, &want, mustRead(t, "compose/compose.yaml:"+service, node))
		})
	}
	t.Setenv("WEB_MEMORY", "200M")
	require.Equal(t, 200*mib, mustRead(t, "compose/compose.yaml:web", node).Limits.Max)
}

func TestAUnitHasTheLimitsOfItsFileAndDropIns(t *testing.T) {
	adj := -500
	for unit, want := range map[string]Settings{
		"shop-web.service": {
			Files: []string{"shop-web.service", "shop-web.service.d/10-swap.conf", "shop-.service.d/50-cpu.conf", "shop-web.service.d/90-max.conf"},
			Limits: outcome.Limits{
				Max: 1536 * mib, High: 8 * gib, Low: 64 * mib, Min: 4 * mib, OOMGroup: true, Files: map[string]string{"pids.max": "512"},
			},
			OOMScoreAdj: &adj,
			Lost: []string{
				"the limits of the slice shop.slice above it", "its CPU time is limited to 150% of one CPU",
				"its environment: GOMEMLIMIT, JAVA_TOOL_OPTIONS, LOG_LEVEL",
			},
		},
		"old.service": {
			Files:  []string{"old.service", "service.d/50-cpu.conf"},
			Limits: outcome.Limits{Max: 2 * gib, Swap: outcome.Unlimited},
			Lost:   []string{"TasksMax=10% is a share of what the machine allows"},
		},
		"session.scope": {
			Files:  []string{"session.scope"},
			Limits: outcome.Limits{Swap: 62914 * 4 * kib, Min: outcome.Unlimited},
			Lost: []string{
				"it has no MemoryMax: there the slice above it or the machine's memory is its limit",
				"OOMPolicy=stop, the default from systemd 253 on: systemd stops what is left of it when one of its processes was killed",
			},
		},
		"getty@tty1.service": {
			Files:  []string{"getty@.service", "service.d/50-cpu.conf"},
			Limits: outcome.Limits{Max: 2 * gib, Swap: outcome.Unlimited},
			Lost:   []string{"OOMPolicy=stop, the default: systemd stops what is left of it when one of its processes was killed"},
		},
	} {
		t.Run(unit, func(t *testing.T) {
			want.Name = unit
			for i, file := range want.Files {
				want.Files[i] = "testdata/systemd/" + file
			}
			assert.Equal(t, &want, mustRead(t, "systemd/"+unit, node))
		})
	}
}

// What is named and not here is looked for where systemd does: /run goes before /usr/lib, and so do its drop-ins.
func TestAUnitThatIsNotHereIsLookedForWhereSystemdDoes(t *testing.T) {
	root := t.TempDir()
	old := unitFolders
	t.Cleanup(func() { unitFolders = old })
	unitFolders = []string{root + "/etc", root + "/run", root + "/usr"}
	for file, text := range map[string]string{
		"run/a.service": "MemoryMax=2M", "usr/a.service": "MemoryMax=3M", "usr/a.service.d/1.conf": "MemoryHigh=1M", "etc/a.service.d/1.conf": "MemoryLow=1M",
		"usr/a.service.d/2.conf": "MemoryMin=1M",
	} {
		path := filepath.Join(root, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("[Service]\n"+text+"\n"), 0o600))
	}
	s, err := Read(t.Context(), "a.service", node)
	require.NoError(t, err)
	require.Equal(t, outcome.Limits{Max: 2 * mib, Low: mib, Min: mib, Swap: outcome.Unlimited}, s.Limits)
	_, err = Read(t.Context(), "b.service", node)
	require.ErrorContains(t, err, "there is no b.service here, and none in "+root+"/etc, ")
}

// An instance has no file of its own: its template is what is here, or is not.
func TestAnInstanceIsHereWhereItsTemplateIs(t *testing.T) {
	old := unitFolders
	t.Cleanup(func() { unitFolders = old })
	unitFolders = []string{t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(unitFolders[0], "web@.service"), []byte("[Service]\nMemoryMax=2M\n"), 0o600))
	t.Chdir(t.TempDir())
	s, err := Read(t.Context(), "web@1.service", node)
	require.NoError(t, err)
	require.Equal(t, 2*mib, s.Limits.Max)
	require.NoError(t, os.WriteFile("web@.service", []byte("[Service]\nMemoryMax=3M\n"), 0o600))
	s, err = Read(t.Context(), "web@1.service", node)
	require.NoError(t, err)
	require.Equal(t, 3*mib, s.Limits.Max)
}

// Of two drop-ins of one name that of /etc counts, whatever they are of; in one folder the more special one does; and those of all
// units of a kind come last.
func TestOfDropInsOfOneNameThatOfTheMoreImportantFolderCounts(t *testing.T) {
	root := t.TempDir()
	old := unitFolders
	t.Cleanup(func() { unitFolders = old })
	unitFolders = []string{root + "/etc", root + "/usr"}
	for file, text := range map[string]string{
		"etc/a-b@.service": "MemoryMax=9M", "usr/a-b@c.service": "MemoryMax=8M", // an instance's own file before the template's
		"etc/a-.service.d/1.conf": "MemoryHigh=1M", "usr/a-b@c.service.d/1.conf": "MemoryHigh=2M",
		"etc/a-@.service.d/2.conf": "MemoryLow=1M", "etc/a-@c.service.d/2.conf": "MemoryLow=2M",
		"etc/service.d/3.conf": "MemoryMin=1M", "usr/a-b@.service.d/3.conf": "MemoryMin=2M",
	} {
		path := filepath.Join(root, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("[Service]\n"+text+"\n"), 0o600))
	}
	s, err := Read(t.Context(), "a-b@c.service", node)
	require.NoError(t, err)
	require.Equal(t, outcome.Limits{Max: 8 * mib, High: mib, Low: 2 * mib, Min: 2 * mib, Swap: outcome.Unlimited}, s.Limits)
}

func TestMemoryLimitIsOfVersion1AndSaid(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.service")
	require.NoError(t, os.WriteFile(path, []byte("[Service]\nMemoryLimit=64M\n"), 0o600))
	s, err := unitFile(path, node)
	require.NoError(t, err)
	require.Zero(t, s.Limits.Max)
	require.Contains(t, s.Lost, "MemoryLimit is of cgroup v1: systemd takes it for MemoryMax up to version 255, and ignores it from 256 on")
}

func TestQuantitiesAreWhatTheAPITakesThemFor(t *testing.T) {
	table, err := os.ReadFile("testdata/quantities")
	require.NoError(t, err)
	for line := range strings.Lines(string(table)) {
		text, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got := "none"
		if q, err := parseQuantity(text); err == nil {
			got = strconv.FormatInt(q.value(), 10)
		}
		require.Equal(t, want, got, "%q", text)
	}
	// Of these the API makes 0 or a negative number, by what an int64 holds.
	for _, text := range []string{"12E", "1e30", "9223372036854775808", "1e99999999"} {
		q, err := parseQuantity(text)
		require.NoError(t, err)
		require.Equal(t, outcome.Unlimited, outcome.Bytes(q.value()), text)
	}
	// And these it takes for 0.
	for _, text := range []string{".", "Mi", "e3"} {
		_, err := parseQuantity(text)
		require.Error(t, err, text)
	}
}

func TestThisNodeIsThisMachine(t *testing.T) {
	n, err := ThisNode()
	require.NoError(t, err)
	require.NoError(t, n.Validate())
	require.Equal(t, outcome.Bytes(os.Getpagesize()), n.pageSize())
}
