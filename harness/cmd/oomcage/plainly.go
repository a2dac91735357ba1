package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// noTime is what package time says of a text that is no duration.
var noTime = regexp.MustCompile(`time: (?:invalid duration|missing unit in duration|unknown unit "(?:[^"\\]|\\.)*" in duration) "(?:[^"\\]|\\.)*"`)

// noFlag is what package pflag says before the reason.
var noFlag = regexp.MustCompile(`^invalid argument "(?:[^"\\]|\\.)*" for "(?:-\w, )?(--[\w-]+)" flag: `)

// plainly is what an error says, with what was found and what is needed in the place of the words of strconv, time and pflag, which name
// functions of Go.
func plainly(err error) string {
	said := err.Error()
	var number *strconv.NumError
	if errors.As(err, &number) {
		said = strings.ReplaceAll(said, number.Error(), noNumber(number))
	}
	said = noTime.ReplaceAllStringFunc(said, func(text string) string {
		return text[strings.LastIndex(text, ` "`)+1:] + " is no time: it looks like 10s, 200ms or 1m30s"
	})
	return noFlag.ReplaceAllString(said, "$1: ")
}

// noNumber says what a text is not, and what it should look like.
func noNumber(e *strconv.NumError) string {
	found := strconv.Quote(e.Num)
	switch {
	case e.Func == "ParseBool":
		return found + " is neither true nor false"
	case errors.Is(e, strconv.ErrRange):
		return found + " is too large, or too small"
	case e.Func == "ParseFloat":
		return found + " is no number: it looks like 20 or 0.5"
	default:
		return found + " is no whole number: it looks like 20"
	}
}

// plain is an error in plain words.
type plain struct{ error }

// Error is plainly of it.
func (p plain) Error() string { return plainly(p.error) }

// Unwrap returns the error as it was.
func (p plain) Unwrap() error { return p.error }
