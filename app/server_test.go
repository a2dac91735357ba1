package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/suite"
)

const load = "/generate-load/memory"

// RoutesSuite asks the routes without a network. The step is 1 MiB, the most is
// testMost.
type RoutesSuite struct {
	suite.Suite
	server  *server
	handler http.Handler
	output  bytes.Buffer
}

func TestRoutes(t *testing.T) { suite.Run(t, new(RoutesSuite)) }

func (s *RoutesSuite) SetupTest() {
	s.output.Reset()
	s.server = &server{hoard: new(hoard), step: 1 << 20, most: testMost, log: log.New(&s.output, "", 0)}
	s.handler = s.server.handler()
}

func (s *RoutesSuite) TearDownTest() {
	s.Empty(s.output.String())
	s.server.hoard.drop()
}

func (s *RoutesSuite) TestPingAnswersPong() {
	s.JSONEq(`{"message": "pong"}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/ping"))
}

func (s *RoutesSuite) TestGetAndPostTakeOneStep() {
	s.JSONEq(`{"allocated": 1048576, "allocations": 1, "bytes": 1048576}`, s.mustAnswer(http.StatusOK, http.MethodGet, load))
	s.JSONEq(`{"allocated": 1048576, "allocations": 2, "bytes": 2097152}`, s.mustAnswer(http.StatusOK, http.MethodPost, load))
	s.JSONEq(`{"allocations": 2, "bytes": 2097152}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/stats"))
}

func (s *RoutesSuite) TestBytesSetTheSize() {
	s.JSONEq(`{"allocated": 2097152, "allocations": 1, "bytes": 2097152}`, s.mustAnswer(http.StatusOK, http.MethodPost, load+"?bytes=2MiB"))
	s.JSONEq(`{"allocated": 1, "allocations": 2, "bytes": 2097153}`, s.mustAnswer(http.StatusOK, http.MethodGet, load+"?bytes=1"))
	s.JSONEq(`{"allocated": 512, "allocations": 3, "bytes": 2097665}`, s.mustAnswer(http.StatusOK, http.MethodGet, load+"?bytes=0.5+KiB"))
}

func (s *RoutesSuite) TestStatsOfNothingAreZeros() {
	s.JSONEq(`{"allocations": 0, "bytes": 0}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/stats"))
}

func (s *RoutesSuite) TestDeleteLetsAllGo() {
	s.mustAnswer(http.StatusOK, http.MethodPost, load)
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?bytes=3")
	s.JSONEq(`{"freed": {"allocations": 2, "bytes": 1048579}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
	s.JSONEq(`{"allocations": 0, "bytes": 0}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/stats"))
	s.JSONEq(`{"freed": {"allocations": 0, "bytes": 0}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
}

func (s *RoutesSuite) TestSizesThatAreNoneTakeNothing() {
	for _, query := range []string{
		"bytes=", "bytes=lots", "bytes=0", "bytes=-1", "bytes=-20MiB", "bytes=1e3", "bytes=NaN", "bytes=0.4",
		"bytes=9999999999G", "bytes=9223372036854775807", "bytes=2G", "bytes=5%", "bytes=%zz", "bytes=1;2", "bytes=1&bytes=2",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.Run(method+" "+query, func() {
				s.NotEmpty(s.mustRefuse(http.StatusBadRequest, method, load+"?"+query))
			})
		}
	}
	s.Equal(held{}, s.server.hoard.held())
}

func (s *RoutesSuite) TestRefusedSizeSaysWhatIsAccepted() {
	s.Equal(`size "2GiB" is more than this machine's RAM and swap together: `+
		`give bytes (1048576) or a number with a unit (512KiB, 20MiB, 1.5G), from 1 byte to 1GiB`,
		s.mustRefuse(http.StatusBadRequest, http.MethodPost, load+"?bytes=2GiB"))
}

func (s *RoutesSuite) TestUnknownPathsAreNotFound() {
	for _, path := range []string{"/", "/pong", "/ping/", load + "/", load + "/x", "/Stats", "//ping"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			s.Contains(s.mustRefuse(http.StatusNotFound, method, path), fmt.Sprintf("%q", path))
		}
	}
	s.Equal(held{}, s.server.hoard.held())
}

func (s *RoutesSuite) TestWrongMethodsAreNotAllowed() {
	for path, methods := range map[string][]string{
		"/ping":  {http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodHead},
		"/stats": {http.MethodPost, http.MethodDelete, http.MethodPatch},
		load:     {http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions},
	} {
		for _, method := range methods {
			why := s.mustRefuse(http.StatusMethodNotAllowed, method, path)
			s.Contains(why, method)
			s.Contains(why, "GET")
		}
	}
	s.Contains(s.mustRefuse(http.StatusMethodNotAllowed, http.MethodPut, load), "it takes GET, POST, DELETE")
	s.Equal(held{}, s.server.hoard.held())
}

func (s *RoutesSuite) TestPanicIsAnErrorAnsweredAndLogged() {
	s.handler.(*gin.Engine).GET("/panic", func(*gin.Context) { panic("out of luck") })
	s.Contains(s.mustRefuse(http.StatusInternalServerError, http.MethodGet, "/panic"), "out of luck")
	s.Contains(s.output.String(), "panic in GET /panic: out of luck")
	s.Contains(s.output.String(), "server_test.go", "where it happened")
	s.output.Reset()
	s.mustAnswer(http.StatusOK, http.MethodGet, "/ping")
}

func (s *RoutesSuite) TestManyRequestsAtOnceLoseNothing() {
	const clients, rounds, size = 8, 25, 12_345
	var wg sync.WaitGroup
	freed := make([]int64, clients)
	for client := range clients {
		wg.Go(func() {
			for range rounds {
				s.answer(http.StatusOK, http.MethodPost, fmt.Sprintf("%s?bytes=%d", load, size))
				s.answer(http.StatusBadRequest, http.MethodPost, load+"?bytes=0")
				s.answer(http.StatusOK, http.MethodGet, "/stats")
				if client == 0 {
					var got struct{ Freed held }
					if err := json.Unmarshal([]byte(s.answer(http.StatusOK, http.MethodDelete, load)), &got); err != nil {
						s.T().Error(err)
					}
					s.Equal(int64(got.Freed.Allocations)*size, got.Freed.Bytes)
					freed[client] += got.Freed.Bytes
				}
			}
		})
	}
	wg.Wait()
	total := s.server.hoard.drop().Bytes
	for _, bytes := range freed {
		total += bytes
	}
	s.Equal(int64(clients*rounds*size), total)
}

// answer returns the body, which is to be JSON of the status wanted. It may be
// called from any goroutine.
func (s *RoutesSuite) answer(status int, method, target string) string {
	response := httptest.NewRecorder()
	s.handler.ServeHTTP(response, httptest.NewRequestWithContext(s.T().Context(), method, target, nil))
	body := response.Body.String()
	s.Equal(status, response.Code, "%s %s: %s", method, target, body)
	s.Equal("application/json; charset=utf-8", response.Header().Get("Content-Type"), "%s %s", method, target)
	return body
}

func (s *RoutesSuite) mustAnswer(status int, method, target string) string {
	s.T().Helper()
	body := s.answer(status, method, target)
	s.Require().False(s.T().Failed(), body)
	return body
}

// mustRefuse returns the text of the error.
func (s *RoutesSuite) mustRefuse(status int, method, target string) string {
	s.T().Helper()
	body := s.mustAnswer(status, method, target)
	var got map[string]string
	s.Require().NoError(json.NewDecoder(strings.NewReader(body)).Decode(&got), body)
	s.Require().Len(got, 1, body)
	return got["error"]
}
