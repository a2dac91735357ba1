package main

import (
	"fmt"
	"strings"
)

// Exit codes of the command itself. A command that runs a program returns the program's code instead.
const (
	exitFailed  = 1   // what was expected is not so
	exitUsage   = 2   // flags or arguments that make no sense
	exitNotAll  = 123 // of vm: a file of the guest's is kept beside that of the host
	exitMachine = 125 // the machinery failed: nothing is known about the program
	exitSignal  = 128 // and the number of the signal that ended the command
	exitProgram = -1  // whatever the program ends with
)

// codeMeaning is an exit code and when a command ends with it.
type codeMeaning struct {
	code int
	when string
}

var (
	usageCode  = codeMeaning{exitUsage, "this command line makes no sense"}
	signalCode = codeMeaning{exitSignal, "signal n ended the command, as Ctrl-C does"}
)

// exitCodes are those of each subcommand. Its help ends with them.
var exitCodes = map[string][]codeMeaning{
	"run": {
		{0, `what -expect, -output and -acked say is so; without, the target was loaded, and if it lives it took each step`},
		{exitFailed, `it is not so. Or the target died before it was ready, took no step, or refused one while it lived. -expect
with the verdict that it has allows that, and so does -acked 0`},
		usageCode,
		{exitMachine, `the run could not be made, or one of several of a spec file`},
		signalCode,
	},
	"watch": {
		{0, `it was watched, and ended as -expect says; Ctrl-C and -for are such an end of the watch`},
		{exitFailed, `it ended otherwise`},
		usageCode,
		{exitMachine, `there is nothing to watch: no such cgroup or process, or no memory controller. Or the next life could
not be watched: the outcome of those before is printed, and -expect is not looked at`},
	},
	"sweep": {
		{0, `the checks found nothing`},
		{exitFailed, `they did`},
		usageCode,
		{exitMachine, `a point could not be run, or an outcome not be printed`},
		signalCode,
	},
	"bisect": {
		{0, `there is an answer, for each of the axes' values`},
		{exitFailed, `not even the upper end survives, or is well where that is asked for`},
		usageCode,
		{exitMachine, `a run could not be made, or failed at the upper end for another reason than its limit`},
		signalCode,
	},
	"compare": {
		{0, `nothing that --fail-on names has changed, or it names nothing`},
		{exitFailed, `something has, or a point is missing; the comparison is written nevertheless`},
		{exitUsage, `this command line makes no sense, a file cannot be read, or no point is in both`},
		{exitMachine, `the comparison cannot be written`},
		signalCode,
	},
	"report": {
		{0, `the checks, which are made anew over all points, find nothing. A history is not checked`},
		{exitFailed, `they find something; the report is written nevertheless`},
		{exitUsage, `this command line makes no sense, a file cannot be read, or a point is missing or doubled`},
		{exitMachine, `the report cannot be written`},
		signalCode,
	},
	"judge": {
		{0, `all verdicts agree`},
		{exitFailed, `one differs`},
		{exitUsage, `this command line makes no sense, or a file or a line of it cannot be read; the other lines are judged
nevertheless`},
		{exitMachine, `the verdicts cannot be printed`},
		signalCode,
	},
	"explain": {
		{0, `it is explained`},
		{exitUsage, `this command line makes no sense, the file cannot be read, or it has no outcome, or several and none is named`},
		{exitMachine, `the explanation cannot be printed`},
		signalCode,
	},
	"schema": {
		{0, `it is printed`},
		usageCode,
		{exitMachine, `it could not be printed`},
	},
	"kernels": {
		{0, `it is done, or listed`},
		usageCode,
		{exitMachine, `it could not be done: nothing has changed`},
		signalCode,
	},
	"doctor": {
		{0, `a cage or the microVM works here`},
		{exitFailed, `neither does`},
		usageCode,
		{exitMachine, `it could not be found out`},
		signalCode,
	},
	"version": {
		{0, `it is said`},
		usageCode,
		{exitMachine, `it could not be printed`},
	},
	"vm": {
		{exitProgram, `the program's own`},
		{exitSignal, `signal n ended the program, or this command`},
		{exitNotAll, `it ended with 0, and not all that it wrote has its own name here`},
		{exitMachine, `the machinery failed, or what this command line names is not there: nothing is known about the program`},
		usageCode,
	},
	"demo": {
		{0, `the service was killed by its own limit within the predicted steps`},
		{exitFailed, `it was not`},
		usageCode,
		{exitMachine, `the run could not be made`},
		signalCode,
	},
}

// withCodes is the text of a command's help with its exit codes below.
func withCodes(text, command string) string {
	var b strings.Builder
	b.WriteString(text + "\n\nExit codes:\n")
	for _, c := range exitCodes[command] {
		code := fmt.Sprint(c.code)
		switch c.code {
		case exitSignal:
			code += "+n"
		case exitProgram:
			code = "other"
		}
		for i, line := range strings.Split(c.when, "\n") {
			if i > 0 {
				code = ""
			}
			fmt.Fprintf(&b, "  %-6s %s\n", code, line)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
