// Package unitname knows which names belong to a unit of systemd besides its own.
package unitname

import (
	"path/filepath"
	"strings"
)

// Files are the names of a unit's file: getty@tty1.service may be made by getty@.service.
func Files(name string) []string {
	if at, dot := strings.IndexByte(name, '@'), strings.LastIndexByte(name, '.'); at > 0 && at+1 < dot {
		return []string{name, name[:at+1] + name[dot:]}
	}
	return []string{name}
}

// DropIns lists the names whose folders NAME.d hold drop-ins of a unit, the most special first: its own, its template's, and those
// that are left when it is cut off behind a dash. Of a-b@c.service these are a-b@c.service, a-b@.service, a-.service, a-@c.service and
// a-@.service. The folder of all units of a kind, service.d, is not among them: it counts less than all these.
func DropIns(name string) []string {
	kind := filepath.Ext(name)
	prefix, instance, _ := strings.Cut(strings.TrimSuffix(name, kind), "@")
	names := []string{name}
	if instance != "" {
		names = append(names, DropIns(prefix+"@"+kind)...)
		instance = "@" + instance
	}
	shorter := strings.TrimSuffix(prefix, "-")
	at := strings.LastIndexByte(shorter, '-')
	if at <= 0 {
		return names
	}
	return append(names, DropIns(shorter[:at+1]+instance+kind)...)
}
