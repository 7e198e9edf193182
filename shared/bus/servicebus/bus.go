// Package servicebus is the bus on Azure Service Bus, Standard or Premium.
//
// The entities are made beforehand: two queues, the topic, and a subscription of the topic for
// each step, with these properties:
//
//   - the rules of [Rules] and no other: the match-all rule $Default has to go;
//   - duplicate detection on queues and topic, a window of 10 minutes or more;
//   - a maximum delivery count of 2,000, the most there is. It cannot be switched off, and the
//     broker dead-letters what was handed out that often; the worker parks by elapsed time;
//   - no time to live, or the broker drops schedules and dead letters.
//
// The length of a lock is a property of the subscription, too; this package only ever reads
// when a lock ends.
//
// Roles: Azure Service Bus Data Sender on the queue or topic to publish, Azure Service Bus Data
// Receiver on the subscription (or the queue) for everything else; Resubmit needs both. Depth
// and DeadLetters peek over AMQP with the Receiver role. The management endpoint could count
// without reading, but it wants Manage rights, which may delete the subscription as well; Filters
// asks it, for a person who has them.
//
// What is peculiar, pinned by tests:
//
//   - The client settles with retries of its own that begin with a pause of 4 s, whatever
//     RetryOptions say. A delivery whose connection is gone is therefore settled by its lock
//     token on the $management node of the subscription, and the renewal before that is what
//     reconnects. To know that a connection is gone this package opens it itself, see wire.
//   - The client reconnects only within an operation, and only when it may try that operation
//     twice. So every operation may: one reconnection, no pause, no loop.
//   - After many of the broker's words (no role, disabled, full, busy, not found) the client keeps
//     what is dead for ever, and receives from it without a pause. So a client serves one
//     connection, see connection, and what an error has spent is not used again, see spent.
//   - Credit that a Receive has not used stays on the link; the client releases what arrives on
//     it. A frozen process cannot, so a Lambda closes its receivers before it returns.
//   - Closing a link does not unlock what it has handed out. Close abandons it by lock token
//     after the link is closed: before, it would come back on the credit of that link.
//   - A topic has no address for a single subscription: what is resubmitted has no Label but a
//     To, which only the one subscription takes, and its subject in a property.
//   - Only deferred messages can be received by sequence number, so a dead letter is removed by
//     receiving from the oldest until it comes. The others are abandoned, which raises nothing
//     but a delivery count that nobody reads.
package servicebus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

const (
	// answer bounds each request, beside the caller's context. A connection that is silent for
	// so long is closed, so that the next request opens another.
	answer = 10 * time.Second
	// closing bounds Close.
	closing = 900 * time.Millisecond
)

// contentType of a CloudEvent in JSON.
// Source: cloudevents/spec, bindings/amqp-protocol-binding.md, structured content mode.
const contentType = "application/cloudevents+json; charset=utf-8"

// Options say where the bus is and who asks: Namespace and Credential, or ConnectionString.
type Options struct {
	Namespace  string // the host, NAME.servicebus.windows.net
	Credential azcore.TokenCredential
	// ConnectionString with a key or signature. UseDevelopmentEmulator=true in it means a
	// connection without TLS.
	ConnectionString string
	// CustomEndpoint is a host:port to connect to instead of the namespace's own.
	CustomEndpoint string
	// TLSConfig, when the system's authorities are not the ones to trust.
	TLSConfig *tls.Config
	// Subscriptions that there are; nil is bus.Subscriptions().
	Subscriptions []bus.Subscription
}

// Bus is a bus.Bus on Service Bus.
type Bus struct {
	connect func() (*connection, error)
	life    context.Context
	end     context.CancelFunc
	senders map[string]*link[*azservicebus.Sender] // by entity
	subs    map[string]*subscriber
	options Options
	closed  atomic.Bool

	mu   sync.Mutex
	last *connection
}

var _ bus.Bus = (*Bus)(nil)

