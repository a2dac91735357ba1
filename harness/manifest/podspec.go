package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"oomcage/harness/internal/nearest"
)

type podSpec struct {
	Containers        []container `yaml:"containers"`
	InitContainers    []container `yaml:"initContainers"`
	Resources         *resources  `yaml:"resources"`
	PriorityClassName string      `yaml:"priorityClassName"`
	RuntimeClassName  string      `yaml:"runtimeClassName"`
	Volumes           []volume    `yaml:"volumes"`
	OS                struct {
		Name string `yaml:"name"`
	} `yaml:"os"`
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
	StartupProbe  yaml.Node `yaml:"startupProbe"`
	Env           []struct {
		Name string `yaml:"name"`
	} `yaml:"env"`
	EnvFrom []struct {
		ConfigMapRef *metadata `yaml:"configMapRef"`
		SecretRef    *metadata `yaml:"secretRef"`
	} `yaml:"envFrom"`
	VolumeMounts []struct {
		Name string `yaml:"name"`
	} `yaml:"volumeMounts"`
}

type resources struct {
	Limits   map[string]quantity `yaml:"limits"`
	Requests map[string]quantity `yaml:"requests"`
}

// containerKeys are what the API has in a container.
var containerKeys = strings.Fields(`name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules
	volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy
	imagePullPolicy securityContext stdin stdinOnce tty`)

// UnmarshalYAML refuses a key by which resources are meant: there would be no limits.
func (c *container) UnmarshalYAML(n *yaml.Node) error {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(containerKeys, k.Value) && nearest.Of(k.Value, containerKeys) == "resources" {
			return fmt.Errorf("line %d: a container has no %q: did you mean resources?", k.Line, k.Value)
		}
	}
	type plain container
	return n.Decode((*plain)(c))
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
	if err := n.Decode((*plain)(r)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(withDefaults(r.Limits, r.Requests))) {
		known := []string{"cpu", "memory", "ephemeral-storage"}
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "hugepages-") && !strings.Contains(name, "/") {
			return fmt.Errorf("line %d: no resource is called %q: %sthe API has %s", n.Line, name, nearest.Hint(name, known), strings.Join(known, ", "))
		}
	}
	return nil
}
