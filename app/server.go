package main

import (
	"fmt"
	"log"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// server answers the requests. Its fields stay as they are once it serves.
type server struct {
	hoard   *hoard
	step    int64          // bytes that a request takes when it names no size
	maxSize int64          // bytes that a request may name at most
	log     *log.Logger    // told of panics, and of nothing else
	exit    func(code int) // lets the process end, once the requests in flight are answered
}

// handler returns the routes. Every answer is JSON, those to unknown paths and
// wrong methods too; one that is not 200 has the form {"error": "…"}.
func (s *server) handler() http.Handler {
	// Debug mode prints every route and a warning at the start.
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	// A slash too many is an unknown path: a redirect would make a client send
	// a step again.
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	e.Use(gin.CustomRecoveryWithWriter(nil, s.recovered))

	const load = "/generate-load/memory"
	e.GET("/ping", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": "pong"}) })
	e.GET(load, s.take)
	e.POST(load, s.take)
	e.DELETE(load, s.drop)
	e.GET("/stats", func(c *gin.Context) { c.JSON(http.StatusOK, s.hoard.stats()) })
	e.POST("/exit", s.leave)
	e.NoRoute(func(c *gin.Context) {
		refuse(c, http.StatusNotFound, fmt.Errorf("path %q is unknown: try /ping, %s or /stats", c.Request.URL.Path, load))
	})
	e.NoMethod(func(c *gin.Context) {
		refuse(c, http.StatusMethodNotAllowed, fmt.Errorf("method %s is not for %s: it takes %s",
			c.Request.Method, c.Request.URL.Path, c.Writer.Header().Get("Allow")))
	})
	return e
}

// take answers GET and POST of the load. It answers only after every page is
// written, so whoever has the answer knows that the memory is charged.
func (s *server) take(c *gin.Context) {
	k, size, err := s.parseTake(c.Request.URL.RawQuery)
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	now, err := s.hoard.take(k, size)
	if err != nil {
		refuse(c, http.StatusInternalServerError, fmt.Errorf("take %d bytes of %s: %w", size, k.name, err))
		return
	}
	c.JSON(http.StatusOK, gin.H{"allocated": size, "allocations": now.Allocations, "bytes": now.Bytes})
}

// drop answers DELETE of the load, after the memory went back to the kernel.
func (s *server) drop(c *gin.Context) {
	these, err := parseDrop(c.Request.URL.RawQuery)
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	freed, err := s.hoard.drop(these)
	if err != nil {
		refuse(c, http.StatusInternalServerError, fmt.Errorf("let go of %d bytes: %w", freed.Bytes, err))
		return
	}
	c.JSON(http.StatusOK, gin.H{"freed": freed})
}

// leave answers POST /exit. The process ends after the answer.
func (s *server) leave(c *gin.Context) {
	code, err := parseExit(c.Request.URL.RawQuery)
	if err != nil {
		refuse(c, http.StatusBadRequest, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"exit": code})
	s.exit(code)
}

// recovered answers a request whose handler panicked. The service lives on, with
// what it holds, and the panic is in its output for whoever judges the run.
func (s *server) recovered(c *gin.Context, reason any) {
	s.log.Printf("panic in %s %s: %v\n%s", c.Request.Method, c.Request.URL.Path, reason, debug.Stack())
	refuse(c, http.StatusInternalServerError, fmt.Errorf("panic: %v", reason))
}

func refuse(c *gin.Context, status int, err error) {
	c.AbortWithStatusJSON(status, gin.H{"error": err.Error()})
}
