package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	Namespace   string            `yaml:"namespace"`
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

// found is a container with its pod.
type found struct {
	id        string // Deployment/web/app, behind the namespace where another is called the same: prod/Deployment/web/app
	namespace string
	line      int  // of its object
	isDefault bool // by the annotation that kubectl goes by
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
	var r reading
	for _, root := range documents {
		if err := r.object(root, "", 0); err != nil {
			return nil, err
		}
	}
	if len(r.found) == 0 {
		hint := ""
		if slices.Contains(r.kinds, "Kustomization") {
			hint = "; give what comes of it, as kubectl kustomize prints it"
		}
		return nil, fmt.Errorf("nothing in it has containers: it has the kinds %s%s", strings.Join(r.kinds, ", "), hint)
	}
	r.tellApart()
	one, err := choose(r.found, name)
	if err != nil {
		return nil, err
	}
	s := &Settings{Name: one.id}
	if err := one.settings(s, n); err != nil {
		return nil, fmt.Errorf("%s: %w", one.id, err)
	}
	return s, nil
}

// reading is what was found of a file's documents.
type reading struct {
	kinds []string
	found []found
}

// maxNested is how deep Lists may lie in Lists.
const maxNested = 10

// object reads one, which lies in so many lists. The kind is that of a list's items, where they themselves do not say: PodList has Pods.
func (r *reading) object(root *yaml.Node, kind string, nested int) error {
	if nested > maxNested {
		return fmt.Errorf("line %d: lists lie in lists, more than %d deep", root.Line, maxNested)
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a manifest is a mapping with a kind", root.Line)
	}
	var o object
	if err := root.Decode(&o); err != nil {
		return plainly(err)
	}
	if o.Kind = cmp.Or(o.Kind, kind); o.Kind == "" {
		return fmt.Errorf("line %d: it has no kind", root.Line)
	}
	if !slices.Contains(r.kinds, o.Kind) {
		r.kinds = append(r.kinds, o.Kind)
	}
	of, _ := strings.CutSuffix(o.Kind, "List") // "" of a List, whose items each have theirs
	for i := range o.Items {
		if err := r.object(&o.Items[i], of, nested+1); err != nil {
			return err
		}
	}
	t, err := o.pod()
	if t == nil || err != nil {
		return err
	}
	return r.containers(&o, t, root.Line)
}

// containers adds those of a pod, whose object begins on that line.
func (r *reading) containers(o *object, t *template, line int) (err error) {
	if t.Spec.OS.Name == "windows" {
		return fmt.Errorf("%s/%s is for Windows, which has no cgroups", o.Kind, o.Metadata.Name)
	}
	add := func(c *container, init bool) error {
		if c.Name == "" {
			return fmt.Errorf("a container of %s/%s has no name", o.Kind, o.Metadata.Name)
		}
		id := strings.Trim(o.Kind+"/"+o.Metadata.Name, "/") + "/" + c.Name
		r.found = append(r.found, found{id, o.Metadata.Namespace, line, t.Metadata.Annotations[defaultContainer] == c.Name, &t.Spec, c, init})
		return nil
	}
	for i := range t.Spec.Containers {
		err = errors.Join(err, add(&t.Spec.Containers[i], false))
	}
	for i := range t.Spec.InitContainers {
		err = errors.Join(err, add(&t.Spec.InitContainers[i], true))
	}
	return err
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

// plainly takes the library's heading off its errors, and puts the first ones on one line.
func plainly(err error) error {
	var several *yaml.TypeError
	if errors.As(err, &several) {
		const most = 3
		text := strings.Join(several.Errors[:min(most, len(several.Errors))], "; ")
		if more := len(several.Errors) - most; more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
		return errors.New(text)
	}
	return err
}

// tellApart puts the namespace before what is called the same in several.
func (r *reading) tellApart() {
	called := map[string]int{}
	for _, f := range r.found {
		called[f.id]++
	}
	for i := range r.found {
		if f := &r.found[i]; called[f.id] > 1 && f.namespace != "" {
			f.id = f.namespace + "/" + f.id
		}
	}
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
	if exact := slices.DeleteFunc(slices.Clone(fit), func(c *found) bool { return c.id != name }); len(exact) > 0 {
		fit = exact // one that has no namespace, beside others that have
	}
	var ids, fitting, lines, words []string
	for _, c := range fit {
		fitting, lines = append(fitting, c.id), append(lines, strconv.Itoa(c.line))
	}
	for _, c := range all {
		ids = append(ids, c.id)
		words = append(words, c.container.Name, c.id)
	}
	list := strings.Join(ids, ", ")
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1 && len(slices.Compact(slices.Sorted(slices.Values(fitting)))) == 1:
		return nil, fmt.Errorf("%d containers are called %s, of the objects that begin on the lines %s: leave one of them in the file, or give each a namespace", len(fit), fit[0].id, strings.Join(lines, ", "))
	case len(fit) > 1 && name == "":
		return nil, fmt.Errorf("%d containers are the default ones of their pods: name one behind a colon, of %s", len(fit), strings.Join(fitting, ", "))
	case len(fit) > 1:
		return nil, fmt.Errorf("%d containers are called %q: name one with its kind and object, of %s", len(fit), name, strings.Join(fitting, ", "))
	case name != "":
		return nil, fmt.Errorf("no container is called %q: %sit has %s", name, nearest.Hint(name, words), list)
	case len(all) > 1:
		return nil, fmt.Errorf("it has %d containers: name one behind a colon, of %s", len(all), list)
	}
	return &all[0], nil
}

// memory is an amount of memory that a container is given; 0 where it is not.
func memory(list map[string]quantity) outcome.Bytes { return outcome.Bytes(list["memory"].value()) }
