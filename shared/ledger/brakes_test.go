package ledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

var perHour10 = []offboarding.Bound{{Name: offboarding.BoundPerHour, Window: time.Hour, Of: 10}}

// departure is the opening of somebody's departure, counted against a limit of ten an hour.
func departure(t testing.TB, i int, at time.Time) ledger.Opening {
	t.Helper()
	o := opening(t, fmt.Sprint("departure ", i), start)
	o.Leaver = fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
	o.Bounds = perHour10
	o.Plan.LeavingTime = at
	return o
}

func mustOpen(t testing.TB, l *ledger.Ledger, o ledger.Opening) *offboarding.Case {
	t.Helper()
	c, err := l.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func firstMessage(c *offboarding.Case) ledger.Claim {
	m := claim(c)
	m.N = c.Step(m.Step).N
	return m
}

var (
	miriam = offboarding.Person{Name: "Miriam Graham"}
	joni   = offboarding.Person{Name: "Joni Sherman", ID: "a1"}
)

// TestALimitIsExactOnSeveralHosts lets three hosts open sixty departures at once, some of them twice.
func TestALimitIsExactOnSeveralHosts(t *testing.T) {
	t.Parallel()
	first, store, clock := newLedger(t)
	hosts := []*ledger.Ledger{first, ledger.New(store, clock.Now, rand.Reader, ledgertest.Proof("tenant")), ledger.New(store, clock.Now, rand.Reader, ledgertest.Proof("tenant"))}
	var all sync.WaitGroup
	for i := range 90 {
		all.Go(func() {
			if _, err := hosts[i%3].Open(t.Context(), departure(t, i%60, start)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	states := func() (begun, held []*offboarding.Case) {
		t.Helper()
		cases, _, err := first.Cases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if c.State(clock.Now()) == offboarding.CaseHeld {
				held = append(held, c)
			} else {
				begun = append(begun, c)
			}
		}
		return begun, held
	}
	begun, held := states()
	if len(begun) != 10 || len(held) != 50 {
		t.Fatalf("%d departures begin and %d are held, want 10 and 50", len(begun), len(held))
	}
	refused(t, hosts[1], firstMessage(held[0]), ledger.Held)
	begin(t, hosts[2], firstMessage(begun[0]), start.Add(time.Minute))

	// A person releases five of them, which count, and the hour does not free anybody by itself.
	for i, c := range held[:5] {
		released, err := hosts[i%3].Release(t.Context(), c.ID, miriam)
		if err != nil || released.State(start) != offboarding.CasePlanning || !released.Counted() {
			t.Fatalf("released, the case is %s, %v; want planning", released.State(start), err)
		}
		begin(t, hosts[0], firstMessage(released), start.Add(time.Minute))
	}
	if _, err := first.Release(t.Context(), held[0].ID, miriam); !errors.Is(err, ledger.ErrNotHeld) {
		t.Errorf("released again: error %v, want ErrNotHeld", err)
	}
	clock.advance(2 * time.Hour)
	if _, released, err := first.Readmit(t.Context(), held[5]); err != nil || released {
		t.Errorf("after two hours it goes on by itself: %t, %v", released, err)
	}

	// A person allows twenty more until tomorrow: ten and twenty begin in this hour, and no more.
	if err := hosts[1].AllowDepartures(t.Context(), 20, clock.Now().Add(24*time.Hour), miriam); err != nil {
		t.Fatal(err)
	}
	var admitted sync.Map
	for i, c := range held[5:] {
		all.Go(func() {
			_, released, err := hosts[i%3].Readmit(t.Context(), c)
			if err != nil {
				t.Error(err)
			}
			if released {
				admitted.Store(c.ID, true)
			}
		})
	}
	all.Wait()
	n := 0
	admitted.Range(func(any, any) bool { n++; return true })
	if n != 30 {
		t.Errorf("%d go on, want 30", n)
	}
	if begun, held = states(); len(begun) != 45 || len(held) != 15 {
		t.Errorf("%d departures have begun and %d are held, want 45 and 15", len(begun), len(held))
	}
}

// TestADatedDepartureIsHeldFromPlanningOn fills an hour of next week.
func TestADatedDepartureIsHeldFromPlanningOn(t *testing.T) {
	t.Parallel()
	l, _, clock := newLedger(t)
	friday := start.Add(7 * 24 * time.Hour)
	var last *offboarding.Case
	for i := range 11 {
		last = mustOpen(t, l, departure(t, i, friday))
	}
	if got := last.State(start); got != offboarding.CaseHeld {
		t.Fatalf("the eleventh is %s, want held", got)
	}
	// One of the others stays after all: its place is free.
	stays := departure(t, 3, friday)
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: stays.Leaver, EventTime: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, l, departure(t, 12, friday)).State(start); got != offboarding.CasePlanning {
		t.Errorf("the next one is %s, want planning", got)
	}
	// Who is told another day moves, and is not counted twice; who moves to where it is full is held.
	moved := func(i int, to time.Time) *offboarding.Case {
		clock.advance(time.Minute)
		o := departure(t, i, to)
		o.Request.ID, o.Request.EventTime = offboarding.RequestID("test", fmt.Sprint("moved ", i, to)), clock.Now()
		return mustOpen(t, l, o)
	}
	if got := moved(0, friday.Add(48*time.Hour)).State(start); got != offboarding.CasePlanning {
		t.Errorf("who moves to an empty hour is %s, want planning", got)
	}
	if got := moved(10, friday.Add(48*time.Hour)).State(start); got != offboarding.CasePlanning {
		t.Errorf("who was held and moves to an empty hour is %s, want planning", got)
	}
	if got := mustOpen(t, l, departure(t, 13, friday)).State(start); got != offboarding.CasePlanning {
		t.Errorf("who takes the place of who moved is %s, want planning", got)
	}
	back := moved(0, friday)
	if got := back.State(start); got != offboarding.CaseHeld {
		t.Errorf("who moves back to the full hour is %s, want held", got)
	}
	if _, err := l.Release(t.Context(), back.ID, joni); err != nil {
		t.Error(err)
	}
}

// TestACaseThatNobodyCountedIsCountedBeforeItsFirstRun opens a case as an older version did,
// which a person has adopted.
func TestACaseThatNobodyCountedIsCountedBeforeItsFirstRun(t *testing.T) {
	t.Parallel()
	l, s, _ := newLedger(t)
	for i := range 10 {
		mustOpen(t, l, departure(t, i, start))
	}
	id := another + "-1"
	store(t, s, id, "open", `{"position":1,"at":"2026-11-22T09:00:00Z","kind":"opened","tenant":"tenant","leaver":"`+another+
		`","plan":{"version":1,"leavingTime":"2026-11-22T09:00:00Z","steps":[{"name":"signout","due":"2026-11-22T09:00:00Z"}]}}`)
	c, err := l.Adopt(t.Context(), shown(t, l, id), miriam)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, claim(c), ledger.Held)
	if c, err = l.Case(t.Context(), id); err != nil || c.State(start) != offboarding.CaseHeld {
		t.Fatalf("the case is %s, %v; want held", c.State(start), err)
	}
	if c, err = l.Release(t.Context(), id, miriam); err != nil {
		t.Fatal(err)
	}
	begin(t, l, firstMessage(c), start.Add(time.Minute))
}

// TestAFreezeStopsEveryWriteWithinASecond freezes on one host while another one is at work.
func TestAFreezeStopsEveryWriteWithinASecond(t *testing.T) {
	t.Parallel()
	l, s, clock := newLedger(t)
	c := open(t, l)
	elsewhere := ledger.New(s, clock.Now, rand.Reader, ledgertest.Proof("tenant"))
	run := begin(t, elsewhere, claim(c), start.Add(time.Hour))
	if err := run.Allow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Freeze(t.Context(), offboarding.Person{}, "no name"); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("frozen by nobody: %v", err)
	}
	if err := l.Freeze(t.Context(), miriam, "a secret has leaked"); err != nil {
		t.Fatal(err)
	}
	clock.advance(500 * time.Millisecond)
	if err := run.Allow(t.Context()); !errors.Is(err, offboarding.ErrFrozen) {
		t.Errorf("half a second later: error %v, want ErrFrozen", err)
	}
	block := claim(c)
	block.Step = offboarding.StepBlock
	refused(t, elsewhere, block, ledger.Frozen)
	// It survives a restart, and says who.
	restarted := ledger.New(s, clock.Now, rand.Reader, ledgertest.Proof("tenant"))
	refused(t, restarted, block, ledger.Frozen)
	if f, frozen, err := restarted.Freezing(t.Context()); err != nil || !frozen || f.By != miriam || f.Reason != "a secret has leaked" || !f.At.Equal(start) {
		t.Errorf("frozen %t: %+v, %v; want by whom and why", frozen, f, err)
	}
	if err := l.Thaw(t.Context(), joni); err != nil {
		t.Fatal(err)
	}
	clock.advance(500 * time.Millisecond)
	if err := run.Allow(t.Context()); err != nil {
		t.Errorf("thawed: %v", err)
	}
	begin(t, elsewhere, block, start.Add(time.Hour))
}

// away is a store whose brakes cannot be read at times.
type away struct {
	ledger.Store
	gone bool
}

func (a *away) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	if a.gone && id == "brakes" {
		return nil, ledger.ErrUnavailable
	}
	return a.Store.Read(ctx, id, after)
}

