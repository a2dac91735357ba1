package outcome

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARequestIsNamedByAllThatItSends(t *testing.T) {
	for want, r := range map[string]Request{
		"GET /ping":                       {Path: "/ping"},
		"POST /upload":                    {Path: "/upload", Method: "POST"},
		"POST /a, body \"x\"":             {Path: "/a", Body: "x"},
		"PUT /a, body of 20MiB":           {Path: "/a", Method: "PUT", BodySize: 20 * MiB},
		"POST /a, body of the file words": {Path: "/a", BodyFile: "words"},
		"GET /a, by HTTPS, no certificate checked, header X-Id: 1, header Authorization: [hidden], status 201 or 409, answer with \"ok\", socket /run/s": {
			Path: "/a", HTTPS: true, Insecure: true, Header: []string{"X-Id: 1", "Authorization: Bearer abc"}, Status: []int{201, 409}, Text: "ok", Socket: "/run/s",
		},
		"GET /a, by HTTPS, certificates of ca.pem":               {Path: "/a", HTTPS: true, CA: "ca.pem"},
		"POST /a, body of 101 bytes (SHA-256 c675a2e604b0cd12…)": {Path: "/a", Body: strings.Repeat("x", 101)},
	} {
		require.Equal(t, want, r.String())
		require.NoError(t, r.Validate())
	}
}

func TestARequestThatMakesNoSenseIsRefused(t *testing.T) {
	for want, r := range map[string]Request{
		`the path "ping" does not begin with a slash: write "/ping"`:                                  {Path: "ping"},
		`the path "http://localhost:80/a?b" has an address, and the target is at $ADDR: write "/a?b"`: {Path: "http://localhost:80/a?b"},
		`the path "localhost:8080" has an address, and the target is at $ADDR: write "/"`:             {Path: "localhost:8080"},
		`the method "post" is not in capitals: a request looks like "POST /a"`:                        {Path: "/a", Method: "post"},
		"the request has several bodies: give the body itself, a file or a size":                      {Path: "/a", Body: "x", BodySize: 1},
		"the request's body of -1 bytes: a size must be from 0 to 1099511627776":                      {Path: "/a", BodySize: -1},
		"go by HTTPS":                           {Path: "/a", CA: "ca.pem"},
		"leave one of the two out":              {Path: "/a", HTTPS: true, CA: "ca.pem", Insecure: true},
		"the status 42 is none of HTTP":         {Path: "/a", Status: []int{42}},
		`the header "X" is not NAME: VALUE`:     {Path: "/a", Header: []string{"X"}},
		`the header " X: 1" is not NAME: VALUE`: {Path: "/a", Header: []string{" X: 1"}},
		"is made from the body: leave it out":   {Path: "/a", Header: []string{"content-length: 5"}},
		`the path "/%zz" is none of a URL`:      {Path: "/%zz"},
		"line break":                            {Path: "/a", Header: []string{"X: 1\r\nY: 2"}},
	} {
		require.ErrorContains(t, r.Validate(), want)
	}
}

func TestAnotherStatusMayBeTheAcknowledgement(t *testing.T) {
	require.True(t, Request{}.Takes(204))
	require.False(t, Request{}.Takes(302))
	require.True(t, Request{Status: []int{302, 409}}.Takes(409))
	require.False(t, Request{Status: []int{302, 409}}.Takes(200))
}
