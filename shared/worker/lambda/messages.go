package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
)

// Outcome is what became of one message of an invocation.
type Outcome struct {
	ID string `json:"id"`
	// Done is set when the message needs nothing more. If it is not, the message is on the bus
	// now: to be tried again there, or, with a reason, to be parked there.
	Done   bool   `json:"done"`
	Reason string `json:"reason,omitempty"` // a word
	Detail string `json:"detail,omitempty"` // a sentence
}

// work works on the messages of an invocation as on those of the subscription. They have no
// broker behind them, so what the worker does not complete is put on the bus, for this function
// alone: there it is tried again, or parked where replay finds it. The error says that this
// failed too; whoever invoked has to send those messages again.
func (q *Queue) work(ctx context.Context, messages []json.RawMessage) ([]byte, error) {
	outcomes := make([]Outcome, len(messages))
	failures := make([]error, len(messages))
	slots := make(chan struct{}, max(q.Concurrency, 1))
	var inHand sync.WaitGroup
	for i, body := range messages {
		slots <- struct{}{}
		inHand.Go(func() {
			defer func() { <-slots }()
			outcomes[i], failures[i] = q.workOn(ctx, body)
		})
	}
	inHand.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return json.Marshal(outcomes)
}

func (q *Queue) workOn(ctx context.Context, body []byte) (Outcome, error) {
	d := &inlineDelivery{body: body, now: q.Now}
	d.read()
	err := q.Handle(ctx, d)
	if err == nil && d.completed {
		return Outcome{ID: d.id, Done: true}, nil
	}
	outcome := Outcome{ID: d.id, Reason: d.reason, Detail: d.description}
	if err != nil {
		q.Log.Warn("message not settled; it goes to the bus", "subscription", q.Subscription, "message", d.id, "error", err)
		outcome.Detail = "not settled; it is tried again from the bus"
	}
	// The work may have used up its time; there is some left for this.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), workUntil/2)
	defer stop()
	if _, err := q.Bus.Publish(ctx, q.message(body)); err != nil {
		return outcome, fmt.Errorf("message %s is neither settled nor on the bus: %w", d.id, err)
	}
	return outcome, nil
}

// message puts a body on the bus for this function, under an id that the broker has not seen.
func (q *Queue) message(body []byte) bus.Message {
	subscriptions := bus.Subscriptions()
	s := subscriptions[slices.IndexFunc(subscriptions, func(s bus.Subscription) bool { return s.Name == q.Subscription })]
	m := bus.Message{ID: q.Subscription + "/" + uuid.NewString(), Entity: s.Entity, Body: body}
	if s.Entity == bus.Topic {
		m.Subject = s.Name
	}
	return m
}

// inlineDelivery is a message that came with the invocation.
type inlineDelivery struct {
	body        []byte
	id, subject string
	now         func() time.Time

	completed           bool
	reason, description string
}

// leaseAfterCrash is how long after an invocation that died the step's lease ends.
const leaseAfterCrash = time.Minute

// read takes the id and the subject from the CloudEvent; the handler refuses what is none.
func (d *inlineDelivery) read() {
	var event struct {
		ID   string `json:"id"`
		Data struct {
			Step string `json:"step"`
		} `json:"data"`
	}
	if json.Unmarshal(d.body, &event) == nil {
		d.id, d.subject = event.ID, event.Data.Step
	}
}

// The methods of bus.Delivery.
func (d *inlineDelivery) ID() string             { return d.id }
func (d *inlineDelivery) Subject() string        { return d.subject }
func (d *inlineDelivery) Body() []byte           { return d.body }
func (d *inlineDelivery) LockedUntil() time.Time { return d.now().Add(leaseAfterCrash) }
func (d *inlineDelivery) Complete(context.Context) error {
	d.completed = true
	return nil
}
func (d *inlineDelivery) DeadLetter(_ context.Context, reason, description string) error {
	d.reason, d.description = reason, description
	return nil
}
func (d *inlineDelivery) Renew(context.Context) (time.Time, error) { return d.LockedUntil(), nil }
