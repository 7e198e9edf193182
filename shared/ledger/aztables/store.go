// Package aztables is the ledger's store on Azure Table Storage.
//
// One table; a partition per history, named by its id, so that a commit is one entity group
// transaction. In a partition: a row entry_POSITION per entry, inserted and never touched again;
// the row head, which says where the history ends and is replaced with every entry on condition
// of its ETag; a row value_NAME per personal value. Rows sort by key, so that one query reads the
// end of a history and its head.
//
// The index by label is in partitions of its own, _LABEL with a row ID_POSITION. No transaction
// spans partitions, so it holds hints: see hint in index.go.
//
// Table Storage reads are strongly consistent in the primary region, which is the only one that
// is asked. It keeps no deleted or replaced entities that anyone could read again: soft delete
// and versions are there for blobs and files only.
// Source: Microsoft Learn, "Understanding the Table service data model"; "Performing entity group
// transactions".
package aztables

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
)

// Table is the name of the table.
const Table = "leaver"

// timeout bounds each request, beside the caller's context.
const timeout = 10 * time.Second

// Store is a ledger.Store on Table Storage. Its methods may be called concurrently, and many
// stores may be open on the same table.
type Store struct {
	table *aztables.Client

	mu     sync.Mutex
	heads  map[string]head // the newest head that was seen of each history
	closed bool
}

var _ ledger.Store = (*Store)(nil)

// Open returns the store in a storage account, such as https://ACCOUNT.table.core.windows.net.
// The credential needs the role Storage Table Data Contributor. A nil client is one of the SDK's.
// It makes no call; the table must be there.
func Open(serviceURL string, cred azcore.TokenCredential, client *http.Client) (*Store, error) {
	service, err := aztables.NewServiceClient(serviceURL, cred, options(client))
	if err != nil {
		return nil, fmt.Errorf("opening table %s: %w", Table, err)
	}
	return open(service, Table), nil
}

// OpenConnectionString is Open with a connection string, which holds the account's key: for
// Azurite, and where there is no token.
func OpenConnectionString(connection string, client *http.Client) (*Store, error) {
	service, err := aztables.NewServiceClientFromConnectionString(connection, options(client))
	if err != nil {
		return nil, fmt.Errorf("opening table %s: %w", Table, errors.New("the connection string is not readable"))
	}
	return open(service, Table), nil
}

func open(service *aztables.ServiceClient, table string) *Store {
	return &Store{table: service.NewClient(table), heads: map[string]head{}}
}

// options leave every repetition to the worker, which knows the lease and the budget: a commit
// that the SDK sends again after its answer was lost would meet itself as a conflict.
func options(client *http.Client) *aztables.ClientOptions {
	o := &aztables.ClientOptions{}
	o.Retry = policy.RetryOptions{MaxRetries: -1, TryTimeout: timeout}
	if client != nil {
		o.Transport = client
	}
	return o
}

// Create makes the table, for tests and dry runs; that it is there already is no error. In
// production Terraform makes it. Errors: ledger.ErrUnavailable.
func (s *Store) Create(ctx context.Context) error {
	_, err := s.table.CreateTable(ctx, nil)
	if has(err, aztables.TableAlreadyExists) {
		return nil
	}
	return classify("creating the table", err)
}

// Close implements ledger.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// usable refuses a closed store and an id that cannot be a key, or could be another kind's.
func (s *Store) usable(id string) error {
	if err := s.opened(); err != nil {
		return err
	}
	const legal = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if id == "" || len(id) > 64 || strings.Trim(id, legal) != "" {
		return fmt.Errorf("%w %q: 1 to 64 characters of a-z, 0-9 and '-'", errID, id)
	}
	return nil
}

func (s *Store) opened() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: the store is closed", ledger.ErrUnavailable)
	}
	return nil
}
