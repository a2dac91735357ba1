// Package kubernetes holds docs/kubernetes.md to the API's own types.
package kubernetes

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
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
