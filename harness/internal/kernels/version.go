package kernels

import (
	"regexp"
	"strings"
)

// compareVersions orders releases, or files named by them, by the numbers in them: 6.12 is after 6.8, and 6.12-rc1
// before 6.12.
func compareVersions(a, b string) int {
	as, bs := versionParts(a), versionParts(b)
	for i := range max(len(as), len(bs)) {
		if c := as.at(i) - bs.at(i); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

type version []int

// at is 0 past the end, so that a release candidate, which is negative, sorts before the release.
func (v version) at(i int) int {
	if i < len(v) {
		return v[i]
	}
	return 0
}

var versionPart = regexp.MustCompile(`[0-9]+|rc|~`)

func versionParts(s string) version {
	var v version
	for _, part := range versionPart.FindAllString(s, -1) {
		if part == "rc" || part == "~" {
			v = append(v, -1)
			continue
		}
		n := 0
		for _, c := range part {
			n = min(n*10+int(c-'0'), 1<<30)
		}
		v = append(v, n)
	}
	return v
}
