# Makes the rows of docs/scenarios.md from the attributes in the output of go test -v:
#
#   === ATTR  TestScenariosOfX/TestBehaviour row 7
#   === ATTR  TestScenariosOfX/TestBehaviour measured current …
$1 == "===" && $2 == "ATTR" && $4 == "row" { row[$3] = $5 }
$1 == "===" && $2 == "ATTR" && $4 == "measured" {
	text = $0
	sub(/^=== ATTR +[^ ]+ measured /, "", text)
	measured[$3] = text
}
/^ *--- (FAIL|SKIP)/ { if ($3 in row || $3 ~ /\//) ended[$3] = $2 }
/^(FAIL|panic:)/ { failed = 1 }
END {
	for (test in row) {
		split(test, name, "/")
		printf "| %s | `%s` | %s%s |\n", row[test], name[2], measured[test], (test in ended) ? " (" ended[test] ")" : "" | "sort -t'|' -k2n"
	}
	close("sort -t'|' -k2n")
	exit failed
}
