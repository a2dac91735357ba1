package harness

import (
	"os"
	"slices"
	"strings"
)

// runtimeVariables tell runtimes how much memory to take.
var runtimeVariables = []string{
	"GOMEMLIMIT", "GOGC", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS",
	"DOTNET_GCHeapHardLimit", "DOTNET_GCHeapHardLimitPercent", "MALLOC_ARENA_MAX", "PYTHONMALLOC",
}

// inherited are those of them that a target has from this process, as NAME=VALUE.
func inherited(t Target) (found []string) {
	for _, name := range runtimeVariables {
		own := slices.ContainsFunc(t.Env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
		if value, set := os.LookupEnv(name); set && value != "" && !own {
			found = append(found, name+"="+value)
		}
	}
	return found
}
