package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oomcage/harness"
	"oomcage/harness/internal/printable"
)

const judgeLong = `judge reads stored outcomes, judges each again from its evidence, and prints the old verdict and the new
one. A FILE has one outcome a line, as in the outcome.json that go test -artifacts keeps; - is stdin.
It needs no root and no cgroup.

Exit codes: 0 when all verdicts agree; 1 when one differs; 2 when the command line makes no sense, or a
file or a line of it cannot be read. The other lines are judged nevertheless.`

func newJudgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "judge FILE…",
		Short:                 "Judge stored outcomes again from their evidence",
		Long:                  judgeLong,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no file to judge: name files with one outcome a line, or - for stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			done := make(chan error, 1)
			go func() { done <- judge(files, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()) }()
			select {
			case err := <-done:
				return err
			case <-cmd.Context().Done(): // a read from a terminal knows no context
				return context.Cause(cmd.Context())
			}
		},
	}
}

// judge prints a line for each outcome to stdout, and what cannot be read to stderr.
func judge(files []string, stdin io.Reader, stdout, stderr io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	j := &judgement{table: table}
	bad := 0
	complain := func(err error) {
		bad++
		fmt.Fprintf(stderr, "oomcage judge: %s\n", printable.Indented(err.Error()))
	}
	for _, file := range files {
		if file == "-" {
			j.read("stdin", stdin, complain)
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			complain(err)
			continue
		}
		j.read(file, f, complain)
		f.Close()
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the verdicts: %w", err)
	}
	summary := fmt.Sprintf("%s judged again: %d agree, %d differ", count(j.same+j.different, "outcome"), j.same, j.different)
	if bad > 0 {
		summary += "; " + count(bad, "error")
	}
	if _, err := fmt.Fprintln(stdout, summary); err != nil {
		return fmt.Errorf("print the verdicts: %w", err)
	}
	switch {
	case bad > 0:
		return exitCode(exitUsage)
	case j.different > 0:
		return exitCode(exitFailed)
	}
	return nil
}

// judgement counts the verdicts.
type judgement struct {
	table           io.Writer
	same, different int
}

// read judges each line of a file. A file without an outcome is an error: it would agree with
// everything.
func (j *judgement) read(name string, r io.Reader, complain func(error)) {
	in := bufio.NewReaderSize(r, 1<<16)
	outcomes := 0
	for n := 1; ; n++ {
		line, err := readLine(in, longestLine)
		end := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, errLongLine):
			outcomes++
			complain(fmt.Errorf("%s:%d: %w", name, n, err))
		case err != nil && !end:
			complain(fmt.Errorf("%s:%d: %w", name, n, err))
			return
		case len(line) > 0:
			outcomes++
			o, err := harness.ParseOutcome(line)
			if err != nil {
				complain(fmt.Errorf("%s:%d: %w", name, n, err))
				break
			}
			j.again(o, fmt.Sprintf("%s:%d", name, n))
		}
		if end {
			if outcomes == 0 {
				complain(fmt.Errorf("%s: it is empty; one outcome a line is needed", name))
			}
			return
		}
	}
}

// again judges o, which was found at the given place.
func (j *judgement) again(o *harness.Outcome, where string) {
	old := o.Verdict
	o.Judge()
	name := o.Name
	if name == "" {
		name = where
	}
	row := fmt.Sprintf("%s\t%-*s  %s", printable.Line(name), verdictWidth, old, o.Verdict)
	if o.Verdict == old {
		j.same++
	} else {
		j.different++
		row = fmt.Sprintf("%s\t%-*s  %-*s  differs: %s (%s)", printable.Line(name), verdictWidth, old, verdictWidth, o.Verdict, printable.Line(o.Why), printable.Line(where))
	}
	fmt.Fprintln(j.table, row)
}

// verdictWidth is the length of the longest verdict.
const verdictWidth = len(harness.AncestorOOMKilled)

// longestLine bounds what a file that is none of ours, such as /dev/zero, can take of memory.
// A timeline takes 500 KB and the output 64 KiB, six times that where each byte is escaped.
const longestLine = 64 << 20

var errLongLine = fmt.Errorf("no outcome: the line is longer than %d MiB", longestLine>>20)

// readLine returns the next line without spaces around it, and io.EOF with the last one. Of a line that is
// too long nothing is kept.
func readLine(in *bufio.Reader, longest int) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > longest; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLongLine // where that was the end of the file, the next call says so
		default:
			return bytes.TrimSpace(line), err
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
