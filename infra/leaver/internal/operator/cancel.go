package operator

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Cancellation is which departure is to stop, and why.
type Cancellation struct {
	Who    Who    `json:"who"`
	Reason string `json:"reason"`
}

var cancelOperation = operation[Cancellation, Status]{"/cancel", (*Server).cancel}

func (s *Server) cancel(ctx context.Context, ask Cancellation) (Status, error) {
	if ask.Who.Everybody() || ask.Reason == "" {
		return Status{}, refused("say which case, and why")
	}
	open, err := s.open(ctx, ask.Who, "cancel")
	if err != nil {
		return Status{}, err
	}
	c, err := s.Ledger.Case(ctx, open.Case)
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
