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

// RoutesSuite asks the routes without a network. The step is 1 MiB, the largest is
// testMost.
type RoutesSuite struct {
	suite.Suite
	server  *server
	handler http.Handler
	output  bytes.Buffer
	exits   []int // codes that the process was told to exit with
}

func TestRoutes(t *testing.T) { suite.Run(t, new(RoutesSuite)) }

func (s *RoutesSuite) SetupTest() {
	s.output.Reset()
	s.exits = nil
	s.server = &server{hoard: new(hoard), step: 1 << 20, maxSize: testMost, log: log.New(&s.output, "", 0),
		exit: func(code int) { s.exits = append(s.exits, code) }}
	s.handler = s.server.handler()
}

func (s *RoutesSuite) TearDownTest() {
	s.Empty(s.output.String())
	mustDrop(s.T(), s.server.hoard)
}

func (s *RoutesSuite) TestPingAnswersPong() {
	s.JSONEq(`{"message": "pong"}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/ping"))
}

func (s *RoutesSuite) TestGetAndPostTakeOneStep() {
	s.JSONEq(`{"allocated": 1048576, "allocations": 1, "bytes": 1048576}`, s.mustAnswer(http.StatusOK, http.MethodGet, load))
	s.JSONEq(`{"allocated": 1048576, "allocations": 2, "bytes": 2097152}`, s.mustAnswer(http.StatusOK, http.MethodPost, load))
	s.mustHold(map[string]held{"anon": {Allocations: 2, Bytes: 2 << 20}})
}

func (s *RoutesSuite) TestBytesSetTheSize() {
	s.JSONEq(`{"allocated": 2097152, "allocations": 1, "bytes": 2097152}`, s.mustAnswer(http.StatusOK, http.MethodPost, load+"?bytes=2MiB"))
	s.JSONEq(`{"allocated": 1, "allocations": 2, "bytes": 2097153}`, s.mustAnswer(http.StatusOK, http.MethodGet, load+"?bytes=1"))
	s.JSONEq(`{"allocated": 512, "allocations": 3, "bytes": 2097665}`, s.mustAnswer(http.StatusOK, http.MethodGet, load+"?bytes=0.5+KiB"))
}

func (s *RoutesSuite) TestStatsOfNothingAreZeros() {
	s.JSONEq(`{"allocations": 0, "bytes": 0, "kinds": {
		"anon":  {"allocations": 0, "bytes": 0},
		"file":  {"allocations": 0, "bytes": 0},
		"shmem": {"allocations": 0, "bytes": 0},
		"mlock": {"allocations": 0, "bytes": 0},
		"child": {"allocations": 0, "bytes": 0},
		"sock":  {"allocations": 0, "bytes": 0},
		"stack": {"allocations": 0, "bytes": 0}}}`, s.mustAnswer(http.StatusOK, http.MethodGet, "/stats"))
}

func (s *RoutesSuite) TestDeleteLetsAllGo() {
	s.mustAnswer(http.StatusOK, http.MethodPost, load)
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?bytes=3")
	s.JSONEq(`{"freed": {"allocations": 2, "bytes": 1048579}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
	s.mustHold(nil)
	s.JSONEq(`{"freed": {"allocations": 0, "bytes": 0}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
}

func (s *RoutesSuite) TestEveryKindIsTakenAndLetGo() {
	for _, k := range kinds {
		s.Run(k.name, func() {
			const size = 1<<20 + 1
			s.JSONEq(`{"allocated": 1048577, "allocations": 1, "bytes": 1048577}`,
				s.mustAnswer(http.StatusOK, http.MethodPost, fmt.Sprintf("%s?kind=%s&bytes=%d", load, k.name, size)))
			s.mustHold(map[string]held{k.name: {Allocations: 1, Bytes: size}})
			s.JSONEq(`{"allocated": 1048576, "allocations": 2, "bytes": 2097153}`,
				s.mustAnswer(http.StatusOK, http.MethodGet, load+"?kind="+k.name))
			s.JSONEq(`{"freed": {"allocations": 2, "bytes": 2097153}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
			s.mustHold(nil)
		})
	}
}

func (s *RoutesSuite) TestDeleteOfOneKindLeavesTheOthers() {
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?kind=shmem&bytes=1")
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?kind=stack&bytes=2")
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?kind=shmem&bytes=3")
	s.JSONEq(`{"freed": {"allocations": 2, "bytes": 4}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load+"?kind=shmem"))
	s.mustHold(map[string]held{"stack": {Allocations: 1, Bytes: 2}})
	s.JSONEq(`{"freed": {"allocations": 0, "bytes": 0}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load+"?kind=shmem"))
}

func (s *RoutesSuite) TestUnknownKindIsRefusedWithTheKnownOnes() {
	for _, query := range []string{"kind=", "kind=Anon", "kind=heap", "kind=anon&kind=file", "kind=%zz", "kind=heap&bytes=1"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			s.NotEmpty(s.mustRefuse(http.StatusBadRequest, method, load+"?"+query), query)
		}
	}
	s.Equal(`kind "heap" is unknown: give one of anon, file, shmem, mlock, child, sock, stack`,
		s.mustRefuse(http.StatusBadRequest, http.MethodPost, load+"?kind=heap"))
	s.mustHold(nil)
}

