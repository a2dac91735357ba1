// Package kubernetes holds docs/kubernetes.md, and the manifests that tests read, to the API's own types.
package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestTheManifestIsWhatTheAPITakes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/kubernetes.md has %d manifests, and one is looked at", len(blocks))
	}
	documents := strings.Split(blocks[0][1], "\n---\n")
	if len(documents) != 2 {
		t.Fatalf("the manifest has %d documents, not a Job and a claim", len(documents))
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict([]byte(documents[0]), &job); err != nil {
		t.Fatal(err)
	}
	var claim corev1.PersistentVolumeClaim
	if err := yaml.UnmarshalStrict([]byte(documents[1]), &claim); err != nil {
		t.Fatal(err)
	}
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || claim.APIVersion != "v1" || claim.Kind != "PersistentVolumeClaim" {
		t.Errorf("the kinds are %s %s and %s %s", job.APIVersion, job.Kind, claim.APIVersion, claim.Kind)
	}
	if job.Spec.CompletionMode == nil || *job.Spec.CompletionMode != batchv1.IndexedCompletion {
		t.Error("the Job is not Indexed: its pods would not know which shard they are")
	}
	container := job.Spec.Template.Spec.Containers[0]
	total := ""
	for _, e := range container.Env {
		if e.Name == "JOB_COMPLETION_TOTAL" {
			total = e.Value
		}
	}
	if job.Spec.Completions == nil || strconv.Itoa(int(*job.Spec.Completions)) != total {
		t.Errorf("JOB_COMPLETION_TOTAL is %q, and the completions are another number", total)
	}
	if c := container.SecurityContext; c == nil || c.Privileged == nil || !*c.Privileged {
		t.Error("the pod is not privileged: it could make no cgroups")
	}
	if volume := job.Spec.Template.Spec.Volumes[0].PersistentVolumeClaim; volume == nil || volume.ClaimName != claim.Name {
		t.Error("the Job's volume is not the claim's")
	}
}

// What oomcage bisect prints is a part of a container.
func TestTheLimitsOfASearchAreWhatTheAPITakes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/bisect.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/bisect.md has %d manifests, and one is looked at", len(blocks))
	}
	var c corev1.Container
	if err := yaml.UnmarshalStrict([]byte(blocks[0][1]), &c); err != nil {
		t.Fatal(err)
	}
	if got := c.Resources.Limits.Memory().Value(); got != 200<<20 {
		t.Errorf("the limit is %d bytes, not 200 MiB", got)
	}
	if !c.Resources.Requests.Memory().Equal(*c.Resources.Limits.Memory()) {
		t.Error("the request is not the limit")
	}
	if len(c.Env) != 1 || c.Env[0].Name != "GOMEMLIMIT" || c.Env[0].Value != "180MiB" {
		t.Errorf("the environment is %v", c.Env)
	}
}

// TestTheManifestsOfTheTestsAreWhatTheAPITakes holds harness/manifest to the API's own types, which it does not import: each
// manifest that its tests read is one, to the last key, and each quantity is what the API takes it for.
func TestTheManifestsOfTheTestsAreWhatTheAPITakes(t *testing.T) {
	const testdata = "../../../harness/manifest/testdata/"
	files, err := filepath.Glob(testdata + "kubernetes/*")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d manifests, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			strictly(t, file, []byte(document))
		}
	}

	table, err := os.ReadFile(testdata + "quantities")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		text, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got := "none"
		if q, err := resource.ParseQuantity(text); err == nil {
			got = strconv.FormatInt(q.Value(), 10)
		}
		if got != want {
			t.Errorf("the quantity %q: the API takes it for %s, and the table says %s", text, got, want)
		}
	}
}

// strictly decodes a document as what its kind says.
func strictly(t *testing.T, file string, document []byte) {
	t.Helper()
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Items           []json.RawMessage `json:"items"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, item := range head.Items {
		strictly(t, file, item)
	}
	kinds := map[string]any{
		"Pod": &corev1.Pod{}, "Service": &corev1.Service{}, "Deployment": &appsv1.Deployment{}, "StatefulSet": &appsv1.StatefulSet{},
		"DaemonSet": &appsv1.DaemonSet{}, "Job": &batchv1.Job{}, "CronJob": &batchv1.CronJob{}, "List": &corev1.List{},
	}
	into := kinds[head.Kind]
	if into == nil {
		t.Fatalf("%s: the kind %q is not in this test's table", file, head.Kind)
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		t.Errorf("%s: %s: %v", file, head.Kind, err)
	}
}
