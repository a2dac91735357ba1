package outcome

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"oomcage/harness/internal/golden"
)

// The files are links in testdata, which the microVM carries; the rest of the source is not there.
func TestVerdictTable(t *testing.T) {
	markdown := "| verdict | what happened | what proves it |\n| --- | --- | --- |\n"
	var text strings.Builder
	for _, row := range verdictTable {
		markdown += fmt.Sprintf("| `%s` | %s | %s |\n", row.verdict, row.what, row.proof)
		fmt.Fprintf(&text, "\t%-20s %s\n\t%-20s (%s)\n", row.verdict, row.what, "", strings.ReplaceAll(row.proof, "`", ""))
	}
	for _, c := range []struct{ link, from, table string }{
		{"testdata/README.md", "| verdict |", markdown},
		{"testdata/doc.txt", "\tsurvived ", text.String()},
	} {
		data, err := os.ReadFile(c.link)
		require.NoError(t, err)
		start := strings.Index(string(data), "\n"+c.from) + 1
		require.Positive(t, start, "%s has no table of verdicts: no line begins with %q", c.link, c.from)
		table, after, found := strings.Cut(string(data)[start:], "\n\n")
		require.True(t, found, "the table of verdicts in %s has no end: an empty line", c.link)
		if golden.Update() {
			whole := string(data)[:start] + c.table + "\n" + after
			require.NoError(t, os.WriteFile(c.link, []byte(whole), 0o644))
			continue
		}
		assert.Equal(t, c.table, table+"\n", "the table in %s is made from harness/outcome/verdicttable.go; to rewrite it:\n  go test ./harness/outcome -run TestVerdictTable -update", c.link)
	}
}

func TestEveryVerdictIsInTheTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "testdata/verdict.txt", nil, parser.ParseComments)
	require.NoError(t, err)
	type row struct{ verdict, what string }
	var constants, table []row
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Verdict" {
			return false
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		constants = append(constants, row{value, strings.TrimSpace(spec.Comment.Text())})
		return false
	})
	for _, r := range verdictTable {
		table = append(table, row{string(r.verdict), r.what})
	}
	require.Equal(t, constants, table, "the constants in verdict.go with their comments, and verdictTable")
	require.Len(t, Verdicts(), len(constants))
}
