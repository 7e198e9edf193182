package objectstore

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"leaver/functions/backup"
	"leaver/shared/ledger"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
)

// signed is a transport that has the rights of a signature alone, whatever the client holds. It counts how
// often an object is put in its place, which immutability allows once.
type signed struct {
	under policy.Transporter
	query string
	put   map[string]int
}

// Do implements policy.Transporter.
func (s signed) Do(r *http.Request) (*http.Response, error) {
	if comp := r.URL.Query().Get("comp"); r.Method == http.MethodPut && comp != "block" {
		s.put[r.URL.Path]++
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	query := s.query
	if r.URL.RawQuery != "" {
		query = r.URL.RawQuery + "&" + query
	}
	r.URL.RawQuery = query
	return s.under.Do(r)
}

// large is a ledger whose copy takes more than one part, each day another.
type large struct{ day *int }

// Export implements backup.Ledger.
func (l large) Export(_ context.Context, each func(ledger.Copy) error) error {
	for i := range 3 {
		if err := each(ledger.Copy{ID: strings.Repeat(string(rune('a'+i)), 8), Entries: []string{strings.Repeat(string(rune('0'+*l.day)), partSize/2)}}); err != nil {
			return err
		}
	}
	return nil
}

// TestTheBackupRunsWithItsOwnRightsAlone copies a ledger into Azure Blob Storage, a day after the other, with a
// signature that allows what the role of the Terraform does, and no more: to read, to list and to write.
// Without any one of the three no copy counts, and it is said that the storage refuses; with them nobody removes
// a copy; and none is put twice under one name, which the immutability of the account would not take.
func TestTheBackupRunsWithItsOwnRightsAlone(t *testing.T) {
	// Read is to read and to list.
	if may, want := rightsOfTheKeeper(t), []string{"add/action", "read", "write"}; !slices.Equal(may, want) {
		t.Fatalf("the Terraform lets the backup %q, want %q", may, want)
	}
	all := sas.ContainerPermissions{Read: true, List: true, Create: true, Write: true}
	owner, storage := inAzure(t)
	put := map[string]int{}
	as := func(may sas.ContainerPermissions) *Client {
		c := New("", azuritetest.Entra{TB: t})
		c.azure = &container.ClientOptions{ClientOptions: azcore.ClientOptions{
			Transport: signed{owner.azure.Transport, azuritetest.Signed(t, "exports", may), put}, Retry: policy.RetryOptions{MaxRetries: -1},
		}}
		return c
	}
	day := 0
	begins := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	copies := func(c *Client) *backup.Backup {
		return &backup.Backup{
			Ledger: large{&day}, Storage: c, Place: storage, Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return begins.Add(time.Duration(day) * 25 * time.Hour) },
		}
	}
	there := func() []string {
		names, err := owner.List(t.Context(), storage, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	for name, less := range map[string]struct {
		may  sas.ContainerPermissions
		left int // what it leaves behind: a copy without a record is none
	}{
		"without reading": {sas.ContainerPermissions{List: true, Create: true, Write: true}, 1},
		"without listing": {sas.ContainerPermissions{Read: true, Create: true, Write: true}, 0},
		"without writing": {sas.ContainerPermissions{Read: true, List: true}, 0},
	} {
		before := len(there())
		day++ // a name is given once
		if err := copies(as(less.may)).Run(t.Context()); !offboarding.IsPermanent(err) || !strings.Contains(err.Error(), "the storage refuses it") {
			t.Errorf("%s: %v; want that the storage refuses it", name, err)
		}
		if after := len(there()); after-before != less.left {
			t.Errorf("%s: %d objects were left, want %d", name, after-before, less.left)
		}
		if why, err := copies(owner).Wrong(t.Context()); err != nil || !strings.Contains(why, "no backup of the ledger yet") {
			t.Errorf("%s: %q, %v; want that there is none", name, why, err)
		}
	}
	keeper := as(all)
	before := len(there())
	for range 2 {
		day++
		b := copies(keeper)
		if err := b.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if why, err := b.Wrong(t.Context()); err != nil || why != "" {
			t.Errorf("after a copy: %q, %v; want nothing", why, err)
		}
	}
	names := there()
	if len(names)-before != 4 {
		t.Errorf("there are %q, want two copies more, each with its record", names)
	}
	for name, times := range put {
		if times != 1 {
			t.Errorf("%s was put %d times, want once", name, times)
		}
	}
	ctx := offboarding.WithWriteGuard(t.Context(), guard{})
	for _, name := range names[len(names)-4:] {
		was := content(t, owner, storage, name)
		if err := keeper.Delete(ctx, storage, name); !offboarding.IsPermanent(err) {
			t.Errorf("removing %s: %v; want that the storage refuses it", name, err)
		}
		if is := content(t, owner, storage, name); is != was {
			t.Errorf("%s has %d bytes, or others; want the %d that were there", name, len(is), len(was))
		}
	}
}

func content(t *testing.T, c *Client, storage, name string) string {
	t.Helper()
	r, err := c.Read(t.Context(), storage, name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rightsOfTheKeeper are the data actions that the Terraform gives backup on its container, in order.
func rightsOfTheKeeper(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../infra/azure/identity.tf")
	if err != nil {
		t.Fatal(err)
	}
	_, role, _ := strings.Cut(string(text), `resource "azurerm_role_definition" "keeper"`)
	role, _, _ = strings.Cut(role, "\n}\n")
	var may []string
	for _, action := range regexp.MustCompile(`"Microsoft\.[^"]+"`).FindAllString(role, -1) {
		may = append(may, strings.TrimPrefix(strings.Trim(action, `"`), "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"))
	}
	slices.Sort(may)
	return may
}
