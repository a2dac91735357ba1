package vm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oomcage/harness/internal/kernels"
)

// driver is a part of the kernel that may be built in, a module, or missing.
type driver struct{ module, config string }

// ext4Driver is that of the file system of -scratch.
var ext4Driver = driver{"ext4", "CONFIG_EXT4_FS"}

const otherKernel = "another kernel: " + fetchKernel + " brings Debian's, which have it; or put " +
	"the modules of this one into lib/modules beside it"

// findModules returns the modules that the kernel needs for the drivers, in the order of loading. A driver
// of which nothing is known is taken to be built in: the guest sees whether it is.
func findModules(kernel string, drivers []driver) ([]kernelModule, error) {
	if len(drivers) == 0 {
		return nil, nil
	}
	release, err := kernels.Release(kernel)
	if err != nil {
		return nil, failure(noKernel, err.Error(), "")
	}
	l := newModuleLoader(kernel, release)
	for _, d := range drivers {
		if l.builtIn(d) {
			continue
		}
		if _, ok := l.files[d.module]; !ok {
			if len(l.config) == 0 && len(l.built) == 0 {
				continue
			}
			return nil, failure(noKernel, fmt.Sprintf("the kernel %s (%s) lacks the driver %s: it is not built in, "+
				"and there is no module of it in %s", kernel, release, d.module, strings.Join(l.looked, " or ")), otherKernel)
		}
		if err := l.load(d.module); err != nil {
			return nil, failure(noKernel, fmt.Sprintf("the kernel's driver %s cannot be used: %v", d.module, err), otherKernel)
		}
	}
	return l.order, nil
}

// moduleLoader knows the modules of one kernel.
type moduleLoader struct {
	looked []string          // folders where they may be
	files  map[string]string // module files by name
	config map[string]bool   // lines of the kernel's configuration
	built  map[string]bool   // modules.builtin

	done  map[string]bool
	order []kernelModule
}

// newModuleLoader looks for modules and configuration beside the kernel, where `oomcage kernels` puts them,
// and where distributions do.
func newModuleLoader(kernel, release string) *moduleLoader {
	dir := filepath.Dir(kernel)
	l := &moduleLoader{
		looked: []string{filepath.Join(dir, "lib", "modules", release), filepath.Join("/lib/modules", release)},
		files:  map[string]string{}, done: map[string]bool{},
	}
	for _, root := range l.looked {
		l.files = moduleFiles(root)
		l.built = map[string]bool{}
		for path := range lines(filepath.Join(root, "modules.builtin")) {
			l.built[moduleName(path)] = true
		}
		if len(l.files) > 0 || len(l.built) > 0 {
			break
		}
	}
	for _, file := range []string{filepath.Join(dir, "config"), filepath.Join(dir, "config-"+release), filepath.Join("/lib/modules", release, "config")} {
		if l.config = lines(file); len(l.config) > 0 {
			break
		}
	}
	return l
}

// moduleFiles returns the module files below root by name. What cannot be read has no modules.
func moduleFiles(root string) map[string]string {
	files := map[string]string{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && moduleName(path) != "" {
			files[moduleName(path)] = path
		}
		return nil
	})
	return files
}

// lines returns the lines of a file that may be absent.
func lines(file string) map[string]bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		all[strings.TrimSpace(line)] = true
	}
	return all
}

func (l *moduleLoader) builtIn(d driver) bool { return l.built[d.module] || l.config[d.config+"=y"] }

// load adds the module after what it needs.
func (l *moduleLoader) load(name string) error {
	if l.done[name] {
		return nil
	}
	l.done[name] = true
	file, ok := l.files[name]
	if !ok {
		return fmt.Errorf("there is no module %s in %s", name, strings.Join(l.looked, " or "))
	}
	m, err := readModule(file)
	if err != nil {
		return err
	}
	for _, need := range m.depends {
		if err := l.load(need); err != nil {
			return fmt.Errorf("%s needs %s: %w", name, need, err)
		}
	}
	for _, need := range m.pre {
		// ext4 of Debian 12 names crypto-crc32c, an algorithm, which is an alias of modules that work it out.
		need = strings.TrimPrefix(need, "crypto_")
		for _, alias := range []string{need, need + "_generic"} {
			if _, ok := l.files[alias]; !ok {
				continue
			}
			if err := l.load(alias); err != nil {
				return fmt.Errorf("%s needs %s: %w", name, alias, err)
			}
		}
	}
	l.order = append(l.order, m)
	return nil
}
