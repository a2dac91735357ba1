package report

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestTheTimeIsTheRunsAndNotTheLastReadings(t *testing.T) {
	o := &outcome.Outcome{Timeline: []outcome.Sample{{At: time.Second}}}
	require.Equal(t, time.Second, took(o), "of an older oomcage")
	o.Took = time.Minute
	require.Equal(t, time.Minute, took(o))
	var got bytes.Buffer
	require.NoError(t, Write(&got, NewSet([]*outcome.Outcome{o}), Table))
	require.Contains(t, got.String(), "60.0 s")
	require.Zero(t, took(&outcome.Outcome{}))
}

func TestTheExtensionNamesTheFormat(t *testing.T) {
	for file, want := range map[string]Format{
		"": Table, "a.html": HTML, "b/c.HTM": HTML, "x.md": Markdown, "x.csv": CSV, "x.png": PNG, "x.svg": SVG, "x.txt": Table,
	} {
		got, err := FormatOf(file)
		require.NoError(t, err)
		require.Equal(t, want, got, file)
	}
	_, err := FormatOf("report.pdf")
	require.EqualError(t, err, `report.pdf: the extension ".pdf" names no format; there are html, md, csv, png, svg, table`)
	var f Format
	require.ErrorContains(t, f.Set("pdf"), "take one of html, md")
	require.NoError(t, f.Set("md"))
	require.Equal(t, Markdown, f)
	require.ErrorContains(t, Write(io.Discard, nil, "pdf"), "no format")
}
