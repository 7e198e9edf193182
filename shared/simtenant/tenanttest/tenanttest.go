// Package tenanttest gives the tests of adapters a simulated tenant to speak to over the network.
package tenanttest

import (
	"context"
	"encoding/json"
	"testing"

	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// Start serves a tenant until the test ends, and fails it for what was asked of it and is not simulated.
func Start(t testing.TB) (*simtenant.Tenant, identity.Tenant) {
	t.Helper()
	sim, err := simtenant.New(simtenant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Close()
		if unknown := sim.Unknown(); len(unknown) > 0 {
			t.Errorf("not simulated: %v", unknown)
		}
	})
	line, err := json.Marshal(server.Connection())
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := identity.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return sim, tenant
}

// Connect is Start, with the default application connected.
func Connect(t testing.TB) (*simtenant.Tenant, identity.Connection) {
	t.Helper()
	sim, tenant := Start(t)
	connection, err := tenant.Connect(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.HTTP.CloseIdleConnections)
	return sim, connection
}

// Permit is a write guard that allows everything.
type Permit struct{}

// Allow implements [offboarding.WriteGuard].
func (Permit) Allow(context.Context) error { return nil }

// Record implements [offboarding.WriteGuard].
func (Permit) Record(offboarding.Call) {}
