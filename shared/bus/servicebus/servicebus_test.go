package servicebus_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
)

func TestConformance(t *testing.T) {
	conform(t, servicebustest.Corners{})
}

// TestConformanceOtherwise has the peer number dead letters anew, which Microsoft does not
// document.
func TestConformanceOtherwise(t *testing.T) {
	conform(t, servicebustest.Corners{DeadLetterRenumbers: true})
}

func conform(t *testing.T, corners servicebustest.Corners) {
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		peer := start(t, servicebustest.Options{Lock: time.Second, Corners: corners})
		b := open(t, peer)
		return bustest.Harness{
			Bus:   b,
			Lock:  time.Second,
			Holds: func(_ *testing.T, text string) bool { return peer.Holds(text) },
			Reopen: func(t *testing.T) bus.Bus {
				_ = b.Close()
				peer.Restart()
				return open(t, peer)
			},
		}
	})
}

// start starts a peer with the entities of the suite, made as production makes its own.
func start(t testing.TB, o servicebustest.Options) *servicebustest.Peer {
	t.Helper()
	if o.Entities == nil {
		o.Entities = servicebustest.Entities(bustest.Subscriptions())
	}
	o.MaxDelivery, o.DuplicateWindow = 2000, cmp.Or(o.DuplicateWindow, 10*time.Minute)
	peer, err := servicebustest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	return peer
}

func open(t testing.TB, peer *servicebustest.Peer) *servicebus.Bus {
	t.Helper()
	return openWith(t, servicebus.Options{ConnectionString: peer.ConnectionString()})
}

func openWith(t testing.TB, o servicebus.Options) *servicebus.Bus {
	t.Helper()
	if o.Subscriptions == nil {
		o.Subscriptions = bustest.Subscriptions()
	}
	b, err := servicebus.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func receiver(t testing.TB, b bus.Bus, subscription string) bus.Receiver {
	t.Helper()
	r, err := b.Open(t.Context(), subscription)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// publish publishes, and tries again once what is unavailable: a receiver of the client that
// notices late that its connection is gone also closes the one that a sender has just opened.
func publish(t testing.TB, b bus.Publisher, all ...bus.Message) {
	t.Helper()
	for _, m := range all {
		_, err := b.Publish(within(t), m)
		if errors.Is(err, bus.ErrUnavailable) {
			_, err = b.Publish(within(t), m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// receive receives exactly n messages.
func receive(t testing.TB, r bus.Receiver, n int) []bus.Delivery {
	t.Helper()
	ctx := within(t)
	var all []bus.Delivery
	for len(all) < n {
		some, err := r.Receive(ctx, n-len(all))
		if err != nil || len(some) == 0 {
			t.Fatalf("received %d of %d, then error %v", len(all), n, err)
		}
		all = append(all, some...)
	}
	return all
}

// within is time enough for what must happen.
func within(t testing.TB) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(stop)
	return ctx
}

func count(t testing.TB, peer *servicebustest.Peer, path string) servicebustest.Counts {
	t.Helper()
	c, err := peer.Count(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// prompt fails when something waits for what it should not wait for: the client's settler would
// for 42 s, and a lock lasts a minute.
func prompt(t testing.TB, doing string, do func() error) {
	t.Helper()
	began := time.Now()
	if err := do(); err != nil {
		t.Errorf("%s: %v", doing, err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("%s took %s", doing, took)
	}
}

func request(id string) bus.Message {
	return bus.Message{ID: id, Entity: bus.Queue, Body: []byte("body of " + id)}
}

func wantKind(t testing.TB, doing string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error %v, want %v", doing, err, kind)
	}
}

func TestMain(m *testing.M) { bustest.Main(m) }

// TestThePeerHasTheRulesOfProduction holds the peer to what the driver says that there must be.
func TestThePeerHasTheRulesOfProduction(t *testing.T) {
	t.Parallel()
	for i, e := range servicebustest.Entities(bus.Subscriptions()) {
		var rules []servicebustest.Rule
		for _, r := range servicebus.Rules(bus.Subscriptions()[i]) {
			rules = append(rules, servicebustest.Rule{Label: r.Label, To: r.To})
		}
		if !slices.Equal(e.Rules, rules) {
			t.Errorf("%s %s has %v, want %v", e.Name, e.Subscription, e.Rules, rules)
		}
	}
}
