//go:build linux

package main

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"oomcage/harness/internal/printable"
)

// The elements of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Class      string          `xml:"classname,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Failure    *junitMessage   `xml:"failure"`
		Error      *junitMessage   `xml:"error"`
		Skipped    *junitMessage   `xml:"skipped"`
		Output     string          `xml:"system-out,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junitOf is a suite with a case for each run: what was not as expected is a failure, and what could not be run an error.
func junitOf(name string, entries []entry) ([]byte, error) {
	s := junitSuite{Name: name}
	var took time.Duration
	for _, e := range entries {
		c := e.junit(name)
		s.Cases = append(s.Cases, c)
		s.Tests++
		took += e.took
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	s.Time = seconds(took)
	text, err := xml.MarshalIndent(junitSuites{junitCounts: s.junitCounts, Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func (e *entry) junit(class string) junitCase {
	c := junitCase{Name: printable.Line(e.name), Class: class, Time: seconds(e.took)}
	shown := ""
	if o := e.outcome; o != nil {
		shown = o.String()
		c.Properties = []junitProperty{
			{"verdict", string(o.Verdict)}, {"acknowledged", strconv.Itoa(o.Acknowledged)},
			{"limit_bytes", fmt.Sprint(int64(o.Evidence.Limits.Max))}, {"peak_bytes", fmt.Sprint(int64(o.Peak))},
		}
	}
	why := e.failure()
	switch {
	case e.skipped:
		c.Skipped = &junitMessage{Message: "the suite had ended before"}
	case why != "":
		c.Failure = &junitMessage{Message: printable.Line(why), Text: shown}
		if e.outcome != nil {
			c.Failure.Type = string(e.outcome.Verdict)
		}
	case e.err != nil:
		c.Error = &junitMessage{Message: "it could not be run", Text: printable.Lines(e.err.Error())}
	default:
		c.Output = shown
	}
	return c
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
