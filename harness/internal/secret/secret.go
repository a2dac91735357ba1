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
var names = []string{"TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL", "AUTH", "COOKIE", "DSN", "JWT", "BEARER", "PRIVATE", "SESSION", "SIGNATURE", "WEBHOOK", "CONNECTION_STRING"}

// switches are values that are no secret, whatever the name.
var switches = []string{"", "0", "1", "true", "false", "yes", "no", "on", "off"}

// Name reports whether a variable of this name holds a secret, as far as the name tells.
func Name(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasSuffix(name, "_PWD") || slices.ContainsFunc(names, func(part string) bool { return strings.Contains(name, part) })
}

// pattern finds a secret in any text. The first group of its expression is what stays before the secret, the second is
// the secret. A text without any of the words, which are in lower case, has none: a sweep has 100,000 texts.
type pattern struct {
	words      []string
	expression *regexp.Regexp
}

var patterns = []pattern{
	{[]string{"@"}, regexp.MustCompile(`(://)([^\s/?#]+)@`)}, // who logs in at a URL
	{
		[]string{"passw", "passphrase", "secret", "token", "key", "credential"},
		regexp.MustCompile(`(?i)([\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w.-]*=)("[^"]*"|'[^']*'|[^\s&;,"']+)`),
	},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)(\b(?:bearer|basic) +)([\w.~+/=-]{8,})`)},
	{
		[]string{"gh", "glpat-", "xox", "sk-", "akia", "asia", "eyj"},
		regexp.MustCompile(`()\b((?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|sk-|AKIA|ASIA)[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)`),
	},
	{[]string{"-----begin"}, regexp.MustCompile(`()(-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*)`)},
}

// Text hides what looks like a secret by its shape: userinfo in a URL, password=…, a bearer's token, a private key. What
// Text returns it leaves as it is.
func Text(s string) string { return hide(s, func(string) {}) }

// Env hides the value of NAME=VALUE where the name says that it is a secret, and what Text hides in any other value.
func Env(entry string) string {
	name, value, _ := strings.Cut(entry, "=")
	switch {
	case slices.Contains(switches, strings.ToLower(value)):
		return entry
	case Name(name):
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
		if Name(name) {
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
	case Name(name):
		return name + ": " + Hidden
	default:
		return name + ": " + Text(value)
	}
}
