package ledger_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

// BenchmarkRun is one run of a step over a store that costs nothing: begun, allowed to write
// five times, a fact kept, settled. What it measures is the ledger itself.
func BenchmarkRun(b *testing.B) {
	store := &memory{entries: map[string][][]byte{}}
	l := ledger.New(store, func() time.Time { return start }, rand.Reader, ledgertest.Proof("tenant"))
	ctx := b.Context()
	c, err := l.Open(ctx, opening(b, "req-1", start))
	if err != nil {
		b.Fatal(err)
	}
	n := 1
	b.ReportAllocs()
	for b.Loop() {
		m := claim(c)
		m.N = n
		run := begin(b, l, m, start.Add(time.Minute))
		for range 5 {
			if err := run.Allow(ctx); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := run.Keep(ctx, map[string]string{"a": "b"}, map[string]string{"n": fmt.Sprint(n)}); err != nil {
			b.Fatal(err)
		}
		settle(b, run, ledger.Settlement{State: offboarding.StateWaiting, Reason: "lag"})
		n++
	}
}

// memory is a store without a database.
type memory struct {
	ledger.Store
	mu      sync.Mutex
	entries map[string][][]byte
	labels  map[string]string
}

func (m *memory) Append(_ context.Context, id string, position int, label string, entry []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries[id]) != position-1 {
		return ledger.ErrConflict
	}
	m.entries[id] = append(m.entries[id], entry)
	if m.labels == nil {
		m.labels = map[string]string{}
	}
	m.labels[id] = label
	return nil
}

func (m *memory) Read(_ context.Context, id string, after int) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries[id]) < after {
		return nil, ledger.ErrTruncated
	}
	return m.entries[id][after:], nil
}

func (m *memory) Seal(context.Context, string, map[string]ledger.Value) error { return nil }

func (m *memory) List(context.Context, ...string) ([]ledger.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var heads []ledger.Head
	for id, entries := range m.entries {
		heads = append(heads, ledger.Head{ID: id, Position: len(entries), Label: m.labels[id]})
	}
	return heads, nil
}

func (m *memory) Unseal(context.Context, string) (map[string]ledger.Value, error) { return nil, nil }

// BenchmarkSigned commits an entry that is signed, and reads it as another process does, which verifies it:
// that of a cancellation. What KMS takes to answer comes on top, once for each departure and never in
// a step.
func BenchmarkSigned(b *testing.B) {
	for name, proof := range map[string]ledger.Proof{"Ed25519": ledgertest.Proof("tenant"), "P-256": newP256(b).proof()} {
		b.Run(name, func(b *testing.B) {
			store := newMemory()
			l := onMemory(store, proof)
			n := 0
			for b.Loop() {
				n++
				c, err := l.Cancel(b.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), EventTime: start})
				if err == nil {
					_, err = onMemory(store, proof).Case(b.Context(), c.ID)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