func (s *RoutesSuite) TestMemoryThatCannotBeHadIsAnErrorAndNothingIsHeld() {
	s.T().Setenv("TMPDIR", "/nowhere")
	why := s.mustRefuse(http.StatusInternalServerError, http.MethodPost, load+"?kind=file&bytes=1")
	s.Contains(why, "take 1 bytes of file: create a file for the page cache: open /nowhere/app-")
	s.mustHold(nil)
}

func (s *RoutesSuite) TestChildThatIsKilledBeforeItHasAllIsAnError() {
	s.T().Setenv(killChild, "1")
	s.Equal("take 1048576 bytes of child: the child that took it ended: signal: killed",
		s.mustRefuse(http.StatusInternalServerError, http.MethodPost, load+"?kind=child"))
	s.mustHold(nil)
}

func (s *RoutesSuite) TestChildThatIsKilledLaterIsHeldNoMore() {
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?kind=child&bytes=1")
	s.mustAnswer(http.StatusOK, http.MethodPost, load+"?kind=child&bytes=2")
	first := s.server.hoard.blocks[0].block.(*childBlock)
	s.Require().NoError(first.process.Kill())
	<-first.ended
	s.mustHold(map[string]held{"child": {Allocations: 1, Bytes: 2}})
	s.JSONEq(`{"freed": {"allocations": 1, "bytes": 2}}`, s.mustAnswer(http.StatusOK, http.MethodDelete, load))
}

func (s *RoutesSuite) TestExitIsAnsweredFirst() {
	s.JSONEq(`{"exit": 0}`, s.mustAnswer(http.StatusOK, http.MethodPost, "/exit?code=0"))
	s.JSONEq(`{"exit": 255}`, s.mustAnswer(http.StatusOK, http.MethodPost, "/exit?code=255"))
	s.Equal([]int{0, 255}, s.exits)
}

func (s *RoutesSuite) TestExitOfACodeThatIsNoneIsRefused() {
	for _, query := range []string{"", "?code=", "?code=-1", "?code=256", "?code=one", "?code=1&code=2", "?code=0x1", "?code=%zz"} {
		s.NotEmpty(s.mustRefuse(http.StatusBadRequest, http.MethodPost, "/exit"+query), query)
	}
	s.Equal(`code "256" is no exit status: give one from 0 to 255`, s.mustRefuse(http.StatusBadRequest, http.MethodPost, "/exit?code=256"))
	s.Empty(s.exits)
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
	s.Equal(held{}, s.server.hoard.stats().held)
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
	s.Equal(held{}, s.server.hoard.stats().held)
}

func (s *RoutesSuite) TestWrongMethodsAreNotAllowed() {
	for path, methods := range map[string][]string{
		"/ping":  {http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodHead},
		"/exit":  {http.MethodGet, http.MethodDelete},
		"/stats": {http.MethodPost, http.MethodDelete, http.MethodPatch},
		load:     {http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions},
	} {
		for _, method := range methods {
			why := s.mustRefuse(http.StatusMethodNotAllowed, method, path)
			s.Contains(why, method)
			s.Contains(why, "it takes ")
		}
	}
	s.Contains(s.mustRefuse(http.StatusMethodNotAllowed, http.MethodPut, load), "it takes GET, POST, DELETE")
	s.Equal(held{}, s.server.hoard.stats().held)
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
	total := mustDrop(s.T(), s.server.hoard).Bytes
	for _, bytes := range freed {
		total += bytes
	}
	s.Equal(int64(clients*rounds*size), total)
}

// mustHold asserts what /stats tells: these kinds, and their sums.
func (s *RoutesSuite) mustHold(these map[string]held) {
	s.T().Helper()
	want := stats{Kinds: map[string]held{}}
	for _, k := range kinds {
		of := these[k.name]
		want.Kinds[k.name] = of
		want.Allocations += of.Allocations
		want.Bytes += of.Bytes
	}
	var got stats
	s.Require().NoError(json.Unmarshal([]byte(s.mustAnswer(http.StatusOK, http.MethodGet, "/stats")), &got))
	s.Equal(want, got)
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