// Open returns the bus. It makes no call: the first use connects. Errors: the options are
// wrong.
func Open(o Options) (*Bus, error) {
	b := &Bus{senders: map[string]*link[*azservicebus.Sender]{}, subs: map[string]*subscriber{}, options: o}
	b.life, b.end = context.WithCancel(context.Background())
	b.connect = func() (*connection, error) { return newConnection(b.life, o, b.lost) }
	var err error
	if b.last, err = b.connect(); err != nil {
		return nil, fmt.Errorf("opening the service bus: %w", err)
	}
	for _, entity := range []string{bus.Queue, bus.Hints, bus.Topic} {
		b.senders[entity] = &link[*azservicebus.Sender]{open: func(c *azservicebus.Client) (*azservicebus.Sender, error) {
			return c.NewSender(entity, nil)
		}}
	}
	if o.Subscriptions == nil {
		o.Subscriptions = bus.Subscriptions()
	}
	for _, s := range o.Subscriptions {
		if _, twice := b.subs[s.Name]; twice {
			return nil, fmt.Errorf("opening the service bus: subscription %q is given twice", s.Name)
		}
		b.subs[s.Name] = &subscriber{
			Subscription: s,
			live:         attachTo(s, 0),
			dead:         attachTo(s, azservicebus.SubQueueDeadLetter),
		}
	}
	return b, nil
}

// newClient makes a client, which connects when it is first used.
func newClient(o Options, w *wire) (*azservicebus.Client, error) {
	options := &azservicebus.ClientOptions{
		ApplicationID: "leaver",
		// One more try, at once: without it the client never reconnects. A negative delay
		// should mean none, but is made the longest there is.
		RetryOptions:     azservicebus.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond},
		NewWebSocketConn: w.dial,
	}
	switch {
	case o.ConnectionString != "" && o.Namespace == "" && o.Credential == nil:
		return azservicebus.NewClientFromConnectionString(o.ConnectionString, options)
	case o.ConnectionString == "" && o.Namespace != "" && o.Credential != nil:
		return azservicebus.NewClient(o.Namespace, credential{o.Credential, w.life}, options)
	}
	return nil, errors.New("give either namespace and credential or a connection string")
}

// attachTo is a link to a subscription or its dead letters.
func attachTo(s bus.Subscription, sub azservicebus.SubQueue) *node {
	options := &azservicebus.ReceiverOptions{SubQueue: sub}
	return &node{open: func(c *azservicebus.Client) (*azservicebus.Receiver, error) {
		if s.OfQueue() {
			return c.NewReceiverForQueue(s.Entity, options)
		}
		return c.NewReceiverForSubscription(s.Entity, s.Name, options)
	}}
}

// subscription finds a subscription of the options. Errors: bus.ErrNotFound.
func (b *Bus) subscription(name string) (*subscriber, error) {
	s, ok := b.subs[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", bus.ErrNotFound, name)
	}
	return s, nil
}

// Publish implements bus.Publisher. Service Bus does not tell duplicates. Errors:
// bus.ErrTooLarge, bus.ErrNotFound (entity), bus.ErrUnavailable, after which the message may or
// may not have been taken: publishing it again is safe within the window of duplicates.
func (b *Bus) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	return false, classify(fmt.Sprintf("publishing %q to %s", m.ID, m.Entity), b.publish(ctx, m, ""))
}

// publish sends m to its entity, or to the one subscription of the topic named by only.
func (b *Bus) publish(ctx context.Context, m bus.Message, only string) error {
	sender, ok := b.senders[m.Entity]
	switch {
	case !ok:
		return bus.ErrNotFound
	case len(m.Body) > bus.MaxBody:
		return fmt.Errorf("%w: the body has %d bytes, the limit is %d", bus.ErrTooLarge, len(m.Body), bus.MaxBody)
	case len(m.ID) > bus.MaxID:
		return fmt.Errorf("%w: the id has %d bytes, the limit is %d", bus.ErrTooLarge, len(m.ID), bus.MaxID)
	case m.ID == "":
		return errors.New("a message needs an id")
	}
	message := outgoing(m, only, time.Now())
	return request(ctx, b, sender, func(ctx context.Context, sender *azservicebus.Sender) error {
		return sender.SendMessage(ctx, message, nil)
	})
}

// mark is the function mark; after Close everything is bus.ErrUnavailable.
func (b *Bus) mark(err error) error {
	if err != nil && b.closed.Load() {
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	return mark(err)
}

// Close implements bus.Bus: it ends the connection, within a second. Receivers should be closed
// before, or what they have handed out stays locked.
func (b *Bus) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.current().close()
	b.end() // lets go of whatever still waits, on older lines too
	return nil
}
