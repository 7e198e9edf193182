package offboarding_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

var leaving = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func request() offboarding.Request {
	return offboarding.Request{
		ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, Source: "test",
		EventTime: leaving, ReceivedAt: leaving, LeavingTime: leaving,
		Employee: offboarding.Employee{UserPrincipalName: "adele.vance@contoso.com"},
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	tests := []struct {
		name    string
		change  func(*offboarding.Request, *offboarding.Policy)
		due     map[offboarding.StepName]time.Duration // after the leaving time
		refused bool
	}{
		{
			name: "the default waits 30 days and deletes right after",
			due: map[offboarding.StepName]time.Duration{
				offboarding.StepSignout: 0, offboarding.StepBlock: 0, offboarding.StepWipe: 0, offboarding.StepForward: 0, offboarding.StepPrivileges: 0, offboarding.StepAccess: 0,
				offboarding.StepLicence: 30 * day, offboarding.StepDelete: 30 * day,
			},
		},
		{
			name:   "the policy moves the gates",
			change: func(_ *offboarding.Request, p *offboarding.Policy) { p.Grace, p.DeleteAfter = day, 2*day },
			due:    map[offboarding.StepName]time.Duration{offboarding.StepSignout: 0, offboarding.StepLicence: day, offboarding.StepDelete: 3 * day},
		},
		{
			name: "the grace of a departure reported late counts from the report",
			change: func(r *offboarding.Request, _ *offboarding.Policy) {
				r.ReceivedAt = r.LeavingTime.Add(100 * day)
			},
			due: map[offboarding.StepName]time.Duration{offboarding.StepSignout: 0, offboarding.StepLicence: 130 * day, offboarding.StepDelete: 130 * day},
		},
		{name: "an employee without a name is refused", change: func(r *offboarding.Request, _ *offboarding.Policy) { r.Employee = offboarding.Employee{} }, refused: true},
		{name: "a cancellation makes no plan", change: func(r *offboarding.Request, _ *offboarding.Policy) { r.Kind = offboarding.Cancellation }, refused: true},
		{name: "an unlimited grace is refused", change: func(_ *offboarding.Request, p *offboarding.Policy) { p.Grace = offboarding.Unlimited }, refused: true},
		{name: "an unknown way of keeping is refused", change: func(_ *offboarding.Request, p *offboarding.Policy) { p.KeepFiles = "hold" }, refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, p := request(), offboarding.DefaultPolicy()
			if tt.change != nil {
				tt.change(&r, &p)
			}
			plan, err := offboarding.Compile(r, p)
			var refusal *offboarding.Refusal
			if refused := errors.As(err, &refusal); refused != tt.refused {
				t.Fatalf("refused %t: %v", refused, err)
			}
			for name, after := range tt.due {
				step, ok := plan.Step(name)
				if !ok || !step.Due.Equal(leaving.Add(after)) {
					t.Errorf("%s is due %s after the leaving time, wanted %s", name, step.Due.Sub(leaving), after)
				}
			}
		})
	}
}

func TestProtectedAccountsAreFoundByAnyName(t *testing.T) {
	t.Parallel()
	user := offboarding.User{ID: "87d349ed-44d7-43e1-9a83-5f2406dee5bd", UserPrincipalName: "adele.vance@contoso.com", Mail: "adele@contoso.com"}
	for _, name := range []string{user.ID, "Adele.Vance@Contoso.com", "adele@contoso.com"} {
		if !(offboarding.Policy{PolicySettings: offboarding.PolicySettings{Protected: []string{name}}}).Protects(user, nil) {
			t.Errorf("%s does not protect", name)
		}
	}
	if (offboarding.Policy{PolicySettings: offboarding.PolicySettings{Protected: []string{"", "alex.wilber@contoso.com"}}}).Protects(user, nil) {
		t.Error("another name protects")
	}
}

func TestAWriteWithoutAWarrantIsRefused(t *testing.T) {
	t.Parallel()
	err := offboarding.WriteGuardFrom(context.Background()).Allow(context.Background())
	if !offboarding.IsPermanent(err) {
		t.Errorf("got %v, want a permanent error", err)
	}
}

