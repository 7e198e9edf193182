package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
)

// What is peculiar to Service Bus and its client. The locks of these tests last a minute: what
// waits for one fails.

// The client's own settlement would take 42 s and fail.
func TestSettlingAfterALostConnection(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	r := receiver(t, b, "requests")
	publish(t, b, request("a"), request("b"), request("c"))
	held := receive(t, r, 3)
	peer.Restart()
	prompt(t, "completing", func() error { return held[0].Complete(within(t)) })
	peer.Restart()
	prompt(t, "dead-lettering", func() error { return held[1].DeadLetter(within(t), "reason", "description") })
	peer.Restart()
	prompt(t, "renewing", func() error { _, err := held[2].Renew(within(t)); return err })
	prompt(t, "completing what was renewed", func() error { return held[2].Complete(within(t)) })
	if c := count(t, peer, bus.Queue); c.Active != 0 || c.DeadLetters != 1 {
		t.Errorf("%+v, want one dead letter", c)
	}
	letters, err := b.DeadLetters(within(t), "requests", 10)
	if err != nil || len(letters) != 1 || letters[0].ID != "b" || letters[0].Reason != "reason" || letters[0].Description != "description" {
		t.Errorf("dead letters %+v, error %v", letters, err)
	}
	publish(t, b, request("d"))
	prompt(t, "receiving again", func() error { return receive(t, r, 1)[0].Complete(within(t)) })
}

func TestALockTokenIsGoodInAnotherProcess(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	first, second := open(t, peer), open(t, peer)
	publish(t, first, request("m"))
	d := receive(t, receiver(t, first, "requests"), 1)[0]
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	prompt(t, "completing", func() error { return second.CompleteByToken(within(t), "requests", d) })
	if c := count(t, peer, bus.Queue); c.Active != 0 {
		t.Errorf("%+v, want nothing", c)
	}
	wantKind(t, "completing again", second.CompleteByToken(within(t), "requests", d), bus.ErrLockLost)
}

