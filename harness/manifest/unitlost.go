package manifest

import (
	"slices"
	"strings"
)

// noted are settings that have a part in how a service ends for want of memory, and are not of a cage.
var noted = map[string]string{
	"CPUQuota": "its CPU time is limited to %s of one CPU", "AllowedCPUs": "it may run on the CPUs %s alone", "Slice": "the limits of the slice %s above it",
	"LimitAS": "LimitAS=%s makes its own allocations fail", "LimitDATA": "LimitDATA=%s makes its own allocations fail",
	"LimitSTACK": "LimitSTACK=%s is its own", "LimitMEMLOCK": "LimitMEMLOCK=%s is its own",
	"ManagedOOMSwap": "ManagedOOMSwap=%s may have systemd-oomd kill it", "ManagedOOMMemoryPressure": "ManagedOOMMemoryPressure=%s may have systemd-oomd kill it",
	"MemoryZSwapMax": "MemoryZSwapMax=%s limits its compressed swap", "MemoryZSwapWriteback": "MemoryZSwapWriteback=%s says whether its compressed swap goes to the disk",
	"TasksMax":         "TasksMax=%s is a share of what the machine allows",
	"StartupMemoryMax": "StartupMemoryMax=%s is its limit while the machine starts", "StartupMemoryHigh": "StartupMemoryHigh=%s is its limit while the machine starts",
	"StartupMemorySwapMax": "StartupMemorySwapMax=%s is its limit while the machine starts",
	"DefaultMemoryLow":     "DefaultMemoryLow=%s is of the units below it", "DefaultMemoryMin": "DefaultMemoryMin=%s is of the units below it",
	"MemoryKSM": "MemoryKSM=%s says whether its equal pages are one", "TemporaryFileSystem": "%s is in memory (tmpfs), and what is written to it counts as the unit's",
	"EnvironmentFile": "its environment that comes of %s", "PassEnvironment": "its environment: %s",
	"WatchdogSec": "a watchdog kills it that is silent for %s", "RuntimeMaxSec": "systemd ends it after %s",
}

// several are settings of which a unit may have more than one.
var several = []string{"Environment", "EnvironmentFile", "PassEnvironment", "TemporaryFileSystem"}

// note keeps what is not of a cage; a later empty value takes it back.
func (u *unit) note(a assignment) {
	if noted[a.key] == "" && a.key != "Environment" {
		return
	}
	if !slices.Contains(several, a.key) || a.value == "" {
		u.lost = slices.DeleteFunc(u.lost, func(b assignment) bool { return b.key == a.key })
	}
	if a.value != "" && a.value != "infinity" && a.value != "auto" {
		u.lost = append(u.lost, a)
	}
}

// finish makes of the lines what depends on several.
func (u *unit) finish() {
	if !u.hasNew && u.oldLimit > 0 {
		u.lose("MemoryLimit is of cgroup v1: systemd takes it for MemoryMax up to version 255, and ignores it from 256 on")
	}
	if u.Limits.Max == 0 {
		u.lose("it has no MemoryMax: there the slice above it or the machine's memory is its limit")
	}
	switch {
	case strings.HasSuffix(u.Name, ".slice"): // which has none
	case u.policy == "kill":
		u.Limits.OOMGroup = true
	case u.policy == "stop", u.policy == "" && !u.delegated: // DefaultOOMPolicy= of the manager may be another
		of := ", the default"
		if strings.HasSuffix(u.Name, ".scope") {
			of += " from systemd 253 on"
		}
		u.lose("OOMPolicy=stop%s: systemd stops what is left of it when one of its processes was killed", of)
	}
	var env []string
	for _, a := range u.lost {
		switch words := words(a.value); a.key {
		case "Environment":
			for _, word := range words {
				if name, _, ok := strings.Cut(word, "="); ok {
					env = append(env, name)
				}
			}
		case "TemporaryFileSystem":
			for _, word := range words {
				dir, _, _ := strings.Cut(word, ":")
				u.lose(noted[a.key], dir)
			}
		default:
			u.lose(noted[a.key], strings.TrimPrefix(a.value, "-")) // of a file that need not be there
		}
	}
	u.loseEnv(env)
}

// words are those of a value, which quotes hold together (extract_first_word). What a backslash stands for does not matter here.
func words(value string) (all []string) {
	var word strings.Builder
	begun, escaped, quote := false, false, rune(0)
	for _, r := range value {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			begun, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			begun, quote = true, r
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}
