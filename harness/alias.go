package harness

import "oomcage/harness/outcome"

// What a test's author needs of package outcome, so that a test takes one import.

// Bytes is a size in bytes; see outcome.Bytes.
type Bytes = outcome.Bytes

// Units of Bytes, and the size that stands for "max" in the kernel's files: no limit.
const (
	KiB       = outcome.KiB
	MiB       = outcome.MiB
	GiB       = outcome.GiB
	Unlimited = outcome.Unlimited
)

// Limits are the memory limits of a cage; see outcome.Limits.
type Limits = outcome.Limits

// Capture is what is fetched of a target before its limit kills it; see outcome.Capture.
type Capture = outcome.Capture

// Schedule are limits that change during a run; see outcome.Schedule.
type Schedule = outcome.Schedule

// Change is a limit that changes during a run; see outcome.Change.
type Change = outcome.Change

// Stop is how a target is asked to end; see outcome.Stop.
type Stop = outcome.Stop

// Outcome is all that is known of a run; see outcome.Outcome.
type Outcome = outcome.Outcome

// Evidence is everything that was seen of a run and that a verdict rests on; see outcome.Evidence.
type Evidence = outcome.Evidence

// Events are the counters of memory.events; see outcome.Events.
type Events = outcome.Events

// Verdict says in one word how a run ended; see outcome.Verdict.
type Verdict = outcome.Verdict

// The verdicts.
const (
	Survived          = outcome.Survived
	OOMKilled         = outcome.OOMKilled
	OOMGroupKilled    = outcome.OOMGroupKilled
	ChildOOMKilled    = outcome.ChildOOMKilled
	AncestorOOMKilled = outcome.AncestorOOMKilled
	HostOOMKilled     = outcome.HostOOMKilled
	Killed            = outcome.Killed
	Exited            = outcome.Exited
	RuntimeOOM        = outcome.RuntimeOOM
	Stalled           = outcome.Stalled
	TimedOut          = outcome.TimedOut
	Inconclusive      = outcome.Inconclusive
)
