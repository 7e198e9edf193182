// Package servicebustest is a peer that stands in for Azure Service Bus in tests: AMQP 1.0
// on a port of 127.0.0.1, as the Go client azservicebus speaks it, so that it can also be
// reached from another process. There is no emulator that a Go test could start by itself.
//
// It has queues, topics and subscriptions with correlation rules on label and to; locks that
// end, delivery counts and dead letters; scheduled messages, duplicate detection, time to
// live, batches, deferral and peeking; access by shared access key or JWT, with rights per
// entity; TLS and plain TCP on one port. Its clock can be moved, and a [Fault] can drop,
// lose, refuse or delay any frame, or end its connection, session or link with an error condition.
//
// It has no sessions of Service Bus, transactions, forwarding, partitions, SQL rules, properties to modify
// but of dead letters, and of the administration over HTTPS nothing but the reading of rules; what it does
// not know it refuses aloud. It proves what the client does, not what Azure does: where Microsoft documents
// nothing, [Corners] chooses.
package servicebustest

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"leaver/shared/bus"
)

// Entity is a queue or, with Subscription, a subscription of a topic.
type Entity struct {
	Name         string // of the queue or topic
	Subscription string
	Rules        []Rule // of the subscription; nil takes every message
}

// Rule is a correlation rule: it matches what has the same value in every field that is given.
// A subscription takes a message once that any of its rules matches.
type Rule struct{ Label, To string }

func (e Entity) path() string {
	if e.Subscription == "" {
		return e.Name
	}
	return e.Name + "/Subscriptions/" + e.Subscription
}

// Entities are those that the subscriptions of a bus need.
func Entities(subscriptions []bus.Subscription) []Entity {
	var all []Entity
	for _, s := range subscriptions {
		e := Entity{Name: s.Entity}
		if !s.OfQueue() {
			e.Subscription, e.Rules = s.Name, []Rule{{To: s.Name}}
			for _, subject := range s.Subjects {
				e.Rules = append(e.Rules, Rule{Label: subject})
			}
		}
		all = append(all, e)
	}
	return all
}

// Options are what can be chosen about a peer. What is zero has Azure's default.
type Options struct {
	Entities []Entity
	// Lock is how long a message is locked; by default one minute.
	Lock time.Duration
	// MaxDelivery is how often a message is delivered before it is dead-lettered; by default 10.
	MaxDelivery int
	// DuplicateWindow is how long message ids are remembered; zero detects no duplicates.
	DuplicateWindow time.Duration
	// TTL is the default time to live and its ceiling; zero is without end.
	TTL time.Duration
	// DeadLetterExpired dead-letters messages that expire; otherwise they vanish.
	DeadLetterExpired bool
	// MaxMessageSize in bytes; by default 256 KiB, as in the Standard tier.
	MaxMessageSize int
	// Identities are who may connect; by default one, RootManageSharedAccessKey, with every right.
	Identities []Identity
	// VerifyJWT says whose a token of another issuer is and when it ends; by default the
	// peer takes only those of its own, see [Peer.JWT].
	VerifyJWT func(token string) (identity string, expires time.Time, err error)
	// Now is the clock that Advance adds to; by default the real one.
	Now     func() time.Time
	Corners Corners
}

// Corners are what Azure does where Microsoft documents nothing.
type Corners struct {
	// ReleaseCounts makes a delivery that the client releases as surplus count as one.
	ReleaseCounts bool
	// DetachUnlocks gives back what a receiver holds when its link or connection ends;
	// otherwise the locks last until their time.
	DetachUnlocks bool
	// CancelForgetsID lets the id of a cancelled message be used again within the window.
	CancelForgetsID bool
	// DuplicateKeepsNumber answers the scheduling of a duplicate with the number of the first;
	// otherwise with a number of its own, which nothing has.
	DuplicateKeepsNumber bool
	// DeadLetterRenumbers gives a dead letter a new sequence number.
	DeadLetterRenumbers bool
	// CancelMissing is the status of the cancellation of a message that is not scheduled
	// any more; by default 404.
	CancelMissing int
}

// Peer is a running peer. Its methods may be called from several goroutines.
type Peer struct {
	options  Options
	broker   *broker
	clock    *clock
	faults   faults
	listener net.Listener
	identity tlsIdentity
	secret   []byte // of the JWTs that it issues

	entitling   sync.RWMutex // of the identities' rights
	mu          sync.Mutex
	connections map[*connection]struct{}
	down        bool
	closed      chan struct{}
	running     sync.WaitGroup
}

// Start starts a peer on a free port of 127.0.0.1. It runs until Close.
func Start(options Options) (*Peer, error) {
	options = options.withDefaults()
	broker, err := newBroker(options)
	if err != nil {
		return nil, err
	}
	p := &Peer{options: options, broker: broker, clock: newClock(options.Now), secret: randomBytes(32),
		connections: map[*connection]struct{}{}, closed: make(chan struct{})}
	if p.identity, err = newTLSIdentity(); err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	p.running.Go(p.accept)
	p.running.Go(p.tick)
	return p, nil
}

