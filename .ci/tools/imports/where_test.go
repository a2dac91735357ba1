package imports

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Whoever wants to change something finds it by the table in CONTRIBUTING.md, so each file that it names is there, and has
// the name that stands behind it.
func TestThingsAreWhereTheTableSays(t *testing.T) {
	const root = "../../../"
	text, err := os.ReadFile(root + ".github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile("`([^`]+)`")
	files, names := 0, 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		content := ""
		for _, m := range word.FindAllStringSubmatch(line, -1) {
			switch {
			case strings.Contains(m[1], "*"): // a pattern of names
			case strings.Contains(m[1], "/"):
				files++
				info, err := os.Stat(root + m[1])
				if err != nil {
					t.Errorf("%q: %v", line, err)
					continue
				}
				file := root + m[1]
				if info.IsDir() { // its main file
					file += m[1][strings.LastIndex(m[1], "/"):] + ".go"
				}
				b, _ := os.ReadFile(file)
				content = string(b)
			default:
				names++
				if !strings.Contains(content, m[1]) {
					t.Errorf("%q: the file has no %s", line, m[1])
				}
			}
		}
	}
	if files < 20 || names < 8 {
		t.Errorf("the table has %d files and %d names: is it read?", files, names)
	}
}
