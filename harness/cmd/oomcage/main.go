// Command oomcage tests how programs behave when memory runs out.
package main

import (
	"os"

	"oomcage/harness/internal/vm"
)

func main() {
	if vm.InGuest() {
		vm.Init()
	}
	if code, yes := vm.NoShell(os.Args, os.Stderr); yes {
		os.Exit(code)
	}
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
