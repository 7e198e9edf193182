package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
)

// ending is one way for the broker to end what there is, by what the client makes of the condition.
type ending struct {
	name string
	with func(name, description string) servicebustest.Action
	why  string
}

// conditions are of each sort that the client knows.
var conditions = []string{
	"amqp:connection:forced",  // the broker is upgraded: the client connects anew
	"amqp:link:detach-forced", // idle for ten minutes, or the claim has ended: it attaches anew
	// Fatal to the client, which then keeps what is dead:
	"amqp:unauthorized-access", "amqp:not-allowed", "amqp:resource-limit-exceeded",
	"com.microsoft:entity-disabled", "amqp:not-found", "amqp:link:message-size-exceeded",
	// No reason for it to do anything, which comes to the same:
	"com.microsoft:server-busy", "com.microsoft:timeout",
	"com.microsoft:of-tomorrow", // it does not know
}

// endings are connections, sessions and links, each ended with each condition.
func endings(conditions ...string) []ending {
	var all []ending
	for name, with := range map[string]func(name, description string) servicebustest.Action{
		"connection": servicebustest.EndConnection, "session": servicebustest.EndSession, "link": servicebustest.EndLink,
	} {
		for _, why := range conditions {
			all = append(all, ending{name, with, why})
		}
	}
	return all
}

func (e ending) String() string                { return e.name + " " + e.why }
func (e ending) action() servicebustest.Action { return e.with(e.why, "the broker says so") }

// TestASenderOutlivesWhatTheBrokerEnds is what intake and watch are: nobody receives, and so resets
// the client.
func TestASenderOutlivesWhatTheBrokerEnds(t *testing.T) {
	t.Parallel()
	for _, e := range endings(conditions...) {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			peer := start(t, servicebustest.Options{})
			b := open(t, peer)
			publish(t, b, request("before"))
			peer.End(e.action())
			again(t, "publishing", func(ctx context.Context) error { _, err := b.Publish(ctx, request("after")); return err })
			scheduled := request("scheduled")
			scheduled.At = peer.Now().Add(time.Hour)
			peer.End(e.action())
			again(t, "scheduling", func(ctx context.Context) error { _, err := b.Publish(ctx, scheduled); return err })
			if c := count(t, peer, bus.Queue); c.Active != 2 || c.Scheduled != 1 {
				t.Errorf("%+v, want two messages and a scheduled one", c)
			}
		})
	}
}

// TestAReaderOutlivesWhatTheBrokerEnds does everything that takes the right to listen, each after
// the broker has ended what there was: for a reason that the client mends, and for a fatal one.
func TestAReaderOutlivesWhatTheBrokerEnds(t *testing.T) {
	t.Parallel()
	for _, e := range endings("amqp:connection:forced", "amqp:unauthorized-access") {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			peer := start(t, servicebustest.Options{})
			b := open(t, peer)
			r := receiver(t, b, "requests")
			publish(t, b, request("completed"), request("parked"), request("kept"), request("resubmitted"))
			held := receive(t, r, 4)
			if err := held[3].DeadLetter(within(t), "reason", ""); err != nil {
				t.Fatal(err)
			}
			var letters []bus.DeadLetter
			got := map[string]bool{}
			for _, step := range []struct {
				doing string
				do    func(context.Context) error
			}{
				{"completing", onceSettled(held[0].Complete)},
				{"dead-lettering", onceSettled(func(ctx context.Context) error { return held[1].DeadLetter(ctx, "reason", "") })},
				{"renewing", func(ctx context.Context) error { _, err := held[2].Renew(ctx); return err }},
				{"completing what was renewed", onceSettled(held[2].Complete)},
				{"measuring", func(ctx context.Context) error { _, err := b.Depth(ctx, "requests"); return err }},
				{"reading dead letters", func(ctx context.Context) (err error) {
					letters, err = b.DeadLetters(ctx, "requests", 10)
					return err
				}},
				{"discarding", func(ctx context.Context) error {
					err := b.Discard(ctx, "requests", letters[1].Key)
					if err != nil {
						peer.Advance(2 * lock) // it may be locked in vain
					}
					return err
				}},
				{"resubmitting", func(ctx context.Context) error {
					err := b.Resubmit(ctx, "requests", letters[0].Key, request("again"))
					if err != nil {
						peer.Advance(2 * lock)
					}
					return err
				}},
				{"receiving", func(ctx context.Context) error {
					some, err := r.Receive(ctx, 1)
					for _, d := range some {
						got[d.ID()] = true
						err = errors.Join(err, d.Complete(ctx))
					}
					return err
				}},
			} {
				peer.End(e.action())
				again(t, step.doing, step.do)
			}
			if c := count(t, peer, bus.Queue); c.Active != 0 || c.DeadLetters != 0 || !got["again"] {
				t.Errorf("%+v, received %v, want nothing left", c, got)
			}
		})
	}
}

