// Package nats keeps the ledger in NATS JetStream.
package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/ledger"
)

// Options are what can be chosen about a store.
type Options struct{ Replicas int }

// Store is a ledger.Store.
type Store struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	entries jetstream.Stream
	values  jetstream.Stream
}

// Open declares the streams and returns the store.
func Open(ctx context.Context, conn *nats.Conn, o Options) (*Store, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	s := &Store{conn: conn, js: js}
	s.entries, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "LEAVER_LEDGER", Subjects: []string{"ledger.>"}, DenyDelete: true, DenyPurge: true, AllowDirect: true})
	if err != nil {
		return nil, err
	}
	s.values, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "LEAVER_VALUES", Subjects: []string{"values.>"}, MaxMsgsPerSubject: 1, AllowDirect: true})
	return s, err
}

func (s *Store) Append(ctx context.Context, id string, position int, label string, entry []byte) error {
	subject := "ledger." + id
	last, err := s.entries.GetLastMsgForSubject(ctx, subject)
	var seq uint64
	at := 0
	if err == nil {
		seq = last.Sequence
		at, _ = strconv.Atoi(last.Header.Get("Leaver-Position"))
	} else if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
	}
	if at != position-1 {
		return ledger.ErrConflict
	}
	m := nats.NewMsg(subject)
	m.Data = entry
	m.Header.Set("Leaver-Position", strconv.Itoa(position))
	m.Header.Set("Leaver-Label", label)
	_, err = s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(seq))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return ledger.ErrConflict
	}
	return err
}

func (s *Store) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	var out [][]byte
	seq := uint64(1)
	for {
		m, err := s.entries.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("ledger."+id))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
		}
		if p, _ := strconv.Atoi(m.Header.Get("Leaver-Position")); p > after {
			out = append(out, m.Data)
		}
		seq = m.Sequence + 1
	}
}

func (s *Store) List(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	info, err := s.entries.Info(ctx, jetstream.WithSubjectFilter("ledger.>"))
	if err != nil {
		return nil, err
	}
	var out []ledger.Head
	for subject := range info.State.Subjects {
		m, err := s.entries.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return nil, err
		}
		if l := m.Header.Get("Leaver-Label"); len(labels) == 0 || slices.Contains(labels, l) {
			p, _ := strconv.Atoi(m.Header.Get("Leaver-Position"))
			out = append(out, ledger.Head{ID: strings.TrimPrefix(subject, "ledger."), Position: p, Label: l})
		}
	}
	return out, nil
}

func (s *Store) Seal(ctx context.Context, id string, values map[string]ledger.Value) error {
	for name, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := s.js.Publish(ctx, "values."+id+"."+name, raw); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) Unseal(ctx context.Context, id string) (map[string]ledger.Value, error) {
	info, err := s.values.Info(ctx, jetstream.WithSubjectFilter("values."+id+".>"))
	if err != nil {
		return nil, err
	}
	out := map[string]ledger.Value{}
	for subject := range info.State.Subjects {
		m, err := s.values.GetLastMsgForSubject(ctx, subject)
		if err != nil {
			return nil, err
		}
		var v ledger.Value
		if err := json.Unmarshal(m.Data, &v); err != nil {
			return nil, err
		}
		out[strings.TrimPrefix(subject, "values."+id+".")] = v
	}
	return out, nil
}

func (s *Store) Erase(ctx context.Context, id string) error {
	return s.values.Purge(ctx, jetstream.WithPurgeSubject("values."+id+".>"))
}

func (s *Store) Close() error { return nil }
