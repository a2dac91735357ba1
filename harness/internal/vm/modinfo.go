package vm

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"oomcage/harness/internal/kernels"
)

// kernelModule is a module file of a kernel, uncompressed.
type kernelModule struct {
	name string // as in /proc/modules
	file string // on the host, for people
	data []byte // the ELF file with its signature, as finit_module takes it
	// What must be loaded before it: without those of depends it cannot be, and those of pre, which it asks
	// for while it works, may be built in.
	depends, pre []string
}

// moduleName returns the module's name for a file such as crc32c-intel.ko.xz, or "".
func moduleName(file string) string {
	name, ending, ok := strings.Cut(filepath.Base(file), ".ko")
	if !ok || ending != "" && ending[0] != '.' {
		return ""
	}
	return strings.ReplaceAll(name, "-", "_")
}

func readModule(file string) (kernelModule, error) {
	m := kernelModule{name: moduleName(file), file: file}
	f, err := os.Open(file)
	if err != nil {
		return m, err
	}
	defer f.Close()
	r, err := kernels.Uncompress(f, filepath.Ext(file), ".ko")
	if err == nil {
		m.data, err = io.ReadAll(r)
	}
	if err != nil {
		return m, fmt.Errorf("uncompress %s: %w", file, err)
	}
	info, err := modinfo(m.data)
	if err != nil {
		return m, fmt.Errorf("read what %s needs: %w", file, err)
	}
	m.depends, m.pre = dependencies(info)
	return m, nil
}

// modinfo returns the strings "key=value" of the module's section .modinfo.
func modinfo(module []byte) ([]string, error) {
	e, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := e.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no section .modinfo")
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == 0 }), nil
}

// dependencies reads depends=jbd2,crc16 and softdep=pre: crc32c post: other. What is built into the kernel
// is never in depends.
func dependencies(info []string) (depends, pre []string) {
	normal := strings.NewReplacer("-", "_")
	for _, line := range info {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "depends":
			depends = append(depends, strings.FieldsFunc(normal.Replace(value), func(r rune) bool { return r == ',' })...)
		case "softdep":
			before := false
			for _, word := range strings.Fields(normal.Replace(value)) {
				if strings.HasSuffix(word, ":") {
					before = word == "pre:"
				} else if before {
					pre = append(pre, word)
				}
			}
		}
	}
	return depends, pre
}