// onceSettled: that the lock is lost may also mean that the answer was.
func onceSettled(settle func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := settle(ctx); !errors.Is(err, bus.ErrLockLost) {
			return err
		}
		return nil
	}
}

// TestAReceiverThatWaitsOutlivesWhatTheBrokerEnds lets Receive fail, as often as the broker has
// said something.
func TestAReceiverThatWaitsOutlivesWhatTheBrokerEnds(t *testing.T) {
	t.Parallel()
	for _, e := range endings(conditions...) {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			peer := start(t, servicebustest.Options{})
			sender, b := open(t, peer), open(t, peer)
			r := receiver(t, b, "requests")
			for n := range 3 {
				id := fmt.Sprint(n)
				waits := waiting(peer, bus.Queue)
				received := make(chan error, 1)
				go func() {
					var err error
					for range 3 {
						var some []bus.Delivery
						if some, err = r.Receive(within(t), 1); len(some) == 1 && some[0].ID() == id {
							err = some[0].Complete(within(t))
							break
						}
					}
					received <- err
				}()
				select {
				case <-waits:
				case <-within(t).Done():
					t.Fatal("it does not wait")
				}
				peer.End(e.action())
				again(t, "publishing", func(ctx context.Context) error { _, err := sender.Publish(ctx, request(id)); return err })
				prompt(t, "receiving", func() error { return <-received })
			}
			if c := count(t, peer, bus.Queue); c.Active != 0 {
				t.Errorf("%+v, want nothing left", c)
			}
		})
	}
}

// waiting is closed once a receiver has given credit for an entity.
func waiting(peer *servicebustest.Peer, entity string) <-chan struct{} {
	waits := make(chan struct{})
	peer.Fault(servicebustest.Nth(1, func(f servicebustest.Frame) bool {
		is := f.Received && f.Kind == servicebustest.Flow && f.Address == entity
		if is {
			select {
			case <-waits:
			default:
				close(waits)
			}
		}
		return is
	}, servicebustest.Pass))
	return waits
}

// TestOthersAreNotDisturbed: a link that ends costs the others nothing, and a connection that ends
// is replaced once, whoever notices.
func TestOthersAreNotDisturbed(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	publish(t, b, request("before"))
	if err := receive(t, receiver(t, b, "requests"), 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
	alpha := receiver(t, b, "alpha")
	var connections, attached atomic.Int32
	waits := make(chan struct{}, 100)
	const ends, refuses = 1, 2
	var fault atomic.Int32
	peer.Fault(func(f servicebustest.Frame) servicebustest.Action {
		switch {
		case f.Received && f.Kind == servicebustest.Open:
			connections.Add(1)
		case f.Received && f.Kind == servicebustest.Attach && f.Address == bus.Queue:
			attached.Add(1)
		case f.Received && f.Kind == servicebustest.Flow && f.Address == bus.Topic+"/Subscriptions/alpha":
			waits <- struct{}{}
		case f.Received && f.Kind == servicebustest.Transfer && f.Address == bus.Queue:
			switch fault.Swap(0) {
			case ends:
				return servicebustest.EndLink("amqp:not-allowed", "")
			case refuses:
				return servicebustest.Refuse("com.microsoft:server-busy", "")
			}
		}
		return servicebustest.Pass
	})
	attaches := func() {
		t.Helper()
		select {
		case <-waits:
		case <-within(t).Done():
			t.Fatal("nobody waits for a message")
		}
	}
	received := make(chan error, 1)
	go func() {
		some, err := alpha.Receive(within(t), 1)
		if err != nil { // the connection has ended
			some, err = alpha.Receive(within(t), 1)
		}
		if err == nil && len(some) != 1 {
			err = errors.New("it has stopped waiting")
		}
		received <- err
	}()
	attaches()
	for _, what := range []int32{ends, refuses} {
		fault.Store(what)
		again(t, "publishing", func(ctx context.Context) error { _, err := b.Publish(ctx, request("after")); return err })
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections because a link has ended", n)
	}
	if n := attached.Load(); n != 1 {
		t.Errorf("attached %d times, want once: a rejected message leaves the link as it was", n)
	}
	peer.End(servicebustest.EndConnection("amqp:not-allowed", ""))
	attaches()
	again(t, "publishing", func(ctx context.Context) error {
		_, err := b.Publish(ctx, bus.Message{ID: "m", Entity: bus.Topic, Subject: "alpha"})
		return err
	})
	prompt(t, "receiving", func() error { return <-received })
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections because one has ended", n)
	}
}

