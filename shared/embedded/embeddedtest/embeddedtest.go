// Package embeddedtest gives a test an embedded server of its own, which ends with it.
package embeddedtest

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"

	"leaver/shared/embedded"
	"leaver/shared/ledger"
	natsledger "leaver/shared/ledger/nats"
)

// Connect starts a server that does not wait for the disk, and connects to it.
func Connect(t testing.TB) *nats.Conn {
	t.Helper()
	server, err := embedded.Start(t.TempDir(), embedded.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	connection, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// Store is that of an empty ledger on such a server.
func Store(t testing.TB) ledger.Store {
	t.Helper()
	store, err := natsledger.Open(t.Context(), Connect(t), natsledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
