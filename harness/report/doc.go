// Package report shows the outcomes of a sweep: as a page, a table, Markdown, CSV, and an image of its two
// plots.
//
// [Read] reads one file of results, or the files of all shards, into a [Set]; [Set.Complete] says whether
// a point is missing. [Write] writes it in a [Format]. All of it is pure but for the reading: nothing here
// needs root, a cgroup or a network, and the same outcomes make the same report anywhere.
package report

//go:generate go test -C ../../.ci/tools/bundle -count=1 . -update