func TestNobodyWritesWhoHasNotKnownForASecondWhetherItIsFrozen(t *testing.T) {
	t.Parallel()
	first, s, clock := newLedger(t)
	c := open(t, first)
	store := &away{Store: s}
	l := ledger.New(store, clock.Now, rand.Reader, ledgertest.Proof("tenant"))
	run := begin(t, l, claim(c), start.Add(time.Hour))
	store.gone = true
	for _, tt := range []struct {
		after time.Duration
		may   bool
	}{{0, true}, {600 * time.Millisecond, true}, {300 * time.Millisecond, true}, {200 * time.Millisecond, false}} {
		clock.advance(tt.after)
		if err := run.Allow(t.Context()); (err == nil) != tt.may {
			t.Errorf("%s later: error %v, want that it may write: %t", tt.after, err, tt.may)
		}
	}
	store.gone = false
	if err := run.Allow(t.Context()); err != nil {
		t.Errorf("known again: %v", err)
	}
}

func TestAnotherPersonApproves(t *testing.T) {
	t.Parallel()
	l, s, clock := newLedger(t)
	o := departure(t, 1, start)
	o.Request.By = offboarding.Person{Name: "Joni Sherman"}
	o.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "privileged", Needs: 2, Why: "Global Administrator"}}
	c := mustOpen(t, l, o)
	approve := func(by offboarding.Person) error {
		return second(l.Approve(t.Context(), ledger.Approval{Case: c.ID, By: by, Note: "as agreed"}))
	}
	refused(t, l, claim(c), ledger.Held)
	for name, tt := range map[string]struct {
		by   offboarding.Person
		want error
	}{
		"nobody":                         {offboarding.Person{Name: "  "}, ledger.ErrNobody},
		"who asked":                      {offboarding.Person{Name: "JONI sherman "}, ledger.ErrOwnWord},
		"who asked, now with an account": {joni, ledger.ErrOwnWord},
	} {
		if err := approve(tt.by); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
	// A value that was sealed for an approval that another one came before names nobody.
	lost := ledger.Value{Salt: []byte("salt"), Value: "Alex Wilber"}
	if err := s.Seal(t.Context(), c.ID, map[string]ledger.Value{"approved-by-2~0123456789abcdef": lost}); err != nil {
		t.Fatal(err)
	}
	alex := offboarding.Person{Name: "Alex Wilber"}
	if err := approve(miriam); err != nil {
		t.Fatal(err)
	}
	if err := approve(offboarding.Person{Name: "miriam graham"}); !errors.Is(err, ledger.ErrOwnWord) {
		t.Errorf("the same person twice: error %v, want ErrOwnWord", err)
	}
	refused(t, l, claim(c), ledger.Held)
	// She takes it back, and the next two count.
	if _, err := l.Withdraw(t.Context(), ledger.Approval{Case: c.ID, By: miriam}); err != nil {
		t.Fatal(err)
	}
	if err := approve(alex); err != nil {
		t.Fatal(err)
	}
	refused(t, l, claim(c), ledger.Held)
	if err := approve(miriam); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Second)
	begin(t, l, claim(c), start.Add(time.Minute))
	if err := approve(offboarding.Person{Name: "Lee Gu"}); !errors.Is(err, ledger.ErrNotHeld) {
		t.Errorf("nothing waits any more: error %v, want ErrNotHeld", err)
	}
	c, err := l.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	personal, err := l.Personal(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range c.Brakes[0].Approvals {
		names = append(names, ledger.Approver(personal, a).Name)
	}
	if want := []string{"Alex Wilber", "Miriam Graham"}; !slices.Equal(names, want) {
		t.Errorf("approved by %v, want %v", names, want)
	}
}

