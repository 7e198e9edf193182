package servicebustest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
)

// TestDropAtEveryFrame counts the frames of a departure of one message, then loses the connection
// at each of them, before and after it takes effect. No message may be lost, and none sent twice.
func TestDropAtEveryFrame(t *testing.T) {
	t.Parallel()
	frames := carry(t, nil)
	if frames < 30 {
		t.Fatalf("%d frames", frames)
	}
	for name, action := range map[string]servicebustest.Action{"before": servicebustest.DropBefore, "after": servicebustest.DropAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for number := 1; number <= frames; number++ {
				t.Run(fmt.Sprint(number), func(t *testing.T) {
					t.Parallel()
					carry(t, servicebustest.At(number, action))
				})
			}
		})
	}
}

// carry sends one message, receives and completes it, each until it has succeeded, and returns
// how many frames passed.
func carry(t *testing.T, fault func(servicebustest.Frame) servicebustest.Action) int {
	t.Helper()
	peer := start(t, func(o *servicebustest.Options) { o.DuplicateWindow = time.Hour })
	peer.Fault(fault)
	sent := func(ctx context.Context, client *azservicebus.Client) error {
		return must(client.NewSender(queue, nil)).SendMessage(ctx, message("m", "", "x"), nil)
	}
	received := 0
	completed := func(ctx context.Context, client *azservicebus.Client) error {
		if c, err := peer.Count(queue); err != nil || c == (servicebustest.Counts{}) {
			return err
		}
		peer.Advance(time.Minute) // what went astray with its lock comes again
		receiver := must(client.NewReceiverForQueue(queue, nil))
		messages, err := receiver.ReceiveMessages(ctx, 1, nil)
		for _, m := range messages {
			received++
			err = errors.Join(err, receiver.CompleteMessage(ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil))
		}
		if err == nil && len(messages) == 0 {
			err = errors.New("nothing came")
		}
		return err
	}
	for _, do := range []func(context.Context, *azservicebus.Client) error{sent, completed} {
		var err error
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			client := connect(t, peer)
			err = do(ctx, client)
			cancel()
			client.Close(t.Context())
			if err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if received != 1 && received != 2 { // twice when the settlement was lost
		t.Errorf("received %d times", received)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})
	return peer.Frames()
}

// isSettlement matches what a client says of a message that it received.
func isSettlement(f servicebustest.Frame) bool {
	return f.Received && f.Kind == servicebustest.Disposition && f.Address == queue
}

