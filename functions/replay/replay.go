// Package replay is the function that sends what was parked back to work: the dead letters of one
// step, of one case or all of them, each to its step alone and under a new number, and the steps of
// one case that wait for a person; a step that waits and is named looks again at once. It lists
// them first, with reason, age and attempts, and refuses what a cancelled case would do. What can
// never be sent, and a request that nobody wants any more, it takes away. It is done when every
// chosen message is back on the bus.
//
// The Lambda takes a [Selection] as JSON: the words of leaver replay.
package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Bus is what replay needs of the broker.
type Bus interface {
	bus.Publisher
	DeadLetters(ctx context.Context, subscription string, max int) ([]bus.DeadLetter, error)
	Resubmit(ctx context.Context, subscription, key string, m bus.Message) error
	Discard(ctx context.Context, subscription, key string) error
}

// Selection says what to replay. The zero value selects everything and, like Preview, only
// lists.
type Selection struct {
	Step    string `json:"step,omitempty"` // a step, "plan" for requests, or "resolve" for hints
	Case    string `json:"case,omitempty"`
	Request string `json:"request,omitempty"`
	All     bool   `json:"all,omitempty"`
	Preview bool   `json:"preview,omitempty"` // list what would be sent, and send nothing
	// Discard takes dead letters away instead: those that are refused, and of the others the named
	// request.
	Discard bool `json:"discard,omitempty"`
	// Event is a sample or kept message to publish again: a webhook body, or a CloudEvent as it
	// was on the bus.
	Event json.RawMessage `json:"event,omitempty"`
}

// Item is one parked message, or one step that waits for a person.
type Item struct {
	Step     string        `json:"step"`
	Case     string        `json:"case,omitempty"`
	Request  string        `json:"request,omitempty"`
	State    string        `json:"state"`
	Reason   string        `json:"reason"`
	Age      time.Duration `json:"age"` // nanoseconds
	Attempts int           `json:"attempts"`
	// Sent is set when it is on its way again, Discarded when it is gone; Refused says why it is
	// neither, or cannot be sent.
	Sent      bool   `json:"sent"`
	Discarded bool   `json:"discarded,omitempty"`
	Refused   string `json:"refused,omitempty"`

	key     string // of the dead letter; empty for a step without one
	past    bool   // the step went on without the dead letter
	request bus.Request
	hint    bus.Hint
}

// Replayer replays.
type Replayer struct {
	Ledger *ledger.Ledger
	Bus    Bus
	Now    func() time.Time
	Log    *slog.Logger
}

// StateEvent is the state of an item that is an event of the selection, and not parked.
const StateEvent = "event"

// mostDeadLetters bounds one listing of one subscription.
const mostDeadLetters = 1000

