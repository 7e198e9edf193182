package servicebustest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
)

func TestDuplicates(t *testing.T) {
	t.Parallel()
	peer := start(t, func(o *servicebustest.Options) { o.DuplicateWindow = time.Minute })
	client := connect(t, peer)
	signouts := bus.Topic + "/Subscriptions/signout"
	send(t, client, bus.Topic, message("m", "signout", "first"), message("m", "signout", "again"))
	expectCounts(t, peer, signouts, servicebustest.Counts{Active: 1})
	receiver := must(client.NewReceiverForSubscription(bus.Topic, "signout", nil))
	if err := receiver.CompleteMessage(within(t), one(t, receiver), nil); err != nil {
		t.Fatal(err)
	}
	send(t, client, bus.Topic, message("m", "signout", "after it was completed"))
	expectCounts(t, peer, signouts, servicebustest.Counts{})
	peer.Advance(time.Minute)
	send(t, client, bus.Topic, message("m", "signout", "after the window"))
	expectCounts(t, peer, signouts, servicebustest.Counts{Active: 1})
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	for name, buried := range map[string]bool{"vanishes": false, "is dead-lettered": true} {
		peer := start(t, func(o *servicebustest.Options) { o.TTL, o.DeadLetterExpired = time.Hour, buried })
		client := connect(t, peer)
		short, long := message("short", "", ""), message("long", "", "")
		short.TimeToLive, long.TimeToLive = new(time.Second), new(240*time.Hour)
		send(t, client, queue, short, long)
		receiver := must(client.NewReceiverForQueue(queue, nil))
		held := one(t, receiver)
		if held.MessageID != "short" || *held.TimeToLive != time.Second {
			t.Errorf("%+v", held)
		}
		peer.Advance(2 * time.Second)
		expectCounts(t, peer, queue, servicebustest.Counts{Active: 2, Locked: 1}) // who holds it keeps it
		if err := receiver.AbandonMessage(within(t), held, nil); err != nil {
			t.Fatal(err)
		}
		want := servicebustest.Counts{Active: 1}
		if buried {
			want.DeadLetters = 1
		}
		peer.Advance(0)
		expectCounts(t, peer, queue, want)
		peer.Advance(time.Hour) // the entity's default is the longest
		want.Active = 0
		if buried {
			want.DeadLetters = 2
		}
		if got, err := peer.Count(queue); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestLargeMessages sends what takes several frames each way, and what is too large.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	body := bytes.Repeat([]byte("0123456789abcdef"), 255<<10/16)
	for range 5 {
		send(t, client, queue, message("large", "", string(body)))
	}
	receiver := must(client.NewReceiverForQueue(queue, nil))
	for range 5 {
		m := one(t, receiver)
		if !bytes.Equal(m.Body, body) {
			t.Fatalf("%d bytes came back, or others", len(m.Body))
		}
		if err := receiver.CompleteMessage(within(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	sender := must(client.NewSender(queue, nil))
	var tooLarge *amqp.Error
	err := sender.SendMessage(within(t), message("larger", "", string(append(body, body...))), nil)
	if !errors.Is(err, azservicebus.ErrMessageTooLarge) && !(errors.As(err, &tooLarge) && tooLarge.Condition == amqp.ErrCondMessageSizeExceeded) {
		t.Errorf("%v", err)
	}
	// A request that holds a large message.
	if _, err := sender.ScheduleMessages(within(t), []*azservicebus.Message{message("later", "", string(body))}, peer.Now().Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	peeked := must(receiver.PeekMessages(within(t), 1, nil))
	if len(peeked) != 1 || !bytes.Equal(peeked[0].Body, body) {
		t.Errorf("%d peeked", len(peeked))
	}
}

func TestReceiveAndDelete(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m", "", ""))
	receiver := must(client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete}))
	if m := one(t, receiver); m.MessageID != "m" {
		t.Errorf("%+v", m)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})
}

// TestSettledOverManagement settles in each way by the lock token alone.
func TestSettledOverManagement(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("a", "", ""), message("b", "", ""), message("c", "", ""), message("d", "", ""))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	token := func() *azservicebus.ReceivedMessage {
		return &azservicebus.ReceivedMessage{LockToken: one(t, receiver).LockToken}
	}
	reason := "Permanent"
	dead := token()
	for _, err := range []error{
		receiver.RenewMessageLock(within(t), dead, nil),
		receiver.DeadLetterMessage(within(t), dead, &azservicebus.DeadLetterOptions{Reason: &reason}),
		receiver.CompleteMessage(within(t), token(), nil),
		receiver.DeferMessage(within(t), token(), nil),
		receiver.AbandonMessage(within(t), token(), nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Deferred: 1, DeadLetters: 1})
}

// TestSurplusIsReleased leaves credit on the link: what comes then is given back by the client.
func TestSurplusIsReleased(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	receiver := must(client.NewReceiverForQueue(queue, nil))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if messages, err := receiver.ReceiveMessages(ctx, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	released := make(chan struct{})
	peer.Fault(func(f servicebustest.Frame) servicebustest.Action {
		if isSettlement(f) {
			close(released)
		}
		return servicebustest.Pass
	})
	sender := must(client.NewSender(queue, nil))
	if err := sender.SendMessage(within(t), message("m", "", ""), nil); err != nil {
		t.Fatal(err)
	}
	<-released
	if m := one(t, receiver); m.DeliveryCount != 1 {
		t.Errorf("delivery %d", m.DeliveryCount)
	}
}

// TestFromAnotherProcess runs this test again as a child, which sends.
func TestFromAnotherProcess(t *testing.T) {
	const variable = "SERVICEBUSTEST_CONNECTION_STRING"
	if connection := os.Getenv(variable); connection != "" {
		client := must(azservicebus.NewClientFromConnectionString(connection, nil))
		send(t, client, queue, message("child", "", ""))
		return
	}
	t.Parallel()
	peer := start(t, nil)
	child := exec.Command(os.Args[0], "-test.run", "^TestFromAnotherProcess$")
	child.Env = append(os.Environ(), variable+"="+peer.ConnectionString())
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1})
}
