package aztables_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	sdk "github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

func TestConformance(t *testing.T) {
	azurite := azuritetest.Start(t)
	ledgertest.Run(t, func(t *testing.T) ledgertest.Harness {
		h := newHarness(t, azurite)
		return ledgertest.Harness{
			Store:  h.open(t, nil),
			Second: func(t *testing.T) ledger.Store { return h.open(t, nil) },
			// The service is not ours to restart.
			Reopen:  func(t *testing.T) ledger.Store { return h.open(t, nil) },
			Reaches: func(t *testing.T, needle []byte) bool { return h.reaches(t, needle) },
		}
	})
}

func TestTampering(t *testing.T) {
	azurite := azuritetest.Start(t)
	ledgertest.Tampering(t, func(t *testing.T) ledger.Store { return newHarness(t, azurite).open(t, nil) })
}

// harness is a table of its own.
type harness struct{ azurite, table string }

var tables atomic.Int32

func newHarness(t *testing.T, azurite string) harness {
	t.Helper()
	h := harness{azurite, fmt.Sprint("t", 100+tables.Add(1))}
	if err := h.open(t, nil).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h harness) open(t *testing.T, client *http.Client) *aztables.Store {
	t.Helper()
	s, _, err := aztables.OpenTable(h.azurite, h.table, client)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// raw is the table without the store.
func (h harness) raw(t *testing.T) *sdk.Client {
	t.Helper()
	_, table, err := aztables.OpenTable(h.azurite, h.table, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// rows are all of the table.
func (h harness) rows(t *testing.T) []sdk.EDMEntity {
	t.Helper()
	var all []sdk.EDMEntity
	for pager := h.raw(t).NewListEntitiesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range page.Entities {
			var e sdk.EDMEntity
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
	}
	return all
}

// reaches looks through every row: keys, text and bytes. What the service keeps on its disks of a
// row that is gone cannot be seen, and not be read by anyone.
func (h harness) reaches(t *testing.T, needle []byte) bool {
	t.Helper()
	for _, e := range h.rows(t) {
		if strings.Contains(e.PartitionKey+" "+e.RowKey, string(needle)) {
			return true
		}
		for _, property := range e.Properties {
			switch property := property.(type) {
			case sdk.EDMBinary:
				if bytes.Contains(property, needle) {
					return true
				}
			case string:
				if strings.Contains(property, string(needle)) {
					return true
				}
			}
		}
	}
	return false
}
