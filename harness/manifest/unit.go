package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/unitname"
)

// assignment is a line of a unit's section that has limits: [Service], [Scope] or [Slice].
type assignment struct {
	file       string
	line       int
	key, value string
}

func (a assignment) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s=%s: %w", a.file, a.line, a.key, a.value, fmt.Errorf(format, args...))
}

// unitFolders are where systemd looks for units, the most important first (systemd.unit(5), of the system's manager).
var unitFolders = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unitKinds are the kinds of units that have a cgroup with limits, and a section for them.
var unitKinds = map[string]string{".service": "Service", ".scope": "Scope", ".slice": "Slice"}

// isUnit reports whether a path is that of a unit of systemd, by its name.
func isUnit(path string) bool { return unitKinds[filepath.Ext(path)] != "" }

// unitFiles are the files that make a unit, in the order in which they count: the unit's, and its drop-ins by their names. Of two
// drop-ins of one name that of the more important folder counts.
func unitFiles(path string) ([]string, error) {
	name, folders := filepath.Base(path), []string{filepath.Dir(path)}
	here := false
	for _, n := range unitname.Files(name) {
		_, err := os.Stat(filepath.Join(folders[0], n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the unit: %w", err)
		}
		here = here || err == nil
	}
	if !here && name == path {
		folders = unitFolders
	}
	files := []string{""}
	for _, n := range unitname.Files(name) { // a template's is taken where the instance has no file of its own
		for _, folder := range folders {
			file := filepath.Join(folder, n)
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && files[0] == "" {
				files[0] = file
			}
		}
	}
	if info, err := os.Stat(path); files[0] == "" && err == nil && !info.IsDir() {
		return nil, fmt.Errorf("read the unit: %s is no regular file: a link to /dev/null masks a unit, and systemd does not start it", path)
	}
	if files[0] == "" {
		return nil, fmt.Errorf("read the unit: there is no %s here, and none in %s", name, strings.Join(folders, ", "))
	}
	dropIns := map[string]string{}
	for _, dir := range dropInFolders(unitAliases(name, files[0]), folders) {
		found, err := filepath.Glob(filepath.Join(globbed(dir), "*.conf"))
		if err != nil {
			return nil, fmt.Errorf("look for drop-ins of %s: %w", name, err)
		}
		for _, file := range found {
			if base := filepath.Base(file); dropIns[base] == "" {
				dropIns[base] = file
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[base])
	}
	return files, nil
}

// globbed is a path in which nothing is a pattern.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// unitAliases are the names of a unit: its own and, where its file is a link to that of another name, that one, whose drop-ins count too.
// systemctl edit sshd.service makes one of ssh.service, where the first is a link to the second.
func unitAliases(name, file string) []string {
	real, err := filepath.EvalSymlinks(file)
	if err != nil || filepath.Base(real) == filepath.Base(file) || filepath.Ext(real) != filepath.Ext(name) {
		return []string{name}
	}
	of := filepath.Base(real)
	if before, kind, template := strings.Cut(of, "@."); template {
		if _, instance, ok := strings.Cut(strings.TrimSuffix(name, filepath.Ext(name)), "@"); ok {
			of = before + "@" + instance + "." + kind
		}
	}
	return []string{name, of}
}

// dropInFolders are a unit's folders of drop-ins, the most important first, as systemd orders them (unit_file_find_dropin_paths): below
// each of its folders those of the unit's own names, the most special first, and behind all of them those of all units of its kind.
func dropInFolders(units, folders []string) (dirs []string) {
	var own []string
	for _, name := range units {
		own = append(own, unitname.DropIns(name)...)
	}
	for _, names := range [][]string{own, {filepath.Ext(units[0])[1:]}} {
		for _, folder := range folders {
			for _, n := range names {
				dirs = append(dirs, filepath.Join(folder, n+".d"))
			}
		}
	}
	return dirs
}

// readUnit reads the assignments of a section in a unit's files, in their order.
func readUnit(files []string, section string) (all []assignment, err error) {
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		got, err := parseUnit(file, string(text), section)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}

// parseUnit follows systemd.syntax(7) and config_parse: a line that ends with a backslash goes on in the next, but for one that another
// backslash escapes, or behind which there is a space; comments between the two do not count, and a comment's own backslash means nothing.
func parseUnit(file, text, section string) (all []assignment, err error) {
	in, whole, begin := "", "", 0
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") // as systemd skips it
	for i, line := range lines {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t\r")
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			if i+1 < len(lines) {
				continue
			}
			line = "" // and what goes on behind it ends
		}
		if whole == "" {
			begin = i + 1
		}
		if part, more := goesOn(line); more && i+1 < len(lines) {
			whole += part + " "
			continue
		}
		line, whole = strings.TrimSpace(whole+line), ""
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "[") {
			if !strings.HasSuffix(line, "]") {
				return nil, fmt.Errorf("%s:%d: %q is no section, as [%s] is", file, begin, line, section)
			}
			in = line[1 : len(line)-1]
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		switch name = strings.TrimSpace(name); {
		case !ok || name == "":
			return nil, fmt.Errorf("%s:%d: %q is neither a section nor NAME=VALUE", file, begin, line)
		case in == "":
			return nil, fmt.Errorf("%s:%d: %q stands before any section", file, begin, line)
		case in == section:
			all = append(all, assignment{file, begin, name, strings.TrimSpace(value)})
		}
	}
	return all, nil
}

// goesOn reports whether a line ends with a backslash that nothing escapes, and returns what stands before it.
func goesOn(line string) (part string, more bool) {
	backslashes := len(line) - len(strings.TrimRight(line, `\`))
	if backslashes%2 == 0 {
		return line, false
	}
	return line[:len(line)-1], true
}
