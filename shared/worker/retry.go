package worker

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// Reasons of dead letters, for machines.
const (
	ReasonMalformed = "malformed"
	ReasonForeign   = "foreign"
	ReasonParked    = "parked"
	ReasonNewer     = "newer" // what a newer version of Leaver wrote was never read by one
)

// Retry is how failures are tried again, those of steps and of requests alike.
type Retry struct {
	// Budget bounds the tries by elapsed time; zero is [DefaultBudget].
	Budget time.Duration
}

// DefaultBudget is for how long a failure is tried again before it is parked.
const DefaultBudget = 24 * time.Hour

// Next says what becomes of a failure after so many attempts, the first of which was so long ago:
// it is tried again in a while, or parked, for a reason that is not empty then.
func (r Retry) Next(failure offboarding.Verdict, attempts int, failing time.Duration) (delay time.Duration, parked string) {
	budget := cmp.Or(r.Budget, DefaultBudget)
	switch {
	case failure.Kind == offboarding.KindPermanent:
		return 0, failure.Why
	case failing >= budget:
		return 0, fmt.Sprintf("still failing after %s: %s; look whether the service has trouble (of Microsoft: Microsoft 365 admin center, Health, Service health), and whether this host reaches it (leaver doctor)", budget, failure.Why)
	}
	// Runs that only waited are attempts too, and what is refused now and then is no outage: only what goes on failing
	// is left alone for long.
	delay = min(Backoff(attempts), max(failing/4, soonAgain))
	if offboarding.IsThrottled(failure.Err) { // whoever says when to come back need not be backed off from for long
		delay = max(min(delay, soonAgain), failure.In)
	}
	return delay, ""
}

// soonAgain is the longest delay after a failure that has just begun, and the longest of our own after an answer
// that says when to come back: a budget that is given back every minute is not used by those who come after a
// quarter of an hour.
const soonAgain = 30 * time.Second

// Backoff is the delay after so many attempts: from 1 s, doubled, to at most 15 minutes.
func Backoff(attempts int) time.Duration {
	b := &backoff.ExponentialBackOff{
		InitialInterval: time.Second, Multiplier: 2, MaxInterval: 15 * time.Minute,
	}
	b.Reset()
	d := b.NextBackOff()
	for range min(attempts, 20) {
		d = b.NextBackOff()
	}
	return d
}

// stopped is when a run that a brake has stopped is looked at again.
const stopped = 30 * time.Second

const (
	laterDelay  = 5 * time.Minute
	laterBudget = 7 * 24 * time.Hour // to roll a newer version out everywhere, or back
)

// Later puts a delivery off unread, for five minutes: a newer version of Leaver wrote it, or the
// case that it is about, and will read it. After a week it is parked.
func Later(ctx context.Context, p bus.Publisher, d bus.Delivery, entity, subject string, now time.Time) error {
	// The id says since when it has been put off, and makes each time a message of its own.
	id, times, _ := strings.Cut(d.ID(), "~")
	first, _, _ := strings.Cut(times, "~")
	since, err := strconv.ParseInt(first, 10, 64)
	if err != nil || since > now.Unix() { // or nothing would ever park it
		since = now.Unix()
	}
	if now.Sub(time.Unix(since, 0)) >= laterBudget {
		return d.DeadLetter(ctx, ReasonNewer, fmt.Sprintf("put off for %s: a newer version of Leaver wrote this message or its case, and none has taken it", laterBudget))
	}
	at := now.Add(laterDelay)
	_, err = p.Publish(ctx, bus.Message{
		ID: fmt.Sprintf("%s~%d~%d", id, since, at.Unix()), Entity: entity, Subject: subject, Body: d.Body(), At: at,
	})
	if err != nil {
		return fmt.Errorf("putting off message %s: %w", d.ID(), err)
	}
	return d.Complete(ctx)
}
