package manifest

import (
	"errors"
	"fmt"
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
	all := func(resources, container string) string {
		return "kind: Pod\nspec:\n  resources: " + resources + "\n  containers: [{name: a, resources: " + container + "}, {name: b, resources: {requests: {cpu: 2}}}]\n"
	}
	service := func(keys string) string { return "services:\n  a:\n    image: x\n    " + keys + "\n" }
	unit := func(line string) string { return "[Service]\n" + line + "\n" }
	const deployments = `kind: Deployment
metadata: {name: a}
spec: {template: {spec: {containers: [{name: x}]}}}
---
kind: Deployment
metadata: {name: b}
spec: {template: {spec: {containers: [{name: y}, {name: x}]}}}
`
	const twice = `kind: Deployment
metadata: {name: a}
spec: {template: {spec: {containers: [{name: x}]}}}
---
kind: Deployment
metadata: {name: a}
spec: {template: {spec: {containers: [{name: x}]}}}
`
	inNamespaces := strings.Replace(strings.ReplaceAll(twice, "a}\ns", "a, namespace: prod}\ns"), "prod", "test", 1)
	const defaults = `kind: Pod
metadata: {name: a, annotations: {kubectl.kubernetes.io/default-container: x}}
spec: {containers: [{name: x}, {name: y}]}
---
kind: Pod
metadata: {name: b, annotations: {kubectl.kubernetes.io/default-container: x}}
spec: {containers: [{name: x}, {name: y}]}
`
	bomb := "x0: &x0 [a, b, c, d, e, f, g, h]\n"
	for i := 1; i < 10; i++ {
		bomb += fmt.Sprintf("x%d: &x%d [%s*x%d]\n", i, i, strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 7), i-1)
	}
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
		{"a.yaml", deployments, "", "it has 3 containers: name one behind a colon, of Deployment/a/x, Deployment/b/y, Deployment/b/x"},
		{"a.yaml", deployments, "x", `2 containers are called "x": name one with its kind and object, of Deployment/a/x, Deployment/b/x`},
		{"a.yaml", inNamespaces, "", "it has 2 containers: name one behind a colon, of test/Deployment/a/x, prod/Deployment/a/x"},
		{"a.yaml", inNamespaces, "a/x", `2 containers are called "a/x": name one with its kind and object, of test/Deployment/a/x, prod/Deployment/a/x`},
		{"a.yaml", twice, "Deployment/a/x", "2 containers are called Deployment/a/x, of the objects that begin on the lines 1, 5: leave one of them in the file, or give each a namespace"},
		{"a.yaml", defaults, "", "2 containers are the default ones of their pods: name one behind a colon, of Pod/a/x, Pod/b/x"},
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
		{"a.yaml", pod("      resources: {requests: {memory: 1Gi}, limits: {memory: 0}}\n"), "", "its memory request is 1073741824 and above its limit, which is 0: the API refuses that"},
		{"a.yaml", pod("      resources: {requests: {cpu: 900m}, limits: {cpu: 500m}}\n"), "", "its cpu request is 0.9 and above its limit, which is 0.5: the API refuses that"},
		{"a.yaml", all("{}", "{requests: {cpu: 2}, limits: {cpu: 1}}"), "b", "the cpu request is 2 and above its limit, which is 1 of a beside it: the API refuses that"},
		{"a.yaml", all("{requests: {memory: 2Gi}, limits: {memory: 1Gi}}", "{}"), "a", "the pod's memory request is 2147483648 and above its limit, which is 1073741824: the API refuses that"},
		{"a.yaml", all("{requests: {cpu: 3}}", "{requests: {cpu: 2}}"), "a", "the pod's cpu request is 3, and its containers together request 4: the API refuses that"},
		{"a.yaml", all("{limits: {memory: 1Gi}}", "{requests: {memory: 1Gi}, limits: {memory: 2Gi}}"), "a", "the pod's memory limit is 1073741824, and that of a is 2147483648: the API refuses that"},
		{"a.yaml", pod("      resource: {limits: {memory: 1Gi}}\n"), "", `line 5: a container has no "resource": did you mean resources?`},
		{"a.yaml", pod("      resources: {limits: {Memory: 1Gi}}\n"), "", `line 5: no resource is called "Memory": did you mean memory? the API has cpu, memory, ephemeral-storage`},
		{"a.yaml", "kind: Pod\nspec: {os: {name: windows}, containers: [{name: a}]}\n", "", "Pod/ is for Windows, which has no cgroups"},
		{"a.yaml", "kind: Kustomization\nresources: [b.yaml]\n", "", "it has the kinds Kustomization; give what comes of it, as kubectl kustomize prints it"},
		{"a.yaml", "kind: Pod\nspec: {containers: [{name: [], image: []}, {name: []}, {name: []}, {name: []}]}\n", "", "; and 1 more"},
		{"a.yaml", "kind: List\nitems: &i\n- kind: List\n  items: *i\n", "", "line 2: &i holds itself"},
		{"a.yaml", "kind: Pod\nspec: &s {containers: [{name: a, resources: *s}]}\n", "", "line 2: &s holds itself"},
		{"a.yaml", "kind: Pod\nx: &a {<<: *a}\n", "", "line 2: &a holds itself"},
		{"a.yaml", "kind: Pod\n" + bomb + "spec: {containers: *x9}\n", "", "its aliases make it larger than 4194304 nodes"},
		{"a.yaml", strings.Repeat("{kind: List, items: [", 12) + strings.Repeat("]}", 12), "", "lists lie in lists, more than 10 deep"},
		{"a.yaml", "kind: Pod\nspec: " + strings.Repeat("[", 20_000), "", "exceeded max depth"},
		{"compose.yaml", bomb + "services: {a: {image: x, labels: *x9}}\n", "", "its aliases make it larger than 4194304 nodes"},

		{"compose.yaml", "services: {}\n", "", "has no services"},
		{"compose.yaml", "services: {a: {image: x}, b: {image: x}}\n", "", "compose.yaml has 2 services: name one behind a colon, of a, b"},
		{"compose.yaml", "services: {web: {image: x}}\n", "wob", `has no service "wob": did you mean web? it has web`},
		{"compose.yaml", service("mem_limit: 64q"), "", "mem_limit' invalid suffix: 'q'"},
		{"compose.yaml", service("mem_limit: 10k"), "", "a: mem_limit is 10240 bytes, and mem_reservation 0: docker refuses less than 6291456"},
		{"compose.yaml", service("mem_reservation: 1m"), "", "mem_limit is 0 bytes, and mem_reservation 1048576: docker refuses less than 6291456"},
		{"compose.yaml", service("memswap_limit: 64m"), "", "there is no mem_limit: docker refuses that"},
		{"compose.yaml", service("mem_limit: 128m\n    memswap_limit: 64m"), "", "it is of memory and swap together, so docker refuses that"},
		{"compose.yaml", service("mem_limit: 64m\n    mem_reservation: 128m"), "", "mem_reservation is 134217728, and mem_limit 67108864: docker refuses that"},
		{"compose.yaml", service("mem_limit: 64m\n    deploy: {resources: {limits: {memory: 128m}}}"), "", "mem_limit"},
		{"compose.yaml", service("mem_limit: 5%"), "", "decoding failed due to the following error(s): 'services[a].mem_limit' invalid suffix: '%'"},
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
		{"a.service", unit("TasksMax=0"), "", "a.service:2: TasksMax=0: it is a number from 1 on, a share as 10%, or infinity"},
		{"a.service", unit("TasksMax=x"), "", "a.service:2: TasksMax=x: it is a number from 1 on"},
		{"a.service", unit("TasksMax=1K"), "", "a.service:2: TasksMax=1K: it is a number from 1 on"},
		{"a.service", unit("OOMScoreAdjust=1_0"), "", "it is a number from -1000 to 1000"},
		{"a.service", unit(""), "x", `there is no "x" to choose: leave it out`},
	} {
		name := strings.ReplaceAll(c.file+" "+c.text, "/", "|")
		t.Run(name[:min(len(name), 150)], func(t *testing.T) {
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

// A file is read however an editor or a program has written it, and a number is what the API gets of it.
func TestAFileIsReadHoweverItIsWritten(t *testing.T) {
	const pod = "kind: Pod\nspec:\n  containers:\n  - name: a\n    resources:\n      limits: {memory: 64Mi}\n"
	memory := func(limit string) string { return strings.ReplaceAll(pod, "64Mi", limit) }
	const service = "services:\n  a:\n    image: x\n    mem_limit: 64m\n"
	for name, c := range map[string]struct{ file, text string }{
		"a unit with a byte order mark":    {"a.service", "\ufeff[Service]\nMemoryMax=64M\n"},
		"a unit with CRLF":                 {"a.service", "[Service]\r\nMemoryMax=63M \\\r\n  1024K\r\n"},
		"a unit's size with a space":       {"a.service", "[Service]\nMemoryMax=64 M\n"},
		"a unit's size with a bare point":  {"a.service", "[Service]\nMemoryMax=64.M\n"},
		"a backslash that is escaped":      {"a.service", "[Service]\nEnvironment=DIR=C:\\\\\nMemoryMax=64M\n"},
		"a backslash before a space":       {"a.service", "[Service]\nExecStart=/bin/a \\ \nMemoryMax=64M\n"},
		"three backslashes":                {"a.service", "[Service]\nMemoryMax=64M\nEnvironment=DIR=C:\\\\\\\nMemoryMax=1M\n"},
		"a comment that ends the file":     {"a.service", "[Service]\nMemoryMax=64M \\\n# no more"},
		"YAML with a byte order mark":      {"a.yaml", "\ufeff" + pod},
		"YAML with CRLF":                   {"a.yaml", strings.ReplaceAll(pod, "\n", "\r\n")},
		"Compose with a byte order mark":   {"a.yaml", "\ufeff" + service},
		"Compose with CRLF":                {"a.yaml", strings.ReplaceAll(service, "\n", "\r\n")},
		"several documents":                {"a.yaml", "---\n# nothing\n---\nkind: Service\nspec: {ports: []}\n---\n" + pod + "---\n"},
		"an anchor, merged":                {"a.yaml", "x: &r {limits: {memory: 64Mi}}\nkind: Pod\nspec: {containers: [{name: a, resources: {<<: *r, requests: {memory: 1Mi}}}]}\n"},
		"aliases that are many, but small": {"a.yaml", "x: &r {limits: {memory: 64Mi}}\n" + strings.TrimSuffix(pod, "\n") + "\n  initContainers: [" + strings.Repeat("{name: b, resources: *r}, ", 5000) + "]\n"},
		"JSON with tabs":                   {"a.json", "{\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"containers\": [{\"name\": \"a\", \"resources\": {\"limits\": {\"memory\": 67108864}}}]\n\t}\n}\n"},
		"JSON with an escaped slash":       {"a.json", `{"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "x\/y", "resources": {"limits": {"memory": "64Mi"}}}]}}`},
		"JSON documents without a ---":     {"a.json", `{"kind": "Service"}{"kind": "Pod", "spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": 67108864}}}]}}`},
		"a PodList":                        {"a.json", `{"kind": "PodList", "items": [{"spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": "64Mi"}}}]}}]}`},
		"a DeploymentList":                 {"a.yaml", "{kind: DeploymentList, items: [{spec: {template: {spec: {containers: [{name: a, resources: {limits: {memory: 64Mi}}}]}}}}]}"},
		"an octal number":                  {"a.yaml", memory("0400000000")},
		"a hexadecimal number":             {"a.yaml", memory("0x4000000")},
		"a number with underscores":        {"a.yaml", memory("67_108_864")},
		"a number with an exponent":        {"a.yaml", memory("6.7108864e+07")},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			source := path
			if strings.HasPrefix(name, "aliases") {
				source += ":a"
			}
			s, err := Read(t.Context(), source, node)
			require.NoError(t, err)
			require.Equal(t, 64*outcome.MiB, s.Limits.Max)
		})
	}
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

// A manifest may come of a pipe, as of helm template; docker compose reads files.
func TestAManifestMayBeAPipe(t *testing.T) {
	for text, want := range map[string]string{
		"{kind: Pod, spec: {containers: [{name: a}]}}": "", "services: {a: {image: x}}": "is no regular file, as a Compose file is",
	} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = w.WriteString(text)
		require.NoError(t, errors.Join(err, w.Close()))
		_, err = Read(t.Context(), fmt.Sprint("/dev/fd/", r.Fd()), node)
		require.NoError(t, r.Close())
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
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
