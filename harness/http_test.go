package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// processAt is a process whose address is that of a server.
func processAt(t *testing.T, server *httptest.Server) *Process {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return &Process{cage: &Cage{address: &reservation{port: port}}, done: make(chan struct{})}
}

// mustServe answers with what the handler says, and returns the process that a step is sent to.
func mustServe(t *testing.T, handle http.HandlerFunc) *Process {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return processAt(t, server)
}

func TestARequestIsSentAsItIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
	for want, r := range map[string]Request{
		"GET /a?b=c":                                  {Path: "/a?b=c"},
		"POST / x application/octet-stream":           {Path: "/", Body: "x"},
		"PUT / x text/plain":                          {Path: "/", Method: "PUT", Body: "x", Header: []string{"content-type: text/plain"}},
		"POST / from a file application/octet-stream": {Path: "/", BodyFile: file},
		"GET / 1 2 example":                           {Path: "/", Header: []string{"X-Id: 1", "X-Id: 2", "Host: example"}},
		"DELETE /":                                    {Path: "/", Method: "DELETE"},
	} {
		var got string
		p := mustServe(t, func(_ http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			got = req.Method + " " + req.RequestURI
			if len(body) > 0 {
				got += " " + string(body) + " " + req.Header.Get("Content-Type")
				if int(req.ContentLength) != len(body) {
					got += " of unknown length"
				}
			}
			for _, id := range req.Header["X-Id"] {
				got += " " + id
			}
			if req.Host == "example" {
				got += " example"
			}
		})
		require.NoError(t, HTTP(r)(t.Context(), p, 1))
		require.Equal(t, want, got)
		require.NoError(t, HTTP(r)(t.Context(), p, 2), "the body is there again")
	}
}

func TestABodyOfASizeDoesNotCompressAndDiffersFromStepToStep(t *testing.T) {
	var got [][]byte
	p := mustServe(t, func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		got = append(got, body)
	})
	step := HTTP(Request{Path: "/", BodySize: MiB})
	require.NoError(t, step(t.Context(), p, 1))
	require.NoError(t, step(t.Context(), p, 2))
	require.NotEqual(t, got[0], got[1])
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(got[0])
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Len(t, got[0], int(MiB))
	require.GreaterOrEqual(t, packed.Len(), int(MiB))
}

func TestAnAnswerIsTakenByItsStatusAndItsText(t *testing.T) {
	p := mustServe(t, func(w http.ResponseWriter, req *http.Request) {
		code, _ := strconv.Atoi(req.URL.Path[1:])
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "the state is ready")
	})
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Path: "/200"}, ""},
		{Request{Path: "/201", Status: []int{200, 201}}, ""},
		{Request{Path: "/503", Status: []int{503}}, ""},
		{Request{Path: "/200", Text: "is ready"}, ""},
		{Request{Path: "/503"}, "503 Service Unavailable: the state is ready"},
		{Request{Path: "/200", Status: []int{201}}, "200 OK: the state is ready"},
		{Request{Path: "/200", Text: "starting"}, `200 OK, without the text "starting": the state is ready`},
	} {
		err := HTTP(c.r)(t.Context(), p, 1)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorAs(t, err, new(*HTTPStatusError))
		require.ErrorContains(t, err, c.want)
	}
}

func TestTextIsFoundAcrossTheBeginningOfAnAnswer(t *testing.T) {
	p := mustServe(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), maxErrorText-2))
		_, _ = io.WriteString(w, "ready")
		_, _ = w.Write(bytes.Repeat([]byte("y"), 2*maxSearched))
	})
	require.NoError(t, HTTP(Request{Path: "/", Text: "ready"})(t.Context(), p, 1))
}

func TestHTTPSTrustsAGivenCertificateOrNoneAtAll(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	p := processAt(t, server)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.ErrorContains(t, HTTP(Request{Path: "/", HTTPS: true})(t.Context(), p, 1), "certificate")
	require.NoError(t, HTTP(Request{Path: "/", HTTPS: true, CA: ca})(t.Context(), p, 1))
	require.NoError(t, HTTP(Request{Path: "/", HTTPS: true, Insecure: true})(t.Context(), p, 1))

	require.NoError(t, os.WriteFile(ca, []byte("x"), 0o600))
	require.ErrorContains(t, HTTP(Request{Path: "/", HTTPS: true, CA: ca})(t.Context(), p, 1), "has none in PEM")
	require.ErrorContains(t, HTTP(Request{Path: "/", HTTPS: true, CA: ca + ".gone"})(t.Context(), p, 1), "no such file")
}

func TestARequestMayGoToAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p := &Process{cage: &Cage{address: &reservation{port: 1}}, done: make(chan struct{})}
	require.NoError(t, HTTP(Request{Path: "/", Socket: path})(t.Context(), p, 1))
	require.NoError(t, HTTPProbe(Request{Path: "/", Socket: path})(t.Context(), p))
}

// Neither when the connection is broken off in the answer, nor before it.
func TestAStepIsNeverSentTwice(t *testing.T) {
	for _, r := range []Request{{Path: "/"}, {Path: "/", Method: "PUT", Body: "x"}, {Path: "/", BodySize: 100 * KiB}} {
		var came atomic.Int32
		p := mustServe(t, func(w http.ResponseWriter, _ *http.Request) {
			came.Add(1)
			panic(http.ErrAbortHandler)
		})
		step := HTTP(r)
		for n := range 5 {
			require.Error(t, step(t.Context(), p, n+1))
		}
		require.EqualValues(t, 5, came.Load())
	}
}

// All of it would neither be made nor sent in that time. What becomes of the answer is a race of it with the reset.
func TestABodyIsStreamedWhileTheTargetTakesIt(t *testing.T) {
	var taken atomic.Int64
	p := mustServe(t, func(w http.ResponseWriter, req *http.Request) {
		n, _ := io.CopyN(io.Discard, req.Body, 1<<20)
		taken.Add(n)
		w.WriteHeader(http.StatusInsufficientStorage)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Error(t, HTTP(Request{Path: "/", BodySize: 64 << 30})(ctx, p, 1))
	require.NoError(t, ctx.Err())
	require.EqualValues(t, 1<<20, taken.Load())
}
