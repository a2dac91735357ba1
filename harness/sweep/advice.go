package sweep

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"oomcage/harness/internal/secret"
	"oomcage/harness/outcome"
)

// Advice is what to write into a manifest for an Answer.
type Advice struct {
	Limit outcome.Bytes `json:"limit"` // memory.max: From and the headroom, rounded up to whole MiB
	From  outcome.Bytes `json:"from"`  // the limit of the answer

	// High is memory.high, above which the kernel slows the program down: that of the runs, or else From in whole MiB, as no run
	// needed more. 0: none, as nothing lies between From and Limit.
	High outcome.Bytes `json:"high,omitempty"`

	// Swap is memory.swap.max of the runs. With another one the answer would be another. 0: no swap.
	Swap outcome.Bytes `json:"swap"`

	// Setting tells the program's runtime of the limit; nil where the runtime is not known, was told already, or where the
	// headroom leaves no room for it.
	Setting *Setting `json:"setting,omitempty"`
}

// Setting is an environment variable that tells a runtime how much memory it may take.
type Setting struct {
	Runtime string `json:"runtime"` // RuntimeGo, RuntimeJVM or RuntimeV8
	Name    string `json:"name"`    // such as GOMEMLIMIT
	Value   string `json:"value"`   // with what the runs had in the same variable
}

// What a runtime may take of the limit; the rest is for what its own limit does not count: stacks and code of the JVM and V8, and
// of Go memory that is not Go's.
const (
	goShare   = 0.90 // as the Go guide has it: 5 to 10 % of headroom
	heapShare = 0.75
)

// The runtimes for which Advise knows a setting.
const (
	RuntimeGo  = "Go"
	RuntimeJVM = "JVM"
	RuntimeV8  = "V8"
)

// Advise says what to write for the answer of a search with this spec and these criteria. The headroom is a share of the limit: 0.2
// is a fifth more. The runtime is RuntimeGo, RuntimeJVM or RuntimeV8; for any other, and for "", there is no Setting. It goes from
// Well where the criteria ask for something, and else from Max, and returns nil where that is 0.
func (a *Answer) Advise(s outcome.Spec, works Criteria, headroom float64, runtime string) *Advice {
	from := a.Max
	if works.Asked() {
		from = a.Well
	}
	if from == 0 {
		return nil
	}
	s = withValues(s, a.Name)
	wholeMiB := func(n float64) outcome.Bytes {
		return outcome.Bytes(math.Ceil(n/float64(outcome.MiB)-1e-9)) * outcome.MiB
	}
	v := &Advice{Limit: wholeMiB(float64(from) * (1 + headroom)), From: from, Swap: s.Limits.Swap}
	if high := wholeMiB(float64(from)); high < v.Limit {
		v.High = high
	}
	if s.Limits.High > 0 && s.Limits.High < v.Limit { // the runs had it
		v.High = s.Limits.High
	}
	v.Setting = settingOf(runtime, s.Target, a.inherited(), v)
	return v
}

// withValues is the spec with the values of the axes that a name has.
func withValues(s outcome.Spec, name string) outcome.Spec {
	for _, v := range ParseName(name) {
		if f, err := fieldNamed(v.Axis); err == nil && f.set != nil {
			_ = f.set(&s, v.Text) // it was taken before the first run
		}
	}
	return s
}

// inherited is what the runs' targets had from the environment of the harness.
func (a *Answer) inherited() []string {
	for _, trial := range a.Trials {
		for _, o := range trial.Outcomes {
			return o.Inherited
		}
	}
	return nil
}

// settingOf is nil where the runtime would be told what is wrong, or is told already: by the spec, an axis or what it inherits.
func settingOf(runtime string, t outcome.Target, inherited []string, v *Advice) *Setting {
	env := slices.Concat(inherited, t.Env)
	told := func(marks ...string) bool {
		words := slices.Concat(t.Args, env)
		return slices.ContainsFunc(words, func(word string) bool {
			return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(word, mark) })
		})
	}
	mib := func(share float64) int64 { return int64(share * float64(v.Limit) / float64(outcome.MiB)) }
	switch {
	case runtime == RuntimeGo && !told("GOMEMLIMIT=") && float64(v.Limit)*goShare >= float64(v.From):
		return &Setting{runtime, "GOMEMLIMIT", fmt.Sprintf("%dMiB", mib(goShare))}
	case runtime == RuntimeJVM && !told("-Xmx", "RAMPercentage=", "MaxHeapSize="):
		return &Setting{runtime, "JAVA_TOOL_OPTIONS", joined(env, "JAVA_TOOL_OPTIONS", fmt.Sprintf("-Xmx%dm", mib(heapShare)))}
	case runtime == RuntimeV8 && !told("--max-old-space-size", "--max_old_space_size"):
		return &Setting{runtime, "NODE_OPTIONS", joined(env, "NODE_OPTIONS", fmt.Sprintf("--max-old-space-size=%d", mib(heapShare)))}
	}
	return nil
}

