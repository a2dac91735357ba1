package harness

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"oomcage/harness/outcome"
)

const (
	// topSites is how many allocation sites of a profile an outcome has.
	topSites = 5
	// maxProfile bounds a profile once it is unpacked. One of a large server is 10 MB; a target may send a bomb.
	maxProfile = 64 << 20
	// maxSiteName bounds the names in it, which are the target's word.
	maxSiteName = 300
)

// topAllocations returns the places of a Go program's heap profile whose allocations hold most memory, and what all hold.
// Anything else than such a profile has none.
func topAllocations(data []byte) (sites []outcome.AllocationSite, inUse Bytes) {
	unpacked, err := gzip.NewReader(bytes.NewReader(data)) // net/http/pprof always packs it
	if err != nil {
		return nil, 0
	}
	text, err := io.ReadAll(io.LimitReader(unpacked, maxProfile+1))
	if err != nil || len(text) > maxProfile {
		return nil, 0
	}
	p, err := profile.ParseUncompressed(text)
	if err != nil || p.CheckValid() != nil { // the former takes stacks of places that are not there
		return nil, 0
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t != nil && t.Type == "inuse_space" })
	if at < 0 {
		return nil, 0
	}
	held := map[outcome.AllocationSite]Bytes{}
	for _, s := range p.Sample {
		if at < len(s.Value) && s.Value[at] > 0 {
			held[siteOf(s)] += Bytes(s.Value[at])
			inUse += Bytes(s.Value[at])
		}
	}
	sites = []outcome.AllocationSite{}
	for site, size := range held {
		site.Bytes = size
		sites = append(sites, site)
	}
	slices.SortFunc(sites, func(a, b outcome.AllocationSite) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Function, b.Function), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return sites[:min(len(sites), topSites)], inUse
}

// siteOf is where a sample was allocated: the innermost function of its stack.
func siteOf(s *profile.Sample) outcome.AllocationSite {
	if len(s.Location) == 0 || len(s.Location[0].Line) == 0 || s.Location[0].Line[0].Function == nil {
		return outcome.AllocationSite{Function: "unknown"}
	}
	line := s.Location[0].Line[0]
	return outcome.AllocationSite{Function: short(line.Function.Name), File: short(line.Function.Filename), Line: line.Line}
}

// short is the end of a name that is too long, which tells more than its beginning.
func short(name string) string {
	return strings.ToValidUTF8(name[max(0, len(name)-maxSiteName):], "")
}
