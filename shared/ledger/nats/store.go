// Package nats is the ledger's store on NATS JetStream: the embedded server or a cluster.
//
// Two streams. LEAVER_LEDGER has one subject per history, leaver.ledger.ID, and refuses to
// delete or purge. An append states the sequence of the entry before it, so that of two
// writers one wins. LEAVER_VALUES has one subject per personal value,
// leaver.values.ID.NAME; values are overwritten on disk when they are replaced or erased.
//
// Not a key-value bucket: that refuses '@' in keys and keeps 64 revisions at most.
//
// On a cluster the servers' Raft logs hold copies of values until they compact them, which
// Erase cannot hasten. The embedded server has no such log.
package nats

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/groupcommit"
	"leaver/shared/ledger"
)

// The streams.
const (
	Stream       = "LEAVER_LEDGER"
	ValuesStream = "LEAVER_VALUES"
)

// The subjects of a history and of its values.
const (
	entriesPrefix = "leaver.ledger."
	valuesPrefix  = "leaver.values."
)

// Options are what can be chosen about a store. The zero value is what production uses on
// the embedded server.
type Options struct {
	// Replicas of each stream in a cluster; 0 is 1.
	Replicas int
	// Timeout bounds each request to the server, beside the caller's context; 0 is 10 s.
	Timeout time.Duration
}

// Store is a ledger.Store on JetStream. Its methods may be called concurrently, and many
// stores may be open on the same streams.
type Store struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	timeout time.Duration
	entries jetstream.Stream
	values  jetstream.Stream
	group   *groupcommit.Group // nil on a replicated stream

	mu      sync.Mutex
	heads   map[string]head // the last entry that was seen of each history
	spoiled map[string]bool // histories in which an entry has headers that nobody reads
	listed  uint64          // heads knows every history up to this sequence; 0 = List was never called
	closed  bool
}

// head is where a history ended when it was looked at. It may have moved on, but never
// back: entries are not removed.
type head struct {
	position int
	sequence uint64 // of the stream
	label    string
}

var _ ledger.Store = (*Store)(nil)

// Open makes or updates the streams, which changes nothing when they are as wanted, and
// returns the store. Errors: ledger.ErrUnavailable, or that the server refuses the
// configuration.
func Open(ctx context.Context, conn *nats.Conn, o Options) (*Store, error) {
	o.Replicas, o.Timeout = cmp.Or(o.Replicas, 1), cmp.Or(o.Timeout, 10*time.Second)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(o.Timeout))
	if err != nil {
		return nil, classify("opening JetStream", err)
	}
	s := &Store{conn: conn, js: js, timeout: o.Timeout, heads: map[string]head{}, spoiled: map[string]bool{}}
	s.entries, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        Stream,
		Description: "Leaver: the histories",
		Subjects:    []string{entriesPrefix + "*"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    o.Replicas,
		DenyDelete:  true,
		DenyPurge:   true,
		AllowDirect: true, // for batches, see Read

		AllowAtomicPublish: true, // see groupcommit
	})
	if err != nil {
		return nil, classify("declaring the stream "+Stream, err)
	}
	s.values, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        ValuesStream,
		Description: "Leaver: personal values, erased some time after the case",
		Subjects:    []string{valuesPrefix + "*.*"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    o.Replicas,
		// No limit per subject: the server would drop the replaced value without
		// overwriting it, and it would stay readable on the disk. Seal removes it.
		MaxMsgsPerSubject: -1,
		// No direct reads: an erased value must not come from a replica that lags.
		AllowDirect: false,
	})
	if err != nil {
		return nil, classify("declaring the stream "+ValuesStream, err)
	}
	if o.Replicas == 1 {
		s.group = &groupcommit.Group{Conn: conn, JetStream: js, Timeout: o.Timeout, Refuse: s.refuse, Stored: s.stored}
	}
	return s, nil
}

// Close implements ledger.Store. The connection stays open: it belongs to whoever made it,
// and the bus may be using it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// usable refuses a closed store and an id that is no token of a subject.
func (s *Store) usable(id string) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return fmt.Errorf("%w: the store is closed", ledger.ErrUnavailable)
	}
	if !legal(id) {
		return fmt.Errorf("%q is no id: 1 to 64 characters of a-z, 0-9 and '-'", id)
	}
	return nil
}

func legal(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// request asks the JetStream API and decodes its answer.
func (s *Store) request(ctx context.Context, subject string, ask, answer any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	msg, err := s.conn.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	var failure struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &failure); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", subject, err)
	}
	if failure.Error != nil {
		return failure.Error
	}
	return json.Unmarshal(msg.Data, answer)
}

// classify is the one place that maps what NATS says to the errors of the port. It goes by
// values and codes, never by text, and keeps the cause for errors.Is.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, mark(err))
}

func mark(err error) error {
	for _, kind := range []error{ledger.ErrConflict, ledger.ErrUnavailable} {
		if errors.Is(err, kind) {
			return err
		}
	}
	for _, cause := range []error{
		context.Canceled, context.DeadlineExceeded,
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrConnectionDraining,
		nats.ErrConnectionReconnecting, nats.ErrDisconnected, nats.ErrNoServers, nats.ErrBadSubscription,
		jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, jetstream.ErrConnectionClosed,
		jetstream.ErrServerShutdown, jetstream.ErrJetStreamNotEnabled, jetstream.ErrNoHeartbeat,
	} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
		}
	}
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil {
		switch answer := api.APIError(); {
		case answer.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence,
			// What a replicated stream says instead.
			answer.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return fmt.Errorf("%w: %w", ledger.ErrConflict, err)
		case answer.Code >= 500: // no quorum, no leader, storage full
			return fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
		}
	}
	return err
}
