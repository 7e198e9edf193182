package simtenant

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Connection is what a client needs to reach a tenant. It is the JSON line that "leaver tenant"
// prints.
type Connection struct {
	Graph        string `json:"graph"`     // base URL of Graph, ends in /v1.0
	Authority    string `json:"authority"` // base URL of the token endpoint, without the tenant
	Exchange     string `json:"exchange"`  // base URL of Exchange, without /adminapi
	CAFile       string `json:"caFile"`    // PEM of the certificate authority to trust
	TenantID     string `json:"tenantId"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	// ConsoleClientID is the registration by which people sign in to the console.
	ConsoleClientID string `json:"consoleClientId,omitempty"`
}

// Server serves a tenant over TLS, HTTP/1.1 and HTTP/2.
type Server struct {
	tenant   *Tenant
	http     *http.Server
	listener net.Listener
	ca       *authority
	dir      string // of the CA file; removed by Close
	done     chan struct{}

	signIn *http.Server // without TLS; nil until ServeSignIn

	mu      sync.Mutex
	clients []*http.Transport
}

// Listen serves the tenant on a TCP address; port 0 takes a free one. The certificate authority
// lives in memory, its certificate is written to a temporary directory until Close.
func (t *Tenant) Listen(addr string) (*Server, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("simtenant: %w", err)
	}
	dir, err := os.MkdirTemp("", "simtenant-")
	if err != nil {
		return nil, fmt.Errorf("simtenant: %w", err)
	}
	s := &Server{tenant: t, ca: ca, dir: dir, done: make(chan struct{})}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	if err := os.WriteFile(s.caFile(), text, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("simtenant: %w", err), os.RemoveAll(dir))
	}
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, errors.Join(fmt.Errorf("simtenant: %w", err), os.RemoveAll(dir))
	}
	s.http = &http.Server{
		Handler:           t,
		ReadHeaderTimeout: 30 * time.Second,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: ca.leaf},
		ErrorLog:          log.New(io.Discard, "", 0), // a client that does not trust the CA is that client's to report
	}
	go func() {
		defer close(s.done)
		_ = s.http.ServeTLS(s.listener, "", "") // always ErrServerClosed after Close
	}()
	return s, nil
}

func (s *Server) caFile() string { return filepath.Join(s.dir, "ca.pem") }

// Connection says how to reach the tenant with the default application.
func (s *Server) Connection() Connection {
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	c := s.tenant.Connection("https://" + net.JoinHostPort(host, port))
	c.CAFile = s.caFile()
	return c
}

// Connection says how to reach a tenant that answers at a base URL, with the default application
// and without a CA file.
func (t *Tenant) Connection(base string) Connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Connection{Graph: base + "/v1.0", Authority: base, Exchange: base, TenantID: t.world.TenantID, ClientID: DefaultClientID, ConsoleClientID: DefaultConsoleID}
	if a := t.world.Apps[DefaultClientID]; a != nil {
		c.ClientSecret = a.Secret
	}
	return c
}

// CA is the pool that holds the certificate authority of the server.
func (s *Server) CA() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	return pool
}

// ServeSignIn serves the page at which people sign in without TLS on a loopback port, and nothing else
// there: no browser trusts the authority of a simulated tenant. Discovery names it from then on.
func (s *Server) ServeSignIn() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("simtenant: %w", err)
	}
	s.tenant.mu.Lock()
	s.tenant.signIns.at = "http://" + listener.Addr().String()
	s.tenant.mu.Unlock()
	s.signIn = &http.Server{ReadHeaderTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/"+endpointAuthorize) && !strings.HasSuffix(r.URL.Path, "/"+endpointLogout) {
			http.NotFound(w, r)
			return
		}
		s.tenant.ServeHTTP(w, r)
	})}
	go func() { _ = s.signIn.Serve(listener) }()
	return nil
}

// Client is an HTTP client that trusts the server.
func (s *Server) Client() *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CA(), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, tr)
	return &http.Client{Transport: tr}
}

// Close stops the server, breaks open connections and removes the CA file.
func (s *Server) Close() error {
	err := s.http.Close()
	if s.signIn != nil {
		err = errors.Join(err, s.signIn.Close())
	}
	<-s.done
	s.mu.Lock()
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
	s.mu.Unlock()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Client is an HTTP client that calls the tenant in process, without a network: for tests under
// testing/synctest, where a socket is no durable wait. Every host name reaches the tenant.
func (t *Tenant) Client() *http.Client { return &http.Client{Transport: inProcess{t}} }

type inProcess struct{ t *Tenant }

var errReset = errors.New("connection reset by the simulated tenant")

func (p inProcess) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), orElse(r.Host, r.URL.Host)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	w := &buffered{header: http.Header{}, status: http.StatusOK}
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			answer, err = nil, errReset
		default:
			panic(v)
		}
	}()
	p.t.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body := io.NopCloser(&w.body)
	length := int64(w.body.Len())
	if w.stream != nil {
		read, write := io.Pipe()
		go func() { _ = write.CloseWithError(w.stream(write)) }() // it ends when the reader closes
		body, length = read, -1
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: body, ContentLength: length, Request: r,
	}, nil
}

// buffered keeps an answer in memory.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
	stream streamed // the body instead, where it is one
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

// authority is a certificate authority that issues a leaf for whatever name a client asks.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	serial int64
	leaves map[string]*tls.Certificate
}

// mostLeaves bounds what a client that asks for ever new names can make the authority keep.
const mostLeaves = 1000

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated Microsoft 365 tenant"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, serial: 1, leaves: map[string]*tls.Certificate{}}, nil
}

// leaf is the certificate for the name the client asks (SNI), or for the address it called when it
// asks for none.
func (a *authority) leaf(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hello.ServerName
	if name == "" {
		host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String())
		if err != nil {
			return nil, err
		}
		name = host
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil {
		return c, nil
	}
	if len(a.leaves) >= mostLeaves {
		clear(a.leaves)
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(crand.Reader, template, a.cert, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.key}
	a.leaves[name] = c
	return c, nil
}
