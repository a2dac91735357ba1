package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// Mixed returns a sentence about outcomes of several builds of one program, by the SHA-256 of its file: a shard of another commit, or
// a sweep that was gone on with after a rebuild. "" where there are none. It is no finding: machines that build the program each for
// itself may get other files of the same source.
func (s *Set) Mixed() string {
	type build struct {
		sum    string
		points int
	}
	builds := map[string][]build{}
	var programs []string // as they are first met
	for _, o := range s.Outcomes {
		program, sum := cmp.Or(o.Spec.Target.Image, o.Spec.Target.Path), o.Executable.SHA256
		if sum == "" {
			continue
		}
		if builds[program] == nil {
			programs = append(programs, program)
		}
		i := slices.IndexFunc(builds[program], func(b build) bool { return b.sum == sum })
		if i < 0 {
			i = len(builds[program])
			builds[program] = append(builds[program], build{sum: sum})
		}
		builds[program][i].points++
	}
	const most, digits = 3, 12
	for _, program := range programs {
		all := builds[program]
		if len(all) == 1 {
			continue
		}
		var parts []string
		for _, b := range all[:min(len(all), most)] {
			parts = append(parts, fmt.Sprintf("%s by %s", human.Count(b.points, "point"), printable.Short(b.sum, digits)))
		}
		if more := len(all) - most; more > 0 {
			parts = append(parts, fmt.Sprintf("and %d more", more))
		}
		return fmt.Sprintf("the points are of %d builds of %s (%s): what differs may be due to that", len(all), printable.Line(program), strings.Join(parts, ", "))
	}
	return ""
}
