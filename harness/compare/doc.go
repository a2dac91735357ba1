// Package compare tells what has changed between the results of two builds of a program, and what is noise.
//
// [Read] reads a file of results, point by point; [Compare] matches the points of two files by their names. Repeats of a point
// belong together, and a change counts when the runs of both sides say so, which docs/compare.md has. [ParseGates] reads what a comparison
// may not say ("peak +5%, verdict"), and [Write] writes one in a [Format]. [ReadHistory] reads a folder of results, one file for
// each commit.
//
// All of it is pure but for the reading: the same results make the same comparison anywhere.
package compare
