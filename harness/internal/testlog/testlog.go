// Package testlog joins the assertions of package outcome, which know no tests, to package harness, which prints the outcomes
// of a test that fails when it ends.
package testlog

// WillPrint reports whether an outcome will be printed by the test that it belongs to, if that fails. Package harness sets
// it; without that package nothing else prints.
var WillPrint = func(outcome any) bool { return false }