func TestAPolicyMayTakeOnlyAProvedName(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	o := departure(t, 1, start)
	o.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "privileged", Needs: 1, Verified: true}}
	c := mustOpen(t, l, o)
	if _, err := l.Approve(t.Context(), ledger.Approval{Case: c.ID, By: miriam}); !errors.Is(err, ledger.ErrUnverified) {
		t.Errorf("a name that nobody proves: error %v, want ErrUnverified", err)
	}
	if c, err := l.Approve(t.Context(), ledger.Approval{Case: c.ID, By: joni}); err != nil || len(c.Held()) > 0 {
		t.Errorf("a name that a token proves: held by %v, %v", c.Held(), err)
	}
}

func TestADepartureThatIsOnlyObservedWritesNothing(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	o := departure(t, 1, start)
	o.Plan.Mode = offboarding.Observe
	run := begin(t, l, claim(mustOpen(t, l, o)), start.Add(time.Minute))
	if err := run.Allow(t.Context()); !errors.Is(err, offboarding.ErrRehearsed) {
		t.Errorf("asking to write: error %v, want ErrRehearsed", err)
	}
}

// TestWhatASourceCannotKnowWaitsForAPerson holds the steps that nobody can take back (B18), until a person
// approves them, or asks for the departure in words of their own.
func TestWhatASourceCannotKnowWaitsForAPerson(t *testing.T) {
	t.Parallel()
	undated := func(i int) ledger.Opening {
		o := departure(t, i, start)
		o.Request.Reversible = true
		o.Brakes = o.Plan.Brakes(o.Request)
		return o
	}
	l, _, _ := newLedger(t)
	c := mustOpen(t, l, undated(0))
	for _, step := range c.Steps {
		final := step.Name == offboarding.StepWipe || step.Name == offboarding.StepLicence || step.Name == offboarding.StepDelete
		if final != (step.State == offboarding.StateHeld) {
			t.Errorf("%s is %s; held by B18 %t", step.Name, step.State, final)
		}
	}
	if got := c.State(start); got != offboarding.CasePlanning {
		t.Errorf("the departure is %s; want it to go on with what can be taken back", got)
	}
	c, err := l.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepWipe, By: miriam})
	if err != nil || c.Step(offboarding.StepWipe).State != offboarding.StatePlanned || c.Step(offboarding.StepDelete).State != offboarding.StateHeld {
		t.Errorf("approved, wipe is %s and delete %s, %v; want planned, and held", c.Step(offboarding.StepWipe).State, c.Step(offboarding.StepDelete).State, err)
	}

	other := mustOpen(t, l, undated(1))
	word := departure(t, 1, start)
	word.Request.ID, word.Request.EventTime = offboarding.RequestID("operator", "1"), start.Add(time.Minute)
	c = mustOpen(t, l, word)
	if c.ID != other.ID || len(c.HeldStep(offboarding.StepDelete)) > 0 || c.Step(offboarding.StepDelete).State != offboarding.StatePlanned {
		t.Errorf("in a person's own words, delete is %s, held by %+v; want it planned", c.Step(offboarding.StepDelete).State, c.HeldStep(offboarding.StepDelete))
	}
}

