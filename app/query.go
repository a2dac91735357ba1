package main

import (
	"fmt"
	"net/url"
	"strconv"
)

// parseTake reads what a query asks for: of which kind, and how many bytes.
func (s *server) parseTake(query string) (k kind, size int64, err error) {
	q, err := parseQuery(query)
	if err != nil {
		return kind{}, 0, err
	}
	k, size = kinds[0], s.step
	if q.Has("kind") {
		if k, err = parseKind(q.Get("kind")); err != nil {
			return kind{}, 0, err
		}
	}
	if q.Has("bytes") {
		size, err = parseSize(q.Get("bytes"), s.maxSize)
	}
	return k, size, err
}

// parseDrop reads which kinds a query wants let go: all, or the one that it names.
func parseDrop(query string) ([]kind, error) {
	q, err := parseQuery(query)
	if err != nil {
		return nil, err
	}
	if !q.Has("kind") {
		return kinds, nil
	}
	k, err := parseKind(q.Get("kind"))
	return []kind{k}, err
}

// parseExit reads an exit status, 0 to 255.
func parseExit(query string) (int, error) {
	q, err := parseQuery(query)
	if err != nil {
		return 0, err
	}
	code, err := strconv.ParseUint(q.Get("code"), 10, 8)
	if err != nil {
		return 0, fmt.Errorf("code %q is no exit status: give one from 0 to 255", q.Get("code"))
	}
	return int(code), nil
}

// parseQuery returns the parameters of a query, none of which is given twice. It is
// here because gin passes over what it cannot parse, and "?bytes=5%" would take a
// whole step.
func parseQuery(query string) (url.Values, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("parse query %q: %w", query, err)
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, fmt.Errorf("%s is given %d times in query %q: give it once", name, len(values), query)
		}
	}
	return q, nil
}
