// Package operator is what the people who run Leaver can ask of it and do to it: every question and
// every act once, whoever asks. The operator's command reaches them on the loopback interface, the
// console through a browser; neither can do what is not here. Every act begins with [Desk.acting], which
// checks who acts and by which role, and no other room does to the ledger what people do: on AWS and Azure
// it is in the console's function alone, which signs; elsewhere in the host that holds the key's file.
package operator

import (
	"context"
	"errors"
	"net/http"
	"time"

	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Desk is where the questions are answered and the acts are done.
type Desk struct {
	Ledger    *ledger.Ledger
	Index     *Index
	Bus       bus.Bus
	Directory Directory
	Planner   *plan.Planner
	Replayer  *replay.Replayer
	// Steps rehearse a plan before it begins, each with its own rights; a step that is not here is not
	// rehearsed.
	Steps map[offboarding.StepName]worker.Step
	Now   func() time.Time
	// Operator is whom a token proves to be the one who asks; where it is nobody, who asks says so.
	Operator offboarding.Person
	roles    []Role // nil = all, of whoever can read the file of the host's token
	// PolicyUnknown is set when others plan the requests, by a policy that this desk was not told: it
	// could only guess what they would do.
	PolicyUnknown bool
	// Hurried is set where an answer has to be there within seconds and nothing goes on after it, as behind
	// the gateway of an HTTP API: nothing is read then that grows with all the departures there ever were.
	// Source: Amazon API Gateway, quotas of an HTTP API: 30 s.
	Hurried bool
}

// Directory is what the desk reads of the tenant.
type Directory interface {
	Find(ctx context.Context, e offboarding.Employee) ([]offboarding.User, error)
	DirectoryRoles(ctx context.Context, user string) ([]string, error)
}

// refused is what cannot be done for whoever asked so.
type refused string

// Error implements error.
func (r refused) Error() string { return string(r) }

// StatusCode is what an error of an act is over HTTP: 422 where something else has to be asked, 409
// where the case does not stand so, 503 where it may go well the next time.
func StatusCode(err error) int {
	var refusal *offboarding.Refusal
	var no refused
	switch {
	case errors.As(err, &no), errors.As(err, &refusal), errors.Is(err, ledger.ErrNobody):
		return http.StatusUnprocessableEntity
	case errors.Is(err, ledger.ErrNotSignable), errors.Is(err, ledger.ErrNoCase), errors.Is(err, ledger.ErrNotHeld),
		errors.Is(err, ledger.ErrOwnWord), errors.Is(err, ledger.ErrSpoiled), errors.Is(err, ledger.ErrUnverified), errors.Is(err, ledger.ErrNotUndoable),
		errors.Is(err, ledger.ErrNotReplayable), errors.Is(err, offboarding.ErrCancelled), errors.Is(err, ledger.ErrNoSigner), errors.Is(err, ledger.ErrUnreadable):
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}
