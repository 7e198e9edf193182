package ledger_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/embedded/embeddedtest"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

const leaver = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newLedger(t *testing.T) (*ledger.Ledger, ledger.Store, *clock) {
	t.Helper()
	store := embeddedtest.Store(t)
	c := &clock{now: start}
	return ledger.New(store, c.Now, rand.Reader, ledgertest.Proof("tenant")), store, c
}

func opening(t testing.TB, id string, at time.Time) ledger.Opening {
	t.Helper()
	r := offboarding.Request{
		ID: offboarding.RequestID("test", id), Kind: offboarding.Termination, Source: "test", EventTime: at, ReceivedAt: at, LeavingTime: at,
		Employee: offboarding.Employee{ID: leaver},
	}
	policy := offboarding.DefaultPolicy()
	policy.Mailbox = offboarding.None
	plan, err := offboarding.Compile(r, policy)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Opening{
		Tenant: "tenant", Leaver: leaver, Request: r, Plan: plan,
		Personal: map[string]string{"userPrincipalName": "adele.vance@contoso.com"},
	}
}

func open(t *testing.T, l *ledger.Ledger) *offboarding.Case {
	t.Helper()
	c, err := l.Open(t.Context(), opening(t, "req-1", start))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func claim(c *offboarding.Case) ledger.Claim {
	return ledger.Claim{Tenant: c.Tenant, Case: c.ID, Leaver: c.Leaver, PlanVersion: 1, Step: offboarding.StepSignout, N: 1}
}

// begin is the run of a claim that is admitted.
func begin(t testing.TB, l *ledger.Ledger, m ledger.Claim, until time.Time) *ledger.Run {
	t.Helper()
	run, admission, err := l.Begin(t.Context(), m, until)
	if err != nil || run == nil {
		t.Fatalf("the message for %s is %q (%s), %v; want it admitted", m.Step, admission.Kind, admission.Why, err)
	}
	return run
}

// refused fails unless a claim is declined in this way.
func refused(t testing.TB, l *ledger.Ledger, m ledger.Claim, want ledger.AdmissionKind) ledger.Admission {
	t.Helper()
	run, got, err := l.Begin(t.Context(), m, start.Add(24*time.Hour))
	if err != nil || run != nil || got.Kind != want {
		t.Errorf("the message for %s, n %d, of %s is %q (%s), %v; want %q", m.Step, m.N, m.Case, got.Kind, got.Why, err, want)
	}
	return got
}

func settle(t testing.TB, run *ledger.Run, s ledger.Settlement) *offboarding.Case {
	t.Helper()
	c, err := run.Settle(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneOpenCaseForALeaverWhoeverAsks(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := l.Open(t.Context(), opening(t, fmt.Sprintf("req-%d", i%5), start)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	cases, unreadable, err := l.AllCases(t.Context())
	if err != nil || len(unreadable) != 0 || len(cases) != 1 {
		t.Fatalf("%d cases, %v unreadable, %v; want one case", len(cases), unreadable, err)
	}
	if c := cases[0]; len(c.Requests) != 5 || c.Plan.Version != 1 {
		t.Errorf("requests %v, plan version %d; want 5 and 1", c.Requests, c.Plan.Version)
	}
}

func TestOneRunHasTheLease(t *testing.T) {
	t.Parallel()
	l, _, clock := newLedger(t)
	c := open(t, l)
	var all sync.WaitGroup
	won := make(chan *ledger.Run, 20)
	for range 20 {
		all.Go(func() {
			run, admission, err := l.Begin(t.Context(), claim(c), start.Add(time.Minute))
			switch {
			case run != nil:
				won <- run
			case err != nil || admission.Kind != ledger.Leased || !admission.Again.Equal(start.Add(time.Minute)):
				t.Errorf("%q until %s, %v; want leased until the lease ends", admission.Kind, admission.Again, err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d runs have the lease, want one", len(won))
	}
	first := <-won
	if err := first.Allow(t.Context()); err != nil {
		t.Errorf("the run with the lease may not write: %v", err)
	}
	clock.advance(2 * time.Minute)
	if err := first.Allow(t.Context()); !errors.Is(err, ledger.ErrLeaseLost) {
		t.Errorf("a run whose lease has ended may write: %v", err)
	}
	begin(t, l, claim(c), start.Add(3*time.Minute))
	wantLeaseLost(t, first)
}

// wantLeaseLost fails when a run that lost its lease can still do anything.
func wantLeaseLost(t *testing.T, run *ledger.Run) {
	t.Helper()
	for name, err := range map[string]error{
		"settle":        second(run.Settle(t.Context(), ledger.Settlement{State: offboarding.StateEffective})),
		"keep":          second(run.Keep(t.Context(), nil, map[string]string{"a": "b"})),
		"keep personal": second(run.KeepPersonal(t.Context(), map[string]string{"a": "b"})),
		"renew":         run.Renew(t.Context(), start.Add(time.Hour)),
		"allow":         run.Allow(t.Context()),
	} {
		if !errors.Is(err, ledger.ErrLeaseLost) {
			t.Errorf("%s by a run that lost its lease: error %v, want ErrLeaseLost", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestNIsRaisedWithTheNextDueTime(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	c := open(t, l)
	run := begin(t, l, claim(c), start.Add(time.Minute))
	c = settle(t, run, ledger.Settlement{State: offboarding.StateWaiting, Delay: time.Hour})
	if r := c.Step(offboarding.StepSignout); r.N != 2 || !r.Due.Equal(start.Add(time.Hour)) || !r.Lease.Until.IsZero() {
		t.Errorf("%+v; want n 2, due in an hour, no lease", r)
	}
	refused(t, l, claim(c), ledger.Stale)
	next := claim(c)
	next.N = 2
	if early := refused(t, l, next, ledger.Early); !early.Again.Equal(start.Add(time.Hour)) {
		t.Errorf("it is to come again at %s, want in an hour", early.Again)
	}
}

// TestAMessageIsAdmittedOnlyAsTheLedgerKnowsIt spoils one field at a time.
func TestAMessageIsAdmittedOnlyAsTheLedgerKnowsIt(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	c := open(t, l)
	for _, tt := range []struct {
		name  string
		spoil func(*ledger.Claim)
		want  ledger.AdmissionKind
	}{
		{"another tenant", func(m *ledger.Claim) { m.Tenant = "other" }, ledger.Foreign},
		{"another leaver", func(m *ledger.Claim) { m.Leaver = "other" }, ledger.Foreign},
		{"a case there is not", func(m *ledger.Claim) { m.Case = leaver + "-2" }, ledger.Foreign},
		{"a case id that cannot be", func(m *ledger.Claim) { m.Case = "NOT.AN.ID" }, ledger.Foreign},
		{"the id of a request", func(m *ledger.Claim) { m.Case = offboarding.RequestID("test", "1") }, ledger.Foreign},
		{"a plan that is ahead", func(m *ledger.Claim) { m.PlanVersion++ }, ledger.Foreign},
		{"a number ahead", func(m *ledger.Claim) { m.N++ }, ledger.Foreign},
		{"a step the plan leaves out", func(m *ledger.Claim) { m.Step = "promote" }, ledger.NotPlanned},
		{"an old plan", func(m *ledger.Claim) { m.PlanVersion-- }, ledger.Stale},
		{"an old number", func(m *ledger.Claim) { m.N-- }, ledger.Stale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := claim(c)
			tt.spoil(&m)
			refused(t, l, m, tt.want)
		})
	}
	settle(t, begin(t, l, claim(c), start.Add(time.Minute)), ledger.Settlement{State: offboarding.StateParked, Reason: "refused"})
	if parked := refused(t, l, claim(c), ledger.Parked); parked.Why != "refused" {
		t.Errorf("parked with %q, want the step's reason", parked.Why)
	}
}

func TestAWaitExpiresOnlyPastItsDeadlineAndWithoutALease(t *testing.T) {
	t.Parallel()
	spec, _ := offboarding.SpecOf(offboarding.StepSignout)
	wait := ledger.Settlement{State: offboarding.StateWaiting, Reason: "lag", Delay: time.Minute}
	tests := []struct {
		name    string
		outcome ledger.Settlement
		after   time.Duration
		n       int
		leased  bool
		cancel  bool
		expires bool
	}{
		{"past the deadline", wait, spec.Deadline, 2, false, false, true},
		{"just before it", wait, spec.Deadline - time.Second, 2, false, false, false},
		{"another message is on its way", wait, spec.Deadline, 1, false, false, false},
		{"a run has the lease", wait, spec.Deadline, 2, true, false, false},
		{"the case is cancelled", wait, spec.Deadline, 2, false, true, false},
		{"it does not wait but retries", ledger.Settlement{State: offboarding.StateRetrying, Delay: time.Minute}, spec.Deadline, 2, false, false, false},
		{"it is settled", ledger.Settlement{State: offboarding.StateEffective}, spec.Deadline, 1, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, _, clock := newLedger(t)
			c := open(t, l)
			before := settle(t, begin(t, l, claim(c), start.Add(time.Minute)), tt.outcome)
			clock.advance(tt.after)
			if tt.leased {
				next := claim(c)
				next.N = 2
				before = begin(t, l, next, clock.Now().Add(time.Minute)).Case()
			}
			var err error
			if tt.cancel {
				if before, err = l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: start.Add(time.Second)}); err != nil {
					t.Fatal(err)
				}
			}
			after, expired, err := l.Expire(t.Context(), c.ID, offboarding.StepSignout, tt.n)
			if err != nil || expired != tt.expires {
				t.Fatalf("expired %t, %v", expired, err)
			}
			record := after.Step(offboarding.StepSignout)
			switch {
			case !tt.expires && after.Position != before.Position:
				t.Errorf("something was committed: %+v", record)
			case tt.expires && (record.State != offboarding.StateManual || record.Reason != spec.PastDeadline("lag")):
				t.Errorf("%s: %s; want manual", record.State, record.Reason)
			}
		})
	}
}

func TestB16ACancelledCaseGivesNoLeaseAndNoLeaveToWrite(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	c := open(t, l)
	run := begin(t, l, claim(c), start.Add(time.Minute))
	cancelled, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: start.Add(time.Second)})
	if err != nil || cancelled.State(start) != offboarding.CaseCancelling {
		t.Fatalf("%v, %v", cancelled.State(start), err)
	}
	if err := run.Allow(t.Context()); !errors.Is(err, offboarding.ErrCancelled) {
		t.Errorf("asking to write: error %v, want ErrCancelled", err)
	}
	block := claim(c)
	block.Step = offboarding.StepBlock
	refused(t, l, block, ledger.Cancelled)
	run.Record(offboarding.Call{Operation: "PATCH /users/{id}", Status: 204})
	run.Record(offboarding.Call{Operation: "POST /users/{id}/revokeSignInSessions", Status: 403})
	c = settle(t, run, ledger.Settlement{State: offboarding.StateWaiting, Delay: time.Hour})
	if c.State(start) != offboarding.CaseCancelled || c.Step(offboarding.StepSignout).State != offboarding.StateCancelled {
		t.Errorf("the case is %s, signout %s; want both cancelled", c.State(start), c.Step(offboarding.StepSignout).State)
	}
	if why := c.Step(offboarding.StepSignout).Reason; why != "the departure was cancelled; the step had written: PATCH /users/{id}" {
		t.Errorf("what took effect is not said: %s", why)
	}
	newer, err := l.Open(t.Context(), opening(t, "req-3", start.Add(time.Hour)))
	if err != nil || newer.ID == c.ID || !newer.Open() {
		t.Errorf("a newer request got %s, %v", newer.ID, err)
	}
}

// TestB16ACancelledCaseGoesNoFurther cancels a case that a person was to act on.
func TestB16ACancelledCaseGoesNoFurther(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	c := open(t, l)
	settle(t, begin(t, l, claim(c), start.Add(time.Minute)), ledger.Settlement{State: offboarding.StateManual, Reason: "do it"})
	cancelled, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: start.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"replay":   second(l.Replay(t.Context(), c.ID, offboarding.StepSignout)),
		"sign-off": second(l.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepSignout, By: "Miriam Graham", Note: "done"})),
	} {
		if !errors.Is(err, offboarding.ErrCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := l.MarkPublished(t.Context(), c.ID, 1); err != nil || after.Position != cancelled.Position {
		t.Errorf("something was committed: %d entries instead of %d, %v", after.Position, cancelled.Position, err)
	}
}

// meanwhile is a source of randomness that lets something happen when it is first asked.
type meanwhile func()

func (m *meanwhile) Read(p []byte) (int, error) {
	if happens := *m; happens != nil {
		*m = nil
		happens()
	}
	return rand.Read(p)
}

// TestB16ANewerRequestInTheMiddleOfACancellationWins lets it come after the cancellation has read
// the case, while the words of who cancelled are sealed.
func TestB16ANewerRequestInTheMiddleOfACancellationWins(t *testing.T) {
	t.Parallel()
	l, store, clock := newLedger(t)
	c := open(t, l)
	newer := meanwhile(func() {
		if _, err := l.Open(t.Context(), opening(t, "req-3", start.Add(time.Hour))); err != nil {
			t.Error(err)
		}
	})
	after, err := ledger.New(store, clock.Now, &newer, ledgertest.Proof("tenant")).Cancel(t.Context(), ledger.Cancellation{
		Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: start.Add(time.Minute), Personal: map[string]string{"by": "Miriam Graham"},
	})
	if err != nil || newer != nil || after.ID != c.ID || after.Cancelled != nil || !after.Open() {
		t.Errorf("case %s is cancelled: %+v, %v", after.ID, after.Cancelled, err)
	}
}

// TestAPlanThatChangesDuringARunEndsIt changes where the mail goes while a run of the old plan is
// under way: it may not write any more, and its word counts for nothing.
func TestAPlanThatChangesDuringARunEndsIt(t *testing.T) {
	t.Parallel()
	const forward, preserve = offboarding.StepForward, offboarding.StepPreserve
	l, _, clock := newLedger(t)
	c := open(t, l)
	old := map[offboarding.StepName]*ledger.Run{}
	for _, step := range []offboarding.StepName{forward, preserve} {
		m := claim(c)
		m.Step = step
		old[step] = begin(t, l, m, start.Add(time.Minute))
	}
	clock.advance(time.Second)
	change := opening(t, "req-2", clock.Now())
	change.Plan.Mailbox = offboarding.Shared
	change.Plan.Steps = slices.DeleteFunc(change.Plan.Steps, func(s offboarding.PlannedStep) bool { return s.Name == preserve })
	c, err := l.Open(t.Context(), change)
	if err != nil || c.Plan.Version != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := old[forward].Allow(t.Context()); !errors.Is(err, ledger.ErrReplanned) {
		t.Errorf("asking to write: error %v, want ErrReplanned", err)
	}
	m := claim(c)
	m.Step, m.PlanVersion = forward, 2
	refused(t, l, m, ledger.Leased)
	c = settle(t, old[forward], ledger.Settlement{State: offboarding.StateEffective, Evidence: map[string]string{"forwarding": "in effect"}})
	if r := c.Step(forward); r.State != offboarding.StatePlanned || r.Observed || len(r.Evidence) > 0 {
		t.Errorf("%+v; want it planned, with nothing of the old run", r)
	}
	if err := begin(t, l, m, start.Add(time.Minute)).Allow(t.Context()); err != nil {
		t.Errorf("the new plan's run may not write: %v", err)
	}
	wantLeaseLost(t, old[preserve]) // the new plan does not even hold the step
}

// TestB16AnOldRequestDoesNotOpenADepartureAgain sends one that was delayed until the departure was
// over: the account may be that of a person who came back.
func TestB16AnOldRequestDoesNotOpenADepartureAgain(t *testing.T) {
	t.Parallel()
	l, _, clock := newLedger(t)
	clock.advance(time.Hour)
	first, err := l.Open(t.Context(), opening(t, "req-1", clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(31 * 24 * time.Hour)
	for _, step := range first.Plan.Steps {
		m := claim(first)
		m.Step = step.Name
		settle(t, begin(t, l, m, clock.Now().Add(time.Minute)), ledger.Settlement{State: offboarding.StateEffective})
	}
	if c, err := l.Open(t.Context(), opening(t, "req-0", start)); err != nil || c.ID != first.ID {
		t.Errorf("the older request opened %s, %v", c.ID, err)
	}
	if c, err := l.Open(t.Context(), opening(t, "req-2", clock.Now())); err != nil || c.ID == first.ID {
		t.Errorf("a newer one did not: %s, %v", c.ID, err)
	}
}

func TestAReplayIsNotDueBeforeItsPlan(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	o := opening(t, "req-1", start)
	i := slices.IndexFunc(o.Plan.Steps, func(s offboarding.PlannedStep) bool { return s.Name == offboarding.StepLicence })
	o.Plan.Steps[i].Withheld = offboarding.B5
	c, err := l.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = l.Replay(t.Context(), c.ID, offboarding.StepLicence); err != nil || !c.Step(offboarding.StepLicence).Due.Equal(o.Plan.Steps[i].Due) {
		t.Errorf("due %s instead of %s, %v", c.Step(offboarding.StepLicence).Due, o.Plan.Steps[i].Due, err)
	}
}

func TestAnAlteredHistoryIsFoundOut(t *testing.T) {
	t.Parallel()
	l, store, _ := newLedger(t)
	c := open(t, l)
	if _, err := l.MarkPublished(t.Context(), c.ID, 1); err != nil {
		t.Fatal(err)
	}
	raws, err := store.Read(t.Context(), c.ID, 0)
	if err != nil || len(raws) != 2 {
		t.Fatal(err)
	}
	// The same entries under another id, the first one altered, as somebody with the database would.
	const forged = "00000000-0000-4000-8000-000000000000-1"
	raws[0] = []byte(strings.Replace(string(raws[0]), offboarding.RequestID("test", "req-1"), offboarding.RequestID("test", "req-9"), 1))
	for i, raw := range raws {
		if err := store.Append(t.Context(), forged, i+1, "open", raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.History(t.Context(), forged); err == nil {
		t.Error("the altered history verifies")
	}
	if _, err := l.History(t.Context(), c.ID); err != nil {
		t.Errorf("the true history does not verify: %v", err)
	}
}

func TestPersonalValuesAreErasedAndTheChainStillVerifies(t *testing.T) {
	t.Parallel()
	l, _, clock := newLedger(t)
	c := open(t, l)
	history, err := l.History(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(history); strings.Contains(string(text), "adele") {
		t.Fatalf("the history names the leaver: %s", text)
	}
	verify := func(want bool) {
		t.Helper()
		values, err := l.PersonalOf(t.Context(), c)
		if _, kept := values["userPrincipalName"]; err != nil || kept != want {
			t.Errorf("the value is kept: got %t, %v, want %t", kept, err, want)
		}
	}
	verify(true)
	erase := func(want bool) {
		t.Helper()
		if _, got, err := l.Erase(t.Context(), c.ID); err != nil || got != want {
			t.Errorf("erased: got %t, %v, want %t", got, err, want)
		}
	}
	clock.advance(365 * 24 * time.Hour)
	erase(false) // the case is open
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "req-2", EventTime: clock.Now()}); err != nil {
		t.Fatal(err)
	}
	clock.advance(90*24*time.Hour - time.Second)
	erase(false)
	verify(true)
	clock.advance(time.Second)
	erase(true)
	verify(false)
	erase(false)
	if left, _, err := l.Unerased(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%d cases are left to erase, %v", len(left), err)
	}
	if _, err := l.History(t.Context(), c.ID); err != nil {
		t.Errorf("the chain does not verify any more: %v", err)
	}
}

func TestARequestIsDecidedOnceAndOnRecord(t *testing.T) {
	t.Parallel()
	l, store, _ := newLedger(t)
	id := offboarding.RequestID("test", "1")
	d := ledger.Decision{ID: id, Kind: offboarding.Termination, State: ledger.RequestParked, Reason: "no user"}
	for range 3 {
		if err := l.Decide(t.Context(), d, map[string]string{"userPrincipalName": "nobody.here@contoso.com"}); err != nil {
			t.Fatal(err)
		}
	}
	if raws, err := store.Read(t.Context(), id, 0); err != nil || len(raws) != 1 {
		t.Errorf("%d records, %v; want one", len(raws), err)
	}
	d.State, d.Case, d.Reason = ledger.RequestPlanned, "case", ""
	if err := l.Decide(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	parked, unreadable, err := l.Requests(t.Context(), ledger.RequestParked)
	if err != nil || len(parked)+len(unreadable) != 0 {
		t.Errorf("%v parked, %v unreadable, %v; want none", parked, unreadable, err)
	}
	if got, known, err := l.Request(t.Context(), id); err != nil || !known || got.Case != "case" || got.Position != 2 {
		t.Errorf("%+v, %t, %v; want the second record", got, known, err)
	}
}

func TestAPersonsWordClosesOnlyWhatWaitsForAPerson(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	c := open(t, l)
	sign := ledger.SignOff{Case: c.ID, Step: offboarding.StepSignout, By: "Miriam Graham", Note: "done in the portal"}
	if _, err := l.SignOff(t.Context(), sign); !errors.Is(err, ledger.ErrNotSignable) {
		t.Errorf("a step that is still planned: %v", err)
	}
	settle(t, begin(t, l, claim(c), start.Add(time.Minute)), ledger.Settlement{State: offboarding.StateManual, Reason: "do it"})
	nameless := sign
	nameless.By = " "
	if _, err := l.SignOff(t.Context(), nameless); !errors.Is(err, ledger.ErrNotSignable) {
		t.Errorf("signed by nobody: %v", err)
	}
	wordless := sign
	wordless.Note = " "
	if _, err := l.SignOff(t.Context(), wordless); !errors.Is(err, ledger.ErrNotSignable) {
		t.Errorf("signed without a word: %v", err)
	}
	var position int
	for range 2 {
		signed, err := l.SignOff(t.Context(), sign)
		if err != nil {
			t.Fatal(err)
		}
		if position == 0 {
			position = signed.Position
		}
		record := signed.Step(offboarding.StepSignout)
		if record.State != offboarding.StateSignedOff || record.Reason != "was manual: do it" || signed.Position != position {
			t.Errorf("%+v at %d", record, signed.Position)
		}
		personal, err := l.Personal(t.Context(), c.ID)
		if by, note := ledger.SignedOff(personal, record); err != nil || by != sign.By || note != sign.Note {
			t.Errorf("by %q, %q: %v", by, note, err)
		}
	}
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, Request: "stop", EventTime: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	sign.Step = offboarding.StepBlock
	if _, err := l.SignOff(t.Context(), sign); !errors.Is(err, ledger.ErrNotSignable) {
		t.Errorf("on a cancelled case: %v", err)
	}
}
