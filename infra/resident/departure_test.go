package resident_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leaver/infra/resident"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// line is one departure with every step, on a host whose clock the test moves.
type line struct {
	*steptest.Harness
	workers map[offboarding.StepName]*worker.Worker
	c       *offboarding.Case
}

func newLine(t *testing.T, person string, policy offboarding.Policy) *line {
	return newLineOf(t, person, policy, func(*line) {})
}

// newLineOf prepares the host before the departure begins.
func newLineOf(t *testing.T, person string, policy offboarding.Policy, prepare func(*line)) *line {
	l := &line{Harness: steptest.New(t), workers: map[offboarding.StepName]*worker.Worker{}}
	storage := objectstore.New(t.TempDir(), nil)
	for name := range resident.Steps(l.Graph, l.Exchange, l.Ledger, storage, policy) {
		directory, mailboxes := l.As(string(name)) // with its rights and no others
		l.workers[name] = l.Worker(name, resident.Steps(directory, mailboxes, l.Ledger, storage, policy)[name])
	}
	prepare(l)
	l.c = l.Open(t, person, offboarding.Options{}, policy)
	return l
}

// round hands every step that is due its message; handle says how. It reports whether the case
// has ended.
func (l *line) round(t *testing.T, handle func(offboarding.StepName)) bool {
	t.Helper()
	c, err := l.Ledger.Case(t.Context(), l.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := time.Time{}
	for _, step := range c.Steps {
		if step.State.Settled() {
			continue
		}
		if due := step.Due; next.IsZero() || due.Before(next) {
			next = due
		}
	}
	if next.IsZero() {
		return true
	}
	if wait := next.Sub(l.Now()); wait > 0 {
		l.Advance(wait)
	}
	for _, step := range c.Steps {
		if !step.State.Settled() && !step.Due.After(l.Now()) {
			handle(step.Name)
		}
	}
	return false
}

// finish carries the departure to its end and returns the number of rounds.
func (l *line) finish(t *testing.T) {
	t.Helper()
	for range 500 {
		if l.round(t, func(name offboarding.StepName) {
			if _, err := l.Deliver(t.Context(), l.workers[name], l.Message(t, l.c.ID, name)); err != nil {
				t.Fatal(err)
			}
		}) {
			return
		}
	}
	t.Fatal("the departure did not end")
}

// TestKilledAroundEveryCall kills the host just before and just after each Graph and Exchange
// call of a whole departure: it ends the same, and nothing that is not idempotent took effect
// twice.
func TestKilledAroundEveryCall(t *testing.T) {
	t.Parallel()
	killed := errors.New("the process was killed")
	whole := newLine(t, adele, offboarding.DefaultPolicy())
	calls := 0
	whole.OnRequest = func(*http.Request) error { calls++; return nil }
	whole.finish(t)
	if calls < 15 {
		t.Fatalf("a departure of %d calls proves little", calls)
	}
	for call := 1; call <= calls; call++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, after %t", call, after), func(t *testing.T) {
				t.Parallel()
				l := newLine(t, adele, offboarding.DefaultPolicy())
				n := 0
				var kill context.CancelFunc
				count := func(*http.Request) error {
					if n++; n == call {
						kill()
						return killed
					}
					return nil
				}
				if after {
					l.OnAnswer = count
				} else {
					l.OnRequest = count
				}
				struck := false
				for range 500 {
					ended := l.round(t, func(name offboarding.StepName) {
						ctx, stop := context.WithCancel(t.Context())
						defer stop()
						kill = stop
						_, err := l.Deliver(ctx, l.workers[name], l.Message(t, l.c.ID, name))
						if ctx.Err() != nil {
							struck = true
							l.Advance(25 * time.Second) // until the lease of the dead host is over
						} else if err != nil {
							t.Fatal(err)
						}
					})
					if ended {
						break
					}
				}
				if !struck {
					t.Fatal("the call was never made")
				}
				same(t, whole, l)
			})
		}
	}
}

// same compares the ends of two departures of the same person.
func same(t *testing.T, want, got *line) {
	t.Helper()
	for _, step := range want.c.Steps {
		w, g := want.Record(t, want.c.ID, step.Name), got.Record(t, got.c.ID, step.Name)
		if w.State != g.State || w.Rule != g.Rule {
			t.Errorf("%s ended %s %s: %s; undisturbed %s %s", step.Name, g.State, g.Rule, g.Reason, w.State, w.Rule)
		}
	}
	id := simtenant.UserID(adele)
	_, wantDeleted := want.Tenant.DeletedUser(id)
	if _, deleted := got.Tenant.DeletedUser(id); deleted != wantDeleted {
		t.Errorf("deleted %t; undisturbed %t", deleted, wantDeleted)
	}
	for operation, times := range got.Tenant.Requests() {
		switch operation {
		case "POST /users/{id}/mailFolders/inbox/messageRules", "POST /drives/{id}/items/{id}/invite", "POST /drives/{id}/items/{id}/copy":
			if undisturbed := want.Tenant.Requests()[operation]; times > undisturbed {
				t.Errorf("%s was made %d times; undisturbed %d", operation, times, undisturbed)
			}
		}
	}
}

// TestB15EverybodyIsAddressedByObjectID watches every request of a departure: once plan has found
// the person, no path and no command that changes something names anybody but by object id.
func TestB15EverybodyIsAddressedByObjectID(t *testing.T) {
	t.Parallel()
	l := newLine(t, adele, offboarding.DefaultPolicy())
	seen := 0
	l.OnRequest = func(r *http.Request) error {
		seen++
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if text := strings.ToLower(r.URL.String()); strings.Contains(text, "adele") || strings.Contains(text, "contoso.com") {
			t.Errorf("%s %s names somebody", r.Method, text)
		}
		var command struct {
			CmdletInput struct {
				CmdletName string
				Parameters map[string]any
			}
		}
		_ = json.Unmarshal(body, &command) // what is no command has no parameters
		if strings.HasPrefix(command.CmdletInput.CmdletName, "Get-") {
			return nil // looks names up that Exchange itself gave, to find out whose they are
		}
		for _, name := range []string{"Identity", "Mailbox", "ForwardingAddress"} {
			if whom, ok := command.CmdletInput.Parameters[name].(string); ok && uuid.Validate(whom) != nil {
				t.Errorf("%s is %q", name, whom)
			}
		}
		return nil
	}
	l.finish(t)
	if seen < 15 {
		t.Errorf("%d requests prove little", seen)
	}
}
