package objectstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
)

// TestEveryStorage holds a folder, Azure Blob Storage and S3 to the same words.
func TestEveryStorage(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		root := t.TempDir()
		conform(t, New(root, nil), offboarding.ExportToFolder)
		if _, err := os.Stat(filepath.Join(root, "3f2b", "Inbox")); err == nil {
			t.Error("a folder whose last file was deleted is still there, with its name")
		}
	})
	t.Run("folder of the policy", func(t *testing.T) {
		root := t.TempDir()
		conform(t, New("", nil), "file://"+filepath.ToSlash(root)+"?prefix=exports/")
		if _, err := os.Stat(filepath.Join(root, "exports", "3f2b", "Inbox")); err == nil {
			t.Error("a folder whose last file was deleted is still there, with its name")
		}
	})
	t.Run("azure", func(t *testing.T) {
		c, storage := inAzure(t)
		conform(t, c, storage)
	})
	t.Run("s3", func(t *testing.T) {
		conform(t, New("", nil), inS3(t)+"&prefix=exports/")
	})
}

func conform(t *testing.T, c *Client, storage string) {
	ctx := offboarding.WithWriteGuard(t.Context(), guard{})
	name := "3f2b/Inbox/Grüße & Ünïcode ~1.eml"
	large := make([]byte, 3*partSize+17) // several parts
	_, _ = rand.Read(large)
	for n, content := range map[string][]byte{name: []byte("one"), "3f2b/large": large, "4c1d/empty": nil} {
		if err := c.Write(ctx, storage, n, bytes.NewReader(content)); err != nil {
			t.Fatalf("writing %d bytes: %v", len(content), err)
		}
		if got := read(t, c, storage, n); !bytes.Equal(got, content) {
			t.Errorf("read back %d bytes of %d, or others", len(got), len(content))
		}
	}

	if err := c.Write(ctx, storage, name, strings.NewReader("two")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, storage, name); string(got) != "two" {
		t.Errorf("written twice, it reads %q, want the second", got)
	}

	broken := errors.New("the mailbox broke off")
	for _, n := range []string{name, "3f2b/never"} {
		err := c.Write(ctx, storage, n, io.MultiReader(bytes.NewReader(large), failing{broken}))
		if !errors.Is(err, broken) {
			t.Errorf("a content that breaks off: %v, want its own error", err)
		}
	}
	if got := read(t, c, storage, name); string(got) != "two" {
		t.Errorf("half a content took the place of a whole one: %d bytes", len(got))
	}

	wantListed(t, c, storage, "3f2b/", "", "3f2b/Inbox/Grüße & Ünïcode ~1.eml", "3f2b/large")
	wantListed(t, c, storage, "", "/", "3f2b/", "4c1d/")

	if _, err := c.Read(ctx, storage, "3f2b/never"); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("reading what is not there: %v, want ErrNotFound", err)
	}
	if err := c.Delete(ctx, storage, name); err != nil {
		t.Fatal(err)
	}
	wantListed(t, c, storage, "3f2b/", "", "3f2b/large")

	in := c.Files(ctx, storage, "3f2b/")
	if got, err := fs.ReadFile(in, "large"); err != nil || !bytes.Equal(got, large) {
		t.Errorf("as a file it has %d bytes, %v", len(got), err)
	}
	for name, want := range map[string]error{"never": fs.ErrNotExist, "../4c1d/empty": fs.ErrInvalid} {
		if _, err := in.Open(name); !errors.Is(err, want) {
			t.Errorf("opening %s: %v, want %v", name, err, want)
		}
	}

	frozen := offboarding.WithWriteGuard(ctx, guard{errFrozen})
	if err := c.Write(frozen, storage, "5e/frozen", strings.NewReader("x")); !errors.Is(err, errFrozen) {
		t.Errorf("a write while frozen: %v", err)
	}
	if err := c.Delete(frozen, storage, "3f2b/large"); !errors.Is(err, errFrozen) {
		t.Errorf("a deletion while frozen: %v", err)
	}
	wantListed(t, c, storage, "", "", "3f2b/large", "4c1d/empty")
}

// TestAStorageThatIsNotThereIsSaid is about a container and a bucket that nobody made.
func TestAStorageThatIsNotThereIsSaid(t *testing.T) {
	c, storage := inAzure(t)
	for name, absent := range map[string]string{
		"azure": strings.Replace(storage, "azblob://exports", "azblob://nobody-made-it", 1),
		"s3":    strings.Replace(inS3(t), "s3://exports", "s3://nobody-made-it", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Write(offboarding.WithWriteGuard(t.Context(), guard{}), absent, "a/b", strings.NewReader("x")); err == nil {
				t.Error("written into nothing")
			} else if strings.Contains(err.Error(), "a/b") {
				t.Errorf("the error names the object: %v", err)
			}
		})
	}
}

func read(t *testing.T, c *Client, storage, name string) []byte {
	t.Helper()
	r, err := c.Read(t.Context(), storage, name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return got
}

func wantListed(t *testing.T, c *Client, storage, prefix, delimiter string, want ...string) {
	t.Helper()
	got, err := c.List(t.Context(), storage, prefix, delimiter)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("listed %q (%v), want %q", got, err, want)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

var errFrozen = errors.New("frozen")

// guard refuses with its error, or allows.
type guard struct{ error }

func (g guard) Allow(context.Context) error { return g.error }

func (guard) Record(offboarding.Call) {}

// inAzure is a container in Azurite, reached by the names and the tokens of Azure.
func inAzure(t *testing.T) (c *Client, storage string) {
	t.Helper()
	service, trusting := azuritetest.StartBlobsTLS(t)
	at, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	transport := trusting.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "127.0.0.1"
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.Host)
	}
	account := strings.Trim(at.Path, "/")
	c = New("", azuritetest.Entra{TB: t})
	c.azure = &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: transport}, Retry: policy.RetryOptions{MaxRetries: -1},
	}}
	exports, err := container.NewClient("https://"+account+".blob.core.windows.net/exports", azuritetest.Entra{TB: t}, c.azure)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exports.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return c, "azblob://exports?storage_account=" + account
}

// inS3 is a bucket in a server that speaks S3.
func inS3(t *testing.T) (storage string) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	backend := s3mem.New()
	if err := backend.CreateBucket("exports"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return "s3://exports?region=eu-central-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
}
