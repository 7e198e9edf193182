// Package resolve is the function that asks the HR systems. A hint on the queue leaver-hints says
// that one of them may have something to tell; resolve reads it there, with a credential that the
// function which faces the internet does not have, and what is new goes to plan as a request. It
// reads once more right before the leaving time, because most HR systems do not tell when they take
// a departure back, and polls those that tell nothing by themselves. It holds no Microsoft 365
// permission. It is done when what the HR system says now is a request on the bus, or nothing has
// changed.
//
// Only what an HR system says begins or ends a departure. One that does not answer, or does not
// show a person any more, is an alarm, and its last word stands.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Words is what resolve needs of the ledger: the last word of a source about a person.
type Words interface {
	Word(ctx context.Context, source, person string) (ledger.Word, error)
	KeepWord(ctx context.Context, person string, after, w ledger.Word) error
	Leavers(ctx context.Context, source string, since time.Time) ([]string, error)
}

// Resolver resolves hints.
type Resolver struct {
	Sources map[string]hris.Readable // by name
	Words   Words
	Bus     bus.Publisher
	Now     func() time.Time
	Log     *slog.Logger

	readings readings
}

// Reasons of dead letters, for machines.
const (
	reasonMalformed = "malformed"
	reasonSource    = "source"
	reasonUnread    = "unread"
)

const (
	// before is how long before the leaving time the second look is.
	before = 45 * time.Second
	// patience is how long the second look waits for the HR system.
	patience = 10 * time.Second
	// budget bounds the tries of a hint: a vendor that is down over a long weekend loses nothing.
	budget = 4 * 24 * time.Hour
	// afterwards is how long somebody who left is still asked about, who may come back.
	afterwards = 60 * 24 * time.Hour
	// overlap is the least that a poll looks back, over whatever the last ones missed.
	overlap = 72 * time.Hour
)

// The events that are resolve's own.
const (
	eventPoll       = "poll"
	eventSecondLook = "second look"
)

// Handle settles one delivery of the queue of hints. An error means that it could not be settled and
// comes again.
func (r *Resolver) Handle(ctx context.Context, d bus.Delivery) error {
	h, err := bus.DecodeHint(d.Body())
	if errors.Is(err, bus.ErrNewerSchema) {
		return worker.Later(ctx, r.Bus, d, bus.Hints, "", r.Now())
	}
	if err != nil {
		r.Log.Warn("hint refused", "reason", reasonMalformed)
		return d.DeadLetter(ctx, reasonMalformed, "the message is not a hint that this version of Leaver can read")
	}
	source, known := r.Sources[h.Source]
	if !known {
		r.Log.Error("a hint of a source that is not declared, or cannot be read", "source", h.Source)
		return d.DeadLetter(ctx, reasonSource, "the source "+h.Source+" is not declared, or cannot be read: declare it, then replay")
	}
	if h.Person == "" {
		err = r.everybody(ctx, source, h)
	} else {
		err = r.person(ctx, source, h)
	}
	if err == nil {
		return d.Complete(ctx)
	}
	return r.again(ctx, d, source, h, err)
}

// again puts a hint off that could not be resolved, or parks it when its time is over.
func (r *Resolver) again(ctx context.Context, d bus.Delivery, source hris.Readable, h bus.Hint, why error) error {
	log := r.Log.With("source", source.Name, "event", h.Event, "attempt", h.Attempt, "error", why)
	if h.Event == eventSecondLook {
		// There is no later second look; what changed all the same is found as if somebody had told.
		log.Error("an HR system cannot be read right before a leaving time: its last word stands")
		h.Event, h.LeavingTime = "after the second look", time.Time{}
	}
	delay := worker.Backoff(h.Attempt - 1)
	var throttled *offboarding.ThrottledError
	switch {
	case errors.As(why, &throttled):
		delay = max(delay, throttled.Delay)
	case offboarding.IsPermanent(why):
		log.Error("an HR system refuses to be read")
		delay = max(delay, 5*time.Minute)
	}
	if r.Now().Sub(h.ReceivedAt) >= budget {
		log.Error("a hint is given up")
		return d.DeadLetter(ctx, reasonUnread, fmt.Sprintf("%s could not be read for %s: %s", source.Name, budget, why))
	}
	log.Warn("hint not resolved yet", "again", delay)
	h.Attempt++
	m, err := h.Message(r.Now().Add(delay))
	if err == nil {
		_, err = r.Bus.Publish(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("scheduling hint %s again: %w", h.ID, err)
	}
	return d.Complete(ctx)
}

// person asks about one person.
func (r *Resolver) person(ctx context.Context, source hris.Readable, h bus.Hint) error {
	if h.Event == eventSecondLook {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, patience)
		defer stop()
	}
	word, at, err := r.readings.of(ctx, source, h.Person, h.ReceivedAt, r.Now)
	if err != nil {
		return err
	}
	if !word.Leaving.IsZero() && source.Immediate(h.Event) {
		word.Leaving.Time = h.ReceivedAt
	}
	return r.heard(context.WithoutCancel(ctx), source, word, at, h)
}

