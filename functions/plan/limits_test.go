package plan_test

import (
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// ordinary are people whose departures nothing but a limit holds.
var ordinary = []string{adele, "grady.archie@contoso.com", "irvin.sayers@contoso.com", "christie.cline@contoso.com", "lidia.holloway@contoso.com"}

// state is where the departure of somebody stands, and its case.
func state(t *testing.T, h *steptest.Harness, person string) (offboarding.CaseState, *offboarding.Case) {
	t.Helper()
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(person))
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return "", nil
	}
	return c.State(h.Now()), c
}

// TestAHeldDepartureIsSaidOnce asks for five departures in a small company that has configured nothing:
// three begin, and of each other one somebody is told once, however often its request comes.
func TestAHeldDepartureIsSaidOnce(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	for i, person := range ordinary {
		r := termination(h, person, offboarding.Employee{UserPrincipalName: person})
		published := len(h.Bus.Messages())
		for range 2 {
			if d := deliver(t, h, p, r); !d.Completed {
				t.Fatalf("the request for %s was not completed: %s", person, d.DeadSentence)
			}
		}
		want := offboarding.CaseRunning
		if i >= 3 {
			want = offboarding.CaseHeld
			if n := len(h.Bus.Messages()) - published; n > 0 {
				t.Errorf("%d messages were published for %s, want none", n, person)
			}
		}
		if got, c := state(t, h, person); got != want {
			t.Errorf("the departure of %s is %s, held by %+v; want it %s", person, got, c.Held(), want)
		}
	}
	if n := strings.Count(h.Log(), "departure held"); n != 2 {
		t.Errorf("it was said %d times, want once of each of the two", n)
	}
	if n := h.Writes(); n != 0 {
		t.Errorf("%d writes to the tenant, want none", n)
	}
	lockedOut(t, h, simtenant.UserID(ordinary[0]), simtenant.UserID(ordinary[1]), simtenant.UserID(ordinary[2]))
}

// TestASourceHasALimitOfItsOwn counts the departures of one source by themselves.
func TestASourceHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	p := newPlanner(h)
	p.Policy.Limits = offboarding.Limits{PerHour: 10}
	p.SourceLimits = map[string]int{"webhooks/bob": 1}
	for i, tt := range []struct {
		source string
		want   offboarding.CaseState
	}{
		{"webhooks/bob", offboarding.CaseRunning},
		{"webhooks/bob", offboarding.CaseHeld},
		{"webhooks/standard", offboarding.CaseRunning},
	} {
		r := termination(h, ordinary[i], offboarding.Employee{UserPrincipalName: ordinary[i]})
		r.Source = tt.source
		deliver(t, h, p, r)
		got, c := state(t, h, ordinary[i])
		if got != tt.want {
			t.Errorf("departure %d, of %s, is %s, held by %+v; want it %s", i+1, tt.source, got, c.Held(), tt.want)
		}
		if held := c.Held(); tt.want == offboarding.CaseHeld && (len(held) != 1 || held[0].By != "perHour of webhooks/bob") {
			t.Errorf("it is held by %+v, want the limit of its source", held)
		}
	}
	bounds, err := p.Bounds(t.Context())
	if err != nil || len(bounds) != 2 {
		t.Errorf("%d limits, %v; want that of the hour, and that of the source", len(bounds), err)
	}
	h.Advance(time.Hour)
	r := termination(h, ordinary[3], offboarding.Employee{UserPrincipalName: ordinary[3]})
	r.Source = "webhooks/bob"
	deliver(t, h, p, r)
	if got, _ := state(t, h, ordinary[3]); got != offboarding.CaseRunning {
		t.Errorf("an hour later the next one is %s, want it running", got)
	}
}