func TestLostSettlement(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m", "", ""))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	m := one(t, receiver)
	peer.Fault(servicebustest.Nth(1, isSettlement, servicebustest.Lose))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := receiver.CompleteMessage(ctx, m, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Locked: 1})
	peer.Advance(time.Minute)
	if again := one(t, receiver); again.MessageID != "m" || again.DeliveryCount != 2 {
		t.Errorf("%+v", again)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	to := func(kind servicebustest.Kind, address string) func(servicebustest.Frame) bool {
		return func(f servicebustest.Frame) bool { return f.Received && f.Kind == kind && f.Address == address }
	}
	full := servicebustest.Refuse("amqp:resource-limit-exceeded", "the queue is full")
	var refused *amqp.Error

	peer.Fault(servicebustest.Nth(1, to(servicebustest.Transfer, queue), full))
	err := must(client.NewSender(queue, nil)).SendMessage(within(t), message("m", "", ""), nil)
	if !errors.As(err, &refused) || refused.Condition != amqp.ErrCondResourceLimitExceeded {
		t.Errorf("transfer: %v", err)
	}
	peer.Fault(servicebustest.Nth(1, to(servicebustest.Attach, queue), full))
	err = must(client.NewSender(queue, nil)).SendMessage(within(t), message("m", "", ""), nil)
	if !errors.As(err, &refused) || refused.Condition != amqp.ErrCondResourceLimitExceeded {
		t.Errorf("attach: %v", err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{})

	asksToSchedule := func(f servicebustest.Frame) bool { return f.Operation == "schedule-message" }
	sender := must(client.NewSender(bus.Topic, nil))
	peer.Fault(servicebustest.Nth(1, asksToSchedule, servicebustest.RefuseStatus(404, "gone")))
	_, err = sender.ScheduleMessages(within(t), []*azservicebus.Message{message("m", "", "")}, peer.Now().Add(time.Hour), nil)
	var missing *azservicebus.Error
	if !errors.As(err, &missing) || missing.Code != azservicebus.CodeNotFound {
		t.Errorf("status: %v", err)
	}
	peer.Fault(servicebustest.Nth(1, asksToSchedule, servicebustest.RefuseStatus(503, "busy")))
	if _, err := sender.ScheduleMessages(within(t), []*azservicebus.Message{message("m", "", "")}, peer.Now().Add(time.Hour), nil); err != nil {
		t.Errorf("the client tries a busy server again: %v", err)
	}
	expectCounts(t, peer, bus.Topic, servicebustest.Counts{Scheduled: 1})

	send(t, client, queue, message("m", "", ""))
	receiver := must(client.NewReceiverForQueue(queue, nil))
	m := one(t, receiver)
	peer.Fault(servicebustest.Nth(1, isSettlement, servicebustest.Refuse("com.microsoft:message-lock-lost", "")))
	var lost *azservicebus.Error
	if err := receiver.CompleteMessage(within(t), m, nil); !errors.As(err, &lost) || lost.Code != azservicebus.CodeLockLost {
		t.Errorf("settlement: %v", err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1, Locked: 1})
}

// TestEnd ends each of what a message and its answer go over, while they do and while they do not.
func TestEnd(t *testing.T) {
	t.Parallel()
	const why = "amqp:not-allowed" // the client says it as it is
	sends := func(f servicebustest.Frame) bool {
		return f.Received && f.Kind == servicebustest.Transfer && f.Address == queue
	}
	answers := func(f servicebustest.Frame) bool {
		return !f.Received && f.Kind == servicebustest.Disposition && f.Address == queue
	}
	attaches := func(f servicebustest.Frame) bool {
		return !f.Received && f.Kind == servicebustest.Attach && f.Address == queue
	}
	for name, end := range map[string]struct {
		action servicebustest.Action
		ended  func(error) bool
	}{
		"connection": {servicebustest.EndConnection(why, ""), isA[*amqp.ConnError]},
		"session":    {servicebustest.EndSession(why, ""), isA[*amqp.SessionError]},
		"link":       {servicebustest.EndLink(why, ""), isA[*amqp.LinkError]},
	} {
		for when, c := range map[string]struct {
			matches func(servicebustest.Frame) bool
			want    servicebustest.Counts
		}{
			"attaching": {attaches, servicebustest.Counts{}},
			"sending":   {sends, servicebustest.Counts{}},
			"answering": {answers, servicebustest.Counts{Active: 1}},
			"idle":      {nil, servicebustest.Counts{Active: 1}},
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				peer := start(t, nil)
				sender := must(connect(t, peer).NewSender(queue, nil))
				if c.matches != nil {
					peer.Fault(servicebustest.Nth(1, c.matches, end.action))
				} else {
					if err := sender.SendMessage(within(t), message("m", "", ""), nil); err != nil {
						t.Fatal(err)
					}
					peer.End(end.action)
				}
				var err error
				if c.matches != nil {
					err = sender.SendMessage(within(t), message("m", "", ""), nil)
				} else {
					for err == nil { // the client may not have noticed
						err = sender.SendMessage(within(t), message("n", "", ""), nil)
					}
				}
				var said *amqp.Error
				if !errors.As(err, &said) || said.Condition != why || !end.ended(err) {
					t.Errorf("%T %v", err, err)
				}
				if c.matches != nil {
					expectCounts(t, peer, queue, c.want)
				}
			})
		}
	}
}

func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	arrived := make(chan struct{})
	peer.Fault(servicebustest.Nth(1, func(f servicebustest.Frame) bool {
		is := f.Received && f.Kind == servicebustest.Transfer && f.Address == queue
		if is {
			close(arrived)
		}
		return is
	}, servicebustest.Delay(time.Hour)))
	done := make(chan error, 1)
	go func() {
		done <- must(client.NewSender(queue, nil)).SendMessage(within(t), message("m", "", ""), nil)
	}()
	<-arrived
	expectCounts(t, peer, queue, servicebustest.Counts{})
	peer.Advance(time.Hour)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1})
}

func TestStopResume(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	send(t, client, queue, message("m", "", ""))
	peer.Stop()
	err := must(client.NewSender(queue, nil)).SendMessage(within(t), message("n", "", ""), nil)
	if err == nil {
		t.Error("sent to a peer that is down")
	}
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 1})
	peer.Resume()
	send(t, client, queue, message("n", "", ""))
	expectCounts(t, peer, queue, servicebustest.Counts{Active: 2})
}