func (o Options) withDefaults() Options {
	o.Lock, o.MaxDelivery, o.MaxMessageSize = cmp.Or(o.Lock, time.Minute), cmp.Or(o.MaxDelivery, 10), cmp.Or(o.MaxMessageSize, 256<<10)
	o.Corners.CancelMissing = cmp.Or(o.Corners.CancelMissing, 404)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Identities == nil {
		o.Identities = []Identity{{Name: "RootManageSharedAccessKey", Rights: []Right{{Send: true, Listen: true, Manage: true}}}}
	}
	o.Identities = append([]Identity{}, o.Identities...)
	for i := range o.Identities {
		if o.Identities[i].Key == "" {
			o.Identities[i].Key = fmt.Sprintf("%x", randomBytes(16))
		}
	}
	return o
}

// Addr is the host and port that the peer listens on.
func (p *Peer) Addr() string { return p.listener.Addr().String() }

// ConnectionString is that of the first identity, over plain TCP.
func (p *Peer) ConnectionString() string {
	return p.ConnectionStringOf(p.options.Identities[0].Name)
}

// ConnectionStringOf is that of a named identity; of one that does not exist it has no key
// that the peer would take.
func (p *Peer) ConnectionStringOf(identity string) string {
	key := "none"
	if i := p.identityOf(identity); i != nil {
		key = i.Key
	}
	return fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=%s;SharedAccessKey=%s;UseDevelopmentEmulator=true", p.Addr(), identity, key)
}

// TLS is the configuration of a client that reaches the peer under its address, localhost or
// a name below servicebus.windows.net. The client azservicebus always uses TLS with a
// TokenCredential; it takes the address as ClientOptions.CustomEndpoint.
func (p *Peer) TLS() *tls.Config { return &tls.Config{RootCAs: p.identity.pool()} }

// CA is the certificate of the peer's authority in PEM, for another process.
func (p *Peer) CA() []byte { return p.identity.authority }

// Now is the time on the peer's clock.
func (p *Peer) Now() time.Time { return p.clock.now() }

// Advance moves the clock forward. When it returns, what has become due has been done: locks
// and lives have ended, scheduled messages are visible. Tokens are not made older by it, since
// the client takes no notice.
func (p *Peer) Advance(d time.Duration) {
	p.clock.advance(d)
	p.broker.tick(p.clock.now())
}

// Holds reports whether any queue or subscription, its dead letters and what it has scheduled included, holds a
// text in a message. Service Bus keeps nothing of one that was completed but its id, for the detection of
// duplicates. Source: Microsoft Learn, "Message transfers, locks, and settlement"; "Duplicate detection".
func (p *Peer) Holds(text string) bool {
	b := p.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.queues {
		for _, e := range q.entries {
			if bytes.Contains(e.body, []byte(text)) {
				return true
			}
		}
	}
	return false
}

// Count counts the messages of a queue, of a subscription ("topic/Subscriptions/name"), or
// those scheduled in a topic.
func (p *Peer) Count(path string) (Counts, error) { return p.broker.count(p.clock.now(), path) }

// Stop drops every connection and every new one until Resume. Messages, locks and schedules stay.
func (p *Peer) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.connections {
		c.drop()
	}
}

// Resume ends a Stop, under the same address.
func (p *Peer) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Restart drops every connection. Messages, locks and schedules stay.
func (p *Peer) Restart() {
	p.Stop()
	p.Resume()
}

// Close ends the peer.
func (p *Peer) Close() {
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		return
	default:
	}
	close(p.closed)
	p.mu.Unlock()
	p.listener.Close()
	select {
	case p.broker.rearm <- struct{}{}: // ends tick
	default:
	}
	p.Stop()
	p.running.Wait()
}

func (p *Peer) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		c := newConnection(p, conn)
		p.mu.Lock()
		if p.down {
			p.mu.Unlock()
			conn.Close()
			continue
		}
		p.connections[c] = struct{}{}
		p.mu.Unlock()
		p.running.Go(func() {
			c.serve()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.connections, c)
		})
	}
}

// tick has the broker do what becomes due, when it does.
func (p *Peer) tick() {
	for {
		next := p.broker.tick(p.clock.now())
		p.clock.wait(next, p.broker.rearm)
		select {
		case <-p.closed:
			return
		default:
		}
	}
}

func (p *Peer) identityOf(name string) *Identity {
	for i := range p.options.Identities {
		if strings.EqualFold(p.options.Identities[i].Name, name) {
			return &p.options.Identities[i]
		}
	}
	return nil
}
