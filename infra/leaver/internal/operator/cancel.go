package operator

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Cancellation is which departure is to stop, and why.
type Cancellation struct {
	Who    string `json:"who"`
	Reason string `json:"reason"`
}

var cancelOperation = operation[Cancellation, Status]{"/cancel", (*Server).cancel}

func (s *Server) cancel(ctx context.Context, ask Cancellation) (Status, error) {
	if ask.Who == "" || ask.Reason == "" {
		return Status{}, refused("say which case, and why")
	}
	found, err := Statuses(ctx, s.Ledger, ask.Who, s.Now())
	if err != nil {
		return Status{}, err
	}
	var open []Status
	for _, one := range found {
		switch offboarding.CaseState(one.State) {
		case offboarding.CasePlanning, offboarding.CaseRunning:
			open = append(open, one)
		}
	}
	if len(open) != 1 {
		return Status{}, notOne(ask.Who, open, len(found))
	}
	c, err := s.Ledger.Case(ctx, open[0].Case)
	if err != nil {
		return Status{}, err
	}
	at := s.Now().UTC()
	if c.EventTime.After(at) { // by the clock of an HR system: the operator has seen the case all the same
		at = c.EventTime
	}
	c, err = s.Ledger.Cancel(ctx, ledger.Cancellation{
		Tenant: c.Tenant, Leaver: c.Leaver,
		Request: offboarding.RequestID("operator", uuid.NewString()), EventTime: at,
		Reason: "cancelled by an operator", Personal: map[string]string{"cancelReason": ask.Reason},
	})
	if err != nil {
		return Status{}, err
	}
	if c.Cancelled == nil {
		return Status{}, refused(fmt.Sprintf("case %s is %s: nothing was cancelled", c.ID, c.State(s.Now())))
	}
	return s.status(ctx, c)
}

// notOne says why there is nothing to cancel, or too much.
func notOne(who string, open []Status, found int) error {
	switch {
	case found == 0:
		return refused(fmt.Sprintf("no case for %q; leaver status lists them", who))
	case len(open) == 0:
		return refused(fmt.Sprintf("no open case for %q, so there is nothing to cancel; leaver status %s shows what there is", who, who))
	}
	var ids []string
	for _, s := range open {
		ids = append(ids, s.Case)
	}
	return refused(fmt.Sprintf("%d open cases for %q; name one: %s", len(open), who, strings.Join(ids, " ")))
}
