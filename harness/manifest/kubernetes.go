package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"oomcage/harness/internal/nearest"
	"oomcage/harness/outcome"
)

// k8s.io/api has these types whole, and with them 12.4 of 45 MB of the command (2026-11, v0.34.4). What follows is the part
// that memory depends on; .ci/tools/kubernetes holds the manifests in testdata to the whole ones.

// object is anything of the API that is a pod, or has the template of one.
type object struct {
	Kind     string      `yaml:"kind"`
	Metadata metadata    `yaml:"metadata"`
	Items    []yaml.Node `yaml:"items"`    // of a List
	Template *template   `yaml:"template"` // of a PodTemplate
	Spec     yaml.Node   `yaml:"spec"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Annotations map[string]string `yaml:"annotations"`
}

type template struct {
	Metadata metadata `yaml:"metadata"`
	Spec     podSpec  `yaml:"spec"`
}

// holder is the spec of what is no pod: Deployment, StatefulSet, DaemonSet, ReplicaSet and Job have a template, CronJob one of a
// Job, and so have kinds of others that are built like these.
type holder struct {
	Template    *template `yaml:"template"`
	JobTemplate *struct {
		Spec struct {
			Template *template `yaml:"template"`
		} `yaml:"spec"`
	} `yaml:"jobTemplate"`
}

type podSpec struct {
	Containers        []container `yaml:"containers"`
	InitContainers    []container `yaml:"initContainers"`
	Resources         *resources  `yaml:"resources"`
	PriorityClassName string      `yaml:"priorityClassName"`
	RuntimeClassName  string      `yaml:"runtimeClassName"`
	Volumes           []volume    `yaml:"volumes"`
}

type volume struct {
	Name     string `yaml:"name"`
	EmptyDir *struct {
		Medium string `yaml:"medium"`
	} `yaml:"emptyDir"`
}

type container struct {
	Name          string    `yaml:"name"`
	RestartPolicy string    `yaml:"restartPolicy"`
	Resources     resources `yaml:"resources"`
	LivenessProbe yaml.Node `yaml:"livenessProbe"`
	Env           []struct {
		Name string `yaml:"name"`
	} `yaml:"env"`
	VolumeMounts []struct {
		Name string `yaml:"name"`
	} `yaml:"volumeMounts"`
}

type resources struct {
	Limits   map[string]quantity `yaml:"limits"`
	Requests map[string]quantity `yaml:"requests"`
}

// UnmarshalYAML refuses keys that the API does not know: a limit below "limit" would be none.
func (r *resources) UnmarshalYAML(n *yaml.Node) error {
	known := []string{"limits", "requests", "claims"}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(known, k.Value) && k.Value != "<<" {
			return fmt.Errorf("line %d: resources have no %q: %sthey have limits and requests", k.Line, k.Value, nearest.Hint(k.Value, known))
		}
	}
	type plain resources
	return n.Decode((*plain)(r))
}

// found is a container with its pod.
type found struct {
	id        string // Deployment/web/app
	isDefault bool   // by the annotation that kubectl goes by
	pod       *podSpec
	container *container
	init      bool
}

// defaultContainer is the annotation of a pod that says which container is meant where none is named.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// kubernetesFile reads the settings of a container from a manifest: a Pod, or anything that has a template of one, of which a file may
// have several, in documents or in a List. The name is that of the container, or web/app, or Deployment/web/app; it may be empty
// where there is only one container, or the pod names its default one.
func kubernetesFile(text []byte, name string, n Node) (*Settings, error) {
	documents, err := parse(text)
	if err != nil {
		return nil, err
	}
	var all []found
	var kinds []string
	for _, root := range documents {
		got, err := containersOf(root, &kinds)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing in it has containers: it has the kinds %s", strings.Join(kinds, ", "))
	}
	one, err := choose(all, name)
	if err != nil {
		return nil, err
	}
	s := &Settings{Name: one.id}
	if err := one.settings(s, n); err != nil {
		return nil, fmt.Errorf("%s: %w", one.id, err)
	}
	return s, nil
}

// containersOf are those of a document.
func containersOf(root *yaml.Node, kinds *[]string) (all []found, err error) {
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: a manifest is a mapping with a kind", root.Line)
	}
	var o object
	if err := root.Decode(&o); err != nil {
		return nil, plainly(err)
	}
	if o.Kind == "" {
		return nil, fmt.Errorf("line %d: it has no kind", root.Line)
	}
	if !slices.Contains(*kinds, o.Kind) {
		*kinds = append(*kinds, o.Kind)
	}
	for i := range o.Items {
		got, err := containersOf(&o.Items[i], kinds)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	t, err := o.pod()
	if t == nil || err != nil {
		return all, err
	}
	add := func(c *container, init bool) error {
		if c.Name == "" {
			return fmt.Errorf("a container of %s/%s has no name", o.Kind, o.Metadata.Name)
		}
		id := strings.Trim(o.Kind+"/"+o.Metadata.Name, "/") + "/" + c.Name
		all = append(all, found{id, t.Metadata.Annotations[defaultContainer] == c.Name, &t.Spec, c, init})
		return nil
	}
	for i := range t.Spec.Containers {
		err = errors.Join(err, add(&t.Spec.Containers[i], false))
	}
	for i := range t.Spec.InitContainers {
		err = errors.Join(err, add(&t.Spec.InitContainers[i], true))
	}
	return all, err
}

// pod is the pod that the object is, or makes; nil where it does neither.
func (o *object) pod() (*template, error) {
	if o.Template != nil {
		return o.Template, nil
	}
	if o.Spec.Kind != yaml.MappingNode {
		return nil, nil
	}
	if key(&o.Spec, "containers") != nil && o.Kind != "List" {
		t := &template{Metadata: o.Metadata}
		return t, plainly(o.Spec.Decode(&t.Spec))
	}
	if key(&o.Spec, "template") == nil && key(&o.Spec, "jobTemplate") == nil {
		return nil, nil
	}
	var h holder
	if err := o.Spec.Decode(&h); err != nil {
		if !slices.Contains(podKinds, o.Kind) { // its template may be of anything
			return nil, nil
		}
		return nil, plainly(err)
	}
	if h.JobTemplate != nil {
		return h.JobTemplate.Spec.Template, nil
	}
	return h.Template, nil
}

// podKinds are the kinds of the API whose template is that of a pod.
var podKinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"}

// plainly takes the library's heading off its errors, and puts them on one line.
func plainly(err error) error {
	var several *yaml.TypeError
	if errors.As(err, &several) {
		return errors.New(strings.Join(several.Errors, "; "))
	}
	return err
}

// choose is the container of that name.
func choose(all []found, name string) (*found, error) {
	var fit []*found
	for i := range all {
		c := &all[i]
		if name == "" && c.isDefault || name != "" && (c.id == name || strings.HasSuffix(c.id, "/"+name)) {
			fit = append(fit, c)
		}
	}
	var ids, words []string
	for _, c := range all {
		ids = append(ids, c.id)
		words = append(words, c.container.Name, c.id)
	}
	list := strings.Join(ids, ", ")
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return nil, fmt.Errorf("%d containers are called %q: name one with its kind and object, of %s", len(fit), name, list)
	case name != "":
		return nil, fmt.Errorf("no container is called %q: %sit has %s", name, nearest.Hint(name, words), list)
	case len(all) > 1:
		return nil, fmt.Errorf("it has %d containers: name one behind a colon, of %s", len(all), list)
	}
	return &all[0], nil
}

// memory is an amount of memory that a container is given; 0 where it is not.
func memory(list map[string]quantity) outcome.Bytes { return outcome.Bytes(list["memory"].value()) }
