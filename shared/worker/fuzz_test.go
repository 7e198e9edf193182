package worker_test

import (
	"context"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/worker"
)

// putOff is a delivery under any id, and the publisher that takes its next one.
type putOff struct {
	bus.Delivery
	bus.Publisher
	id, reason string
	next       bus.Message
}

func (p *putOff) ID() string                     { return p.id }
func (p *putOff) Body() []byte                   { return nil }
func (p *putOff) Complete(context.Context) error { return nil }
func (p *putOff) DeadLetter(_ context.Context, reason, _ string) error {
	p.reason = reason
	return nil
}
func (p *putOff) Publish(_ context.Context, m bus.Message) (bool, error) {
	p.next = m
	return false, nil
}

// FuzzLater puts a message off under any id: it comes again later, and is parked after eight days at most.
func FuzzLater(f *testing.F) {
	for _, id := range []string{"c-1/1/signout/1", "x~1795341600~1795341900", "x~9223372036854775807~", "x~-9223372036854775808", "~~~", ""} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		for range 3 {
			p := &putOff{id: id}
			if err := worker.Later(t.Context(), p, p, bus.Topic, "signout", now); err != nil {
				t.Fatal(err)
			}
			if p.reason != "" {
				return
			}
			if !p.next.At.After(now) || p.next.ID == id {
				t.Errorf("%q is put off until %v as %q", id, p.next.At, p.next.ID)
			}
			id, now = p.next.ID, now.Add(96*time.Hour)
		}
		t.Errorf("%q is put off after eight days", id)
	})
}
