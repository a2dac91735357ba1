// Package guest says what is different in the microVM.
package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// ExplainMissing adds to the error of a program that could not be found or started what helps in the microVM,
// which holds nothing that was not put into it. Elsewhere, and of any other error, it returns err.
func ExplainMissing(err error) error {
	if os.Getenv("OOMCAGE_VM") == "" {
		return err
	}
	var lookUp *exec.Error
	var start *fs.PathError
	var file string
	switch {
	case errors.As(err, &lookUp) && (errors.Is(lookUp.Err, exec.ErrNotFound) || errors.Is(lookUp.Err, fs.ErrNotExist)):
		file = lookUp.Name
	case errors.As(err, &start) && start.Op == "fork/exec" && errors.Is(start.Err, fs.ErrNotExist):
		file = start.Path
	default:
		return err
	}
	if !strings.Contains(file, "/") {
		file = fmt.Sprintf("$(command -v %s)", file)
	}
	return fmt.Errorf("%w%s", err, AddHint(file))
}

// AddHint says in the microVM how to bring a file or folder of the host along; elsewhere it is "".
func AddHint(file string) string {
	if os.Getenv("OOMCAGE_VM") == "" {
		return ""
	}
	return fmt.Sprintf("; add it to the microVM: oomcage vm -add %s …", file)
}

// GiveMemory says how to give the machine more memory. In the microVM there is a command for it.
func GiveMemory() string {
	if os.Getenv("OOMCAGE_VM") == "" {
		return "give the machine more memory"
	}
	return "give the microVM more memory: oomcage vm -mem SIZE …"
}
