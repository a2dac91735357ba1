//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"oomcage/harness/outcome"
)

// This test binary is also the service that its tests ask: by HTTPS at an address, or at a Unix socket.
const (
	serveVariable = "OOMCAGE_TEST_SERVE" // the address, or the socket's path
	certVariable  = "OOMCAGE_TEST_CERT"  // the file of its certificate; the key is beside it
)

func init() {
	if at := os.Getenv(serveVariable); at != "" {
		panic(serveTests(at))
	}
}

// serveTests answers with what the request had, and returns only for an error.
func serveTests(at string) error {
	network := "tcp"
	if filepath.IsAbs(at) {
		network = "unix"
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), network, at)
	if err != nil {
		return err
	}
	if network == "tcp" {
		file := os.Getenv(certVariable)
		cert, err := tls.LoadX509KeyPair(file, file+".key")
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("X-Id")+" ")
		_, _ = io.Copy(w, r.Body)
	})}
	return server.Serve(listener)
}

// mustCertify makes a certificate of its own for the loopback address, and its key beside it.
func mustCertify(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{file: {Type: "CERTIFICATE", Bytes: cert}, file + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
}

func TestARequestGoesWithAllThatTheFlagsSay(t *testing.T) {
	needCages(t)
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	body, cert, socket := filepath.Join(dir, "body"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "socket")
	mustCertify(t, cert)
	require.NoError(t, os.WriteFile(body, []byte("of a file"), 0o600))
	for name, c := range map[string]struct {
		flags []string
		at    string
		code  int
	}{
		"HTTPS, and a certificate that is trusted": {[]string{"--https", "--ca", cert, "--body", "@" + body, "--answer", "PUT 7 of a file", "--status", "202"}, "$ADDR", 0},
		"HTTPS, and no certificate is checked":     {[]string{"--https", "--insecure", "--body", "hello", "--answer", "PUT 7 hello"}, "$ADDR", 0},
		"HTTPS, and nobody trusts the certificate": {[]string{"--https"}, "$ADDR", exitFailed},
		"another status than is expected":          {[]string{"--https", "--insecure", "--status", "200"}, "$ADDR", exitFailed},
		"another answer than is expected":          {[]string{"--https", "--insecure", "--answer", "PUT 8"}, "$ADDR", exitFailed},
		"a Unix socket":                            {[]string{"--socket", socket, "--body-size", "1KiB"}, socket, 0},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"run", "--json", "--max", "64M", "--steps", "2", "--request", "PUT /a", "--header", "X-Id: 7"}, c.flags...)
		args = append(args, "--env", serveVariable+"="+c.at, "--env", certVariable+"="+cert, "--", self)
		require.Equal(t, c.code, execute(args, &stdout, &stderr), "%s: %s%s", name, &stderr, &stdout)
		o, err := outcome.ParseOutcome(stdout.Bytes())
		require.NoError(t, err, name)
		want := 2
		if c.code != 0 {
			want = 0
		}
		require.Equal(t, want, o.Acknowledged, "%s: %s", name, o.Error)
	}
}
