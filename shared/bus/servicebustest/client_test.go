package servicebustest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
)

const queue = "leaver-requests"

// patience bounds what should come at once: only a failing test waits for it.
const patience = 20 * time.Second

// start runs a peer whose clock only moves by Advance, with the entities of Leaver.
func start(t *testing.T, change func(*servicebustest.Options)) *servicebustest.Peer {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond) // today, since the client's tokens end on the real clock
	options := servicebustest.Options{Entities: servicebustest.Entities(bus.Subscriptions()), Now: func() time.Time { return now }}
	if change != nil {
		change(&options)
	}
	peer, err := servicebustest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	return peer
}

func connect(t *testing.T, peer *servicebustest.Peer) *azservicebus.Client {
	t.Helper()
	client, err := azservicebus.NewClientFromConnectionString(peer.ConnectionString(), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	return client
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func message(id, label, body string) *azservicebus.Message {
	m := &azservicebus.Message{MessageID: &id, Body: []byte(body)}
	if label != "" {
		m.Subject = &label
	}
	return m
}

func send(t *testing.T, client *azservicebus.Client, entity string, messages ...*azservicebus.Message) {
	t.Helper()
	sender := must(client.NewSender(entity, nil))
	defer sender.Close(within(t))
	for _, m := range messages {
		if err := sender.SendMessage(within(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// one receives exactly one message.
func one(t *testing.T, r *azservicebus.Receiver) *azservicebus.ReceivedMessage {
	t.Helper()
	messages, err := r.ReceiveMessages(within(t), 1, nil)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	return messages[0]
}

func expectCounts(t *testing.T, peer *servicebustest.Peer, path string, want servicebustest.Counts) {
	t.Helper()
	if got, err := peer.Count(path); err != nil || got != want {
		t.Errorf("%s holds %+v (%v), want %+v", path, got, err, want)
	}
}

func TestSendReceiveComplete(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m1", "", "hello"))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	m := one(t, receiver)
	if m.MessageID != "m1" || string(m.Body) != "hello" || m.DeliveryCount != 1 || *m.SequenceNumber != 1 || m.State != azservicebus.MessageStateActive {
		t.Errorf("%+v", m)
	}
	if until := m.LockedUntil.Sub(peer.Now()); until <= 0 || until > time.Minute {
		t.Errorf("locked for %v", until)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Locked: 1})
	if err := receiver.CompleteMessage(within(t), m, nil); err != nil {
		t.Fatal(err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})
}

func TestTopicRulesByLabel(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, bus.Topic, message("t", "termination", ""), message("s", "signout", ""), message("x", "nobody", ""))
	for subscription, want := range map[string]int{"signout": 2, "block": 1, "delete": 0} {
		expectCounts(t, peer, bus.Topic+"/Subscriptions/"+subscription, servicebustest.Counts{Active: want})
	}
	receiver := must(client.NewReceiverForSubscription(bus.Topic, "signout", nil))
	for _, label := range []string{"termination", "signout"} {
		m := one(t, receiver)
		if *m.Subject != label {
			t.Errorf("%q, want %q", *m.Subject, label)
		}
		if err := receiver.CompleteMessage(within(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	sender := must(client.NewSender(queue, nil))
	batch := must(sender.NewMessageBatch(within(t), nil))
	for i := range 100 {
		if err := batch.AddMessage(message(fmt.Sprint(i), "", "x"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.SendMessageBatch(within(t), batch, nil); err != nil {
		t.Fatal(err)
	}
	receiver := must(client.NewReceiverForQueue(queue, nil))
	seen := map[string]bool{} // in no order: the client gives back what comes between two calls
	for len(seen) < 100 {
		messages, err := receiver.ReceiveMessages(within(t), 100-len(seen), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			seen[m.MessageID] = true
			if err := receiver.CompleteMessage(within(t), m, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})
}

func TestDeadLetterAbandonDefer(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m", "", "body"))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	if err := receiver.AbandonMessage(within(t), one(t, receiver), nil); err != nil {
		t.Fatal(err)
	}
	m := one(t, receiver)
	if m.DeliveryCount != 2 {
		t.Errorf("delivery %d", m.DeliveryCount)
	}
	if err := receiver.DeferMessage(within(t), m, nil); err != nil {
		t.Fatal(err)
	}
	deferred := must(receiver.ReceiveDeferredMessages(within(t), []int64{*m.SequenceNumber}, nil))
	if len(deferred) != 1 || deferred[0].State != azservicebus.MessageStateDeferred {
		t.Fatalf("%+v", deferred)
	}
	reason, description := "Permanent", "it cannot be done"
	if err := receiver.DeadLetterMessage(within(t), deferred[0], &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &description}); err != nil {
		t.Fatal(err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{DeadLetters: 1})
	send(t, client, queue, message("n", "", "body"))
	if err := receiver.DeadLetterMessage(within(t), one(t, receiver), &azservicebus.DeadLetterOptions{Reason: &reason}); err != nil {
		t.Fatal(err)
	}
	dead := must(client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}))
	d := one(t, dead)
	if d.MessageID != "m" || *d.DeadLetterReason != reason || *d.DeadLetterErrorDescription != description || *d.DeadLetterSource != queue {
		t.Errorf("%+v", d)
	}
	if err := dead.CompleteMessage(within(t), d, nil); err != nil {
		t.Fatal(err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{DeadLetters: 1})
}

func TestLocksEndAndCount(t *testing.T) {
	t.Parallel()
	peer := start(t, func(o *servicebustest.Options) { o.MaxDelivery = 2 })
	client := connect(t, peer)
	send(t, client, queue, message("m", "", ""))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	m := one(t, receiver)
	peer.Advance(50 * time.Second)
	if err := receiver.RenewMessageLock(within(t), m, nil); err != nil || !m.LockedUntil.Equal(peer.Now().Add(time.Minute)) {
		t.Fatalf("locked until %v at %v: %v", m.LockedUntil, peer.Now(), err)
	}
	peer.Advance(50 * time.Second)
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Locked: 1})
	peer.Advance(10 * time.Second)
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1})
	var lost *azservicebus.Error
	if err := receiver.CompleteMessage(within(t), m, nil); !errors.As(err, &lost) || lost.Code != azservicebus.CodeLockLost {
		t.Errorf("on the link: %v", err)
	}
	if err := receiver.CompleteMessage(within(t), &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil); !errors.As(err, &lost) || lost.Code != azservicebus.CodeLockLost {
		t.Errorf("by its token: %v", err)
	}
	if err := receiver.RenewMessageLock(within(t), m, nil); !errors.As(err, &lost) || lost.Code != azservicebus.CodeLockLost {
		t.Errorf("renewing: %v", err)
	}
	if again := one(t, receiver); again.DeliveryCount != 2 {
		t.Errorf("delivery %d", again.DeliveryCount)
	}
	peer.Advance(time.Minute)
	expectCounts(t, peer, queue, servicebustest.Counts{DeadLetters: 1})
	dead := must(client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}))
	if d := one(t, dead); *d.DeadLetterReason != "MaxDeliveryCountExceeded" {
		t.Errorf("%q", *d.DeadLetterReason)
	}
}

func TestScheduleCancelPeek(t *testing.T) {
	t.Parallel()
	peer := start(t, func(o *servicebustest.Options) { o.DuplicateWindow = time.Hour })
	client := connect(t, peer)
	sender := must(client.NewSender(queue, nil))
	at := peer.Now().Add(time.Hour)
	numbers := must(sender.ScheduleMessages(within(t), []*azservicebus.Message{message("a", "", "a"), message("b", "", "b")}, at, nil))
	if len(numbers) != 2 || numbers[0] == numbers[1] {
		t.Fatalf("%v", numbers)
	}
	send(t, client, queue, message("a", "", "a duplicate of what is scheduled"))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	peeked := must(receiver.PeekMessages(within(t), 10, nil))
	if len(peeked) != 2 || peeked[0].State != azservicebus.MessageStateScheduled || !peeked[0].ScheduledEnqueueTime.Equal(at) {
		t.Fatalf("%d: %+v", len(peeked), peeked)
	}
	if err := sender.CancelScheduledMessages(within(t), numbers[1:], nil); err != nil {
		t.Fatal(err)
	}
	var missing *azservicebus.Error
	if err := sender.CancelScheduledMessages(within(t), numbers[1:], nil); !errors.As(err, &missing) || missing.Code != azservicebus.CodeNotFound {
		t.Errorf("%v", err)
	}
	peer.Advance(time.Hour)
	m := one(t, receiver)
	if m.MessageID != "a" || *m.SequenceNumber <= numbers[0] || *m.EnqueuedSequenceNumber != numbers[0] {
		t.Errorf("%+v", m)
	}
	if none := must(receiver.PeekMessages(within(t), 10, &azservicebus.PeekMessagesOptions{FromSequenceNumber: new(int64(1000))})); len(none) != 0 {
		t.Errorf("%+v", none)
	}
	// Through the sender's link, and on a topic.
	later := message("c", "signout", "")
	when := peer.Now().Add(time.Hour)
	later.ScheduledEnqueueTime = &when
	send(t, client, bus.Topic, later)
	expectCounts(t, peer, bus.Topic, servicebustest.Counts{Scheduled: 1})
	expectCounts(t, peer, bus.Topic+"/Subscriptions/signout", servicebustest.Counts{})
	peer.Advance(time.Hour)
	expectCounts(t, peer, bus.Topic+"/Subscriptions/signout", servicebustest.Counts{Active: 1})
}

// TestRestart: locks outlive the connection, and their tokens settle through another.
func TestRestart(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m", "", ""))
	m := one(t, must(client.NewReceiverForQueue(queue, nil)))
	peer.Restart()
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Locked: 1})
	another := must(connect(t, peer).NewReceiverForQueue(queue, nil))
	if err := another.CompleteMessage(within(t), &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil); err != nil {
		t.Fatal(err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})
}