// Replay lists what the selection means and, unless it only lists, sends it. An item that
// cannot be sent says why and does not keep the others back. A dead letter whose step has gone
// on since, as a crash in the middle of a replay leaves it, is removed.
func (r *Replayer) Replay(ctx context.Context, s Selection) ([]Item, error) {
	if len(s.Event) > 0 {
		item, err := r.publishEvent(ctx, s)
		return []Item{item}, err
	}
	if _, known := offboarding.SpecOf(offboarding.StepName(s.Step)); s.Step != "" && s.Step != offboarding.FunctionPlan && s.Step != offboarding.FunctionResolve && !known {
		return nil, fmt.Errorf("there is no step %q", s.Step)
	}
	items, err := r.list(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.Preview || (!s.All && s.Step == "" && s.Case == "" && s.Request == "") {
		return items, nil
	}
	for i := range items {
		if s.Discard {
			if err := r.discard(ctx, s, &items[i]); err != nil {
				items[i].Refused = err.Error()
			}
			continue
		}
		if items[i].past {
			if err := r.Bus.Discard(ctx, items[i].Step, items[i].key); err != nil {
				items[i].Refused = err.Error()
			}
		}
		if items[i].Refused != "" {
			continue
		}
		if err := r.send(ctx, items[i]); err != nil {
			items[i].Refused = err.Error()
			continue
		}
		items[i].Sent = true
		r.Log.Info("replayed", "step", items[i].Step, "case", items[i].Case, "request", items[i].Request)
	}
	return items, nil
}

// list is every dead letter that the selection means, then the steps of the selected case
// that have none.
func (r *Replayer) list(ctx context.Context, s Selection) ([]Item, error) {
	var items []Item
	seen := map[string]bool{}
	for _, subscription := range bus.Subscriptions() {
		if s.Step != "" && s.Step != subscription.Name {
			continue
		}
		letters, err := r.Bus.DeadLetters(ctx, subscription.Name, mostDeadLetters)
		if err != nil {
			return nil, fmt.Errorf("listing the dead letters of %s: %w", subscription.Name, err)
		}
		for _, letter := range letters {
			item, err := r.item(ctx, subscription.Name, letter)
			if err != nil {
				return nil, err
			}
			if s.Case != "" && item.Case != s.Case || s.Request != "" && item.Request != s.Request {
				continue
			}
			if id := item.Case + "/" + item.Step; item.Case != "" {
				if seen[id] {
					item.Refused = "another message for the same step comes first"
				}
				seen[id] = true
			}
			items = append(items, item)
		}
	}
	if s.Case == "" || s.Request != "" || s.Discard {
		return items, nil
	}
	c, err := r.Ledger.Case(ctx, s.Case)
	if err != nil {
		return nil, err
	}
	for _, step := range c.Steps {
		wanted := s.Step == string(step.Name) || s.Step == "" && (step.State == offboarding.StateManual || step.State == offboarding.StateParked)
		if !wanted || seen[c.ID+"/"+string(step.Name)] {
			continue
		}
		items = append(items, r.stepItem(c, step))
	}
	return items, nil
}

func (r *Replayer) stepItem(c *offboarding.Case, step *offboarding.Record) Item {
	item := Item{
		Step: string(step.Name), Case: c.ID, State: string(step.State), Reason: step.Reason,
		Age: r.Now().Sub(cmp.Or(step.DecidedAt, c.OpenedAt)), Attempts: step.Attempts,
	}
	if err := ledger.Replayable(c, step.Name); err != nil && !r.waits(c, step) {
		item.Refused = err.Error()
	}
	return item
}

// waits reports whether the step would look again by itself, and may as well do so now.
func (r *Replayer) waits(c *offboarding.Case, step *offboarding.Record) bool {
	waiting := step.State == offboarding.StateWaiting || step.State == offboarding.StateRetrying
	return waiting && !c.Over(step.Name) && !step.Lease.Holds(r.Now())
}

// item reads a dead letter.
func (r *Replayer) item(ctx context.Context, subscription string, letter bus.DeadLetter) (Item, error) {
	item := Item{
		Step: subscription, State: letter.Reason, Reason: letter.Description, Attempts: 1,
		Age: r.Now().Sub(letter.At), key: letter.Key,
	}
	if subscription == offboarding.FunctionPlan {
		request, err := bus.DecodeRequest(letter.Body)
		if err != nil {
			item.Refused = "the message is not a request that this version of Leaver can read"
			return item, nil
		}
		item.Request, item.Attempts, item.request = request.ID, request.Attempt, request
		return item, nil
	}
	if subscription == offboarding.FunctionResolve {
		hint, err := bus.DecodeHint(letter.Body)
		if err != nil {
			item.Refused = "the message is not a hint that this version of Leaver can read"
			return item, nil
		}
		item.Request, item.Attempts, item.hint = hint.ID, hint.Attempt, hint
		return item, nil
	}
	m, err := bus.DecodeStep(letter.Body)
	if err != nil {
		item.Refused = "the message is not one that this version of Leaver can read"
		return item, nil
	}
	item.Case = m.Case
	c, err := r.Ledger.Case(ctx, m.Case)
	switch {
	case errors.Is(err, ledger.ErrNoCase):
		item.Refused = "the ledger knows no such case"
		return item, nil
	case err != nil:
		return item, err
	case c.Step(offboarding.StepName(subscription)) == nil || c.Leaver != m.Leaver || c.Tenant != m.Tenant:
		item.Refused = "the message does not belong to the case"
		return item, nil
	}
	record := c.Step(offboarding.StepName(subscription))
	item.Attempts = record.Attempts
	if err := ledger.Replayable(c, record.Name); err != nil {
		item.Refused = err.Error()
		item.past = c.Cancelled == nil && (m.PlanVersion < c.Plan.Version || m.N < record.N)
	}
	return item, nil
}

// send gives the item a new number and puts it on the bus. The ledger comes first: after a
// crash in between, watch publishes what is overdue.
func (r *Replayer) send(ctx context.Context, item Item) error {
	if item.Step == offboarding.FunctionPlan {
		item.request.Attempt++
		m, err := item.request.Message(time.Time{})
		if err != nil {
			return err
		}
		return r.Bus.Resubmit(ctx, offboarding.FunctionPlan, item.key, m)
	}
	if item.Step == offboarding.FunctionResolve {
		// Its time begins anew: it was parked because that was over.
		item.hint.Attempt, item.hint.ReceivedAt = item.hint.Attempt+1, r.Now().UTC()
		m, err := item.hint.Message(time.Time{})
		if err != nil {
			return err
		}
		return r.Bus.Resubmit(ctx, offboarding.FunctionResolve, item.key, m)
	}
	name := offboarding.StepName(item.Step)
	if item.key == "" {
		c, err := r.Ledger.Case(ctx, item.Case)
		if err != nil {
			return err
		}
		if record := c.Step(name); record != nil && r.waits(c, record) {
			return worker.Republish(ctx, r.Bus, r.Ledger, c, record, r.Now())
		}
	}
	m, err := worker.Replay(ctx, r.Ledger, item.Case, name)
	if err != nil {
		return err
	}
	if item.key == "" {
		_, err = r.Bus.Publish(ctx, m)
	} else {
		err = r.Bus.Resubmit(ctx, item.Step, item.key, m)
	}
	if err != nil {
		return err
	}
	return worker.Hurry(ctx, r.Bus, r.Ledger, item.Case, r.Now())
}

// discard takes a dead letter away: what nobody can send, and a request that is named because
// nobody wants it any more. A step that is still to be done is signed off instead.
func (r *Replayer) discard(ctx context.Context, s Selection, item *Item) error {
	switch {
	case item.Refused != "":
	case item.Request == "":
		return fmt.Errorf("the step is still to be done: send it, or leaver sign-off %s %s", item.Case, item.Step)
	case item.Request != s.Request:
		return errors.New("name the request that nobody wants any more")
	default:
		record, _, err := r.Ledger.Request(ctx, item.Request)
		if err != nil {
			return err
		}
		if record.State == ledger.RequestParked || record.State == ledger.RequestHeld {
			record.State = ledger.RequestDiscarded
			if err := r.Ledger.Decide(ctx, record, nil); err != nil {
				return err
			}
		}
	}
	if err := r.Bus.Discard(ctx, item.Step, item.key); err != nil {
		return fmt.Errorf("discarding a dead letter of %s: %w", item.Step, err)
	}
	item.Discarded = true
	r.Log.Info("discarded", "step", item.Step, "case", item.Case, "request", item.Request, "reason", item.Reason)
	return nil
}

// publishEvent publishes a kept event again. It is no authority: a step message moves only
// what the ledger says, and a webhook body becomes a request of the operator.
func (r *Replayer) publishEvent(ctx context.Context, s Selection) (Item, error) {
	item := Item{Step: offboarding.FunctionPlan, State: StateEvent}
	var m bus.Message
	if step, err := bus.DecodeStep(s.Event); err == nil {
		item.Step, item.Case = string(step.Step), step.Case
		if m, err = step.Message(time.Time{}); err != nil {
			return item, err
		}
		m.ID += "/event-" + uuid.NewString()[:8]
	} else {
		request, err := r.request(s.Event)
		if err != nil {
			return item, err
		}
		item.Request = request.ID
		if m, err = request.Message(time.Time{}); err != nil {
			return item, err
		}
	}
	if s.Preview {
		return item, nil
	}
	if _, err := r.Bus.Publish(ctx, m); err != nil {
		return item, err
	}
	item.Sent = true
	return item, nil
}

// request reads a request message, or a webhook body that happens now.
func (r *Replayer) request(event []byte) (bus.Request, error) {
	if request, err := bus.DecodeRequest(event); err == nil {
		request.Attempt++
		return request, nil
	}
	now := r.Now()
	request, err := hris.Vouched(uuid.NewString(), event, now)
	if err != nil {
		return bus.Request{}, fmt.Errorf("the event is neither a message of the bus nor a webhook body: %w", err)
	}
	request.Source, request.EventTime = "operator", now.UTC()
	return bus.Request{Request: request, Attempt: 1}, nil
}
