package outcome

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/nearest"
)

// signals are Linux's, by their numbers (signal(7)), those of most architectures.
var signals = []string{
	1: "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2",
	"SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
	"SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
}

// SignalName returns the name of a signal of Linux by its number (signal(7)), as ExitStatus has it: "SIGTERM", and "SIG40" for a
// real-time signal, which has no name of its own.
func SignalName(number int) string {
	if number > 0 && number < len(signals) {
		return signals[number]
	}
	return "SIG" + strconv.Itoa(number)
}

// parseSignal returns the name of a signal as ExitStatus has it, "SIGTERM", and its number, of "TERM", "SIGTERM" in any case, or "15".
func parseSignal(text string) (name string, number int, err error) {
	name = strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= lastSignal {
		return SignalName(n), n, nil
	}
	name = "SIG" + name
	if n := slices.Index(signals, name); n > 0 {
		return name, n, nil
	}
	if text == "" {
		return "", 0, errors.New("there is no signal: write one such as SIGTERM")
	}
	return "", 0, fmt.Errorf("there is no signal %q: %swrite one such as SIGTERM", text, nearest.Hint(name, signals[1:]))
}
