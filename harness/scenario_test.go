package harness

import (
	"fmt"
	"strconv"

	"github.com/stretchr/testify/suite"
)

// scenarios is what the suites of docs/scenarios.md share. Each method is one row of its table,
// whose number stands in the method's comment. The suites are in the scenario_*_test.go files, and
// their names begin with TestScenarios.
type scenarios struct {
	suite.Suite
	app string // the gin mock
}

func (s *scenarios) SetupSuite() { s.app = Build(s.T(), "../app") }

// service is the gin mock, ready for steps.
func (s *scenarios) service() Target {
	return Target{Path: s.app, Args: []string{"-addr", "$ADDR"}, Ready: HTTPReady("/ping")}
}

// measured puts the figures of a row into the test's attributes; `make scenarios` makes the table
// of docs/scenarios.md from them.
func (s *scenarios) measured(row int, format string, args ...any) {
	s.T().Helper()
	s.T().Attr("row", strconv.Itoa(row))
	s.T().Attr("measured", fmt.Sprintf(format, args...))
}
