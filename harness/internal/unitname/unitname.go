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

// DropIns are the names of a unit whose drop-ins are its too, each in a folder NAME.d: itself, its template, and what its name begins
// with up to a dash, as an instance where it is one: a-b@c.service, a-b@.service, a-.service, a-@c.service, a-@.service. Those of all units
// of its kind (service.d) are not among them: they count less.
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
