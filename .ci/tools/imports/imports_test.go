// Package imports states which packages of oomcage may come into another, however far away: what depguard, which sees one
// file at a time, cannot.
package imports

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rules are the rooms, the lowest first. A package has what is listed of this module below it, and nothing else; of others it
// has not what is denied.
var rules = []struct {
	pkg  string
	has  []string // of this module
	bans []string // of others; a path ends with a slash where all below it is meant
	goos []string // for which it is built
}{
	{"harness/outcome", []string{"harness/internal/bar", "harness/internal/human", "harness/internal/nearest", "harness/internal/printable", "harness/internal/secret", "harness/internal/testlog"},
		[]string{"golang.org/x/sys/", "net/http", "net", "testing", "os/exec", "github.com/stretchr/testify/", "github.com/containerd/"}, everywhere},
	{"harness/sweep", []string{"harness/outcome", "harness/internal/bar", "harness/internal/human", "harness/internal/nearest", "harness/internal/printable", "harness/internal/secret", "harness/internal/shell", "harness/internal/testlog"},
		[]string{"golang.org/x/sys/unix", "net/http", "testing", "github.com/containerd/"}, elsewhere},
	{"harness/report", []string{"harness/sweep", "harness/outcome", "harness/internal/bar", "harness/internal/chart", "harness/internal/human", "harness/internal/nearest", "harness/internal/printable", "harness/internal/secret", "harness/internal/shell", "harness/internal/testlog"},
		[]string{"golang.org/x/sys/unix", "golang.org/x/perf/", "net/http", "testing", "github.com/containerd/"}, elsewhere},
	{"harness/compare", []string{"harness/sweep", "harness/outcome", "harness/internal/bar", "harness/internal/chart", "harness/internal/human", "harness/internal/nearest", "harness/internal/printable", "harness/internal/secret", "harness/internal/shell", "harness/internal/testlog"},
		[]string{"golang.org/x/sys/unix", "gonum.org/", "net/http", "testing", "github.com/containerd/"}, elsewhere},
	{"harness/manifest", []string{"harness/outcome", "harness/internal/bar", "harness/internal/human", "harness/internal/nearest", "harness/internal/printable", "harness/internal/secret", "harness/internal/testlog", "harness/internal/unitname"},
		[]string{"net/http", "testing", "github.com/containerd/", "k8s.io/"}, []string{"linux", "darwin"}},
	{"harness", []string{"harness/outcome", "harness/internal/bar", "harness/internal/human", "harness/internal/nearest", "harness/internal/advise", "harness/internal/cgroup", "harness/internal/engine", "harness/internal/gobuild", "harness/internal/guest", "harness/internal/kmsg", "harness/internal/kubelet",
		"harness/internal/patience", "harness/internal/printable", "harness/internal/printing", "harness/internal/secret", "harness/internal/shell", "harness/internal/sys", "harness/internal/testlog"},
		[]string{"github.com/spf13/", "github.com/gin-gonic/", "gonum.org/", "golang.org/x/perf/", "github.com/compose-spec/"}, []string{"linux"}},
	{"app", nil, []string{"github.com/containerd/"}, []string{"linux"}},
}

var (
	elsewhere  = []string{"darwin", "windows", "js"}
	everywhere = append([]string{"linux"}, elsewhere...)
)

func TestNoArrowPointsUp(t *testing.T) {
	module := ownModule(t)
	for _, r := range rules {
		for _, goos := range r.goos {
			for _, dep := range closure(t, goos, r.pkg) {
				if own, ok := strings.CutPrefix(dep, module+"/"); ok {
					if own != r.pkg && !slices.Contains(r.has, own) {
						t.Errorf("%s/%s imports %s, by one package or another (GOOS=%s)", module, r.pkg, dep, goos)
					}
					continue
				}
				for _, banned := range r.bans {
					if dep == banned || strings.HasSuffix(banned, "/") && strings.HasPrefix(dep+"/", banned) {
						t.Errorf("%s/%s imports %s, by one package or another (GOOS=%s)", module, r.pkg, dep, goos)
					}
				}
			}
		}
	}
}

// ownModule is the path of the module, whatever it is called.
func ownModule(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m")
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// closure lists all that a package imports, itself included.
func closure(t *testing.T, goos, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+pkg)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	if goos == "js" {
		cmd.Env = append(cmd.Env, "GOARCH=wasm")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return strings.Fields(string(out))
}
