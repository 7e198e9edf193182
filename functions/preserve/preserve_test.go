package preserve_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/functions/preserve"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

func newStep(h *steptest.Harness) worker.Step {
	_, mailboxes := h.As("preserve")
	return preserve.New(mailboxes)
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepPreserve, New: newStep, Person: "lidia.holloway@contoso.com",
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if m, _ := h.Tenant.Mailbox(id); !m.LitigationHold || m.LitigationHoldFor != "Unlimited" {
				t.Errorf("litigation hold %t for %s", m.LitigationHold, m.LitigationHoldFor)
			}
		},
		Refusals:  []string{"Set-Mailbox"},
		Lagging:   true,
		Stops:     map[string]string{"Get-Mailbox": steptest.Everything, "Set-Mailbox": steptest.Everything}, // the hold is all that it does
		UndoStops: map[string]string{"Get-Mailbox": steptest.Everything, "Set-Mailbox": steptest.Everything},
	})
}

func TestB5AHoldNeedsALicenceThatPermitsIt(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "christie.cline@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepPreserve, newStep(h))
	record := h.Settle(t, c.ID, w)
	if record.State != offboarding.StateWithheld || record.Rule != offboarding.B5 || !strings.Contains(record.Reason, "Plan 2") || h.Tenant.Requests()["Set-Mailbox"] > 0 {
		t.Fatalf("%s by %s: %s; want withheld by B5 saying \"Plan 2\"", record.State, record.Rule, record.Reason)
	}
	// Somebody buys it and replays.
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, sku := range w.SKUs {
			if sku.PartNumber == simtenant.SKUOfficeE3 {
				w.Users[c.Leaver].Licences = append(w.Users[c.Leaver].Licences, simtenant.Licence{SKU: sku.ID, Since: h.Now()})
			}
		}
	})
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepPreserve); err != nil {
		t.Fatal(err)
	}
	if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
		t.Errorf("%s: %s; want effective", record.State, record.Reason)
	}
}

func TestB5AHoldCountsOnceItIsReadBack(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 5 * time.Second })
	h.Advance(time.Minute)
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepPreserve, newStep(h))
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "LitigationHoldEnabled") {
		t.Errorf("%s: %s; want waiting saying \"LitigationHoldEnabled\"", record.State, record.Reason)
	}
	record := h.Settle(t, c.ID, w)
	if m, _ := h.Tenant.Mailbox(c.Leaver); record.State != offboarding.StateEffective || !m.LitigationHold || record.Evidence["litigationHold"] != "unlimited" {
		t.Errorf("%s: %s; hold %t; want effective with litigationHold unlimited", record.State, record.Reason, m.LitigationHold)
	}
}

func TestAHoldLastsAtLeastAsLongAsThePolicySays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		person string
		policy time.Duration
		was    string // LitigationHoldDuration
		want   string
		writes int
	}{
		"a duration in days":            {"lidia.holloway@contoso.com", 8760 * time.Hour, "", "365.00:00:00", 1},
		"a shorter one is prolonged":    {"debra.berger@contoso.com", 8760 * time.Hour, "30.00:00:00", "365.00:00:00", 1},
		"a longer one stays as it is":   {"debra.berger@contoso.com", 8760 * time.Hour, "400.00:00:00", "400.00:00:00", 0},
		"an endless one stays as it is": {"debra.berger@contoso.com", 8760 * time.Hour, "Unlimited", "Unlimited", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := offboarding.DefaultPolicy()
			policy.HoldFor = tt.policy
			c := h.Open(t, tt.person, offboarding.Options{}, policy)
			if tt.was != "" {
				h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[c.Leaver].LitigationHoldFor = tt.was })
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, newStep(h)))
			m, _ := h.Tenant.Mailbox(c.Leaver)
			if record.State != offboarding.StateEffective || !m.LitigationHold || m.LitigationHoldFor != tt.want || h.Tenant.Requests()["Set-Mailbox"] != tt.writes {
				t.Errorf("%s: %s; hold for %s; want effective", record.State, record.Reason, m.LitigationHoldFor)
			}
		})
	}
}

func TestWhatNeedsNoHold(t *testing.T) {
	t.Parallel()
	forEver := offboarding.Unlimited
	for name, tt := range map[string]struct {
		options offboarding.Options
		keep    offboarding.Keeping
		state   offboarding.StepState // empty = not in the plan
	}{
		"a shared mailbox stays":                 {offboarding.Options{Mailbox: offboarding.Shared}, offboarding.KeepHold, ""},
		"a mailbox that forwards for ever stays": {offboarding.Options{ForwardFor: &forEver}, offboarding.KeepHold, ""},
		"given up":                               {offboarding.Options{}, offboarding.KeepNone, ""},
		"exported by another step":               {offboarding.Options{}, offboarding.KeepExport, offboarding.StateEffective},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := offboarding.DefaultPolicy()
			policy.KeepMail = tt.keep
			c := h.Open(t, "lidia.holloway@contoso.com", tt.options, policy)
			if tt.state == "" {
				if c.Step(offboarding.StepPreserve) != nil {
					t.Error("the plan holds preserve")
				}
				return
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, newStep(h)))
			if m, _ := h.Tenant.Mailbox(c.Leaver); record.State != tt.state || m.LitigationHold {
				t.Errorf("%s: %s; hold %t; want %s", record.State, record.Reason, m.LitigationHold, tt.state)
			}
		})
	}
}

