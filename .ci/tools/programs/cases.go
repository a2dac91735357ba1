// Package programs runs programs that nobody here wrote, as Debian has packaged them, in cages that are too small for
// them, or just large enough, and compares what oomcage says with what is known of them. docs/programs.md is made of it.
package programs

// group is a microVM with the programs of its cases.
type group struct {
	name  string
	title string
	needs []string // of .ci/install: COMMAND:PACKAGE
	about string   // the command that prints the version, or more than one, a line each
	host  string   // what is made before the microVM boots, by a shell in the folder that goes along
	add   []string // of oomcage vm; a shell expands them, in that folder
	setup string   // what a shell in the guest does first
	cases []testCase
}

// testCase is one run of a program.
type testCase struct {
	name  string
	shows string // what is known of the program, and so expected, in a sentence
	setup string // what a shell in the guest does before it, in the folder of the case
	run   string // the arguments of oomcage run, as a shell reads them: it has to end with 0
	says  string // a regular expression that the sentence of the outcome has to match
	note  string // what the emulated processor made smaller, if anything
}

// groups are all of them, in the order of the page.
var groups = []group{redis, memcachedAndNginx, postgres, jvm, node, python, tools}