// TestADeletionWaitsForAsManyPeopleAsThePolicySays needs two people, of whom none asked for the departure.
func TestADeletionWaitsForAsManyPeopleAsThePolicySays(t *testing.T) {
	t.Parallel()
	l, _, clock := newLedger(t)
	o := departure(t, 0, start)
	o.Plan.Approvals.Delete = 2
	o.Request.By = joni
	o.Brakes = o.Plan.Brakes(o.Request)
	c := mustOpen(t, l, o)
	approve := func(by offboarding.Person) error {
		_, err := l.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepDelete, By: by})
		return err
	}
	if err := approve(joni); !errors.Is(err, ledger.ErrOwnWord) {
		t.Errorf("whoever asked approves: error %v, want ErrOwnWord", err)
	}
	if err := approve(miriam); err != nil {
		t.Fatal(err)
	}
	if err := approve(offboarding.Person{Name: "MIRIAM GRAHAM"}); !errors.Is(err, ledger.ErrOwnWord) {
		t.Errorf("the same person approves again: error %v, want ErrOwnWord", err)
	}
	clock.advance(8 * 24 * time.Hour) // the first word has expired
	if err := approve(offboarding.Person{Name: "Lee Gu"}); err != nil {
		t.Fatal(err)
	}
	state := func() offboarding.StepState {
		c, err := l.Case(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Step(offboarding.StepDelete).State
	}
	if got := state(); got != offboarding.StateHeld {
		t.Errorf("by one word that counts and one that expired, delete is %s; want it held", got)
	}
	if err := approve(miriam); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != offboarding.StatePlanned {
		t.Errorf("approved by two, delete is %s; want it planned", got)
	}
}

// TestADepartureOfWhichOnlyAStepIsHeldIsCountedByThePolicy: it begins now, so its own bounds count, and
// not those that hold where nobody knows any.
func TestADepartureOfWhichOnlyAStepIsHeldIsCountedByThePolicy(t *testing.T) {
	t.Parallel()
	l, _, _ := newLedger(t)
	for i := range 5 {
		o := departure(t, i, start)
		o.Bounds = []offboarding.Bound{}
		o.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "weaker", Step: offboarding.StepLicence, Needs: 1}}
		c := mustOpen(t, l, o)
		if !c.Counted() {
			t.Fatalf("departure %d is not counted when it is opened; want it counted", i)
		}
		begin(t, l, claim(c), start.Add(time.Minute))
	}
}
