package watch_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/telemetry"
	"leaver/shared/telemetry/collectortest"
	"leaver/shared/worker/steptest"
)

// whole is a publisher as a whole bus.
type whole struct {
	bus.Bus
	lossy
}

func (w whole) Publish(ctx context.Context, m bus.Message) (bool, error) {
	return w.lossy.Publish(ctx, m)
}

func (w whole) Depth(ctx context.Context, subscription string) (bus.Depth, error) {
	return w.lossy.Depth(ctx, subscription)
}

func (w whole) DeadLetters(ctx context.Context, subscription string, most int) ([]bus.DeadLetter, error) {
	return w.lossy.DeadLetters(ctx, subscription, most)
}

func (w whole) Discard(ctx context.Context, subscription, key string) error {
	return w.lossy.Discard(ctx, subscription, key)
}

// TestWhatIsPublishedAgainBelongsToTheTraceOfItsDeparture: the message was lost, and with it the span
// that it carried; the one in its place continues the trace that the ledger knows.
func TestWhatIsPublishedAgainBelongsToTheTraceOfItsDeparture(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	h := steptest.New(t)
	collector := collectortest.New(t)
	e, err := telemetry.Export(t.Context(), telemetry.Settings{Endpoint: collector.URL, Service: "watch", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	request := offboarding.Request{ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(), Employee: offboarding.Employee{UserPrincipalName: adele}}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{Tenant: h.TenantID(), Leaver: simtenant.UserID(adele), Plan: plan, Request: request, Trace: parent})
	if err == nil {
		_, err = h.Ledger.MarkPublished(t.Context(), c.ID, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Advance(10 * time.Minute)
	w := newWatch(h, e.Bus(whole{lossy: lossy{Publisher: h.Sender("watch")}}))
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Flush(t.Context())
	sent := h.Bus.Messages()
	if len(sent) < 5 {
		t.Fatalf("%d messages were published again; want one for each step that is due", len(sent))
	}
	for _, m := range sent {
		if got := bus.TraceOf(m.Body).Parent; !strings.HasPrefix(got, parent[:36]) || got == parent {
			t.Errorf("the message for %s carries %q; want a span of its own in the departure's trace", m.Subject, got)
		}
	}
	spans := collector.Spans()
	if len(spans) != len(sent) {
		t.Errorf("%d spans of %d messages", len(spans), len(sent))
	}
	for _, s := range spans {
		if s.Trace != parent[3:35] || s.Parent != parent[36:52] {
			t.Errorf("%s is in trace %s below %s; want the departure's", s.Name, s.Trace, s.Parent)
		}
	}
}
