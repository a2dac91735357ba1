package outcome

import "fmt"

// ExitStatus is how a process has ended. The zero value is a process that has not.
type ExitStatus struct {
	Ended  bool   `json:"ended"`
	Code   int    `json:"code"`             // exit code, where Signal is empty
	Signal string `json:"signal,omitempty"` // "SIGKILL" and so on, where a signal ended it
}

// String says "running", "exit code 137" or "SIGKILL".
func (s ExitStatus) String() string {
	switch {
	case !s.Ended:
		return "running"
	case s.Signal != "":
		return s.Signal
	default:
		return fmt.Sprintf("exit code %d", s.Code)
	}
}

// UnknownSignal stands for the signal of a process whose status somebody else has waited for.
const UnknownSignal = "unknown"
