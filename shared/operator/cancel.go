package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Cancellation is which departures are to stop, and why: the one that is named, or all open ones
// that began since a time, that a source asked for, or both.
type Cancellation struct {
	Who    Who       `json:"who"`
	Since  time.Time `json:"since,omitzero"`
	Source string    `json:"source,omitempty"` // as it is declared, or as the ledger has it
	Reason string    `json:"reason"`
	// By is who stops an undo, which is a person's act as ordering it was; empty = the machine's user.
	By string `json:"by,omitempty"`
}

// Cancel stops what is meant and returns how that stands. What could not be stopped is an error, and
// does not keep the others from it.
func (s *Desk) Cancel(ctx context.Context, ask Cancellation) ([]Status, error) {
	several := !ask.Since.IsZero() || ask.Source != ""
	if ask.Who.Everybody() != several || ask.Reason == "" {
		return nil, refused("say which departures, by a case or by since and source, and why")
	}
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return nil, err
	}
	var ids []string
	var failures []error
	if several {
		var err error
		if ids, err = s.begun(ctx, ask.Since, ask.Source); errors.Is(err, errUnrecorded) {
			failures = append(failures, err)
		} else if err != nil {
			return nil, err
		}
	} else {
		open, err := s.open(ctx, ask.Who, "cancel")
		if err != nil {
			return nil, err
		}
		ids = []string{open.Case}
	}
	stopped := []Status{}
	for _, id := range ids {
		one, err := s.stop(ctx, id, ask.Reason, by)
		if err != nil {
			failures = append(failures, fmt.Errorf("cancelling case %s: %w", id, err))
			continue
		}
		stopped = append(stopped, one)
	}
	if len(failures) > 0 && len(stopped) > 0 {
		failures = append(failures, fmt.Errorf("cancelled besides: %d", len(stopped)))
	}
	return stopped, errors.Join(failures...)
}

// errUnrecorded: plan has opened a case and not yet recorded the request.
var errUnrecorded = errors.New("it is being planned, and who asked for it is not on record yet: cancel again in a moment")

// begun are the open cases that began since then, and by the word of the source. Who joined a case
// later did not begin it. Where a source is not known yet, errUnrecorded comes with the others.
func (s *Desk) begun(ctx context.Context, since time.Time, source string) ([]string, error) {
	cases, _, err := s.Ledger.Cases(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	var unrecorded []error
	for _, c := range cases {
		if !c.Leaving() || c.OpenedAt.Before(since) || len(c.Requests) == 0 {
			continue
		}
		if source != "" && c.Source != "" {
			if !from(source, c.Source) {
				continue
			}
		} else if source != "" { // an older version opened it
			request, recorded, err := s.Ledger.Request(ctx, c.Requests[0])
			if err != nil {
				return nil, err
			}
			if !recorded {
				unrecorded = append(unrecorded, fmt.Errorf("case %s: %w", c.ID, errUnrecorded))
				continue
			}
			if !from(source, request.Source) {
				continue
			}
		}
		ids = append(ids, c.ID)
	}
	return ids, errors.Join(unrecorded...)
}

// stop cancels one open case, or ends its undo where it is.
func (s *Desk) stop(ctx context.Context, id, reason string, by offboarding.Person) (Status, error) {
	c, err := s.Ledger.Case(ctx, id)
	if err != nil {
		return Status{}, err
	}
	if err := s.othersOnly(c); err != nil {
		return Status{}, err
	}
	if c.Undoing() && !c.Leaving() {
		if c, err = s.Ledger.StopUndo(ctx, id, by); err != nil {
			return Status{}, err
		}
		return s.status(ctx, c)
	}
	at := s.Now().UTC()
	if c.EventTime.After(at) { // by the clock of an HR system: the operator has seen the case all the same
		at = c.EventTime
	}
	c, err = s.Ledger.Cancel(ctx, ledger.Cancellation{
		Tenant: c.Tenant, Leaver: c.Leaver,
		Request: offboarding.RequestID("operator", uuid.NewString()), EventTime: at,
		Reason: "cancelled by an operator", Personal: map[string]string{"cancelReason": reason},
	})
	if err != nil {
		return Status{}, err
	}
	if c.Cancelled == nil {
		return Status{}, refused(fmt.Sprintf("it is %s: nothing was cancelled", c.State(s.Now())))
	}
	return s.status(ctx, c)
}
