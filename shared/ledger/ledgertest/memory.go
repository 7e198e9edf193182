package ledgertest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"leaver/shared/ledger"
)

// Memory is a store without a database. The zero value is empty. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	entries map[string][][]byte
	labels  map[string]string
	values  map[string]map[string]ledger.Value
}

// Append implements ledger.Store.
func (m *Memory) Append(_ context.Context, id string, position int, label string, entry []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries[id]) != position-1 {
		return ledger.ErrConflict
	}
	if m.entries == nil {
		m.entries, m.labels = map[string][][]byte{}, map[string]string{}
	}
	m.labels[id] = label
	m.entries[id] = append(m.entries[id], entry)
	return nil
}

// Read implements ledger.Store.
func (m *Memory) Read(_ context.Context, id string, after int) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after > len(m.entries[id]) {
		return nil, ledger.ErrTruncated
	}
	return m.entries[id][after:], nil
}

// Hints implements ledger.Store.
func (m *Memory) Hints(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	return m.List(ctx, labels...)
}

// List implements ledger.Store.
func (m *Memory) List(_ context.Context, labels ...string) ([]ledger.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var heads []ledger.Head
	for id, entries := range m.entries {
		if len(labels) == 0 || slices.Contains(labels, m.labels[id]) {
			heads = append(heads, ledger.Head{ID: id, Position: len(entries), Label: m.labels[id]})
		}
	}
	return heads, nil
}

// Seal implements ledger.Store.
func (m *Memory) Seal(_ context.Context, id string, values map[string]ledger.Value) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]map[string]ledger.Value{}
	}
	if m.values[id] == nil {
		m.values[id] = map[string]ledger.Value{}
	}
	maps.Copy(m.values[id], values)
	return nil
}

// Unseal implements ledger.Store.
func (m *Memory) Unseal(_ context.Context, id string) (map[string]ledger.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.values[id]), nil
}

// Erase implements ledger.Store.
func (m *Memory) Erase(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, id)
	return nil
}

// Close implements ledger.Store.
func (m *Memory) Close() error { return nil }

// Written is how many entries there are.
func (m *Memory) Written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, entries := range m.entries {
		n += len(entries)
	}
	return n
}