// everybody asks about all who leave: what the HR system lists, and one by one whoever leaves by its
// last word and is not in the list.
func (r *Resolver) everybody(ctx context.Context, source hris.Readable, h bus.Hint) error {
	at := r.Now()
	since := at.Add(-max(overlap, 3*time.Duration(source.Every)))
	list, err := source.Reader.Leavers(ctx, since)
	if err != nil {
		return err
	}
	if can, is := source.Reader.(hris.Subscriber); is {
		if err := can.Subscribe(ctx); err != nil {
			r.Log.Error("a source does not tell of changes by itself: it is polled, and nothing else", "source", source.Name, "error", err)
		}
	}
	known, err := r.Words.Leavers(ctx, source.Name, at.Add(-afterwards))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, word := range list.Words {
		seen[word.Person] = true
		if word.Leaving.IsZero() && !slices.Contains(known, word.Person) {
			continue // as nearly everybody does, who stays
		}
		if err := r.heard(ctx, source, word, at, h); err != nil {
			return err
		}
	}
	for _, person := range append(list.Ask, known...) {
		if seen[person] {
			continue
		}
		seen[person] = true
		one := bus.Hint{Attempt: 1, Hint: offboarding.Hint{
			ID:     offboarding.RequestID(source.Origin(), strings.Join([]string{h.ID, person}, "\x00")),
			Source: source.Name, Person: person, Event: h.Event, ReceivedAt: at.UTC(),
		}}
		if err := r.publish(ctx, one, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Resolver) publish(ctx context.Context, h bus.Hint, at time.Time) error {
	m, err := h.Message(at)
	if err == nil {
		_, err = r.Bus.Publish(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("publishing hint %s: %w", h.ID, err)
	}
	return nil
}

// heard does what a word asks for: a request when it is another one than the last.
func (r *Resolver) heard(ctx context.Context, source hris.Readable, word hris.Word, readAt time.Time, h bus.Hint) error {
	log := r.Log.With("source", source.Name, "event", h.Event)
	last, err := r.Words.Word(ctx, source.Name, word.Person)
	if err != nil {
		return err
	}
	leaves := !last.LeavingTime.IsZero()
	switch {
	case word.Unclear != "" && leaves:
		log.Error("an HR system does not say any more whether somebody leaves: its last word stands", "request", last.Request, "why", word.Unclear)
		return nil
	case word.Unclear != "":
		log.Warn("an HR system does not say whether somebody leaves", "why", word.Unclear)
		return nil
	case word.Leaving.IsZero() && !leaves:
		return nil
	}
	request, err := source.Request(word, last.Position+1, readAt)
	if errors.Is(err, hris.ErrInvalid) {
		return r.refused(ctx, source, word, err, h)
	}
	if err != nil {
		return err
	}
	if last.Position > 0 && (request.Kind == offboarding.Termination) == leaves &&
		(!leaves || request.LeavingTime.Equal(last.LeavingTime) && request.EndOfEmployment.Equal(last.EndOfEmployment)) {
		return nil
	}
	m, err := bus.Request{Request: request, Attempt: 1}.Message(time.Time{})
	if err == nil {
		_, err = r.Bus.Publish(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("publishing request %s: %w", request.ID, err)
	}
	now := ledger.Word{Source: source.Name, Request: request.ID}
	if request.Kind == offboarding.Termination {
		now.LeavingTime, now.EndOfEmployment = request.LeavingTime, request.EndOfEmployment
		if err := r.lookAgain(ctx, source, word.Person, request.LeavingTime); err != nil {
			return err
		}
	}
	if err := r.Words.KeepWord(ctx, word.Person, last, now); err != nil {
		return err
	}
	log.Info("an HR system says something new", "request", request.ID, "kind", request.Kind)
	return nil
}

// lookAgain has the person asked about once more right before the leaving time.
func (r *Resolver) lookAgain(ctx context.Context, source hris.Readable, person string, leavingTime time.Time) error {
	at := leavingTime.Add(-before)
	if !at.After(r.Now()) {
		return nil // it has been read just now
	}
	return r.publish(ctx, bus.Hint{Attempt: 1, Hint: offboarding.Hint{
		ID:     offboarding.RequestID(source.Origin(), strings.Join([]string{eventSecondLook, person, leavingTime.UTC().Format(time.RFC3339)}, "\x00")),
		Source: source.Name, Person: person, Event: eventSecondLook, ReceivedAt: at.UTC(), LeavingTime: leavingTime.UTC(),
	}}, at)
}

// refused tells of a word that no request can be made of. In a poll it may be an old record, which
// somebody has to look at only when its like was asked for.
func (r *Resolver) refused(ctx context.Context, source hris.Readable, word hris.Word, why error, h bus.Hint) error {
	if h.Event == eventPoll {
		r.Log.Debug("a record that cannot be used", "source", source.Name, "reason", why)
		return nil
	}
	n := bus.Notice{Notice: offboarding.Notice{
		ID:     offboarding.RequestID(source.Origin(), strings.Join([]string{"notice", word.Person, why.Error()}, "\x00")),
		Source: source.Origin(), ReceivedAt: h.ReceivedAt, Reason: why.Error(),
	}}
	m, err := n.Message()
	if err == nil {
		_, err = r.Bus.Publish(ctx, m)
	}
	return err
}

// Poll has everybody asked about at the sources whose time has come. It is called once a minute; of
// several calls in one minute the broker keeps one.
func (r *Resolver) Poll(ctx context.Context) error {
	now := r.Now()
	var failures []error
	for name, source := range r.Sources {
		every := time.Duration(source.Every)
		if every <= 0 {
			continue
		}
		slot := now.Truncate(max(every, time.Minute))
		if now.Sub(slot) >= time.Minute {
			continue
		}
		failures = append(failures, r.publish(ctx, bus.Hint{Attempt: 1, Hint: offboarding.Hint{
			ID:     offboarding.RequestID(source.Origin(), eventPoll+"\x00"+slot.UTC().Format(time.RFC3339)),
			Source: name, Event: eventPoll, ReceivedAt: slot.UTC(),
		}}, time.Time{}))
	}
	return errors.Join(failures...)
}

// invocable is what a function on AWS Lambda is invoked by.
type invocable interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Polling is a handler that polls whenever it is invoked, before it does anything else.
func (r *Resolver) Polling(next invocable) invocable { return polling{r, next} }

type polling struct {
	*Resolver
	next invocable
}

// Invoke implements the handler of AWS Lambda.
func (p polling) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	failed := p.Poll(ctx)
	answer, err := p.next.Invoke(ctx, payload)
	return answer, errors.Join(failed, err)
}

// readings keeps what was read for a moment: of many hints about one person, one reading answers all
// that came before it.
type readings struct {
	mu  sync.Mutex
	all map[string]*reading
}

type reading struct {
	mu   sync.Mutex
	at   time.Time // when it began; zero before the first
	word hris.Word
}

// mostReadings bounds what is kept.
const mostReadings = 10_000

// of is a reading of a person that began no earlier than since.
func (r *readings) of(ctx context.Context, source hris.Readable, person string, since time.Time, now func() time.Time) (hris.Word, time.Time, error) {
	r.mu.Lock()
	if r.all == nil || len(r.all) >= mostReadings {
		r.all = map[string]*reading{}
	}
	key := source.Name + "\x00" + person
	one := r.all[key]
	if one == nil {
		one = &reading{}
		r.all[key] = one
	}
	r.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.at.IsZero() || !one.at.After(since) {
		at := now()
		word, err := source.Reader.Person(ctx, person)
		if err != nil {
			return hris.Word{}, time.Time{}, err
		}
		word.Person = person
		one.at, one.word = at, word
	}
	return one.word, one.at, nil
}
