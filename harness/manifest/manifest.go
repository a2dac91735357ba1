package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"oomcage/harness/outcome"
)

// Settings are what a manifest says of the memory of one container, service or unit.
type Settings struct {
	// Name is that of the container, service or unit in its file: Deployment/web/app, web, nginx.service.
	Name string

	// Files are the files that were read: the one that was named first, or the one that systemd takes for it, and then its drop-ins.
	// Those that a Compose file extends or includes are not among them.
	Files []string

	// Limits are what the kubelet, Docker or systemd writes into the cgroup.
	Limits outcome.Limits

	// OOMScoreAdj is the oom_score_adj that the processes are given; nil where the file says nothing of it.
	OOMScoreAdj *int

	// QoS is the class of a pod: Guaranteed, Burstable or BestEffort. Empty: it is no pod.
	QoS string

	// Lost are sentences, one for each thing in the file that a cage does not have and that may decide how the program ends.
	Lost []string
}

// lose notes what does not carry over, once.
func (s *Settings) lose(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.Lost, text) {
		s.Lost = append(s.Lost, text)
	}
}

// maxManifest bounds what is read of a file: a manifest of the API is 1.5 MiB at most (etcd's limit of a request), and a file
// may have several.
const maxManifest = 16 << 20

// Read reads the settings of a source: the path of a file and, behind a colon, which container or service of it is meant; that may
// be left out where there is only one. A name that ends in .service, .scope or .slice is a unit of systemd: without a slash, and
// where there is no such file here, it is looked for in systemd's own folders. Any other file is YAML or JSON: of Kubernetes where
// it has a kind or an apiVersion, and of Compose where it has services or an include.
//
// An error names the file, and the line where it is known. It is ErrGuest for a limit in percent in a microVM. Values that the
// kubelet's API, Docker or systemd would refuse are errors too.
func Read(ctx context.Context, source string, n Node) (*Settings, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	path, name := split(source)
	if isUnit(path) {
		if name != "" {
			return nil, fmt.Errorf("%s is a unit of systemd, in which there is no %q to choose: leave it out", path, name)
		}
		return unitFile(path, n)
	}
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	compose, err := isCompose(text)
	if err != nil {
		return nil, explained(path, text, err)
	}
	if compose {
		return composeFile(ctx, path, name)
	}
	s, err := kubernetesFile(text, name, n)
	if err != nil {
		return nil, explained(path, text, err)
	}
	s.Files = []string{path}
	return s, nil
}

// explained says of which file an error is, and that a template is none that can be read.
func explained(path string, text []byte, err error) error {
	if strings.Contains(string(text), "{{") {
		return fmt.Errorf("%s looks like a template: give what comes of it, as helm template prints it: %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// split takes the name off a source. A file that is called as the whole of it goes before.
func split(source string) (path, name string) {
	at := strings.LastIndexByte(source, ':')
	if at < 1 {
		return source, ""
	}
	if _, err := os.Stat(source); err == nil {
		return source, ""
	}
	return source[:at], source[at+1:]
}

// File returns the path in a source, without the name behind the colon.
func File(source string) string {
	path, _ := split(source)
	return path
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("read the manifest: %s is a folder: name a file in it", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("%s is no manifest: it has more than %d bytes", path, maxManifest)
	}
	return text, nil
}

// isCompose reports whether a file is one of Compose, and not a manifest of Kubernetes, by the keys of its first document that has any.
func isCompose(text []byte) (bool, error) {
	documents, err := parse(text)
	if err != nil {
		return false, err
	}
	for _, root := range documents {
		if root.Kind != yaml.MappingNode {
			continue
		}
		switch {
		case key(root, "kind") != nil || key(root, "apiVersion") != nil:
			return false, nil
		case key(root, "services") != nil || key(root, "include") != nil:
			return true, nil
		}
	}
	return false, errors.New("it is neither a manifest of Kubernetes, which has a kind, nor a Compose file, which has services; a unit of systemd is known by its name, which ends in .service, .scope or .slice")
}

// parse reads the documents of a file, but for empty ones.
func parse(text []byte) ([]*yaml.Node, error) {
	roots, err := parseYAML(text)
	if err == nil {
		return roots, nil
	}
	again, ok := rewritten(text)
	if !ok {
		return nil, err
	}
	return parseYAML(again)
}

func parseYAML(text []byte) (roots []*yaml.Node, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			if roots == nil {
				return nil, errors.New("the file is empty")
			}
			return roots, nil
		case err != nil:
			return nil, fmt.Errorf("it is no YAML: %w", err)
		}
		if _, err := (expansion{}).of(&doc); err != nil {
			return nil, err
		}
		if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
			roots = append(roots, doc.Content[0])
		}
	}
}

// rewritten is JSON as YAML: what the library for YAML does not take of it are \/ in texts, and documents that follow each other
// without a --- between them, as kubectl takes them.
func rewritten(text []byte) ([]byte, bool) {
	var all bytes.Buffer
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		d.UseNumber()
		var document any
		if err := d.Decode(&document); err != nil {
			return all.Bytes(), errors.Is(err, io.EOF) && all.Len() > 0
		}
		again, err := json.Marshal(document)
		if err != nil {
			return nil, false
		}
		all.WriteString("---\n")
		all.Write(again)
		all.WriteByte('\n')
	}
}

// expansion has how many nodes each anchor stands for, with its aliases followed; 0 while that is being counted.
type expansion map[*yaml.Node]int

// maxExpanded is above what a file of maxManifest has in it that somebody wrote, at 8 bytes a node, and below what takes long.
const maxExpanded = 1 << 22

// of counts the nodes of one. An alias for what it lies in, or that makes the file much larger than it is, is an error.
func (e expansion) of(n *yaml.Node) (sum int, err error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Anchor != "" {
		if sum, counted := e[n]; sum > 0 {
			return sum, nil
		} else if counted {
			return 0, fmt.Errorf("line %d: &%s holds itself", n.Line, n.Anchor)
		}
		e[n] = 0
	}
	sum = 1
	for _, c := range n.Content {
		part, err := e.of(c)
		if err != nil {
			return 0, err
		}
		if sum += part; sum > maxExpanded {
			return 0, fmt.Errorf("line %d: its aliases make it larger than %d nodes", n.Line, maxExpanded)
		}
	}
	if n.Anchor != "" {
		e[n] = sum
	}
	return sum, nil
}

// key is what a mapping has at that key; nil where it has not.
func key(m *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i+1]
		}
	}
	return nil
}
