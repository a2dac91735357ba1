// Command kubelet writes pods, and what the API server and the kubelet of Kubernetes say of them, by their own code. See make.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/kubelet/kuberuntime"
)

const (
	taken, refused = 400, 100 // so many pods of each
	gib            = 1 << 30
)

// line is one of the file: what harness/manifest's TestAPodIsWhatTheKubeletMakesOfIt reads.
type line struct {
	Pod              map[string]any    `json:"pod"`
	Container        string            `json:"container"`
	LimitedSwap      bool              `json:"limited_swap,omitempty"`
	ThrottlingFactor float64           `json:"throttling_factor,omitempty"`
	SingleProcess    bool              `json:"single_process,omitempty"`
	Refused          bool              `json:"refused,omitempty"`
	QoS              string            `json:"qos,omitempty"`
	Adj              int64             `json:"adj,omitempty"`
	Max              int64             `json:"max,omitempty"`
	Unified          map[string]string `json:"unified,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	r := rand.New(rand.NewSource(1))
	for left := map[bool]int{false: taken, true: refused}; left[true]+left[false] > 0; {
		l := draw(r)
		if left[l.Refused] == 0 {
			continue
		}
		left[l.Refused]--
		if err := out.Encode(l); err != nil {
			log.Fatal(err)
		}
	}
}

// draw is a pod, with what is said of it.
func draw(r *rand.Rand) line {
	pod := drawPod(r)
	all := append(pod.Spec.Containers[:len(pod.Spec.Containers):len(pod.Spec.Containers)], pod.Spec.InitContainers...)
	l := line{Pod: written(pod), LimitedSwap: r.Intn(2) == 0, SingleProcess: r.Intn(4) == 0}
	at := r.Intn(len(all))
	l.Container = all[at].Name
	if r.Intn(2) == 0 {
		l.ThrottlingFactor = []float64{.9, .5, 1}[r.Intn(3)]
	}

	in := &core.Pod{}
	corev1.SetObjectDefaults_Pod(pod)
	if err := corev1.Convert_v1_Pod_To_core_Pod(pod, in, nil); err != nil {
		log.Fatal(err)
	}
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&in.Spec, nil, &in.ObjectMeta, nil)
	if l.Refused = len(validation.ValidatePodCreate(in, options)) > 0; l.Refused {
		return l
	}
	m := kuberuntime.Machine{
		Memory: 16 * gib, Swap: 4 * gib, Allocatable: 15 * gib, SwapBehavior: "NoSwap",
		ThrottlingFactor: l.ThrottlingFactor, SingleProcessOOMKill: l.SingleProcess,
	}
	if l.LimitedSwap {
		m.SwapBehavior = "LimitedSwap"
	}
	all = append(pod.Spec.Containers[:len(pod.Spec.Containers):len(pod.Spec.Containers)], pod.Spec.InitContainers...)
	got := m.Resources(pod, &all[at])
	l.QoS, l.Adj, l.Max, l.Unified = string(qos.ComputePodQOS(pod)), got.OomScoreAdj, got.MemoryLimitInBytes, got.Unified
	return l
}

func drawPod(r *rand.Rand) *v1.Pod {
	always := v1.ContainerRestartPolicyAlways
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n"}}
	pod.Kind = "Pod"
	dense := min(r.Float64()*4/3, 1) // in a quarter of the pods each container has all
	for n := r.Intn(3); n >= 0; n-- {
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: fmt.Sprint("c", n), Image: "x", Resources: drawResources(r, dense)})
	}
	for n := r.Intn(4); n > 0; n-- {
		c := v1.Container{Name: fmt.Sprint("i", n), Image: "x", Resources: drawResources(r, dense)}
		if r.Intn(2) == 0 {
			c.RestartPolicy = &always
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}
	if r.Intn(5) < 2 {
		of := drawResources(r, .7)
		pod.Spec.Resources = &of
	}
	const critical = int32(2_000_000_000) // what the API server makes of the classes
	switch r.Intn(12) {
	case 0:
		priority := critical + 1000
		pod.Spec.PriorityClassName, pod.Spec.Priority = "system-node-critical", &priority
	case 1:
		priority := critical
		pod.Spec.PriorityClassName, pod.Spec.Priority = "system-cluster-critical", &priority
	}
	return pod
}

var (
	memories = []string{"0", "1Mi", "64Mi", "64Mi", "128Mi", "128Mi", "100M", "1Gi", "1Gi", "3Gi", "16Gi", "1.5Gi", "134217728", "20Gi", "1e8", "100000000100m"}
	cpus     = []string{"0", "100m", "0.1", "1", "1", "2", "1500m"}
)

func drawResources(r *rand.Rand, dense float64) (all v1.ResourceRequirements) {
	draw := func() v1.ResourceList {
		list := v1.ResourceList{}
		if r.Float64() < dense {
			list["cpu"] = resource.MustParse(cpus[r.Intn(len(cpus))])
		}
		if r.Float64() < dense {
			list["memory"] = resource.MustParse(memories[r.Intn(len(memories))])
		}
		return list
	}
	all.Limits = draw()
	switch r.Intn(3) {
	case 0: // the API server's defaults
	case 1:
		all.Requests = all.Limits.DeepCopy()
	default:
		all.Requests = draw()
	}
	return all
}

// written is the pod as a manifest, without what does not matter here.
func written(pod *v1.Pod) (short map[string]any) {
	text, err := json.Marshal(pod)
	if err == nil {
		err = json.Unmarshal(text, &short)
	}
	if err != nil {
		log.Fatal(err)
	}
	delete(short, "status")
	delete(short, "metadata")
	spec := short["spec"].(map[string]any)
	delete(spec, "priority")
	for _, key := range []string{"containers", "initContainers"} {
		list, _ := spec[key].([]any)
		for _, c := range list {
			delete(c.(map[string]any), "image")
		}
	}
	return short
}