// history applies entries to a case, chained as the ledger does.
func history(t *testing.T, entries ...offboarding.Entry) *offboarding.Case {
	t.Helper()
	c := &offboarding.Case{ID: "case"}
	var err error
	for i, e := range entries {
		e.Position, e.Previous = i+1, c.Hash
		if e.At.IsZero() {
			e.At = leaving.Add(time.Duration(i) * time.Minute)
		}
		if c, err = c.With(e, fmt.Sprintf("hash %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func opened(t *testing.T) offboarding.Entry {
	plan, err := offboarding.Compile(request(), offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return offboarding.Entry{Kind: offboarding.EntryOpened, Tenant: "t", Leaver: "l", Request: "req-1", EventTime: leaving, Plan: &plan}
}

func settled(step offboarding.StepName, state offboarding.StepState, n int) offboarding.Entry {
	return offboarding.Entry{Kind: offboarding.EntrySettled, Step: step, State: state, N: n}
}

func TestCaseStates(t *testing.T) {
	t.Parallel()
	lease := &offboarding.Lease{Holder: "run", Until: leaving.Add(time.Hour)}
	// The first steps end in the states, all others are effective.
	all := func(states ...offboarding.StepState) []offboarding.Entry {
		entries := []offboarding.Entry{opened(t), {Kind: offboarding.EntryPublished}}
		for i, step := range entries[0].Plan.Steps {
			state := offboarding.StateEffective
			if i < len(states) {
				state = states[i]
			}
			if state == offboarding.StateSignedOff {
				entries = append(entries, offboarding.Entry{Kind: offboarding.EntrySignedOff, Step: step.Name, State: offboarding.StateManual})
				continue
			}
			entries = append(entries, settled(step.Name, state, 1))
		}
		return entries
	}
	unfinished := all()
	unfinished = unfinished[:len(unfinished)-1]
	const e, w, m, p, s = offboarding.StateEffective, offboarding.StateWithheld, offboarding.StateManual, offboarding.StateParked, offboarding.StateSignedOff
	tests := []struct {
		name    string
		entries []offboarding.Entry
		want    offboarding.CaseState
	}{
		{"planning until published", []offboarding.Entry{opened(t)}, offboarding.CasePlanning},
		{"running until every step is closed", unfinished, offboarding.CaseRunning},
		{"complete with every step effective, withheld or signed off", all(w, e, s), offboarding.CaseComplete},
		{"not complete with a manual task", all(e, e, e, m), offboarding.CaseRunning},
		{"not complete with a parked step", all(e, p), offboarding.CaseRunning},
		{"cancelling while a lease is held", []offboarding.Entry{opened(t), {Kind: offboarding.EntryBegun, Step: offboarding.StepBlock, Lease: lease}, {Kind: offboarding.EntryCancelled}}, offboarding.CaseCancelling},
		{"cancelled when none is", []offboarding.Entry{opened(t), {Kind: offboarding.EntryBegun, Step: offboarding.StepBlock, Lease: lease}, {Kind: offboarding.EntryCancelled}, settled(offboarding.StepBlock, offboarding.StateCancelled, 1)}, offboarding.CaseCancelled},
		{"cancelled before it was opened", []offboarding.Entry{{Kind: offboarding.EntryCancelled, Leaver: "l"}}, offboarding.CaseCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := history(t, tt.entries...).State(leaving.Add(10 * time.Minute)); got != tt.want {
				t.Errorf("%s, wanted %s", got, tt.want)
			}
		})
	}
}

func TestFailingCountsFromTheFirstOfTheFailuresOnly(t *testing.T) {
	t.Parallel()
	c := history(t, opened(t), settled(offboarding.StepWipe, offboarding.StateWaiting, 2), settled(offboarding.StepWipe, offboarding.StateRetrying, 3), settled(offboarding.StepWipe, offboarding.StateRetrying, 4))
	if r := c.Step(offboarding.StepWipe); !r.Since.Equal(leaving.Add(time.Minute)) || !r.FailingSince.Equal(leaving.Add(2*time.Minute)) {
		t.Errorf("since %s, failing since %s", r.Since, r.FailingSince)
	}
	c = history(t, opened(t), settled(offboarding.StepWipe, offboarding.StateRetrying, 2), settled(offboarding.StepWipe, offboarding.StateWaiting, 3))
	if r := c.Step(offboarding.StepWipe); !r.Since.Equal(leaving.Add(time.Minute)) || !r.FailingSince.IsZero() {
		t.Errorf("since %s, failing since %s", r.Since, r.FailingSince)
	}
}

func TestReplanningKeepsWhatTookEffect(t *testing.T) {
	t.Parallel()
	r := request()
	r.LeavingTime = leaving.Add(48 * time.Hour)
	later, err := offboarding.Compile(r, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	later.Version = 2
	c := history(t, opened(t), offboarding.Entry{Kind: offboarding.EntryPublished},
		settled(offboarding.StepSignout, offboarding.StateEffective, 1),
		settled(offboarding.StepBlock, offboarding.StateWaiting, 5),
		offboarding.Entry{Kind: offboarding.EntryJoined, Request: "req-2", EventTime: leaving.Add(time.Hour), Plan: &later})
	if c.Step(offboarding.StepSignout).State != offboarding.StateEffective {
		t.Error("signout is not effective any more")
	}
	block := c.Step(offboarding.StepBlock)
	if block.State != offboarding.StatePlanned || block.N != 1 || !block.Due.Equal(r.LeavingTime) {
		t.Errorf("block: %+v", block)
	}
	if c.Published() || c.State(leaving) != offboarding.CasePlanning || len(c.Requests) != 2 {
		t.Error("the new plan counts as published")
	}
}

func TestEntriesKeepTheirWireFormat(t *testing.T) {
	t.Parallel()
	// A history is kept for years: a field that changed its name would be lost.
	const kept = `{"position":3,"at":"2026-11-22T09:00:00Z","kind":"settled","step":"block","n":2,"state":"waiting","reason":"later","due":"2026-11-22T09:01:00Z","evidence":{"a":"b"},"calls":[{"operation":"PATCH /users/{id}","status":204,"requestId":"r"}],"attempt":true,"previous":"h"}`
	var e offboarding.Entry
	if err := json.Unmarshal([]byte(kept), &e); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(e)
	if err != nil || string(again) != kept {
		t.Errorf("%s, %v", again, err)
	}
}

// TestPlansOfOlderVersionsAreRead: the settings of a plan are flat in its JSON, whatever structs
// they are declared in.
func TestPlansOfOlderVersionsAreRead(t *testing.T) {
	t.Parallel()
	const kept = `{"version":2,"leavingTime":"2026-11-22T09:00:00Z","mailbox":"forward","forwarding":{"to":"a","until":"2026-12-22T09:00:00Z","copy":true},` +
		`"autoReply":{"inside":"in","outside":"out"},"keepMail":"hold","keepFiles":"move","holdFor":9223372036854775807,"cancelMeetings":true,"delegates":["fullAccess"],` +
		`"seatPrices":{"SPE_E3":36},"blackBerry":true,"filesTo":"manager","rereads":[1800000000000],"steps":[{"name":"delete","due":"2026-12-22T09:00:00Z","withheld":"B1","why":"w"}]}`
	var p offboarding.Plan
	if err := json.Unmarshal([]byte(kept), &p); err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	again, err := json.Marshal(p)
	if err := errors.Join(err, json.Unmarshal([]byte(kept), &want), json.Unmarshal(again, &got)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestPatienceGrowsWithTheWait(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		said         string
		waited, same time.Duration
		want         time.Duration
	}{
		{"lag", 0, 0, 2 * time.Second},
		{"lag", 10 * time.Second, 10 * time.Second, 5 * time.Second},
		{"lag", 24 * time.Hour, 24 * time.Hour, 15 * time.Minute},
		{"waits for wipe", 3 * time.Minute, 3 * time.Minute, 3 * time.Minute / 8}, // what just changed is looked at soon
		{"lag; waits for wipe", 3 * time.Minute, time.Minute, 30 * time.Second},
		{"4 items", 24 * time.Hour, 15 * time.Minute, 15 * time.Minute}, // and what changes at every look, less often
	} {
		job := &offboarding.Job{Now: leaving.Add(tt.waited), Step: &offboarding.Record{
			Since: leaving, Reason: tt.said, ReasonSince: leaving.Add(tt.waited - tt.same),
		}}
		if got := offboarding.VerdictOf(job.NotYet("lag")).In; got != tt.want {
			t.Errorf("after %s, %s of them for %q: %s, wanted %s", tt.waited, tt.same, tt.said, got, tt.want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"720h", "unlimited", "-1s", "", "1d", "9999999h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := offboarding.ParseDuration(s); err == nil && d < 0 {
			t.Errorf("%q is %s", s, d)
		}
	})
}

// TestB18ASourceWithoutADateBeginsOnlyWhatCanBeTakenBack fails when it wipes, releases or deletes.
func TestB18ASourceWithoutADateBeginsOnlyWhatCanBeTakenBack(t *testing.T) {
	t.Parallel()
	r := request()
	r.Reversible = true
	plan, err := offboarding.Compile(r, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	brakes := plan.Brakes(r)
	for _, step := range plan.Steps {
		final := step.Name == offboarding.StepWipe || step.Name == offboarding.StepLicence || step.Name == offboarding.StepDelete
		held := slices.ContainsFunc(brakes, func(b offboarding.Brake) bool {
			return b.Kind == offboarding.BrakeApproval && b.By == offboarding.B18.Name && b.Step == step.Name && b.Needs == 1
		})
		if final != held {
			t.Errorf("%s: held for an approval by B18: %t, want %t", step.Name, held, final)
		}
	}
	r.Reversible = false
	if brakes := plan.Brakes(r); len(brakes) > 0 {
		t.Errorf("a person's word is held all the same: %+v", brakes)
	}
}
