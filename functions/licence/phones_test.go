package licence_test

import (
	"strings"
	"testing"
	"time"

	"leaver/functions/wipe"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const henrik = "henrik.holm@contoso.com" // a phone on push, and one that never answers

// TestB13TheLicenceWaitsForPhonesToAcknowledge: issue 6, kind 9, with a grace that is over before a
// phone has called home.
func TestB13TheLicenceWaitsForPhonesToAcknowledge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wait time.Duration
		end  func(t *testing.T, h *steptest.Harness, c *offboarding.Case)
		says string
	}{
		"until they do": {28 * 24 * time.Hour, func(_ *testing.T, h *steptest.Harness, _ *offboarding.Case) {
			h.Tenant.Edit(func(w *simtenant.World) {
				for _, p := range w.Phones {
					if p.Mailbox == simtenant.UserID(henrik) {
						p.WipeRequested, p.WipeAcked, p.LastSync = h.Now(), h.Now(), h.Now()
					}
				}
			})
		}, "every phone acknowledged"},
		"until wipe is signed off": {28 * 24 * time.Hour, func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			h.Advance(29 * 24 * time.Hour)
			h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
			signOff(t, h, c, offboarding.StepWipe)
		}, "wipe is signed off"},
		"until a wipe that waits is signed off": {28 * 24 * time.Hour, func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			if wipe := h.Record(t, c.ID, offboarding.StepWipe); wipe.State != offboarding.StateWaiting {
				t.Fatalf("wipe is %s, want it waiting", wipe.State)
			}
			signOff(t, h, c, offboarding.StepWipe)
			if phones := h.Record(t, c.ID, offboarding.StepWipe); phones.State != offboarding.StateSignedOff {
				t.Fatalf("wipe is %s, want signed off", phones.State)
			}
		}, "wipe is signed off"},
		"until phoneWait ends": {3 * time.Hour, func(*testing.T, *steptest.Harness, *offboarding.Case) {}, "within phoneWait, 3h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := mailGivenUp()
			policy.Mailbox, policy.Grace, policy.PhoneWait = offboarding.None, 3*time.Second, tt.wait
			if tt.wait > 24*time.Hour && strings.Contains(name, "signed") {
				policy.PhoneWait = 60 * 24 * time.Hour
			}
			c := h.Open(t, henrik, offboarding.Options{}, policy)
			forwarded(t, h, c)
			h.Step(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
			w := h.Worker(offboarding.StepLicence, newStep(h))
			record, _ := h.Step(t, c.ID, w)
			h.Wants(t, record, offboarding.StateWaiting, "B13", "phoneWait", "sign-off")
			if left := h.Tenant.Licences(c.Leaver); len(left) == 0 || !record.Deadline().IsZero() {
				t.Fatalf("got %d licences and the deadline %s, want the licence kept and no deadline", len(left), record.Deadline())
			}
			tt.end(t, h, c)
			record = h.Settle(t, c.ID, w)
			h.Wants(t, record, offboarding.StateEffective)
			if left := h.Tenant.Licences(c.Leaver); len(left) > 0 || !strings.Contains(record.Evidence["phones"], tt.says) {
				t.Errorf("got %d licences, evidence %v, want it to say %q", len(left), record.Evidence, tt.says)
			}
		})
	}
}

// TestB13TheLicenceWaitsForProtectedApps: Intune's app protection serves nobody without a licence.
func TestB13TheLicenceWaitsForProtectedApps(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID("adele.vance@contoso.com")
	const registration = "T_0c1f7a5e-8a55-4a3b-9c55-2a8d7f10c7aa"
	h.Tenant.Edit(func(w *simtenant.World) {
		for p := range w.Phones {
			if w.Phones[p].Mailbox == id {
				delete(w.Phones, p)
			}
		}
		for r := range w.AppRegistrations {
			if w.AppRegistrations[r].UserID == id {
				delete(w.AppRegistrations, r)
			}
		}
		w.AppRegistrations[registration] = &simtenant.AppRegistration{
			ID: registration, UserID: id, DeviceTag: "3b8a1f0e-8e0c-4d5a-9c0e-0c7a1b2d3e4f", DeviceType: "iPhone", LastSync: h.Now(), SyncEvery: 5 * time.Hour,
		}
	})
	policy := mailGivenUp()
	policy.Mailbox, policy.Grace = offboarding.None, 3*time.Second
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{}, policy)
	forwarded(t, h, c)
	wipes := h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe")))
	h.Step(t, c.ID, wipes)
	h.Advance(policy.Grace)
	w := h.Worker(offboarding.StepLicence, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "B13", "protected apps (1)")
	if left := h.Tenant.Licences(id); len(left) == 0 {
		t.Error("the licence is gone before the apps have heard of their wipe")
	}
	h.Settle(t, c.ID, wipes)
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	mine := 0
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, r := range w.AppRegistrations {
			if r.UserID == id {
				mine++
			}
		}
	})
	if apps := h.Record(t, c.ID, offboarding.StepWipe).Evidence["managedApps"]; apps != "1" || mine > 0 || len(h.Tenant.Licences(id)) > 0 {
		t.Errorf("got %s devices with apps, %d registrations and the licences %v left", apps, mine, h.Tenant.Licences(id))
	}
}

// TestB13WhoLeftBeforeAnybodySaidSoIsWaitedForFromThen: phoneWait of somebody who left forty days ago begins with the
// departure, or their phone would lose its wipe at once.
func TestB13WhoLeftBeforeAnybodySaidSoIsWaitedForFromThen(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	request := offboarding.Request{
		ID: offboarding.RequestID("test", "late"), Kind: offboarding.Termination, Source: "test",
		EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now().Add(-40 * 24 * time.Hour),
		Employee: offboarding.Employee{UserPrincipalName: henrik}, Options: offboarding.Options{Mailbox: offboarding.None},
	}
	policy := mailGivenUp()
	policy.Grace = 3 * time.Second
	plan, err := offboarding.Compile(request, policy)
	if err != nil {
		t.Fatal(err)
	}
	plan.CloudName = h.Graph.Cloud().Name
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{Tenant: h.TenantID(), Leaver: simtenant.UserID(henrik), Request: request, Plan: plan})
	if err == nil {
		c, err = worker.Dispatch(t.Context(), h.Bus, h.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	forwarded(t, h, c)
	h.Step(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	h.Advance(max(0, h.Record(t, c.ID, offboarding.StepLicence).Due.Sub(h.Now())))
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepLicence, newStep(h)))
	h.Wants(t, record, offboarding.StateWaiting, offboarding.B13.Name, "phoneWait")
	if len(h.Tenant.Licences(c.Leaver)) == 0 {
		t.Error("the licence is gone, and the wipe of the phone with it")
	}
}

func signOff(t *testing.T, h *steptest.Harness, c *offboarding.Case, step offboarding.StepName) {
	t.Helper()
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: step, By: "Miriam Graham", Note: "seen"}); err != nil {
		t.Fatal(err)
	}
}
