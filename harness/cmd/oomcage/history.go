package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"oomcage/harness/compare"
	"oomcage/harness/report"
)

// writeHistory writes the results of several builds in one of the formats that they have.
func (o reportOptions) writeHistory(ctx context.Context, format report.Format, stdout io.Writer) error {
	switch format {
	case report.Table, report.Markdown, report.HTML, report.SVG:
	default:
		return usageError{fmt.Errorf("a history is no %s; take one of html, md, svg, table", format)}
	}
	h, err := untilSignal(ctx, func() (*compare.History, error) { return compare.ReadHistory(o.history, o.partial) })
	if err != nil {
		return usageError{err}
	}
	var written bytes.Buffer
	err = map[report.Format]func(io.Writer) error{
		report.Table: h.WriteText, report.Markdown: h.WriteMarkdown, report.HTML: h.WriteHTML, report.SVG: h.WriteSVG,
	}[format](&written)
	if err != nil {
		return fmt.Errorf("make the history: %w", err)
	}
	return writeOut(ctx, o.out, stdout, &written, "history")
}
