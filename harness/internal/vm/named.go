package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"oomcage/harness/internal/unitname"
)

// named are the files and folders below the working directory that the arguments name, also behind a flag's "=", as a word
// of a command, and of what -from takes before its colon: pod.yaml:app. The program would find them, and what it changes of
// them comes back.
func named(args []string, dir string) []string {
	var files []string
	last := ""
	for _, arg := range args {
		before := last
		last = arg
		if strings.HasPrefix(arg, "-test.") {
			continue
		}
		if flag, value, found := strings.Cut(arg, "="); found && strings.HasPrefix(arg, "-") {
			before, arg = flag, value
		}
		words, err := shellquote.Split(arg)
		if err != nil {
			words = nil // no command: "it's.txt"
		}
		for _, word := range append(besides(before, words), besides(before, []string{arg})...) {
			path, err := filepath.Abs(word)
			if err != nil || path == dir || !inside(dir, path) {
				continue
			}
			info, err := os.Stat(path)
			if err == nil && (info.Mode().IsRegular() || info.IsDir()) && !slices.Contains(files, path) {
				files = append(files, path)
			}
		}
	}
	return files
}

// besides adds to words, which stand behind another one, what is meant by them too: of FILE:NAME the manifest, and the drop-ins
// of a unit of systemd.
func besides(before string, words []string) []string {
	all := slices.Clone(words)
	for _, word := range words {
		if at := strings.LastIndexByte(word, ':'); at > 0 && (before == "-from" || before == "--from" || isManifest(word[:at])) {
			all = append(all, word[:at])
		}
		if slices.Contains(unitEndings, filepath.Ext(word)) {
			all = append(all, ofUnit(word)...)
		}
		before = word
	}
	return all
}

// ofUnit are the files and folders beside a unit's file that make the unit too.
func ofUnit(path string) (all []string) {
	dir, name := filepath.Split(path)
	for _, file := range unitname.Files(name) {
		all = append(all, dir+file)
	}
	for _, of := range append(unitname.DropIns(name), filepath.Ext(name)[1:]) {
		all = append(all, dir+of+".d")
	}
	return all
}

var unitEndings = []string{".service", ".scope", ".slice"}

// isManifest reports whether a file is one that -from takes, by its name.
func isManifest(file string) bool {
	return slices.Contains(append([]string{".yaml", ".yml", ".json"}, unitEndings...), filepath.Ext(file))
}
