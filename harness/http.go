package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// HTTPStatusError is the error of an HTTP step that the target answered with another status than
// 2xx. The target is alive: it said no.
type HTTPStatusError struct {
	Method, URL string
	Code        int
	Body        string // at most 1 KiB of it
}

// Error is the request, the status and the beginning of the answer.
func (e *HTTPStatusError) Error() string {
	msg := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Code, http.StatusText(e.Code))
	if body := strings.TrimSpace(e.Body); body != "" {
		msg += ": " + body
	}
	return msg
}

// HTTPGet is a step that sends GET http://$ADDR+path and takes a complete answer with a status
// of 2xx as acknowledgement. An answer that breaks off is none. Each step uses a connection of
// its own: net/http sends a GET again, unasked, when a connection that it had kept turns out
// to be dead.
func HTTPGet(path string) Step { return httpStep(http.MethodGet, path) }

// HTTPPost is HTTPGet with an empty POST.
func HTTPPost(path string) Step { return httpStep(http.MethodPost, path) }

// HTTPReady is a probe that asks for path until it is answered with a status of 2xx. Its error
// is the last failure.
func HTTPReady(path string) Probe {
	return func(ctx context.Context, p *Process) error {
		if err := checkPath(path); err != nil {
			return err
		}
		return untilReady(ctx, p, func(ctx context.Context) error { return httpDo(ctx, http.MethodGet, p, path) })
	}
}

func httpStep(method, path string) Step {
	return func(ctx context.Context, p *Process, _ int) error {
		return httpDo(ctx, method, p, path)
	}
}

// noReuse has no proxy, as loads go to loopback only, and keeps no connection.
var noReuse = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// checkPath refuses what would become part of the port.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("the path %q does not begin with a slash: write %q", path, "/"+path)
	}
	return nil
}

// httpSend sends a request without a body to the target. The answer is to be closed.
func httpSend(ctx context.Context, method string, p *Process, path string) (*http.Response, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.Addr()+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := noReuse.Do(req)
	if err != nil && ctx.Err() != nil {
		// The client's error is "Post \"http://…\": EOF"; the cause of a cancelled context
		// says more than "context canceled".
		return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return resp, err
}

func httpDo(ctx context.Context, method string, p *Process, path string) error {
	return httpFetch(ctx, method, p, path, io.Discard)
}

// httpFetch writes a complete answer to w. Of one with another status than 2xx its error has the beginning.
func httpFetch(ctx context.Context, method string, p *Process, path string, w io.Writer) error {
	resp, err := httpSend(ctx, method, p, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	url := resp.Request.URL.String()
	var body strings.Builder
	if resp.StatusCode/100 != 2 {
		if _, err := io.Copy(&body, io.LimitReader(resp.Body, 1<<10)); err != nil {
			return fmt.Errorf("%s %s: read the answer: %w", method, url, err)
		}
		w = io.Discard
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	if resp.StatusCode/100 != 2 {
		return &HTTPStatusError{Method: method, URL: url, Code: resp.StatusCode, Body: body.String()}
	}
	return nil
}
