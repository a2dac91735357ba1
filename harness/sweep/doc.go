// Package sweep asks how a program fares over a grid of limits: which it survives, at which it dies,
// and after how many steps.
//
// An [Axis] is a field of a harness.Spec with the values it takes; a [Grid] is a spec with axes, and
// its [Point]s are one spec each. [Run] runs them in parallel, under a budget of memory, and keeps
// each outcome in a [Results] file as soon as it is there, so that a sweep which is killed goes on
// where it was. [Check] looks for contradictions over all outcomes, and needs only the file.
// [Bisect] finds the smallest limit that a load survives. A [Shard] is one machine's part of the points.
package sweep