func TestAClosedReceiverLeavesNothingLocked(t *testing.T) {
	t.Parallel()
	for _, unlocks := range []bool{false, true} {
		peer := start(t, servicebustest.Options{Corners: servicebustest.Corners{DetachUnlocks: unlocks}})
		b := open(t, peer)
		first, second := receiver(t, b, "requests"), receiver(t, b, "requests")
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer stop()
		if some, err := first.Receive(ctx, 10); len(some) != 0 || err != nil {
			t.Fatalf("received %d, error %v", len(some), err)
		}
		publish(t, b, request("a"))
		held := receive(t, first, 1) // nine credits are left
		publish(t, b, request("b"), request("c"))
		settled(t, peer) // the client has released what has come on them
		prompt(t, "closing", func() error { return first.Close(within(t)) })
		if c := count(t, peer, bus.Queue); c.Active != 3 || c.Locked != 0 {
			t.Errorf("%+v, want three messages and no lock", c)
		}
		wantKind(t, "completing what was given back", held[0].Complete(within(t)), bus.ErrLockLost)
		publish(t, b, request("d"))
		prompt(t, "receiving by another", func() error {
			for _, d := range receive(t, second, 4) {
				if err := d.Complete(within(t)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// settled waits until no frame has passed for a while.
func settled(t *testing.T, peer *servicebustest.Peer) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for last := -1; last != peer.Frames(); {
		last = peer.Frames()
		select {
		case <-tick.C:
		case <-within(t).Done():
			t.Fatal("frames go on passing")
		}
	}
}

func TestAReceiverOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	r := receiver(t, b, "requests")
	publish(t, b, request("a"))
	if err := receive(t, r, 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
	peer.Restart() // while nobody waits
	publish(t, b, request("b"))
	if err := receive(t, r, 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
	got := make(chan []bus.Delivery, 1)
	go func() {
		some, _ := r.Receive(within(t), 1)
		got <- some
	}()
	peer.Restart() // while it waits, most likely
	publish(t, b, request("c"))
	prompt(t, "receiving", func() error {
		some := <-got
		if len(some) != 1 || some[0].ID() != "c" {
			return fmt.Errorf("received %d", len(some))
		}
		return some[0].Complete(within(t))
	})
	peer.Stop()
	prompt(t, "receiving from nobody", func() error {
		_, err := r.Receive(within(t), 1)
		wantKind(t, "receiving from nobody", err, bus.ErrUnavailable)
		return nil
	})
	peer.Resume()
	publish(t, b, request("d"))
	if err := receive(t, r, 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
}

func TestUnavailableWhenTheBrokerIsGone(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	r := receiver(t, b, "requests")
	publish(t, b, request("m"), request("n"))
	held := receive(t, r, 2)
	peer.Stop()
	ctx := within(t)
	for doing, do := range map[string]func() error{
		"publishing":     func() error { _, err := b.Publish(ctx, request("o")); return err },
		"receiving":      func() error { _, err := r.Receive(ctx, 1); return err },
		"measuring":      func() error { _, err := b.Depth(ctx, "requests"); return err },
		"completing":     func() error { return held[0].Complete(ctx) },
		"dead-lettering": func() error { return held[1].DeadLetter(ctx, "r", "d") },
		"renewing":       func() error { _, err := held[1].Renew(ctx); return err },
		"discarding":     func() error { return b.Discard(ctx, "requests", "requests/1") },
	} {
		prompt(t, doing, func() error { wantKind(t, doing, do(), bus.ErrUnavailable); return nil })
	}
	prompt(t, "closing the receiver", func() error { return r.Close(ctx) })
	prompt(t, "closing the bus", b.Close)
}

func TestAMissingEntityIsNotFound(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{Entities: []servicebustest.Entity{{Name: "another"}}})
	b := open(t, peer)
	for _, name := range []string{"requests", "alpha"} {
		_, receiving := receiver(t, b, name).Receive(within(t), 1)
		_, measuring := b.Depth(within(t), name)
		_, reading := b.DeadLetters(within(t), name, 1)
		for doing, err := range map[string]error{
			"receiving": receiving, "measuring": measuring, "reading": reading,
			"discarding": b.Discard(within(t), name, name+"/1"),
		} {
			wantKind(t, doing+" "+name, err, bus.ErrNotFound)
		}
	}
	for _, m := range []bus.Message{request("m"), {ID: "m", Entity: bus.Topic, Subject: "alpha"}} {
		_, err := b.Publish(within(t), m)
		wantKind(t, "publishing to "+m.Entity, err, bus.ErrNotFound)
	}
}

func TestTheBrokersOwnLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	b := open(t, start(t, servicebustest.Options{MaxMessageSize: 4096}))
	for _, at := range []time.Time{{}, time.Now().Add(time.Hour)} {
		_, err := b.Publish(within(t), bus.Message{ID: "m", Entity: bus.Queue, Body: make([]byte, 5000), At: at})
		wantKind(t, "publishing", err, bus.ErrTooLarge)
	}
	publish(t, b, request("small"))
}

// The largest message of the port fits into the Standard tier with everything that goes along.
func TestTheLargestMessageFits(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{MaxMessageSize: 256 << 10})
	b := open(t, peer)
	subject := "an odd.subject/with *.> & ü"
	m := bus.Message{ID: strings.Repeat("i", bus.MaxID), Entity: bus.Topic, Subject: subject, Body: make([]byte, bus.MaxBody), At: time.Now().Add(time.Second)}
	publish(t, b, m)
	r := receiver(t, b, "odd")
	if err := receive(t, r, 1)[0].DeadLetter(within(t), strings.Repeat("r", 5000), strings.Repeat("d", 5000)); err != nil {
		t.Fatal(err)
	}
	letters, err := b.DeadLetters(within(t), "odd", 1)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d dead letters, error %v", len(letters), err)
	}
	m.ID = strings.Repeat("j", bus.MaxID)
	if err := b.Resubmit(within(t), "odd", letters[0].Key, m); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, r, 1)[0]; len(d.Body()) != bus.MaxBody || d.Subject() != subject {
		t.Errorf("%d bytes, subject %q", len(d.Body()), d.Subject())
	}
}

// A refusal is no lack of availability, and it passes without a restart.
func TestARefusalIsNotLasting(t *testing.T) {
	t.Parallel()
	kinds := []error{bus.ErrUnavailable, bus.ErrNotFound, bus.ErrLockLost, bus.ErrTooLarge}
	refusals := map[string]func(servicebustest.Frame) servicebustest.Action{
		"attach": func(f servicebustest.Frame) servicebustest.Action {
			if f.Received && f.Kind == servicebustest.Attach && f.Address != "$cbs" {
				return servicebustest.Refuse("amqp:unauthorized-access", "no role")
			}
			return servicebustest.Pass
		},
		"put-token": func(f servicebustest.Frame) servicebustest.Action {
			if f.Received && f.Operation == "put-token" {
				return servicebustest.RefuseStatus(401, "no role")
			}
			return servicebustest.Pass
		},
	}
	for name, refusal := range refusals {
		peer := start(t, servicebustest.Options{})
		b := open(t, peer)
		r := receiver(t, b, "requests")
		peer.Fault(refusal)
		_, publishing := b.Publish(within(t), request("m"))
		_, receiving := r.Receive(within(t), 1)
		_, measuring := b.Depth(within(t), "requests")
		for doing, err := range map[string]error{"publishing": publishing, "receiving": receiving, "measuring": measuring} {
			if err == nil {
				t.Errorf("%s, %s: no error", name, doing)
			}
			for _, kind := range kinds {
				if errors.Is(err, kind) {
					t.Errorf("%s, %s: %v is %v", name, doing, err, kind)
				}
			}
		}
		peer.Fault(nil)
		publish(t, b, request("m"))
		receive(t, r, 1)
		if _, err := b.Depth(within(t), "requests"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// jwt is a credential with a token of the peer.
type jwt func() (string, error)

func (c jwt) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c()
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, err
}

func TestATokenCredentialOverTLS(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	good := true
	b := openWith(t, servicebus.Options{
		Namespace: "contoso.servicebus.windows.net", CustomEndpoint: peer.Addr(), TLSConfig: peer.TLS(),
		Credential: jwt(func() (string, error) {
			if !good {
				return "", errors.New("Entra does not answer")
			}
			return peer.JWT("RootManageSharedAccessKey", time.Now().Add(time.Hour)), nil
		}),
	})
	good = false
	_, err := b.Publish(within(t), request("m"))
	wantKind(t, "publishing without a token", err, bus.ErrUnavailable)
	good = true
	publish(t, b, request("m"))
	if err := receive(t, receiver(t, b, "requests"), 1)[0].Complete(within(t)); err != nil {
		t.Fatal(err)
	}
}

// Only what is deferred can be received by number: the others have to be looked through.
func TestADeadLetterAmongMany(t *testing.T) {
	t.Parallel()
	peer := start(t, servicebustest.Options{})
	b := open(t, peer)
	r := receiver(t, b, "requests")
	const n = 150
	for i := range n {
		publish(t, b, request(fmt.Sprintf("m-%d", i)))
	}
	for _, d := range receive(t, r, n) {
		if err := d.DeadLetter(within(t), "r", "d"); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := b.DeadLetters(within(t), "requests", 2*n)
	if err != nil || len(letters) != n {
		t.Fatalf("%d dead letters, error %v, want %d", len(letters), err, n)
	}
	for _, i := range []int{n - 1, n / 2, 0} {
		if err := b.Discard(within(t), "requests", letters[i].Key); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	rest, err := b.DeadLetters(within(t), "requests", 2*n)
	if err != nil || len(rest) != n-3 || rest[0].ID != letters[1].ID || rest[n-4].ID != letters[n-2].ID {
		t.Errorf("%d dead letters, error %v, want %d", len(rest), err, n-3)
	}
	// What arrives in the moment of closing stays locked until its lock ends; the rest is given back.
	if c := count(t, peer, bus.Queue+"/$DeadLetterQueue"); c.Locked > n/3 {
		t.Errorf("%d of %d are locked", c.Locked, n)
	}
}
