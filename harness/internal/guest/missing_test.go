package guest

import (
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProgramThatIsNotInTheMicroVMIsToBeAdded(t *testing.T) {
	start := func(program, dir string) error {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir = dir
		return cmd.Run()
	}
	_, noSuchFile := exec.LookPath("/no/such/program")
	byName, byPath := start("no-such-program", ""), start("/no/such/program", "")
	others := []error{start("/dev/null", ""), start("/proc/self/exe", "/no/such/folder"), errors.New("other")}

	t.Setenv("OOMCAGE_VM", "")
	for _, err := range append(others, byName, byPath, noSuchFile) {
		require.Equal(t, err, ExplainMissing(err), "on the host")
	}
	t.Setenv("OOMCAGE_VM", "6.12")
	require.EqualError(t, ExplainMissing(byName),
		byName.Error()+"; add it to the microVM: oomcage vm -add $(command -v no-such-program) …")
	require.ErrorIs(t, ExplainMissing(byName), exec.ErrNotFound)
	for _, err := range []error{byPath, noSuchFile} {
		require.EqualError(t, ExplainMissing(err), err.Error()+"; add it to the microVM: oomcage vm -add /no/such/program …")
	}
	for _, err := range others {
		require.Equal(t, err, ExplainMissing(err), "it is there, or is no program")
	}
}

func TestTheMicroVMGetsMoreMemoryByItsFlag(t *testing.T) {
	t.Setenv("OOMCAGE_VM", "")
	require.Equal(t, "give the machine more memory", GiveMemory())
	t.Setenv("OOMCAGE_VM", "6.12")
	require.Equal(t, "give the microVM more memory: oomcage vm -mem SIZE …", GiveMemory())
}
