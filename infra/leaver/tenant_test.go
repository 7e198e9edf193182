package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"

	"leaver/shared/simtenant"
)

// TestTheTenantsKnobs asks a tenant served by the command for tokens.
func TestTheTenantsKnobs(t *testing.T) {
	t.Parallel()
	c, client := serveTenant(t, "--fault", `POST /token: status=503 retry-after=7s times=1 message="a, b"`, "--fault", "POST /token: status=429 times=1",
		"--throttle", "0.001", "--read-lag", "1h", "--token-lifetime", "2m", "--sync-every", "10s")
	token := func() (*http.Response, map[string]any) {
		t.Helper()
		response, err := client.PostForm(c.Authority+"/"+c.TenantID+"/oauth2/v2.0/token", url.Values{
			"client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
			"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var body map[string]any
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return response, body
	}
	if r, _ := token(); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "7" {
		t.Errorf("the first fault: %s, Retry-After %s", r.Status, r.Header.Get("Retry-After"))
	}
	if r, _ := token(); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the second fault: %s", r.Status)
	}
	r, body := token()
	if r.StatusCode != http.StatusOK || body["expires_in"] != 120.0 {
		t.Fatalf("no fault: %s, expires in %v", r.Status, body["expires_in"])
	}
	call := func(method, path string) (int, map[string]any) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, c.Graph+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+body["access_token"].(string))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		_ = json.Unmarshal(text, &answer)
		return response.StatusCode, answer
	}
	if code, answer := call(http.MethodDelete, "/users/"+adele); code != http.StatusNoContent {
		t.Fatalf("%d %v", code, answer)
	}
	if code, answer := call(http.MethodGet, "/users/"+adele); code != http.StatusOK {
		t.Errorf("a deletion shows at once, in spite of the lag: %d %v", code, answer)
	}
	throttled := false
	// 3,500 resource units, 2 a request, which are there again after hours.
	for range 1800 {
		if code, _ := call(http.MethodGet, "/users/alex.wilber@contoso.com/memberOf"); code == http.StatusTooManyRequests {
			throttled = true
			break
		}
	}
	if !throttled {
		t.Error("nothing was throttled")
	}
}

// serveTenant runs leaver tenant until the test ends and returns its connection.
func serveTenant(t *testing.T, args ...string) (simtenant.Connection, *http.Client) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stdout, line := io.Pipe()
	exited := make(chan int, 1)
	go func() {
		exited <- run(console{Context: ctx, stdout: line, stderr: os.Stderr}, append([]string{"tenant"}, args...))
		_ = line.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-exited; code != 0 {
			t.Errorf("leaver tenant: exit %d", code)
		}
	})
	text, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var c simtenant.Connection
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return c, &http.Client{Transport: transport}
}

func TestATenantThatCannotBeIsWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--fault", "Set-Mailbox"}, {"--fault", "Set-Mailbx: reset"}, {"--fault=*: delay=200ms", "--fault="},
		{"--throttle=-1"}, {"--throttle=NaN"}, {"--throttle=+Inf"}, {"--read-lag=-1s"}, {"--latency=-1s"},
		{"--token-lifetime=0s"}, {"--sync-every=0s"}, {"--sync-every=daily"},
	} {
		if code, _, stderr := command(t, append([]string{"tenant"}, args...)...); code != 2 || stderr == "" {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
	}
}
