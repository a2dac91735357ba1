package main

import (
	"fmt"
	"slices"
	"strings"
)

// kind is one sort of memory that the service takes. What makes a difference is
// how the kernel charges it, and whether it can get it back.
type kind struct {
	name string // as ?kind= has it
	what string // for the usage text

	// take returns size bytes of memory, which is above zero, when every page of
	// it is written and charged. With an error it keeps nothing.
	take func(size int64) (block, error)
}

// block is memory that was taken. It is kept until it is released, once. A block
// that can be gone before that says so in a method lost.
type block interface {
	release() error
}

// kinds are all there are; the first is taken when a request names none.
var kinds = []kind{
	{"anon", "memory of the Go heap", takeAnon},
	{"file", "page cache: a file in $TMPDIR, written to disk and kept open", takeFile},
	{"shmem", "shared memory, which swap alone can make room for", takeShmem},
	{"mlock", "memory that stays in RAM, taken by a single mlock(2)", takeMlock},
	{"child", "anon, held by a child process", takeChild},
	{"sock", "data that waits in the buffers of TCP sockets, on 127.0.0.1", takeSock},
	{"stack", "stacks of goroutines, as of a recursion too deep", takeStack},
}

// parseKind returns an error that lists the kinds if name is none of them.
func parseKind(name string) (kind, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, fmt.Errorf("kind %q is unknown: give one of %s", name, kindNames())
	}
	return kinds[i], nil
}

func kindNames() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// explainKinds is the usage text's table of the kinds.
func explainKinds() string {
	var table strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&table, "  %-7s %s\n", k.name, k.what)
	}
	return table.String()
}
