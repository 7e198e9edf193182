package servicebus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

// silence accepts connections and says nothing, like a peer behind a lost route.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return listener.Addr().String()
}

func openAt(t *testing.T, address string) *Bus {
	t.Helper()
	b, err := Open(Options{ConnectionString: fmt.Sprintf(
		"Endpoint=sb://%s;SharedAccessKeyName=x;SharedAccessKey=eA==;UseDevelopmentEmulator=true", address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// prompt fails when something waits for what does not come.
func prompt(t *testing.T, doing string, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > answer {
		t.Errorf("%s took %s", doing, took)
	}
}

func TestNothingIsOpenedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	b := openAt(t, "127.0.0.1:1")
	r, err := b.Open(t.Context(), "signout")
	if err != nil {
		t.Fatal(err)
	}
	prompt(t, "closing what was never used", func() {
		if err := errors.Join(r.Close(t.Context()), b.Close()); err != nil {
			t.Error(err)
		}
	})
	if b.current().wire.current() != nil {
		t.Error("it has connected")
	}
}

// TestALineEndsWithItsConnection, but not before what is under way on it. Others get a new one.
func TestALineEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	address := silence(t)
	b := openAt(t, address)
	old := b.use()
	conn, err := old.wire.dial(t.Context(), azservicebus.NewWebSocketConnArgs{Host: "wss://" + address + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	next := b.use()
	if next == old {
		t.Error("the next request gets what is dead")
	}
	if old.wire.life.Err() != nil {
		t.Error("what is under way is cut off")
	}
	old.users.Done()
	prompt(t, "closing the old client", func() { <-old.wire.life.Done() })
	if _, err := old.client.NewSender("leaver", nil); err == nil {
		t.Error("the old client is not closed")
	}
	next.users.Done()
	if b.current() != next || next.wire.life.Err() != nil {
		t.Error("the new one has ended, too")
	}
}

// TestALineEndsUnused: a client goes on with what it has lost, so it is closed although no request
// comes.
func TestALineEndsUnused(t *testing.T) {
	t.Parallel()
	address := silence(t)
	b := openAt(t, address)
	old := b.current()
	conn, err := old.wire.dial(t.Context(), azservicebus.NewWebSocketConnArgs{Host: "wss://" + address + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	prompt(t, "closing the old client", func() { <-old.wire.life.Done() })
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	b := openAt(t, "127.0.0.1:1")
	r, err := b.Open(t.Context(), "signout")
	if err != nil {
		t.Fatal(err)
	}
	prompt(t, "everything", func() {
		_, publishing := b.Publish(t.Context(), bus.Message{ID: "m", Entity: bus.Queue})
		_, receiving := r.Receive(t.Context(), 1)
		_, measuring := b.Depth(t.Context(), "signout")
		for doing, err := range map[string]error{"publishing": publishing, "receiving": receiving, "measuring": measuring} {
			if !errors.Is(err, bus.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", doing, err)
			}
		}
	})
}

func TestASilentPeerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := openAt(t, silence(t))
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	prompt(t, "publishing", func() {
		if _, err := b.Publish(ctx, bus.Message{ID: "m", Entity: bus.Queue}); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	})
	r, err := b.Open(t.Context(), "signout")
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() {
		_, err := r.Receive(t.Context(), 1)
		received <- err
	}()
	prompt(t, "closing the receiver", func() { _ = r.Close(t.Context()) })
	prompt(t, "closing the bus", func() { _ = b.Close() })
	prompt(t, "receiving", func() {
		if err := <-received; !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	})
}
