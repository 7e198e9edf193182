package nats_test

import (
	"log/slog"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/nats"
	"leaver/shared/embedded"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		h := newHarness(t, embedded.Options{NoSync: true}, nats.Options{Subscriptions: bustest.Subscriptions(), Lock: time.Second})
		return bustest.Harness{
			Bus:          h.bus,
			Lock:         time.Second,
			Holds:        h.reaches,
			Reopen:       func(t *testing.T) bus.Bus { h.restart(t); return h.bus },
			Capabilities: bustest.Capabilities{ReportsDuplicates: true, Restarts: true},
		}
	})
}

// harness is a bus on an embedded server of its own.
type harness struct {
	dir    string
	server embedded.Options
	opts   nats.Options
	ns     *embedded.Server
	bus    *nats.Bus
}

func newHarness(t testing.TB, server embedded.Options, opts nats.Options) *harness {
	t.Helper()
	server.Logger = slog.New(slog.DiscardHandler)
	h := &harness{dir: t.TempDir(), server: server, opts: opts}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) start(t testing.TB) {
	t.Helper()
	ns, err := embedded.Start(h.dir, h.server)
	if err != nil {
		t.Fatal(err)
	}
	h.ns = ns
	conn, err := ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	h.bus, err = nats.Open(t.Context(), conn, h.opts)
	if err != nil {
		t.Fatal(err)
	}
}

func (h *harness) stop(t testing.TB) {
	t.Helper()
	if err := h.ns.Close(); err != nil {
		t.Error(err)
	}
}

func (h *harness) restart(t testing.TB) {
	t.Helper()
	h.stop(t)
	h.start(t)
}

func TestMain(m *testing.M) { bustest.Main(m) }
