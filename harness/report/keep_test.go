package report

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

func TestOfManyOutcomesTheProcessesAreBoundedToo(t *testing.T) {
	crowded := func() *outcome.Outcome {
		o := &outcome.Outcome{}
		census := outcome.Census{Processes: make([]outcome.Resident, 64), More: 1, MoreRSS: 1}
		report := &outcome.OOMReport{Group: "/cage", Stat: map[string]uint64{}, Tasks: make([]outcome.OOMTask, 64)}
		for i := range 64 {
			census.Processes[i] = outcome.Resident{PID: i, Anon: 10, File: 1}
			report.Tasks[i] = outcome.OOMTask{TGID: i, RSS: 10, Swap: 3}
		}
		o.Census = []outcome.Census{census, {At: 5, Processes: []outcome.Resident{{State: "Z"}}}}
		o.Evidence = outcome.Evidence{Cage: "/cage", Kills: []outcome.OOMKill{{Report: report}}}
		return o
	}
	path := func(n int) string {
		var all []*outcome.Outcome
		for i := range n {
			o := crowded()
			o.Name = fmt.Sprintf("app/repeat=%d", i+1)
			o.Verdict, o.Why = o.Judge()
			all = append(all, o)
		}
		return mustWrite(t, "results.jsonl", all...)
	}
	few := mustRead(t, path(3)).Outcomes[0]
	require.Len(t, few.Census, 2)
	require.Len(t, few.Evidence.Kills[0].Report.Tasks, 64)

	many := mustRead(t, path(2*firstThinned)).Outcomes[0]
	most := kept(2 * firstThinned).processes()
	require.Equal(t, 16, most)
	require.Len(t, many.Census, 1)
	require.Len(t, many.Census[0].Processes, most)
	require.Equal(t, 64-most+1, many.Census[0].More)
	require.EqualValues(t, 11*(64-most)+1, many.Census[0].MoreRSS)
	report := many.Evidence.Kills[0].Report
	require.Len(t, report.Tasks, most)
	require.Equal(t, 64-most, report.RestCount)
	require.Equal(t, &outcome.OOMTask{RSS: outcome.Bytes(10 * (64 - most)), Swap: outcome.Bytes(3 * (64 - most))}, report.Rest)

	table, err := Read(Table, path(3))
	require.NoError(t, err)
	require.Empty(t, table.Outcomes[0].Census)
	require.Nil(t, table.Outcomes[0].Evidence.Kills[0].Report)
}
