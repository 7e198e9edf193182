package bustest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"leaver/shared/bus"
)

const (
	// patience is how long something that must happen is waited for.
	patience = 20 * time.Second
	// quiet is how long nothing must happen before it is believed.
	quiet = 400 * time.Millisecond
)

// kit is a case's hands on its harness. What fails ends the case.
type kit struct {
	*testing.T
	Harness
}

// message is a message to the topic whose body tells its id.
func message(id, subject string) bus.Message {
	return bus.Message{ID: id, Entity: bus.Topic, Subject: subject, Body: []byte("body of " + id)}
}

// request is a message to the queue.
func request(id string) bus.Message {
	return bus.Message{ID: id, Entity: bus.Queue, Body: []byte("body of " + id)}
}

func in(m bus.Message, d time.Duration) bus.Message {
	m.At = time.Now().Add(d)
	return m
}

func (k *kit) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(k.Context(), d)
	k.Cleanup(cancel)
	return ctx
}

func (k *kit) publish(all ...bus.Message) {
	k.Helper()
	for _, m := range all {
		if duplicate, err := k.Bus.Publish(k.within(patience), m); err != nil || duplicate {
			k.Fatalf("publishing %q: duplicate %t, error %v", m.ID, duplicate, err)
		}
	}
}

// publishAgain publishes what the broker has seen.
func (k *kit) publishAgain(m bus.Message) {
	k.Helper()
	duplicate, err := k.Bus.Publish(k.within(patience), m)
	if err != nil {
		k.Fatalf("publishing %q again: %v", m.ID, err)
	}
	if duplicate != k.Capabilities.ReportsDuplicates {
		k.Fatalf("publishing %q again reports duplicate = %t, declared is %t", m.ID, duplicate, k.Capabilities.ReportsDuplicates)
	}
}

func (k *kit) open(subscription string) bus.Receiver {
	k.Helper()
	r, err := k.Bus.Open(k.within(patience), subscription)
	if err != nil {
		k.Fatalf("opening %s: %v", subscription, err)
	}
	return r
}

func (k *kit) closeReceiver(r bus.Receiver) {
	k.Helper()
	if err := r.Close(k.within(patience)); err != nil {
		k.Fatalf("closing the receiver: %v", err)
	}
}

// receive returns exactly n deliveries.
func (k *kit) receive(r bus.Receiver, n int) []bus.Delivery {
	k.Helper()
	ctx := k.within(patience)
	var all []bus.Delivery
	for len(all) < n {
		some, err := r.Receive(ctx, n-len(all))
		if err != nil {
			k.Fatalf("receiving: %v", err)
		}
		if len(some) == 0 {
			k.Fatalf("received %d of %d messages: %v", len(all), n, ids(all))
		}
		all = append(all, some...)
	}
	return all
}

func (k *kit) receiveOne(r bus.Receiver) bus.Delivery {
	k.Helper()
	return k.receive(r, 1)[0]
}

// nothing asserts that nothing is handed out for a while.
func (k *kit) nothing(r bus.Receiver, d time.Duration) {
	k.Helper()
	some, err := r.Receive(k.within(d), 10)
	if err != nil {
		k.Fatalf("receiving: %v", err)
	}
	if len(some) > 0 {
		k.Fatalf("received %v, want nothing", ids(some))
	}
}

func (k *kit) complete(all ...bus.Delivery) {
	k.Helper()
	for _, d := range all {
		if err := d.Complete(k.within(patience)); err != nil {
			k.Fatalf("completing %q: %v", d.ID(), err)
		}
	}
}

func (k *kit) park(d bus.Delivery, reason, description string) {
	k.Helper()
	if err := d.DeadLetter(k.within(patience), reason, description); err != nil {
		k.Fatalf("dead-lettering %q: %v", d.ID(), err)
	}
}

func (k *kit) parked(subscription string) []bus.DeadLetter {
	k.Helper()
	all, err := k.Bus.DeadLetters(k.within(patience), subscription, 100)
	if err != nil {
		k.Fatalf("reading dead letters: %v", err)
	}
	return all
}

func (k *kit) depth(subscription string) bus.Depth {
	k.Helper()
	d, err := k.Bus.Depth(k.within(patience), subscription)
	if err != nil {
		k.Fatalf("measuring %s: %v", subscription, err)
	}
	return d
}

// eventually polls until a condition holds.
func (k *kit) eventually(what string, holds func() bool) {
	k.Helper()
	ctx := k.within(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// pass waits until a time.
func (k *kit) pass(until time.Time) {
	ctx, cancel := context.WithDeadline(k.Context(), until)
	defer cancel()
	<-ctx.Done()
}

func (k *kit) wantIDs(all []bus.Delivery, want ...string) {
	k.Helper()
	got := ids(all)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.Fatalf("received %v, want %v", got, want)
	}
}

func (k *kit) wantSame(d bus.Delivery, m bus.Message) {
	k.Helper()
	if d.ID() != m.ID || d.Subject() != m.Subject || !bytes.Equal(d.Body(), m.Body) {
		k.Fatalf("received id %q, subject %q, %d bytes; sent id %q, subject %q, %d bytes (bodies equal: %t)",
			d.ID(), d.Subject(), len(d.Body()), m.ID, m.Subject, len(m.Body), bytes.Equal(d.Body(), m.Body))
	}
}

func ids(all []bus.Delivery) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.ID())
	}
	return out
}

func numbered(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s-%d", prefix, i))
	}
	return out
}
