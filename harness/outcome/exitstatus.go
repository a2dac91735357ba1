package outcome

import "fmt"

// ExitStatus is how a process has ended. The zero value is a process that has not.
type ExitStatus struct {
	Ended  bool   `json:"ended"`
	Code   int    `json:"code"`             // the exit code; 0 while it runs, -1 where Signal is not empty
	Signal string `json:"signal,omitempty"` // "SIGKILL" and so on where a signal ended it; UnknownSignal where nothing is known of the end

	// Engine is the container engine that Code is from, where nothing else is known of the end of a container's first process.
	// A Code of 137 may then be a SIGKILL or an exit with that code. Empty: the status is the kernel's.
	Engine string `json:"engine,omitempty"`

	// Spared is set beside Engine where the process was seen alive after the last OOM kill that was counted before it ended.
	Spared bool `json:"spared,omitempty"`
}

// codeOfSIGKILL is what shells and container engines say of it: 128 and its number.
const codeOfSIGKILL = 128 + 9

// ambiguous reports whether the end may have been SIGKILL, or not.
func (s ExitStatus) ambiguous() bool {
	return s.Engine != "" && (s.Signal == UnknownSignal || s.Signal == "" && s.Code == codeOfSIGKILL)
}

// resolved has the end of a container that only its engine tells of, as far as the kernel log decides.
func (e Evidence) resolved() Evidence {
	if !e.Status.ambiguous() {
		return e
	}
	killed := e
	killed.Status = ExitStatus{Ended: true, Code: -1, Signal: "SIGKILL"}
	if _, logged := killed.TargetKill(); logged {
		return killed
	}
	return e
}

// engineNote says what is not known of an end that only an engine tells of.
func engineNote(e Evidence) string {
	if !e.Status.ambiguous() {
		return ""
	}
	if e.Status.Signal == UnknownSignal {
		return fmt.Sprintf(", of which %s said nothing in time", e.Status.Engine)
	}
	return fmt.Sprintf(", as %s says, which says the same of SIGKILL", e.Status.Engine)
}

// String returns "running", "exit code 137" or "SIGKILL".
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

// UnknownSignal is the Signal of a process that has ended, and nobody knows how: somebody else has waited for it, its container engine
// did not say in time, or it was only watched.
const UnknownSignal = "unknown"
