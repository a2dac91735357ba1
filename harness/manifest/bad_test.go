package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestAManifestThatSaysNoLimitsIsRefusedWithTheReason(t *testing.T) {
	pod := func(container string) string { return "kind: Pod\nspec:\n  containers:\n    - name: a\n" + container }
	memory := func(limit string) string { return pod("      resources: {limits: {memory: " + limit + "}}\n") }
	service := func(keys string) string { return "services:\n  a:\n    image: x\n    " + keys + "\n" }
	unit := func(line string) string { return "[Service]\n" + line + "\n" }
	const deployments = `kind: Deployment
metadata: {name: a}
spec: {template: {spec: {containers: [{name: x}]}}}
---
kind: Deployment
metadata: {name: b}
spec: {template: {spec: {containers: [{name: x}, {name: y}]}}}
`
	for _, c := range []struct{ file, text, name, want string }{
		{"a.yaml", "", "", "a.yaml: the file is empty"},
		{"a.yaml", "---\n---\n# nothing\n", "", "the file is empty"},
		{"a.yaml", "a: [", "", "a.yaml: it is no YAML: "},
		{"a.yaml", "kind: {{ .Values.kind }}\n", "", "looks like a template: give what comes of it, as helm template prints it"},
		{"a.yaml", "a: 1\n", "", "a.yaml: it is neither a manifest of Kubernetes, which has a kind, nor a Compose file, which has services; a unit of systemd"},
		{"a.yaml", "[1, 2]\n", "", "is neither a manifest of Kubernetes"},
		{"a.yaml", "kind: Service\nspec: {ports: [{port: 1}]}\n---\nkind: ConfigMap\n", "", "nothing in it has containers: it has the kinds Service, ConfigMap"},
		{"a.yaml", "kind: Pod\nspec: {containers: []}\n", "", "nothing in it has containers"},
		{"a.yaml", "kind: Pod\nspec: {containers: {}}\n", "", "cannot unmarshal !!map"},
		{"a.yaml", "apiVersion: v1\n", "", "line 1: it has no kind"},
		{"a.yaml", "kind: Pod\nspec: {containers: [{image: x}]}\n", "", "a container of Pod/ has no name"},
		{"a.yaml", deployments, "", "it has 3 containers: name one behind a colon, of Deployment/a/x, Deployment/b/x, Deployment/b/y"},
		{"a.yaml", deployments, "x", `2 containers are called "x": name one with its kind and object`},
		{"a.yaml", deployments, "z", `no container is called "z": it has Deployment/a/x`},
		{"a.yaml", pod("") + "    - name: proxy\n", "prox", `no container is called "prox": did you mean proxy? it has Pod/a, Pod/proxy`},
		{"a.yaml", pod("      resources: {limit: {memory: 1Gi}}\n"), "", `line 5: resources have no "limit": did you mean limits? they have limits and requests`},
		{"a.yaml", memory("64MB"), "", `line 5: "64MB" is no quantity: it looks like 64Mi`},
		{"a.yaml", memory("-64Mi"), "", "line 5: -64Mi: it must not be negative"},
		{"a.yaml", memory("[1]"), "", "line 5: a quantity is a number, as 64Mi"},
		{"a.yaml", memory("64m"), "", "its memory limit is 1 bytes, rounded up from a fraction, as m, a thousandth, makes one where Mi is meant, and below 64KiB no program can be executed"},
		{"a.yaml", memory("1.5"), "", "its memory limit is 2 bytes, rounded up from a fraction"},
		{"a.yaml", memory("64"), "", "its memory limit is 64 bytes, and below 64KiB no program can be executed"},
		{"a.yaml", pod("      resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}\n"), "", "its memory request is 2147483648 and above its limit, which is 1073741824: the API refuses that"},

		{"compose.yaml", "services: {}\n", "", "has no services"},
		{"compose.yaml", "services: {a: {image: x}, b: {image: x}}\n", "", "compose.yaml has 2 services: name one behind a colon, of a, b"},
		{"compose.yaml", "services: {web: {image: x}}\n", "wob", `has no service "wob": did you mean web? it has web`},
		{"compose.yaml", service("mem_limit: 64q"), "", "mem_limit' invalid suffix: 'q'"},
		{"compose.yaml", service("mem_limit: 10k"), "", "a: its memory limit is 10240 bytes; below 64KiB no program can be executed"},
		{"compose.yaml", service("memswap_limit: 64m"), "", "there is no mem_limit: docker refuses that"},
		{"compose.yaml", service("mem_limit: 128m\n    memswap_limit: 64m"), "", "it is of memory and swap together, so docker refuses that"},
		{"compose.yaml", service("mem_limit: 64m\n    mem_reservation: 128m"), "", "mem_reservation is 134217728, and mem_limit 67108864: docker refuses that"},
		{"compose.yaml", service("mem_limit: 64m\n    deploy: {resources: {limits: {memory: 128m}}}"), "", "mem_limit"},
		{"compose.yaml", service("oom_score_adj: 2000"), "", "oom_score_adj"},
		{"compose.yaml", service("mem_limits: 64m"), "", "mem_limits"},
		{"compose.yaml", service("mem_limit: $NOBODY_SETS_IT"), "", `invalid size: '' (The "NOBODY_SETS_IT" variable is not set. Defaulting to a blank string)`},
		{"compose.yaml", service("extends: {file: none.yaml, service: a}"), "", "none.yaml"},
		{"compose.yaml", "include: [none.yaml]\n", "", "none.yaml"},

		{"a.service", "MemoryMax=1M\n", "", `a.service:1: "MemoryMax=1M" stands before any section`},
		{"a.service", "[Service\n", "", `a.service:1: "[Service" is no section, as [Service] is`},
		{"a.service", unit("MemoryMax"), "", `a.service:2: "MemoryMax" is neither a section nor NAME=VALUE`},
		{"a.service", unit("MemoryMax=64m"), "", "a.service:2: MemoryMax=64m: it is no size: systemd's look like 64M, 1.5G or 1073741824, with capitals, or infinity"},
		{"a.service", unit("MemoryMax=1\\\n  G G"), "", "a.service:2: MemoryMax=1 G G: it is no size"},
		{"a.service", unit("MemoryMax=512M 1G"), "", "of a size in parts the larger unit stands first"},
		{"a.service", unit("MemoryMax=1 1G"), "", "nothing stands behind bytes"},
		{"a.service", unit("MemoryMax=0"), "", "systemd takes 0 for a mistake, and ignores it"},
		{"a.service", unit("MemoryMax=100"), "", "it is 100 bytes, and below 64KiB no program can be executed"},
		{"a.service", unit("MemoryMax=101%"), "", "a share is from 0% to 100%"},
		{"a.service", unit("MemoryHigh=1.234%"), "", "with two digits behind the point at most"},
		{"a.service", unit("MemoryLow=-1"), "", "it is no size"},
		{"a.service", unit("MemoryMax=16E"), "", "it is out of range"},
		{"a.service", unit("MemoryMax=7E 1024P"), "", "it is out of range"},
		{"a.service", unit("OOMScoreAdjust=1001"), "", "it is a number from -1000 to 1000"},
		{"a.service", unit("OOMPolicy=none"), "", "it is continue, stop or kill"},
		{"a.service", unit("TasksMax=0"), "", "a.service:2: TasksMax=0: it is from 1 on"},
		{"a.service", unit("TasksMax=x"), "", "a.service:2: TasksMax=x: it is no size"},
		{"a.service", unit(""), "x", `there is no "x" to choose: leave it out`},
	} {
		t.Run(strings.ReplaceAll(c.file+" "+c.text, "/", "|"), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			if c.name != "" {
				path += ":" + c.name
			}
			s, err := Read(t.Context(), path, node)
			require.ErrorContains(t, err, c.want, "%+v", s)
		})
	}
}

