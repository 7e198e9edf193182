package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/functions/intake"
	"leaver/shared/hris"
	"leaver/shared/simhr"
	"leaver/shared/worker/steptest"
)

// written is a file with a text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// TestSourcesCheckSaysWhatWorks against a simulated HR system and an intake.
func TestSourcesCheckSaysWhatWorks(t *testing.T) {
	t.Parallel()
	api, front := free(t), free(t)
	const secret = "a secret of 32 letters, or longer"
	file := written(t, fmt.Sprintf(`public: http://%[2]s
sources:
  - {name: bob, vendor: hibob, zone: Europe/Berlin, secrets: ["%[3]s"], api: {url: "http://%[1]s/bob", user: u, secret: p}}
  - {name: gusto, vendor: gusto, zone: America/Denver, secrets: ["%[3]s"], api: {url: "http://%[1]s/gusto", secret: wrong}}
  - {name: lost, vendor: okta, secrets: ["%[3]s"]}
  - {name: unread, vendor: okta, secrets: ["file:/no/such/file"]}
`, api, front, secret))
	hrFile := strings.ReplaceAll(strings.ReplaceAll(string(read(t, file)), "wrong", "right"), "  - {name: unread, vendor: okta, secrets: [\"file:/no/such/file\"]}\n", "")
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan int, 1)
	go func() {
		var out bytes.Buffer
		over <- run(console{Context: ctx, stdout: &out, stderr: &out}, []string{"hr", "--sources", written(t, hrFile), "--addr", api, "--intake", "http://" + front})
	}()
	h := steptest.New(t)
	d, err := hris.Parse([]byte(hrFile))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := hris.New(d.Sources[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	in := &intake.Intake{Sources: sources, Bus: h.Sender("intake"), Now: time.Now, Log: h.Logger()}
	server := &http.Server{Addr: front, Handler: in.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.ListenAndServe() }()
	defer func() { _ = server.Close() }()
	eventually(t, "served", 20*time.Second, func() bool {
		for _, addr := range []string{api, front} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				return false
			}
			_ = conn.Close()
		}
		return true
	})
	code, stdout, stderr := command(t, "sources", "check", "--sources", file, "--json")
	if code != 1 || !strings.Contains(stderr, "gusto, lost, unread") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	got := map[string]checked{}
	for line := range strings.Lines(stdout) {
		var one checked
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		got[one.Source] = one
	}
	for source, says := range map[string][]string{
		"bob":    {"the HR system answers", "answered as the vendor expects"},
		"gusto":  {"refuses the credential (401): renew api.secret", "it is there"},
		"lost":   {"knows no source of this name"},
		"unread": {"no such file"},
	} {
		all := fmt.Sprint(got[source].Findings)
		for _, s := range says {
			if !strings.Contains(all, s) {
				t.Errorf("%s: got %s, want %q", source, all, s)
			}
		}
		if got[source].OK != (source == "bob") || len(got[source].Setup) < 2 {
			t.Errorf("%s: got %+v", source, got[source])
		}
	}
	if code, stdout, stderr := command(t, "sources", "check", "bob", "--sources", file); code != 0 || !strings.Contains(stdout, "works  handshake") || strings.Contains(stdout, secret) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if code, _, stderr := command(t, "sources", "check", "sap", "--sources", file); code != 1 || !strings.Contains(stderr, "there are bob, gusto, lost, unread") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for told, status := range map[string]int{
		`{"what":"hired","id":"4711","mail":"adele.vance@contoso.com"}`: 204, `{"what":"dismissed","id":"4711","lastDay":"2026-11-30"}`: 204,
		`{"what":"promoted","id":"4711"}`: 400, `{"what":"dismissed","id":"4712"}`: 400,
	} {
		if strings.Contains(told, "dismissed") {
			continue // after the hiring
		}
		if got := post(t, "http://"+api+"/bob/tell", told); got != status {
			t.Errorf("%s: got %d, want %d", told, got, status)
		}
	}
	if got := post(t, "http://"+api+"/bob/tell", `{"what":"dismissed","id":"4711","lastDay":"2026-11-30"}`); got != http.StatusNoContent {
		t.Errorf("dismissed: got %d", got)
	}
	eventually(t, "a hint", 20*time.Second, func() bool { return len(h.Bus.Messages()) == 1 }) // the hint
	stop()
	if code := <-over; code != 0 {
		t.Errorf("leaver hr: exit %d", code)
	}
}

// TestGustosTokenIsTakenByAnOperatorAlone: what a stranger posts first is not accepted.
func TestGustosTokenIsTakenByAnOperatorAlone(t *testing.T) {
	t.Parallel()
	front := free(t)
	hr, err := simhr.New("gusto", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hr)
	defer server.Close()
	file := written(t, fmt.Sprintf(`public: http://%s
sources:
  - {name: gusto, vendor: gusto, zone: America/Denver, api: {url: "%s"}}
  - {name: bob, vendor: hibob, zone: Europe/Berlin, api: {url: "%[2]s"}}
`, front, server.URL))
	go func() {
		every := time.NewTicker(time.Millisecond)
		defer every.Stop()
		for range every.C {
			r, err := http.Post("http://"+front+"/webhooks/gusto", "application/json", strings.NewReader(`{"verification_token":"a stranger's"}`))
			if err == nil {
				_ = r.Body.Close()
				return
			}
		}
	}()
	out := filepath.Join(t.TempDir(), "secret")
	code, _, stderr := command(t, "sources", "enrol", "gusto", "--sources", file, "--addr", front, "--organisation", hr.Credential, "--out", out, "--within", "20s")
	if got := strings.TrimSpace(string(read(t, out))); code != 0 || got != hr.Secret {
		t.Errorf("exit %d: %s, got the secret %q", code, stderr, got)
	}
	if code, _, stderr := command(t, "sources", "enrol", "bob", "--sources", file, "--organisation", "x"); code != 1 || !strings.Contains(stderr, "needs no enrolment") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return text
}

func post(t *testing.T, address, body string) int {
	t.Helper()
	r, err := http.Post(address, "application/json", strings.NewReader(body)) //nolint:noctx // of a test
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode
}
