// Package secret hides what looks like a secret in what is to be published: an environment, a command line.
package secret

import (
	"regexp"
	"slices"
	"strings"
)

// Hidden stands where a secret was. It is the same for all of them: a hash would let those be guessed that can be, and
// of two runs that differ in a token alone neither takes more memory.
const Hidden = "[hidden]"

// names are parts of the names of variables that hold secrets. Too many names are better than too few: a flag shows
// all values, and nothing takes back what was published.
var names = []string{"TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL", "CREDS", "AUTH", "COOKIE", "DSN", "JWT", "BEARER", "PRIVATE", "SESSION", "SIGNATURE", "WEBHOOK", "CONNECTION_STRING"}

// endings are those of such names. As parts they stand in others: PWD and PATH are folders.
var endings = []string{"_PWD", "_PW", "_PAT", "_PIN", "_OTP", "_SAS", "_SALT"}

// switches are values that are no secret, whatever the name.
var switches = []string{"", "0", "1", "true", "false", "yes", "no", "on", "off"}

// isName reports whether a variable of this name holds a secret, as far as the name tells.
func isName(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(name, end) }) ||
		slices.ContainsFunc(names, func(part string) bool { return strings.Contains(name, part) })
}

// pattern finds a secret in any text. The first group of its expression is what stays before the secret, the second is
// the secret. A text without any of the words, which are in lower case, has none: a sweep has 100,000 texts.
type pattern struct {
	words      []string
	expression *regexp.Regexp
}

// called is what stands in the names of what is a secret, and named is such a name.
const (
	called = `(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credential)`
	named  = `[\w.-]*` + called + `[\w.-]*`
	option = `--?(?:[\w.-]*[_.-])?(?:` + called + `|credentials)` // --max-tokens is none: it takes a number
)

var calledWords = []string{"passw", "passphrase", "secret", "token", "key", "credential"}

