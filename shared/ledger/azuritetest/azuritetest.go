// Package azuritetest runs Azurite, Microsoft's emulator of Azure Storage, for tests.
package azuritetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/golang-jwt/jwt/v5"
)

// The account that Azurite comes with; its key is published.
// Source: Microsoft Learn, "Use the Azurite emulator for local Azure Storage development".
const (
	account = "devstoreaccount1"
	key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Names of services, as Azurite writes them.
const (
	blobs  = "Blob"
	tables = "Table"
)

// listening is what Azurite says when a service answers.
var listening = regexp.MustCompile(`(Blob|Table) service is successfully listening at (https?://\S+)`)

// Start runs an Azurite of its own, with nothing in it, until the test ends, and returns the
// connection string of its Table service. Without Azurite the test is skipped; under CI=true it
// fails.
func Start(t testing.TB) string {
	t.Helper()
	return ConnectionString(start(t, tables))
}

// ConnectionString is that of an Azurite whose Table service has a URL.
func ConnectionString(serviceURL string) string {
	return "AccountName=" + account + ";AccountKey=" + key + ";TableEndpoint=" + serviceURL + ";"
}

// StartTLS is Start for tokens: it returns the URL of the Table service, and a client that trusts
// its certificate. Azurite looks at a token's issuer, audience and times, not at its signature.
func StartTLS(t testing.TB) (serviceURL string, client *http.Client) {
	t.Helper()
	return startTLS(t, tables)
}

// StartBlobsTLS is StartTLS for the Blob service.
func StartBlobsTLS(t testing.TB) (serviceURL string, client *http.Client) {
	t.Helper()
	return startTLS(t, blobs)
}

func startTLS(t testing.TB, service string) (serviceURL string, client *http.Client) {
	t.Helper()
	// The test server of the standard library has a certificate for 127.0.0.1.
	server := httptest.NewTLSServer(nil)
	server.Close()
	pair := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		key:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, service, "--oauth", "basic", "--cert", cert, "--key", key), server.Client()
}

// start runs it with more arguments and returns the URL of one of its services.
func start(t testing.TB, service string, more ...string) string {
	t.Helper()
	path := find()
	if path == "" {
		const absent = "AZURITE IS NOT INSTALLED: what is kept in Azure Storage is not tested. Install node, then: (cd .ci && npm ci --ignore-scripts)"
		if os.Getenv("CI") == "true" {
			t.Fatal(absent)
		}
		t.Skip(absent)
	}
	// Port 0 lets the system choose. Only the command of all three services says which port it
	// became, so the other two run idle.
	azurite := exec.Command(path, append(more, "--blobPort", "0", "--queuePort", "0", "--tablePort", "0",
		"--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck",
		// Never while a test runs: a connection that is closed as the client uses it loses an answer.
		"--tableKeepAliveTimeout", "3600")...)
	azurite.Dir = t.TempDir()
	// It ends when its input does, also when this process is killed and cleans nothing up.
	azurite.Env = append(os.Environ(), "NODE_OPTIONS=--require="+strconv.Quote(preload(t)))
	var complaints bytes.Buffer
	azurite.Stderr = &complaints
	if _, err := azurite.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := azurite.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := azurite.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	t.Cleanup(func() {
		_ = azurite.Process.Kill()
		_ = azurite.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said := listening.FindStringSubmatch(lines.Text()); said != nil && said[1] == service {
			return said[2] + "/" + account
		}
	}
	_ = azurite.Wait()
	t.Fatalf("%s ended before it listened: %s", path, complaints.String())
	return ""
}

// preload is what node reads before Azurite.
func preload(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "end-with-input.js")
	if err := os.WriteFile(file, []byte("process.stdin.resume().on('end', () => process.exit())\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Signed is the query of a shared access signature for a container: who has it may do what the permissions
// say there, and nothing else. Azurite holds everybody to that, and knows no roles.
// Source: Microsoft Learn, "Create a service SAS", Permissions for a directory, container, or blob.
func Signed(t testing.TB, name string, may sas.ContainerPermissions) string {
	t.Helper()
	as, err := container.NewSharedKeyCredential(account, key)
	if err != nil {
		t.Fatal(err)
	}
	query, err := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPS, ExpiryTime: time.Now().Add(time.Hour), ContainerName: name, Permissions: may.String(),
	}.SignWithSharedKey(as)
	if err != nil {
		t.Fatal(err)
	}
	return query.Encode()
}

// find looks for the command in .ci of the project, where its version is pinned, then in PATH;
// "" is nowhere, or no node to run it.
func find() string {
	if _, err := exec.LookPath("node"); err != nil {
		return ""
	}
	dir, _ := os.Getwd()
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if path, err := exec.LookPath(filepath.Join(dir, ".ci", "node_modules", ".bin", "azurite")); err == nil {
			return path
		}
	}
	path, _ := exec.LookPath("azurite")
	return path
}

// Entra gives out tokens for Azure Storage as Azurite takes them, and fails the test for anything else.
type Entra struct{ testing.TB }

// GetToken implements azcore.TokenCredential.
func (e Entra) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	const audience = "https://storage.azure.com"
	if len(o.Scopes) != 1 || o.Scopes[0] != audience+"/.default" {
		e.Errorf("asked for tokens of %v", o.Scopes)
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://sts.windows.net/7a1f6f0a-3a3c-4d0b-9d53-0c1a3f9f1d11/", "aud": audience,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte("not looked at"))
	return azcore.AccessToken{Token: token, ExpiresOn: now.Add(time.Hour)}, err
}
