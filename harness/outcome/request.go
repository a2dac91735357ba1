package outcome

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"oomcage/harness/internal/printable"
	"oomcage/harness/internal/secret"
)

// Request is the HTTP request that is a step, or that asks whether the target is ready; see harness.HTTP. It goes to the
// address that is reserved for the cage. The zero value lacks a Path.
type Request struct {
	Method string   // in capitals; empty: GET, or POST where there is a body
	Path   string   // begins with a slash, and may have a query
	Header []string // each as "Name: value"

	// At most one of these is the body; without any there is none. It is streamed, and made anew for each step.
	Body     string // the body itself
	BodyFile string // the path of a file that has it
	BodySize Bytes  // its size: it has so many bytes that do not compress

	Status []int  // the answer's status has to be one of these; nil: any of 2xx
	Text   string // has to stand in the first MiB of the answer's body; empty: that may have any text

	HTTPS    bool   // it goes by HTTPS
	CA       string // the path of a file of PEM certificates that are trusted beside the system's; empty: the system's alone
	Insecure bool   // no certificate is checked

	Socket string // the path of a Unix socket to which it goes; empty: it goes to the address
}

// slashless says what is wrong with the path of a URL that begins with no slash, and what to write.
func slashless(path string) error {
	for _, whole := range []string{path, "http://" + path} {
		if u, err := url.Parse(whole); err == nil && u.Host != "" && (whole == path || u.Port() != "") {
			return fmt.Errorf("has an address, and the target is at $ADDR: write %q", u.RequestURI())
		}
	}
	return fmt.Errorf("does not begin with a slash: write %q", "/"+path)
}

// Validate returns an error that says what makes no sense in the request, and what would.
func (r Request) Validate() error {
	bodies := 0
	for _, given := range []bool{r.Body != "", r.BodyFile != "", r.BodySize != 0} {
		if given {
			bodies++
		}
	}
	switch {
	case !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("the path %q %w", r.Path, slashless(r.Path))
	case strings.ContainsFunc(r.Method, func(c rune) bool { return c < 'A' || c > 'Z' }):
		return fmt.Errorf("the method %q is not in capitals: a request looks like %q", r.Method, "POST "+r.Path)
	case bodies > 1:
		return errors.New("the request has several bodies: give the body itself, a file or a size")
	case r.BodySize < 0 || r.BodySize > maxBody:
		return fmt.Errorf("the request's body of %d bytes: a size must be from 0 to %d", r.BodySize, maxBody)
	case (r.CA != "" || r.Insecure) && !r.HTTPS:
		return errors.New("the request has certificates to trust, or none to check, and goes by HTTP: have it go by HTTPS")
	case r.CA != "" && r.Insecure:
		return errors.New("the request has certificates to trust, and none is checked: leave one of the two out")
	}
	if _, err := url.ParseRequestURI(r.Path); err != nil {
		return fmt.Errorf("the path %q is none of a URL: %w", r.Path, errors.Unwrap(err))
	}
	for _, status := range r.Status {
		if status < 100 || status > 599 {
			return fmt.Errorf("the status %d is none of HTTP: they are from 100 to 599", status)
		}
	}
	for _, h := range r.Header {
		if _, _, err := ParseHeader(h); err != nil {
			return err
		}
	}
	return nil
}

// ParseHeader returns the parts of "Name: value". A name that HTTP does not allow, a value with a line break, and a header that is made
// from the body, such as Content-Length, are errors.
func ParseHeader(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	switch {
	case !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "", "", fmt.Errorf("the header %q is not NAME: VALUE; it looks like %q", text, "Content-Type: text/plain")
	case slices.ContainsFunc([]string{"Content-Length", "Transfer-Encoding", "Trailer"}, func(own string) bool { return strings.EqualFold(own, name) }):
		return "", "", fmt.Errorf("the header %s is made from the body: leave it out", name)
	case strings.ContainsAny(value, "\r\n\x00"):
		return "", "", fmt.Errorf("the header %s has a line break in its value", name)
	}
	return name, value, nil
}

// Verb returns the method that is used: Method, or what stands for an empty one.
func (r Request) Verb() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Body != "" || r.BodyFile != "" || r.BodySize > 0:
		return "POST"
	}
	return "GET"
}

// Takes reports whether an answer of this HTTP status is an acknowledgement.
func (r Request) Takes(status int) bool {
	if len(r.Status) == 0 {
		return status/100 == 2
	}
	return slices.Contains(r.Status, status)
}

const (
	maxBody  = 1 << 40 // bytes of a body that are asked for
	maxNamed = 100     // bytes of a body that stand in the name of a request, which is in each line of results
)

// String returns a name of the request that tells it from any other: "POST /upload, body of 1MiB, header X-Id: 1". Values of
// headers that look like secrets are hidden.
func (r Request) String() string {
	parts := []string{r.Verb() + " " + r.Path}
	if r.HTTPS {
		how := "by HTTPS"
		if r.Insecure {
			how += ", no certificate checked"
		}
		parts = append(parts, how)
	}
	switch {
	case len(r.Body) > maxNamed:
		parts = append(parts, fmt.Sprintf("body of %d bytes (SHA-256 %.8x…)", len(r.Body), sha256.Sum256([]byte(r.Body))))
	case r.Body != "":
		parts = append(parts, "body "+strconv.Quote(r.Body))
	case r.BodyFile != "":
		parts = append(parts, "body of the file "+r.BodyFile)
	case r.BodySize > 0:
		parts = append(parts, "body of "+r.BodySize.String())
	}
	for _, h := range r.Header {
		parts = append(parts, "header "+secret.Header(h))
	}
	if len(r.Status) > 0 {
		var all []string
		for _, status := range r.Status {
			all = append(all, strconv.Itoa(status))
		}
		parts = append(parts, "status "+strings.Join(all, " or "))
	}
	if r.Text != "" {
		parts = append(parts, "answer with "+strconv.Quote(r.Text))
	}
	if r.CA != "" {
		parts = append(parts, "certificates of "+r.CA)
	}
	if r.Socket != "" {
		parts = append(parts, "socket "+r.Socket)
	}
	return printable.Line(strings.Join(parts, ", "))
}
