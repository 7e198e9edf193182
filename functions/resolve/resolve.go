// Package resolve is the function that asks the HR systems. A hint on the queue leaver-hints says
// that one of them may have something to tell; resolve reads it there, with a credential that the
// function which faces the internet does not have, and what is new goes to plan as a request. It
// reads once more right before the leaving time, because most HR systems do not tell when they take
// a departure back, and polls those that tell nothing by themselves. Of Microsoft 365 it reads whose
// leave date is set, where Entra is one of the sources. It is done when what the HR system says now is a
// request on the bus, or nothing has changed.
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
	// Count is told of every asking of a source what became of it; nil is told nothing.
	Count func(source, outcome string)

	readings readings
	turns    turns
}

// The outcomes that Count is told.
const (
	outcomeRead = "read"
	// outcomeUnread is of a source that refuses, or did not answer several times, and of somebody who
	// leaves by its last word and is not shown any more: somebody has to look.
	outcomeUnread = "unread"
)

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
	// overlap is how far a poll looks back behind the last one that was answered.
	overlap = 72 * time.Hour
	// marked is how long at most the last answered poll is on record no better than by the one before.
	marked = 24 * time.Hour
	// unclearAgain is when an HR system is asked again that has not said several times whether somebody
	// leaves: somebody has to give it a right, or mend a record.
	unclearAgain = time.Hour
	// loud is from which try on a source that does not answer raises the alarm: a single one is an
	// ordinary night.
	loud = 3
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
	if h.Person != "" && h.Event != eventSecondLook && h.Attempt == 1 && !r.readings.have(source, h.Person, h.ReceivedAt) {
		if turn := r.turns.next(source.Name, r.Now()); !turn.IsZero() {
			return r.schedule(ctx, d, h, turn)
		}
	}
	if h.Person == "" {
		err = r.everybody(ctx, source, h)
	} else {
		err = r.person(ctx, source, h)
	}
	if err == nil {
		r.count(source, outcomeRead)
		return d.Complete(ctx)
	}
	return r.again(ctx, d, source, h, err)
}

func (r *Resolver) count(source hris.Readable, outcome string) {
	if r.Count != nil {
		r.Count(source.Name, outcome)
	}
}

// alarm says what somebody has to look at, and counts it.
func (r *Resolver) alarm(log *slog.Logger, source hris.Readable, what string, args ...any) {
	r.count(source, outcomeUnread)
	log.Error(what, append(args, "do", "leaver sources check "+source.Name+" says what is wrong; leaver help sources")...)
}

// schedule hands a hint out again at a time.
func (r *Resolver) schedule(ctx context.Context, d bus.Delivery, h bus.Hint, at time.Time) error {
	h.Attempt++
	if err := r.publish(ctx, h, at); err != nil {
		return fmt.Errorf("scheduling again: %w", err)
	}
	return d.Complete(ctx)
}

// again puts a hint off that could not be resolved, or parks it when its time is over.
func (r *Resolver) again(ctx context.Context, d bus.Delivery, source hris.Readable, h bus.Hint, why error) error {
	log := r.Log.With("source", source.Name, "event", h.Event, "attempt", h.Attempt, "error", why)
	delay := worker.Backoff(h.Attempt - 1)
	var throttled *offboarding.ThrottledError
	if errors.As(why, &throttled) {
		delay = max(delay, throttled.Delay)
	}
	switch {
	case h.Event == eventSecondLook:
		r.alarm(log, source, "an HR system cannot be read right before a leaving time: its last word stands")
		// There is no later second look; what changed all the same is found as if somebody had told.
		h.Event, h.LeavingTime = "after the second look", time.Time{}
	case offboarding.IsPermanent(why):
		r.alarm(log, source, "an HR system refuses to be read: its last words stand")
		delay = max(delay, 5*time.Minute)
	case h.Attempt >= loud:
		r.alarm(log, source, "an HR system cannot be read, or does not say whether somebody leaves: its last words stand, and it is asked again")
	}
	if errors.Is(why, errUnclear) && h.Attempt >= loud {
		delay = max(delay, unclearAgain)
	}
	switch {
	case h.Event == eventPoll && delay >= time.Duration(source.Every):
		log.Warn("a poll is left to the next one, which looks back as far")
		return d.Complete(ctx)
	case r.Now().Sub(h.ReceivedAt) >= budget:
		r.alarm(log, source, "a hint is given up")
		return d.DeadLetter(ctx, reasonUnread, fmt.Sprintf("%s could not be read for %s: %s", source.Name, budget, why))
	}
	log.Warn("hint not resolved yet", "again", delay)
	return r.schedule(ctx, d, h, r.Now().Add(delay))
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
	err = r.heard(context.WithoutCancel(ctx), source, word, at, h)
	if h.Event == eventPoll && errors.Is(err, errUnclear) {
		r.unclear(source, err)
		return nil // the next poll asks again
	}
	return err
}

// errUnclear: an HR system does not say whether somebody leaves. It may not show it yet, or not show it
// to this credential; what it has to tell is not lost by that.
var errUnclear = errors.New("the HR system does not say whether the person leaves")

// unclearError is of one person.
type unclearError struct {
	why     string
	request string // that stands; empty of somebody who stays by the last word
}

func (u *unclearError) Error() string { return errUnclear.Error() + ": " + u.why }
func (u *unclearError) Unwrap() error { return errUnclear }

// unclear tells of a person about whom a poll learned nothing.
func (r *Resolver) unclear(source hris.Readable, why error) {
	var u *unclearError
	if errors.As(why, &u) && u.request != "" {
		r.alarm(r.Log, source, "an HR system does not say any more whether somebody leaves: its last word stands", "source", source.Name, "request", u.request, "why", u.why)
		return
	}
	r.Log.Warn("an HR system does not say whether somebody leaves", "source", source.Name, "why", why)
}

