package harness

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"

	"oomcage/harness/internal/guest"
	"oomcage/harness/outcome"
)

// Request is the HTTP request of a step or a probe; see outcome.Request.
type Request = outcome.Request

// HTTPStatusError is the error of an HTTP step that the target answered otherwise than was expected: with another
// status, or without the text. The target is alive: it said no.
type HTTPStatusError struct {
	Method, URL string
	Code        int
	Body        string // at most 1 KiB of it
	Lacks       string // the text that is not in the answer; empty: it is the status
}

// Error is the request, the status and the beginning of the answer.
func (e *HTTPStatusError) Error() string {
	msg := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Code, http.StatusText(e.Code))
	if e.Lacks != "" {
		msg += fmt.Sprintf(", without the text %q", e.Lacks)
	}
	if body := strings.TrimSpace(e.Body); body != "" {
		msg += ": " + body
	}
	return msg
}

// HTTPGet is a step that sends GET http://$ADDR+path and takes a complete answer with a status
// of 2xx as acknowledgement. An answer that breaks off is none. Each step uses a connection of
// its own: net/http sends a GET again, unasked, when a connection that it had kept turns out
// to be dead.
func HTTPGet(path string) Step { return HTTP(Request{Method: http.MethodGet, Path: path}) }

// HTTPPost is a step that sends a POST without a body to path, as HTTPGet sends a GET. HTTP sends a body.
func HTTPPost(path string) Step { return HTTP(Request{Method: http.MethodPost, Path: path}) }

// HTTP is a step that sends the request, once and on a connection of its own, and takes a complete answer as
// acknowledgement that has the status and the text which the request expects. Redirects are not followed. A request that
// makes no sense (Request.Validate), or whose file cannot be read, is the error of the first step.
func HTTP(r Request) Step {
	c := newRequester(r)
	return func(ctx context.Context, p *Process, n int) error { return c.do(ctx, p, n) }
}

// HTTPReady is a probe that asks for path until it is answered with a status of 2xx. Its error
// is the last failure.
func HTTPReady(path string) Probe { return HTTPProbe(Request{Path: path}) }

// HTTPProbe is a probe that sends the request until it is answered as expected. Its error is the last failure.
func HTTPProbe(r Request) Probe {
	c := newRequester(r)
	return func(ctx context.Context, p *Process) error {
		if err := c.err; err != nil {
			return err
		}
		return untilReady(ctx, p, func(ctx context.Context) error { return c.do(ctx, p, 1) })
	}
}

// socketOf is the key of the Unix socket in the context of a request: it may have the target's address in its name.
type socketOf struct{}

// requester sends a request again and again.
type requester struct {
	Request
	client *http.Client
	err    error // why it cannot be sent
}

func newRequester(r Request) *requester {
	c := &requester{Request: r, err: r.Validate()}
	// No proxy, as loads go to loopback only, and no connection is kept.
	transport := &http.Transport{DisableKeepAlives: true}
	if r.Socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", ctx.Value(socketOf{}).(string))
		}
	}
	if r.HTTPS {
		config := &tls.Config{InsecureSkipVerify: r.Insecure} //nolint:gosec // where the user says so, to his own service
		if r.CA != "" && c.err == nil {
			config.RootCAs, c.err = trusting(r.CA)
		}
		transport.TLSClientConfig = config
	}
	c.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// trusting is the system's certificates and those of a file.
func trusting(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificates to trust: %w", guest.ExplainMissing(err))
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the certificates to trust: %s has none in PEM: it has to have -----BEGIN CERTIFICATE----- in it", file)
	}
	return pool, nil
}

// request makes the n-th request to a target.
func (c *requester) request(ctx context.Context, p *Process, n int) (*http.Request, error) {
	if c.err != nil {
		return nil, c.err
	}
	scheme := "http"
	if c.HTTPS {
		scheme = "https"
	}
	ctx = context.WithValue(ctx, socketOf{}, p.cage.address.expand(c.Socket))
	req, err := http.NewRequestWithContext(ctx, c.Verb(), scheme+"://"+p.Addr()+c.Path, nil)
	if err != nil {
		return nil, err
	}
	if c.Body != "" || c.BodyFile != "" || c.BodySize > 0 {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	for _, h := range c.Header {
		name, value, err := outcome.ParseHeader(h)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		if name = http.CanonicalHeaderKey(name); name == "Content-Type" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	body, size, err := c.body(n)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Body, req.ContentLength = body, size // without GetBody, so that net/http cannot send it twice
	}
	return req, nil
}

// body is that of the n-th request; nil where there is none.
func (c *requester) body(n int) (io.ReadCloser, int64, error) {
	switch {
	case c.Body != "":
		return io.NopCloser(strings.NewReader(c.Body)), int64(len(c.Body)), nil
	case c.BodySize > 0:
		seed := [32]byte{}
		copy(seed[:], fmt.Sprint(n))
		return io.NopCloser(io.LimitReader(rand.NewChaCha8(seed), int64(c.BodySize))), int64(c.BodySize), nil
	case c.BodyFile == "":
		return nil, 0, nil
	}
	info, err := os.Stat(c.BodyFile) // to open another kind may block
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: a body is read anew for each step", c.BodyFile)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(c.BodyFile)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the body of the request: %w", guest.ExplainMissing(err))
	}
	return f, info.Size(), nil // the client closes it
}

// do sends the n-th request, and reads the answer to its end.
func (c *requester) do(ctx context.Context, p *Process, n int) error {
	return c.fetch(ctx, p, n, io.Discard)
}

const (
	maxErrorText = 1 << 10 // of an answer that stand in an error
	maxSearched  = 1 << 20 // of an answer in which Request.Text is looked for
)

// fetch writes a complete answer to w. The error of one that was not expected has its beginning.
func (c *requester) fetch(ctx context.Context, p *Process, n int, w io.Writer) error {
	req, err := c.request(ctx, p, n)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil && ctx.Err() != nil {
		// The client's error is "Post \"http://…\": EOF"; the cause of a cancelled context
		// says more than "context canceled".
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	url := req.URL.String()
	failed := func(err error) error { return fmt.Errorf("%s %s: read the answer: %w", req.Method, url, err) }
	keep := 0
	if !c.Takes(resp.StatusCode) {
		w, keep = io.Discard, maxErrorText
	} else if c.Text != "" {
		keep = maxSearched
	}
	var begin bytes.Buffer
	if keep > 0 {
		if _, err := io.Copy(&begin, io.LimitReader(resp.Body, int64(keep))); err != nil {
			return failed(err)
		}
	}
	if _, err := io.Copy(w, io.MultiReader(bytes.NewReader(begin.Bytes()), resp.Body)); err != nil {
		return failed(err)
	}
	answer := &HTTPStatusError{Method: req.Method, URL: url, Code: resp.StatusCode, Body: string(begin.Next(maxErrorText))}
	switch {
	case !c.Takes(resp.StatusCode):
		return answer
	case !bytes.Contains(append([]byte(answer.Body), begin.Bytes()...), []byte(c.Text)):
		answer.Lacks = c.Text
		return answer
	}
	return nil
}
