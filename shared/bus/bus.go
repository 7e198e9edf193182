// Package bus is the port to the message broker: what Leaver needs of NATS JetStream or
// Azure Service Bus, and the messages it sends over it. Drivers are in sub-packages; every
// driver passes the suite of bustest.
//
// There are two queues, for requests and for hints, and one topic, for everything else. Each queue function
// has a [Subscription] of its own, named after it. Delivery is at least once.
package bus

import (
	"context"
	"errors"
	"time"

	"leaver/shared/offboarding"
)

// The entities of the broker.
const (
	Queue = "leaver-requests" // one consumer: the plan function
	Hints = "leaver-hints"    // a queue too; one consumer: the resolve function
	Topic = "leaver"
)

// SubjectTermination is the subject (Service Bus: Label) that starts every step that is not
// delayed. All other subjects of the topic are step names.
const SubjectTermination = "termination"

// The limits of a message, which every driver keeps: what passes one broker passes the other.
// Service Bus Standard takes 256 KiB for a whole message; one of them is left for the rest.
const (
	MaxBody = 255 << 10 // bytes
	MaxID   = 128       // bytes
)

// Subscription is the place where the messages for one function wait.
type Subscription struct {
	Name     string   // of the function
	Entity   string   // Queue, Hints or Topic
	Subjects []string // of the topic that it takes; nil for a queue, whose consumer takes all
}

// OfQueue reports whether it is that of a queue's one consumer.
func (s Subscription) OfQueue() bool { return s.Entity != Topic }

// Subscriptions are all of them: one for plan, one for resolve, and one for each step.
func Subscriptions() []Subscription {
	all := []Subscription{{Name: offboarding.FunctionPlan, Entity: Queue}, {Name: offboarding.FunctionResolve, Entity: Hints}}
	for _, step := range offboarding.Steps {
		s := Subscription{Name: string(step.Name), Entity: Topic, Subjects: []string{string(step.Name)}}
		if !step.OwnMessage() {
			s.Subjects = append(s.Subjects, SubjectTermination)
		}
		all = append(all, s)
	}
	return all
}

// Errors that drivers wrap. A driver classifies, and never tries again itself.
var (
	// ErrUnavailable: the broker cannot be reached or did not answer; trying again may help.
	ErrUnavailable = errors.New("the bus is unavailable")
	// ErrNotFound: the entity or subscription does not exist.
	ErrNotFound = errors.New("no such queue, topic or subscription")
	// ErrLockLost: the delivery is not ours any more; another receiver gets the message.
	ErrLockLost = errors.New("the message lock is lost")
	// ErrTooLarge: the message is over the broker's limit.
	ErrTooLarge = errors.New("the message is too large")
)

// Message is one message to send.
type Message struct {
	// ID is unique to the message's meaning: a broker that sees the same ID again within
	// its window drops the second one. At most MaxID.
	ID      string
	Entity  string // Queue, Hints or Topic
	Subject string // for the topic
	Body    []byte // CloudEvents 1.0 JSON, at most MaxBody
	// At is when the message becomes visible; zero or past is now.
	At time.Time
}

// Publisher sends messages.
type Publisher interface {
	// Publish returns once the broker has the message on disk. Duplicate reports that the
	// broker saw the ID before, where the driver can tell; it is not an error.
	Publish(ctx context.Context, m Message) (duplicate bool, err error)
}

// Delivery is one message handed out under a lock.
type Delivery interface {
	ID() string
	Subject() string
	Body() []byte
	// LockedUntil is when the lock ends unless it is renewed or the message settled.
	LockedUntil() time.Time
	// Complete removes the message.
	Complete(ctx context.Context) error
	// DeadLetter moves the message to the dead letters of its subscription, with a reason
	// (a word for machines) and a description (a sentence for people, no personal data).
	DeadLetter(ctx context.Context, reason, description string) error
	// Renew prolongs the lock and returns its new end.
	Renew(ctx context.Context) (time.Time, error)
}

// Receiver hands out the messages of one subscription.
type Receiver interface {
	// Receive waits until at least one message is there or ctx is done, and hands out at
	// most max. A done context is not an error: it returns what there is, possibly nothing.
	Receive(ctx context.Context, max int) ([]Delivery, error)
	// Close gives back what was handed out but not settled as far as the broker allows.
	Close(ctx context.Context) error
}

// DeadLetter is one parked message.
type DeadLetter struct {
	Key         string // names it for Resubmit and Discard, within its subscription
	ID          string
	Subject     string
	Body        []byte
	Reason      string
	Description string
	At          time.Time // when it was parked
}

// Bus is a broker.
type Bus interface {
	Publisher
	// Open returns a receiver for the named subscription. A subscription that does not
	// exist is ErrNotFound, here or at the first Receive.
	Open(ctx context.Context, subscription string) (Receiver, error)
	// DeadLetters reads at most max parked messages of a subscription, oldest first,
	// without removing them.
	DeadLetters(ctx context.Context, subscription string, max int) ([]DeadLetter, error)
	// Resubmit publishes m (under a new ID) to the one subscription that parked the message
	// and then removes it from the dead letters. After a crash in between both exist.
	Resubmit(ctx context.Context, subscription, key string, m Message) error
	// Discard removes one dead letter.
	Discard(ctx context.Context, subscription, key string) error
	// Depth counts what waits for a subscription.
	Depth(ctx context.Context, subscription string) (Depth, error)
	Inspector
	// Close ends the connection.
	Close() error
}

// Inspector tells how the broker is set up, to whoever looks after it. Nothing is sent or taken.
type Inspector interface {
	// Rights are what the caller may do at the broker, as it lets them attach.
	Rights(ctx context.Context) (Rights, error)
	// Filters compares what a subscription of the topic takes with what it has to: missing
	// and surplus are filters in the broker's words. Errors: ErrNotFound; any that is none
	// of the port's when the caller may not see them.
	Filters(ctx context.Context, subscription string) (missing, surplus []string, err error)
}

// Depth is how much waits for one subscription.
type Depth struct {
	Active      int           // visible, not settled
	DeadLetters int           //
	OldestAge   time.Duration // of the oldest visible message; zero when there is none
}