// spoiled reports whether it is the ledger that cannot read the last word about somebody, and rings for it:
// nothing more is asked for that person, and everybody else is heard.
func (r *Resolver) spoiled(source hris.Readable, err error) bool {
	if !errors.Is(err, ledger.ErrUnreadable) {
		return false
	}
	r.alarm(r.Log, source, "the last word of an HR system about somebody cannot be read in the ledger: what it says now is not carried on, offboard or cancel by hand", "source", source.Name, "error", err)
	return true
}

// everybody asks about all who leave: what the HR system lists, and one by one whoever leaves by its
// last word and is not in the list.
func (r *Resolver) everybody(ctx context.Context, source hris.Readable, h bus.Hint) error {
	if r.readings.have(source, nobody, h.ReceivedAt) {
		return nil // of many hints at once, one listing answers all
	}
	at := r.Now()
	since := at
	mark, err := r.Words.Word(ctx, source.Name, nobody)
	markless := r.spoiled(source, err)
	if err != nil && !markless {
		return err
	}
	if mark.Position > 0 {
		since = mark.At // or up to a day later
	}
	list, err := source.Reader.Leavers(ctx, since.Add(-max(overlap, 3*time.Duration(source.Every))))
	if err != nil {
		return err
	}
	if can, is := source.Reader.(hris.Subscriber); is {
		if err := can.Subscribe(ctx); err != nil {
			r.alarm(r.Log, source, "a source does not tell of changes by itself: it is polled, and nothing else", "source", source.Name, "error", err)
		}
	}
	known, err := r.Words.Leavers(ctx, source.Name, at.Add(-afterwards))
	if err != nil && !r.spoiled(source, err) {
		return err
	}
	if h.Event != eventPoll && len(list.Words) > 0 && !slices.ContainsFunc(list.Words, func(w hris.Word) bool { return w.Unclear == "" }) {
		return &unclearError{why: "of nobody whom it lists: " + list.Words[0].Unclear} // no poll comes by
	}
	seen := map[string]bool{}
	for _, word := range list.Words {
		seen[word.Person] = true
		if word.Leaving.IsZero() && !slices.Contains(known, word.Person) {
			continue // as nearly everybody does, who stays
		}
		err := r.heard(ctx, source, word, at, h)
		if errors.Is(err, errUnclear) {
			r.unclear(source, err)
			continue
		}
		if err != nil && !r.spoiled(source, err) {
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
	r.readings.keep(source, nobody, at)
	if markless || mark.Position > 0 && at.Sub(mark.At) < marked {
		return nil
	}
	return r.Words.KeepWord(ctx, nobody, mark, ledger.Word{Source: source.Name})
}

// nobody is whom a listing of everybody is about.
const nobody = ""

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
		return &unclearError{word.Unclear, last.Request}
	case word.Unclear != "":
		return &unclearError{why: word.Unclear}
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

// refused tells of a word that no request can be made of. Where everybody is asked about it may be an
// old record, which somebody has to look at only when that person was asked for.
func (r *Resolver) refused(ctx context.Context, source hris.Readable, word hris.Word, why error, h bus.Hint) error {
	if h.Event == eventPoll || h.Person == "" {
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

// have reports whether there is a reading of a person that began after a time.
func (r *readings) have(source hris.Readable, person string, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.all[key(source, person)]
	if one == nil || !one.mu.TryLock() {
		return one != nil // it is being read
	}
	defer one.mu.Unlock()
	return one.at.After(since)
}

func key(source hris.Readable, person string) string { return source.Name + "\x00" + person }

// one is the reading of a person that is kept, or an empty one.
func (r *readings) one(source hris.Readable, person string) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= mostReadings {
		r.all = map[string]*reading{}
	}
	one := r.all[key(source, person)]
	if one == nil {
		one = &reading{}
		r.all[key(source, person)] = one
	}
	return one
}

// keep notes that a reading began at a time.
func (r *readings) keep(source hris.Readable, person string, at time.Time) {
	one := r.one(source, person)
	one.mu.Lock()
	defer one.mu.Unlock()
	one.at = at
}

// of is a reading of a person that began no earlier than since.
func (r *readings) of(ctx context.Context, source hris.Readable, person string, since time.Time, now func() time.Time) (hris.Word, time.Time, error) {
	one := r.one(source, person)
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.at.IsZero() || !one.at.After(since) {
		at := now()
		word, err := source.Reader.Person(ctx, person)
		if err != nil {
			return hris.Word{}, time.Time{}, err
		}
		word.Person = person
		if word.Unclear != "" {
			return word, at, nil // and is read again when it is asked about again
		}
		one.at, one.word = at, word
	}
	return one.word, one.at, nil
}

// turns spread a flood of hints over time, so that none waits before a second look: an HR system may
// send the events of a year at once.
type turns struct {
	mu   sync.Mutex
	last map[string]time.Time // turn of a source
}

const (
	// apart is how far two turns of a source are from one another.
	apart = 500 * time.Millisecond
	// soon is how far ahead a turn may be and be taken at once.
	soon = 2 * time.Second
)

// next is the turn of one more hint of a source; zero for now.
func (t *turns) next(source string, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]time.Time{}
	}
	turn := t.last[source].Add(apart)
	if turn.Before(now) {
		turn = now
	}
	t.last[source] = turn
	if turn.Sub(now) <= soon {
		return time.Time{}
	}
	return turn
}
