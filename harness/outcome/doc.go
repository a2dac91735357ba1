// Package outcome has what was asked of a run, what was seen of it, and what follows: the data of a spec, evidence, verdict,
// prediction, and their JSON and text. It touches no machine and builds on every system, so that what was measured on one is
// judged and shown on another.
//
// [Classify] judges [Evidence], [Predict] says how many steps fit under [Limits], and [ParseOutcome] reads a line of a file
// of results. Package oomcage/harness makes outcomes, and has other names for what a test's author needs.
package outcome
