package harness

import (
	"testing"

	"github.com/stretchr/testify/suite"
)

// RecipeScenarios are about the recipe itself.
type RecipeScenarios struct{ scenarios }

func TestScenariosOfTheRecipe(t *testing.T) { suite.Run(t, new(RecipeScenarios)) }

// Row 1. memory.peak may lie a little above memory.max, see overshoot.
func (s *RecipeScenarios) TestTheServiceIsKilledWithinThePredictedSteps() {
	o := RunT(s.T(), Spec{
		Target: s.service(), Limits: Limits{Max: 100000000},
		Load: Load{Step: HTTPPost("/generate-load/memory"), Bytes: 20 * MiB},
	})
	o.RequireVerdict(s.T(), OOMKilled)
	o.RequirePredicted(s.T())
	o.RequireOOMKills(s.T(), 1)
	s.Positive(o.Evidence.EventsLocal.OOM)
	s.InDelta(int64(o.Evidence.Limits.Max), int64(o.Peak), overshoot)
	s.measured(1, "%d acknowledged of %s predicted, oom %d, oom_kill %d, peak %d of %d bytes",
		o.Acknowledged, o.Predicted, o.Evidence.EventsLocal.OOM, o.Evidence.Events.OOMKill, o.Peak, o.Evidence.Limits.Max)
}