// joined is an option behind those that the variable has already: a manifest that sets it would take them away. What looks like a
// secret among them is hidden.
func joined(env []string, name, option string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return strings.TrimSpace(secret.Text(strings.TrimSpace(value)) + " " + option)
		}
	}
	return option
}

// RuntimeOf returns the runtime of the target as far as its name and its runs tell, such as RuntimeJVM or "Python"; "" where they do
// not. A Go program is known by its file, with debug/buildinfo.
func (a *Answer) RuntimeOf(t outcome.Target) string {
	switch path.Base(t.Path) {
	case "java":
		return RuntimeJVM
	case "node", "nodejs":
		return RuntimeV8
	}
	for _, trial := range a.Trials {
		for _, o := range trial.Outcomes {
			if c := o.Evidence.Collector; c != nil && c.Runtime != "" {
				return c.Runtime
			}
			if w := o.Evidence.LastWords; w != nil && w.Runtime != "" {
				return w.Runtime
			}
		}
	}
	return ""
}

// Kubernetes returns the lines for a container of a manifest, as YAML. The request is as large as the limit, so that no node promises
// the same memory twice.
func (v *Advice) Kubernetes() string {
	size := fmt.Sprintf("%dMi", v.Limit/outcome.MiB)
	text := "resources:\n  requests:\n    memory: " + size + "\n  limits:\n    memory: " + size + "\n"
	if v.Swap != 0 {
		text += "# measured with " + swapText(v.Swap) + " of swap: a node gives a container swap only with LimitedSwap\n"
	}
	if s := v.Setting; s != nil {
		text += "env:\n- name: " + s.Name + "\n  value: " + yamlQuoted(strings.ReplaceAll(s.Value, "$(", "$$(")) + "\n" // $(NAME) would be another variable's value
	}
	return text
}

// dockerMinimum is the lowest mem_limit that Docker takes (linuxMinMemory of the daemon).
const dockerMinimum = 6 * outcome.MiB

// Compose returns the lines for a service of a Compose file, as YAML. Its memswap_limit is memory and swap together.
func (v *Advice) Compose() string {
	limit, text := max(v.Limit, dockerMinimum), ""
	if limit > v.Limit {
		text = fmt.Sprintf("# %dm would do, and docker refuses less than %dm\n", v.Limit/outcome.MiB, limit/outcome.MiB)
	}
	text += fmt.Sprintf("mem_limit: %dm\n", limit/outcome.MiB)
	if v.Swap == outcome.Unlimited {
		text += "memswap_limit: -1\n"
	} else {
		text += fmt.Sprintf("memswap_limit: %dm\n", (limit+v.Swap+outcome.MiB-1)/outcome.MiB)
	}
	if s := v.Setting; s != nil {
		text += "environment:\n  " + s.Name + ": " + yamlQuoted(strings.ReplaceAll(s.Value, "$", "$$")) + "\n" // $NAME would be a variable of the file's
	}
	return text
}

// Systemd returns the lines for a service of systemd, whose M is MiB (systemd.resource-control(5)).
func (v *Advice) Systemd() string {
	text := fmt.Sprintf("[Service]\nMemoryMax=%dM\n", v.Limit/outcome.MiB)
	if v.High != 0 {
		text += "MemoryHigh=" + systemdSize(v.High) + "\n"
	}
	switch v.Swap {
	case outcome.Unlimited:
		text += "MemorySwapMax=infinity\n"
	default:
		text += fmt.Sprintf("MemorySwapMax=%d\n", v.Swap)
	}
	if s := v.Setting; s != nil {
		text += "Environment=" + systemdQuoted(s.Name+"="+s.Value) + "\n"
	}
	return text
}

// yamlQuoted is a text as YAML has it in double quotes, which is as JSON has it.
func yamlQuoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always can
	return strings.TrimSuffix(b.String(), "\n")
}

// systemdQuoted is a word of a unit in quotes; % would be a specifier (systemd.syntax(7), systemd.unit(5)).
func systemdQuoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(word) + `"`
}

// systemdSize is a size as systemd reads it: its M is MiB.
func systemdSize(b outcome.Bytes) string {
	if b%outcome.MiB == 0 {
		return fmt.Sprintf("%dM", b/outcome.MiB)
	}
	return fmt.Sprint(int64(b))
}

func swapText(b outcome.Bytes) string {
	if b == outcome.Unlimited {
		return "any amount"
	}
	return b.String()
}