func TestSomebodyWithoutMailboxHasNothingToHold(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "pradeep.gupta@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, newStep(h)))
	if record.State != offboarding.StateEffective || record.Evidence["mailbox"] != "none" {
		t.Errorf("%s: %s; want effective with mailbox none", record.State, record.Reason)
	}
}

// A role without Legal Hold looks to Exchange as if there were no such parameter.
func TestWithoutTheRoleLegalHoldTheStepIsParked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	_, mailboxes := h.As("forward") // a function without it
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, preserve.New(mailboxes)))
	if record.State != offboarding.StateParked || !strings.Contains(record.Reason, http.StatusText(http.StatusBadRequest)) && !strings.Contains(record.Reason, "400") {
		t.Errorf("%s: %s; want parked saying 400", record.State, record.Reason)
	}
}

// TestTheMailboxOfADeletedAccountIsNotNone: KelvinTegelaar/CIPP#3603, an account that others deleted. What can be
// restored is not called none, and restored it is held.
func TestTheMailboxOfADeletedAccountIsNotNone(t *testing.T) {
	t.Parallel()
	const lidia = "lidia.holloway@contoso.com"
	for name, tt := range map[string]struct {
		licence bool // alone went
		held    bool
		state   offboarding.StepState
		says    string
	}{
		"somebody deleted the account":            {state: offboarding.StateManual, says: offboarding.PortalWorldwide.DeletedUsers()},
		"somebody took the licence":               {licence: true, state: offboarding.StateManual, says: "give it back"},
		"somebody deleted the account, on a hold": {held: true, state: offboarding.StateEffective},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, lidia, offboarding.Options{}, offboarding.DefaultPolicy())
			was, _ := h.Tenant.User(c.Leaver)
			h.Tenant.Edit(func(w *simtenant.World) {
				m, u := w.Mailboxes[c.Leaver], w.Users[c.Leaver]
				m.SoftDeletedAt, m.Inactive, m.LitigationHold = h.Now(), tt.held, tt.held
				if tt.licence {
					u.Licences = nil
					return
				}
				u.DeletedAt = h.Now()
				w.Deleted[c.Leaver] = u
				delete(w.Users, c.Leaver)
			})
			w := h.Worker(offboarding.StepPreserve, newStep(h))
			record := h.Settle(t, c.ID, w)
			h.Wants(t, record, tt.state, tt.says)
			if record.Evidence[offboarding.MailboxSeen] == "none" {
				t.Error("it is said that there is no mailbox")
			}
			if m, there := h.Tenant.Mailbox(c.Leaver); !there || m.LitigationHold != tt.held {
				t.Errorf("the mailbox is there: %t, on hold: %t; want it as it was", there, m.LitigationHold)
			}
			if tt.held {
				return
			}
			h.Tenant.Edit(func(w *simtenant.World) { // a person gives it back
				u := was
				u.DeletedAt = time.Time{}
				w.Users[c.Leaver] = &u
				delete(w.Deleted, c.Leaver)
				w.Mailboxes[c.Leaver].SoftDeletedAt = time.Time{}
			})
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepPreserve); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if m, _ := h.Tenant.Mailbox(c.Leaver); !m.LitigationHold {
				t.Error("restored, the mailbox is not on hold")
			}
		})
	}
}

// TestWhatThisDepartureDeletedIsSaidSo: somebody replays preserve when the account is gone.
func TestWhatThisDepartureDeletedIsSaidSo(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, deletes{}))
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[c.Leaver].SoftDeletedAt, w.Users[c.Leaver].DeletedAt = h.Now(), h.Now()
		w.Deleted[c.Leaver] = w.Users[c.Leaver]
		delete(w.Users, c.Leaver)
	})
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if got := record.Evidence[offboarding.MailboxSeen]; !strings.HasPrefix(got, "deleted") {
		t.Errorf("got the evidence %q, want that it is deleted", got)
	}
}

// deletes is a step that says that it deleted the account.
type deletes struct{}

func (deletes) Work(_ context.Context, job *offboarding.Job) error {
	job.Evidence[offboarding.DeletedAt] = offboarding.Stamp(job.Now)
	return nil
}
