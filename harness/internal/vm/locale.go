package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
)

const (
	localeFolder  = "/usr/lib/locale"
	localeArchive = localeFolder + "/locale-archive"
	// maxLocales is the size of an archive of locales that goes along by itself. Debian's has what was chosen at
	// its installation, 3 MB for one; an archive of all has 220 MB.
	maxLocales = 32 << 20
)

// addLocale adds the locales that the environment names, where something in the tree is linked with the C library.
// The host's own programs do without a locale that the host has not got.
func addLocale(c *carrier, env []string, warn func(string)) error {
	if !c.has("/etc/ld.so.cache") {
		return nil
	}
	for _, name := range localeNames(env) {
		if dir := localeDir(name); dir != "" {
			if _, err := c.mirror(dir); err != nil {
				return fmt.Errorf("carry the locale %s: %w", name, err)
			}
			continue
		}
		info, err := os.Stat(localeArchive)
		if err != nil || c.has(localeArchive) {
			continue
		}
		if info.Size() > maxLocales {
			warn(fmt.Sprintf("the guest has no locale %s, since %s has %s: -add %[2]s takes it along, LC_ALL=C.UTF-8 does without",
				name, localeArchive, human.Size(info.Size())))
			continue
		}
		if _, err := c.mirror(localeArchive); err != nil {
			return fmt.Errorf("carry the locale %s: %w", name, err)
		}
	}
	return nil
}

// localeNames returns the locales of the environment that take files.
func localeNames(env []string) []string {
	var names []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name != "LANG" && !strings.HasPrefix(name, "LC_") {
			continue
		}
		if !slices.Contains([]string{"", "C", "POSIX"}, value) && filepath.IsLocal(value) && !slices.Contains(names, value) {
			names = append(names, value)
		}
	}
	return names
}

// localeDir returns the folder of the locale, or "". Its name has the code set as glibc writes it: C.UTF-8 is C.utf8.
func localeDir(name string) string {
	language, codeset, _ := strings.Cut(name, ".")
	codeset, modifier, modified := strings.Cut(codeset, "@")
	if modified {
		modifier = "@" + modifier
	}
	short := strings.ToLower(strings.ReplaceAll(codeset, "-", ""))
	for _, dir := range []string{name, language + "." + short + modifier} {
		path := filepath.Join(localeFolder, dir)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
	}
	return ""
}