// TestASettlementOutlivesABusyBroker: the client goes on with the ended link, and takes whole cores
// for it, until the settlement gives it up. So no other test runs meanwhile.
func TestASettlementOutlivesABusyBroker(t *testing.T) {
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	publish(t, b, request("a"), request("b"))
	held := receive(t, receiver(t, b, "requests"), 2)
	peer.End(servicebustest.EndLink("com.microsoft:server-busy", ""))
	again(t, "measuring", func(ctx context.Context) error { _, err := b.Depth(ctx, "requests"); return err })
	peer.End(servicebustest.EndLink("com.microsoft:server-busy", ""))
	again(t, "completing", onceSettled(held[0].Complete))
	peer.End(servicebustest.EndConnection("com.microsoft:server-busy", ""))
	again(t, "completing", onceSettled(held[1].Complete))
	if c := count(t, peer, bus.Queue); c.Active != 0 {
		t.Errorf("%+v, want nothing left", c)
	}
}

// TestABusyBrokerIsUnavailable: also to requests, whose status the client hands on as it is.
func TestABusyBrokerIsUnavailable(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	for doing, c := range map[string]struct {
		operation string
		do        func() error
	}{
		"measuring": {"peek-message", func() error { _, err := b.Depth(within(t), "requests"); return err }},
		"attaching": {"put-token", func() error { _, err := b.Publish(within(t), request("m")); return err }},
	} {
		peer.Fault(func(f servicebustest.Frame) servicebustest.Action {
			if f.Operation == c.operation {
				return servicebustest.RefuseStatus(503, "busy")
			}
			return servicebustest.Pass
		})
		wantKind(t, doing, c.do(), bus.ErrUnavailable)
		peer.Fault(nil)
		again(t, doing, func(context.Context) error { return c.do() })
	}
}

// TestAClaimThatNobodyRenews: Entra did not answer when the client wanted to renew its claims, after
// which it does not try again. The broker ends the links with the claims.
func TestAClaimThatNobodyRenews(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := openWith(t, servicebus.Options{
		Namespace: "contoso.servicebus.windows.net", CustomEndpoint: peer.Addr(), TLSConfig: peer.TLS(),
		Credential: brief{peer, "RootManageSharedAccessKey"},
	})
	attached, detached := 0, make(chan struct{}, 100)
	peer.Fault(func(f servicebustest.Frame) servicebustest.Action {
		switch {
		case !f.Received && f.Kind == servicebustest.Attach && f.Address != "$cbs":
			attached++
		case !f.Received && f.Kind == servicebustest.Detach:
			if attached--; attached == 0 {
				detached <- struct{}{}
			}
		}
		return servicebustest.Pass
	})
	publish(t, b, request("before"))
	r := receiver(t, b, "requests")
	if err := receive(t, r, 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Depth(within(t), "requests"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-detached:
	case <-within(t).Done():
		t.Fatal("the broker has not ended the links")
	}
	publish(t, b, request("after"))
	if err := receive(t, r, 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Depth(within(t), "requests"); err != nil {
		t.Fatal(err)
	}
}

// brief is a credential with tokens that end within a second or two, of which the client does not
// know.
type brief struct {
	peer     *servicebustest.Peer
	identity string
}

func (c brief) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.peer.JWT(c.identity, time.Now().Add(2*time.Second)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// again does what callers do: it tries again. No try may take long.
func again(t testing.TB, doing string, do func(context.Context) error) {
	t.Helper()
	var err error
	for range 3 {
		prompt(t, doing, func() error { err = do(within(t)); return nil })
		if err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", doing, err)
}