var patterns = []pattern{
	{[]string{"@"}, regexp.MustCompile(`(://)([^\s/?#]+)@`)}, // who logs in at a URL
	{calledWords, regexp.MustCompile(`(?i)(` + named + `=)("[^"]*"|'[^']*'|[^\s&;,"']+)`)},
	{calledWords, regexp.MustCompile(`(?i)("` + named + `"\s*:\s*")((?:[^"\\]|\\.)*)`)},                        // of JSON
	{calledWords, regexp.MustCompile(`(?i)(\\"` + named + `\\"\s*:\s*\\")((?:\\\\\\"|[^"\\]|\\[^"])*)`)},       // of JSON in a text in quotes
	{calledWords, regexp.MustCompile(`(?i)((?:^|[\s'"])` + option + `\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)`)}, // of a command line
	{calledWords, regexp.MustCompile(`(?i)((?:^|[\s'"])` + named + `: +)(\[hidden\]|[^\s'"][^'"\r\n]*)`)},      // of a header, or YAML
	{[]string{"auth", "cookie"}, regexp.MustCompile(`(?i)((?:^|[\s'"])[\w-]*(?:authorization|auth|cookie): *(?:[\w-]+ +)?)(\[hidden\]|[^\s'"][^'"\r\n]*)`)},
	{[]string{"-u", "--user"}, regexp.MustCompile(`((?:^|\s)(?:-u|--user)[ =]*["']?[^\s:"'=]+:)([^\s"']*[^\s"'\d][^\s"']*)`)}, // of curl; UID:GID is none
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)(\b(?:bearer|basic) +)([\w.~+/=-]{8,})`)},
	{
		[]string{"gh", "glpat-", "xox", "sk-", "sk_", "rk_", "whsec_", "npm_", "hf_", "aiza", "akia", "asia", "eyj"},
		regexp.MustCompile(`()\b((?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|sk-|[sr]k_live_|[sr]k_test_|whsec_|AIza|AKIA|ASIA)[\w-]{16,}|` +
			`(?:npm|hf)_[0-9A-Za-z]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)`),
	},
	{[]string{"pwd="}, regexp.MustCompile(`(?i)(;\s*pwd=)([^;"']+)`)},      // of a connection's string
	{[]string{"sig="}, regexp.MustCompile(`(?i)([?&]sig=)([^\s&"']{8,})`)}, // of a signed URL
	{[]string{"-----begin"}, regexp.MustCompile(`()(-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*)`)},
}

// Text hides what looks like a secret by its shape: userinfo in a URL, password=…, a bearer's token, a private key. What
// Text returns it leaves as it is.
func Text(s string) string { return hide(s, func(string) {}) }

// namesSecret is an option whose value is the next word.
var namesSecret = regexp.MustCompile(`(?i)^` + option + `$`)

// Words hides the secrets in the words of a command line: those of Text, and the word behind --password and the like.
func Words(words []string) []string {
	hidden := slices.Clone(words)
	for i, word := range words {
		hidden[i] = Text(word)
		switch before := words[max(i-1, 0)]; {
		case i == 0:
		case namesSecret.MatchString(before) && !strings.HasPrefix(word, "-") && !slices.Contains(switches, strings.ToLower(word)):
			hidden[i] = Hidden
		case before == "-u" || before == "--user":
			hidden[i] = strings.TrimPrefix(Text(before+" "+word), before+" ")
		}
	}
	return hidden
}

// Found are the secrets that Words hides, the longest first, for what may have printed them. Those in arguments that are too short
// may be any word.
func Found(words []string) (found []string) {
	add := func(secret string) {
		if secret = strings.Trim(secret, `"'`); len(secret) >= minLength && !strings.Contains(secret, Hidden) {
			found = append(found, secret)
		}
	}
	hidden := Words(words)
	for i, word := range words {
		if hide(word, add); hidden[i] == Hidden {
			add(word)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(found)
}

// Env hides the value of NAME=VALUE where the name says that it is a secret, and what Text hides in any other value.
func Env(entry string) string {
	name, value, _ := strings.Cut(entry, "=")
	switch {
	case slices.Contains(switches, strings.ToLower(value)):
		return entry
	case isName(name):
		return name + "=" + Hidden
	default:
		return name + "=" + Text(value)
	}
}

// minLength is how long a value must be to be looked for elsewhere: a shorter one may be any word.
const minLength = 6

// Values are the secrets of an environment that Env hides, the longest first, for what may have printed them.
func Values(entries []string) []string {
	var found []string
	add := func(value string) {
		if len(value) >= minLength && !strings.Contains(value, Hidden) {
			found = append(found, value)
		}
	}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		if Env(entry) == entry {
			continue
		}
		if isName(name) {
			add(value)
		}
		hide(value, func(secret string) {
			add(secret)
			if _, password, ok := strings.Cut(secret, ":"); ok {
				add(password)
			}
		})
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(found)
}

// hide is Text, and tells of each secret.
func hide(s string, tell func(secret string)) string {
	lower := strings.ToLower(s)
	for _, p := range patterns {
		if slices.ContainsFunc(p.words, func(word string) bool { return strings.Contains(lower, word) }) {
			s = replace(p.expression, s, tell)
		}
	}
	return s
}

// replace hides the second group of each match.
func replace(p *regexp.Regexp, s string, tell func(secret string)) string {
	var b strings.Builder
	from := 0
	for _, m := range p.FindAllStringSubmatchIndex(s, -1) {
		tell(s[m[4]:m[5]])
		b.WriteString(s[from:m[4]] + Hidden)
		from = m[5]
	}
	return b.String() + s[from:]
}

// Header hides the value of "Name: value" as Env does.
func Header(text string) string {
	name, value, _ := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	switch {
	case slices.Contains(switches, strings.ToLower(value)):
		return name + ": " + value
	case isName(name):
		return name + ": " + Hidden
	default:
		return name + ": " + Text(value)
	}
}
