package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"oomcage/harness/internal/human"
	"oomcage/harness/internal/printable"
)

// writeTable writes the report for a terminal: what was found, and a line for each point. A mark says which
// points the findings are about.
func (s *Set) writeTable(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, s.summary())
	if err := s.Complete(); err != nil {
		fmt.Fprintln(out, err)
	}
	if mixed := s.Mixed(); mixed != "" {
		fmt.Fprintln(out, mixed)
	}
	for _, f := range s.Findings {
		fmt.Fprintf(out, "! %s\n", printable.Line(f.String()))
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  point\tverdict\tsteps\tpredicted\ta step took\tmemory.max\tpeak\tfilled by\ttime")
	found := s.found()
	for _, o := range s.ranked() {
		mark := "  "
		if len(found[o.Name]) > 0 {
			mark = "! "
		}
		fields := []string{
			mark + printable.Line(o.Name), printable.Line(string(o.Verdict)), strconv.Itoa(o.Acknowledged), predicted(o), tookEach(o),
			limit(o), sizeText(o.Peak), filledBy(o), human.Duration(took(o)),
		}
		fmt.Fprintln(table, strings.Join(fields, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}