func TestAByteOrderMarkIsSkippedAsSystemdDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.service")
	require.NoError(t, os.WriteFile(path, []byte("\ufeff[Service]\nMemoryMax=64M\n"), 0o600))
	s, err := Read(t.Context(), path, node)
	require.NoError(t, err)
	require.Equal(t, 64*outcome.MiB, s.Limits.Max)
}

func TestAFileThatIsNoManifestIsRefused(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	f, err := os.Create(large)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(maxManifest+1))
	require.NoError(t, f.Close())
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(dir, "masked.service")))
	for source, want := range map[string]string{
		dir + "/none.yaml": "no such file", dir: "is a folder: name a file in it", dir + "/none.service": "there is no none.service here, and none in " + dir,
		dir + "/masked.service": "masked.service is no regular file: a link to /dev/null masks a unit",
		large:                   "it has more than 16777216 bytes", "": "no such file", ":": "no such file", dir + "/none.yaml:": "no such file",
	} {
		_, err := Read(t.Context(), source, node)
		require.ErrorContains(t, err, want, "%q", source)
	}
	_, err = unitFile("a.socket", node)
	require.ErrorContains(t, err, "its name ends in .service, .scope or .slice")
}

func TestANodeThatMakesNoSenseIsRefused(t *testing.T) {
	for _, n := range []Node{{}, {Memory: -1}, {Memory: gib, Swap: -1}, {Memory: gib, Allocatable: 2 * gib}, {Memory: gib, ThrottlingFactor: 2}, {Memory: gib, ThrottlingFactor: -1}} {
		require.Error(t, n.Validate(), "%+v", n)
		_, err := Read(t.Context(), "testdata/kubernetes/guaranteed.yaml", n)
		require.Error(t, err)
	}
}

// A file whose name has a colon is found as it is called.
func TestAColonMayBePartOfAFilesName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a:b.yaml")
	require.NoError(t, os.WriteFile(path, []byte("kind: Pod\nspec: {containers: [{name: x}]}\n"), 0o600))
	s, err := Read(t.Context(), path, node)
	require.NoError(t, err)
	require.Equal(t, "Pod/x", s.Name)
	require.Equal(t, path, File(path))
	require.Equal(t, path, File(path+":x"))
}

// Whatever a file holds, it is read or refused, and limits that come of it are in order.
func FuzzKubernetes(f *testing.F) {
	files, _ := filepath.Glob("testdata/kubernetes/*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text, "app")
	}
	n := node
	n.LimitedSwap, n.ThrottlingFactor = true, 0.9
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		s, err := kubernetesFile(text, name, n)
		if err != nil {
			return
		}
		require.NoError(t, s.Limits.Validate())
		require.True(t, *s.OOMScoreAdj >= -997 && *s.OOMScoreAdj <= 1000)
	})
}

func FuzzUnit(f *testing.F) {
	for _, text := range []string{"MemoryMax=1.5G\nMemoryLow=1G 5M 3", "MemoryHigh=12.34%", "MemoryMax=infinity\nTasksMax=3\\\n#x\n0", "MemorySwapMax=9999999999999999999"} {
		f.Add("[Service]\n" + text + "\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseUnit("x", text, "Service")
		if err != nil {
			return
		}
		u := unit{node: node}
		for _, a := range lines {
			if u.set(a) != nil {
				return
			}
		}
		u.finish()
		require.NoError(t, u.Limits.Validate())
	})
}

func FuzzQuantity(f *testing.F) {
	for _, text := range []string{"64Mi", "1.5Gi", "1e9", "100m", "1E"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := parseQuantity(text); err == nil && q.Sign() > 0 {
			require.Positive(t, q.value())
		}
	})
}
