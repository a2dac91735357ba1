package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"oomcage/harness/internal/printable"
	"oomcage/harness/report"
)

const reportLong = `report shows the outcomes of a sweep.

  oomcage report results.jsonl
  oomcage report results.jsonl -o report.html

Several FILEs, as in shard-*/results.jsonl, are the shards of one
sweep: a point that is there twice is an error, and so is one that is missing. Those of another build of the program, as of an
earlier commit, are said to be mixed. It needs no root, no cgroup and no network.

The format follows from the extension of -o: a page (.html), a job's summary (.md), a line for each point
(.csv), or an image of the map and of the kills over the limit (.png, .svg). Without -o it is a table, on
the terminal.

With -history DIR it shows the smallest limit that was survived and the peak over builds instead: as a table, a page
(.html), a summary (.md) or an image (.svg). DIR has one file of results for each build, such as COMMIT.jsonl or
COMMIT/results.jsonl. They are in the order in which their sweeps began, where all files tell that, and otherwise in
that of their names, in which run-9 comes before run-10. ▲ and ▼ mark what differs from the build before, beyond noise.

  oomcage report --history history
  oomcage report --history history -o history.html

With -partial it shows what is there: points may be missing, and a last line that was torn when its sweep was
killed is left out.`

type reportOptions struct {
	out     string
	format  report.Format
	partial bool
	secrets bool
	history string
}

func newReportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:                   "report FILE… | --history DIR [-o report.html]",
		Short:                 "Show the outcomes of a sweep as a page, a table or an image",
		Long:                  withCodes(reportLong, "report"),
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.history == "" {
				return atLeastOne("no file to show: name results.jsonl, or those of all shards")(cmd, args)
			}
			if len(args) > 0 {
				return errors.New("--history takes no files beside its folder: it reads all *.jsonl in there")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			return o.write(cmd.Context(), files, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.out, "output", "o", "", "`FILE` to write (default stdout)")
	f.Var(&o.format, "format", "html, md, csv, png, svg or table (default as the extension of -o says)")
	f.BoolVar(&o.secrets, "show-secrets", false, "show all that the results have; else what looks like a secret is [hidden]")
	f.StringVar(&o.history, "history", "", "show the smallest limit and the peak over the builds whose results are in `DIR`")
	f.BoolVar(&o.partial, "partial", false, "show what is there, though points are missing or a last line is torn")
	return cmd
}

func (o reportOptions) write(ctx context.Context, files []string, stdout, stderr io.Writer) error {
	format := o.format
	if format == "" {
		var err error
		if format, err = report.FormatOf(o.out); err != nil {
			return usageError{fmt.Errorf("%w; name one by -format", err)}
		}
	}
	if err := replacesNoResults(o.out); err != nil {
		return err
	}
	if o.history != "" {
		return o.writeHistory(ctx, format, stdout)
	}
	set, err := untilSignal(ctx, func() (*report.Set, error) { return report.Read(format, files...) })
	if errors.As(err, new(signalError)) {
		return err
	}
	if set == nil {
		fmt.Fprintf(stderr, "oomcage report: %s\n", printable.Indented(advised(err)))
		return exitCode(exitUsage)
	}
	set.ShowSecrets = o.secrets
	if err == nil && !o.partial {
		err = set.Complete()
	}
	switch {
	case err != nil && !o.partial:
		fmt.Fprintf(stderr, "oomcage report: %s; or show what is there by -partial\n", printable.Indented(advised(err)))
		return exitCode(exitUsage)
	case err != nil:
		fmt.Fprintf(stderr, "oomcage report: %s; what is torn is left out\n", printable.Indented(advised(err)))
	}
	var written bytes.Buffer
	if err := report.Write(&written, set, format); err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	if err := writeOut(ctx, o.out, stdout, &written, "report"); err != nil {
		return err
	}
	read := format == report.Table && o.out == "" // on the terminal, with all that follows
	if mixed := set.Mixed(); mixed != "" && !read {
		fmt.Fprintf(stderr, "oomcage report: warning: %s\n", printable.Line(mixed))
	}
	if len(set.Findings) == 0 {
		return nil
	}
	if !read {
		for _, f := range set.Findings {
			fmt.Fprintf(stderr, "oomcage report: %s\n", printable.Line(f.String()))
		}
	}
	return exitCode(exitFailed)
}

// writeOut writes what was made to the file, or to stdout without one.
func writeOut(ctx context.Context, file string, stdout io.Writer, made *bytes.Buffer, what string) error {
	write := func() (int64, error) { return made.WriteTo(stdout) }
	if file != "" {
		write = func() (int64, error) { return 0, writeWhole(file, made.Bytes()) }
	}
	var err error
	if info, failed := os.Stat(file); file == "" || failed == nil && !info.Mode().IsRegular() {
		_, err = untilSignal(ctx, write)
	} else {
		_, err = write() // a file that is kept is not torn
	}
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	return nil
}

// writeWhole writes a file that appears whole or not at all: where the disk is full, the report that was there stays.
// What is no regular file, such as a terminal, or lies in a folder to which nothing may be added, is written to as it is,
// and a file that may not be written is not replaced either.
func writeWhole(path string, data []byte) error {
	mode := os.FileMode(0o666)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() { // a link too, which leads to nothing yet
		return os.WriteFile(path, data, mode)
	}
	if err == nil {
		mode = info.Mode().Perm()
		old, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		old.Close()
	}
	fresh, err := os.OpenFile(fmt.Sprintf("%s.%d.tmp", path, os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return os.WriteFile(path, data, mode)
	}
	_, err = fresh.Write(data)
	err = errors.Join(err, fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return nil
}
