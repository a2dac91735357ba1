// Command oomcage tests how programs behave when memory runs out.
package main

import "os"

func main() {
	asGuest()
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
