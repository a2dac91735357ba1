// Package browser looks at the page of oomcage report in Chromium: that it is drawn, that it can be used with a
// keyboard, that what a target has printed stays text, and that it asks nobody for anything.
package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
	"oomcage/harness/report"
)

const (
	realSweep = "../../../harness/report/testdata/sweep.jsonl"
	findings  = "../../../harness/report/testdata/findings.jsonl"
	search    = "../../../harness/report/testdata/bisect.jsonl"
)

// patience is how long a page may take. Drawing 10,000 points takes about a second; a loaded CI machine is slower
// by a factor, or stands still for seconds, and one that hangs is found soon enough.
const patience = 3 * time.Minute

// action is something that is done in a browser.
type action = chromedp.Action[chromedp.Void]

// browser is one Chromium for all tests.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(func() int {
		path, err := exec.LookPath("chromium")
		if err != nil {
			println("no chromium on the PATH: make test-browser installs it, with apt-get")
			return 1
		}
		dir, err := os.MkdirTemp("", "browser")
		if err != nil {
			println(err.Error())
			return 1
		}
		defer os.RemoveAll(dir)
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(dir),
			chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
			chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
			chromedp.Env("TMPDIR="+dir),                         // a browser that is killed leaves its files there
			chromedp.Flag("force-prefers-reduced-motion", true), // a click misses what scrolls smoothly
			chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(patience))
		all, stop := chromedp.NewExecAllocator(context.Background(), options...)
		defer stop()
		ctx, closeBrowser := chromedp.NewContext(all)
		defer closeBrowser()
		if err := chromedp.Do(ctx); err != nil {
			println("start chromium:", err.Error())
			return 1
		}
		browser = ctx
		return m.Run()
	}())
}

// tab is one page in the browser, and what it did beside being looked at.
type tab struct {
	context.Context
	t *testing.T

	mu     sync.Mutex
	asked  []string // addresses of all requests
	errors []string // of the console
}

// mustOpen writes a page, opens it and waits until it is drawn. When the test ends, the page must have asked for
// nothing but itself, and have said nothing on the console.
func mustOpen(t *testing.T, s *report.Set, before ...action) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, report.Write(f, s, report.HTML))
	require.NoError(t, f.Close())
	tb := &tab{t: t}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithListener(tb.note))
	ctx, cancel := context.WithTimeout(ctx, patience)
	tb.Context = ctx
	t.Cleanup(func() {
		cancel()
		closeTab()
	})
	tb.run(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}), chromedp.EmulateViewport(1280, 900))
	tb.run(before...)
	tb.run(chromedp.Navigate("file://" + path))
	tb.until(`document.documentElement.dataset.drawn === "yes"`)
	t.Cleanup(func() { tb.wasQuiet("file://" + path) })
	return tb
}

// call is an action of one command of the browser's protocol.
func call[P any](command cdp.Command[P, cdp.Empty], params P) action {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

// note keeps what the browser tells of the page.
func (tb *tab) note(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tb.asked = append(tb.asked, e.Request.URL)
	case *network.EventWebSocketCreated:
		tb.asked = append(tb.asked, e.URL)
	case *runtime.EventExceptionThrown:
		tb.errors = append(tb.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		tb.errors = append(tb.errors, string(e.Type))
	case *log.EventEntryAdded:
		tb.errors = append(tb.errors, e.Entry.Text)
	}
}

func (tb *tab) wasQuiet(itself string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, url := range tb.asked {
		if url != itself && !strings.HasPrefix(url, "data:") {
			tb.t.Errorf("the page has asked for %s", url)
		}
	}
	if len(tb.asked) == 0 {
		tb.t.Error("not even the page itself was asked for: the browser has told nothing")
	}
	for _, text := range tb.errors {
		tb.t.Errorf("the page's console: %s", text)
	}
}

func (tb *tab) run(actions ...action) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.Context, actions...))
}

// eval returns what a script finds in the page.
func eval[T any](tb *tab, script string) T {
	tb.t.Helper()
	value, err := chromedp.Run(tb.Context, chromedp.Evaluate[T](script))
	require.NoError(tb.t, err, script)
	return value
}

// do runs a script for what it does.
func (tb *tab) do(script string) {
	tb.t.Helper()
	eval[chromedp.Void](tb, "{"+script+"; ({})}")
}

// until waits for a script to find something. chromedp.Poll would have the page evaluate a text, which its
// policy forbids.
func (tb *tab) until(script string) {
	tb.t.Helper()
	for !eval[bool](tb, "Boolean("+script+")") {
		tb.run(chromedp.Sleep(10 * time.Millisecond))
	}
}

// click clicks on what a selector finds first.
func click(selector string) action { return chromedp.Click(chromedp.CSS(selector)) }

// screenshot is a PNG of the window, or of the whole page.
func (tb *tab) screenshot(of chromedp.Action[[]byte]) []byte {
	tb.t.Helper()
	png, err := chromedp.Run(tb.Context, of)
	require.NoError(tb.t, err)
	return png
}

// texts are those of all elements that a selector finds.
func (tb *tab) texts(selector string) []string {
	tb.t.Helper()
	return eval[[]string](tb, `[...document.querySelectorAll("`+selector+`")].map((e) => e.textContent)`)
}

func mustRead(t *testing.T, path string) *report.Set {
	t.Helper()
	s, err := report.Read(report.HTML, path)
	require.NoError(t, err)
	return s
}

// another is a copy of an outcome under another name.
func another(o *outcome.Outcome, name string) *outcome.Outcome {
	c := *o
	c.Name = name
	return &c
}

// mustKeep keeps an artifact of the test: in $ARTIFACTS, where that is set.
func mustKeep(t *testing.T, name string, data []byte) {
	t.Helper()
	dir := os.Getenv("ARTIFACTS")
	if dir == "" {
		return
	}
	require.NoError(t, os.MkdirAll(dir, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
}

func contains(texts []string, part string) bool {
	for _, text := range texts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
