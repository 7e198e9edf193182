package delete_test

import (
	"cmp"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/access"
	"leaver/functions/block"
	"leaver/functions/delete"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/onedrive"
	"leaver/functions/preserve"
	"leaver/functions/privileges"
	"leaver/functions/signout"
	"leaver/functions/wipe"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

func newStep(h *steptest.Harness) worker.Step { return delete.New(h.As("delete")) }

// lockOut makes the steps effective that go before everything else.
func lockOut(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	directory, _ := h.As("signout")
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)))
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
}

func prepare(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
	lockOut(t, h, c)
	takeAccess(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	if c.Step(offboarding.StepPreserve) != nil {
		_, mailboxes = h.As("preserve")
		h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, preserve.New(mailboxes)))
	}
	keepFiles(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, licence.New(h.As("licence"))))
}

// keepFiles runs the step onedrive.
func keepFiles(t *testing.T, h *steptest.Harness, c *offboarding.Case) *offboarding.Record {
	files, _ := h.As("onedrive")
	return h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, onedrive.New(files, h.Ledger)))
}

// giveMailUp leaves the step preserve out of the plan.
func giveMailUp(p *offboarding.Policy) { p.KeepMail = offboarding.KeepNone }

func mailGivenUp() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	giveMailUp(&policy)
	return policy
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepDelete, New: newStep, Person: "adele.vance@contoso.com", Policy: giveMailUp, Options: offboarding.Options{Mailbox: offboarding.None}, Prepare: prepare,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if _, alive := h.Tenant.User(id); alive {
				t.Error("the account is alive")
			}
			if _, deleted := h.Tenant.DeletedUser(id); !deleted {
				t.Error("the account is not among the deleted items")
			}
		},
		Refusals:  []string{"DELETE /users/{id}"},
		Lagging:   true,
		Stops:     deleteStops,
		UndoStops: restoreStops,
	})
}

// deleteStops: to delete the account is all that it does, and nothing is deleted that its gate has not looked at.
var deleteStops = map[string]string{
	"GET /users/{id}": steptest.Everything, "GET /users/{id}/drive/root": steptest.Everything, "Get-Mailbox": steptest.Everything,
	"Get-OrganizationConfig": steptest.Everything, "DELETE /users/{id}": steptest.Everything,
}

// restoreStops: to restore the account is all that its way back does.
var restoreStops = map[string]string{
	"GET /users": steptest.Everything, "GET /users/{id}": steptest.Everything, "GET /directory/deletedItems/{id}/microsoft.graph.user": steptest.Everything,
	"POST /directory/deletedItems/{id}/restore": steptest.Everything,
}

func TestB12NothingIsDeletedThatNobodyKept(t *testing.T) {
	t.Parallel()
	giveUp := func(p *offboarding.Policy) { p.KeepMail, p.KeepFiles = offboarding.KeepNone, offboarding.KeepNone }
	hold := func(p *offboarding.Policy) { p.KeepMail = offboarding.KeepHold }
	tests := []struct {
		name, person string
		policy       func(*offboarding.Policy)
		withheld     string // what the reason names; empty = deleted
	}{
		{"a full OneDrive, copied and verified", "grady.archie@contoso.com", nil, ""},
		{"a full mailbox that cannot be held", "christie.cline@contoso.com", hold, "mailbox"},
		{"a full mailbox on hold", "lidia.holloway@contoso.com", hold, ""},
		{"both, the mailbox on hold and the OneDrive copied", "patti.fernandez@contoso.com", hold, ""},
		{"both, given up by the policy", "patti.fernandez@contoso.com", giveUp, ""},
		{"neither", "adele.vance@contoso.com", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := mailGivenUp()
			if tt.policy != nil {
				tt.policy(&policy)
			}
			c := h.Open(t, tt.person, offboarding.Options{Mailbox: offboarding.None}, policy)
			prepare(t, h, c)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			_, deleted := h.Tenant.DeletedUser(simtenant.UserID(tt.person))
			if tt.withheld == "" {
				if record.State != offboarding.StateEffective || !deleted {
					t.Errorf("%s, deleted %t: %s; want effective and deleted", record.State, deleted, record.Reason)
				}
				if m, _ := h.Tenant.Mailbox(c.Leaver); c.Plan.KeepMail == offboarding.KeepHold && (!m.Inactive || record.Evidence["mailbox"] != "inactive") {
					t.Errorf("the held mailbox is inactive: %t, %v", m.Inactive, record.Evidence)
				}
				return
			}
			if record.State != offboarding.StateWithheld || record.Rule != offboarding.B12 || deleted || !strings.Contains(record.Reason, tt.withheld) {
				t.Errorf("%s by %s, deleted %t: %s; want withheld by B12 and not deleted saying %q", record.State, record.Rule, deleted, record.Reason, tt.withheld)
			}
		})
	}
}

// TestB12WhatKeepsChatsKeepsNoMail: see CASES.md.
func TestB12WhatKeepsChatsKeepsNoMail(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := mailGivenUp()
	policy.KeepMail = offboarding.KeepHold
	c := h.Open(t, "christie.cline@contoso.com", offboarding.Options{Mailbox: offboarding.None}, policy)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[c.Leaver].InPlaceHolds = []string{"skp127d7cf1076947929bf136b7a2a8c36f:2"}
	})
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	if _, deleted := h.Tenant.DeletedUser(c.Leaver); deleted || record.State != offboarding.StateWithheld || record.Rule != offboarding.B12 {
		t.Errorf("got %s by %s (%s), deleted %t; want it withheld by B12", record.State, record.Rule, record.Reason, deleted)
	}
}

// TestB12TheOneDriveIsAsItsVerifiedCopy fails when FilesLost is not asked right before the write.
func TestB12TheOneDriveIsAsItsVerifiedCopy(t *testing.T) {
	t.Parallel()
	const grady = "grady.archie@contoso.com"
	id := simtenant.UserID(grady)
	files := func(change func(*simtenant.Drive)) func(*testing.T, *steptest.Harness, *offboarding.Case) {
		return func(_ *testing.T, h *steptest.Harness, _ *offboarding.Case) {
			h.Tenant.Edit(func(w *simtenant.World) { change(w.Drives[id]) })
		}
	}
	for name, tt := range map[string]struct {
		noManager bool
		meanwhile func(*testing.T, *steptest.Harness, *offboarding.Case)
		reason    string
	}{
		"a file came": {meanwhile: files(func(d *simtenant.Drive) {
			d.Items = append(d.Items, simtenant.DriveItem{ID: "01NEW", Name: "Late.docx", Hash: "late"}) // of no size
		}), reason: "it holds"},
		"a file in a folder grew": {meanwhile: files(func(d *simtenant.Drive) {
			for i := range d.Items {
				if d.Items[i].Parent != "" {
					d.Items[i].Size++
					return
				}
			}
		}), reason: "it holds"},
		"a person signed the copy off, but nobody made one": {noManager: true, meanwhile: func(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
			if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepOnedrive, By: "Joni Sherman", Note: "we can do without"}); err != nil {
				t.Fatal(err)
			}
		}, reason: "nobody kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			if tt.noManager {
				h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].ManagerID = "" })
			}
			c := h.Open(t, grady, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
			prepare(t, h, c)
			tt.meanwhile(t, h, c)
			w := h.Worker(offboarding.StepDelete, newStep(h))
			record := h.Settle(t, c.ID, w)
			if _, deleted := h.Tenant.DeletedUser(id); deleted || record.State != offboarding.StateWithheld || record.Rule != offboarding.B12 || !strings.Contains(record.Reason, tt.reason) {
				t.Fatalf("%s by %s, deleted %t: %s; want withheld and not deleted by B12 saying %q", record.State, record.Rule, deleted, record.Reason, tt.reason)
			}
			if tt.noManager {
				h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].ManagerID = simtenant.UserID("alex.wilber@contoso.com") })
			}
			// The copy is brought up to date and verified again, and then nothing is lost.
			drive, _ := h.Tenant.Drive(id)
			for _, step := range []offboarding.StepName{offboarding.StepOnedrive, offboarding.StepDelete} {
				if _, err := h.Ledger.Replay(t.Context(), c.ID, step); err != nil {
					t.Fatal(err)
				}
			}
			kept := keepFiles(t, h, c)
			if grew := name == "a file in a folder grew"; grew != (kept.State == offboarding.StateManual) {
				t.Fatalf("onedrive: %s: %s; want manual: %t", kept.State, kept.Reason, grew)
			} else if grew {
				return // its copy is another file now, and a person's task
			}
			if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
				t.Errorf("%s: %s; %d items; want effective", record.State, record.Reason, len(drive.Items))
			}
		})
	}
}

// TestB1B12WhatNobodySawIsNotTakenForNothing lets mailboxes and drives that nobody kept, or that somebody
// else needs, look to delete as if nothing were there to lose.
func TestB1B12WhatNobodySawIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	const (
		adele    = "adele.vance@contoso.com"
		christie = "christie.cline@contoso.com" // whose licence permits no hold
		grady    = "grady.archie@contoso.com"
		lidia    = "lidia.holloway@contoso.com"
	)
	accept := func(t *testing.T, h *steptest.Harness, c *offboarding.Case, step offboarding.StepName) {
		t.Helper()
		if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: step, By: "Joni Sherman", Note: "accepted"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		person         string
		hold           bool
		mailbox        offboarding.Handling                // none where it is left out
		before, during func(w *simtenant.World, id string) // the departure; between its steps and the deletion
		accepted       offboarding.StepName
		rule           offboarding.Rule
		reason         string
	}{
		"B1: the mailbox is a room's": {person: adele, rule: offboarding.B1, reason: "RoomMailbox",
			before: func(w *simtenant.World, id string) { w.Mailboxes[id].Type = "RoomMailbox" }},
		"B12: an empty mailbox with a full archive": {person: christie, hold: true, accepted: offboarding.StepLicence, rule: offboarding.B12, reason: "archive",
			before: func(w *simtenant.World, id string) { w.Mailboxes[id].ItemCount, w.Mailboxes[id].Archive = 0, true }},
		"B12: a held mailbox went before its account": {person: lidia, hold: true, mailbox: offboarding.Hold, rule: offboarding.B12, reason: "nobody saw",
			during: func(w *simtenant.World, _ string) { clear(w.Mailboxes) }},
		"B12: a mailbox went before anybody looked": {person: christie, hold: true, accepted: offboarding.StepLicence, rule: offboarding.B12, reason: "nobody saw",
			before: func(w *simtenant.World, _ string) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-MailboxStatistics", Status: http.StatusForbidden})
			},
			during: func(w *simtenant.World, _ string) { clear(w.Mailboxes); w.Faults = nil }},
		"B12: mail came after the licence gate had looked": {person: christie, hold: true, accepted: offboarding.StepLicence, rule: offboarding.B12, reason: "holds 7 items",
			before: func(w *simtenant.World, id string) { w.Mailboxes[id].ItemCount, w.Mailboxes[id].Archive = 0, true },
			during: func(w *simtenant.World, id string) { w.Mailboxes[id].ItemCount, w.Mailboxes[id].Archive = 7, false }},
		"B12: a drive that nobody copied does not show": {person: grady, accepted: offboarding.StepOnedrive, rule: offboarding.B12, reason: "no OneDrive shows",
			before: func(w *simtenant.World, id string) { w.Users[id].ManagerID = "" },
			during: func(w *simtenant.World, _ string) { clear(w.Drives) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy, id := mailGivenUp(), simtenant.UserID(tt.person)
			if tt.hold {
				policy = offboarding.DefaultPolicy()
			}
			edit := func(change func(*simtenant.World, string)) {
				if change != nil {
					h.Tenant.Edit(func(w *simtenant.World) { change(w, id) })
				}
			}
			edit(tt.before)
			c := h.Open(t, tt.person, offboarding.Options{Mailbox: cmp.Or(tt.mailbox, offboarding.None)}, policy)
			prepare(t, h, c)
			edit(tt.during)
			if tt.accepted != "" {
				accept(t, h, c, tt.accepted)
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			if _, deleted := h.Tenant.DeletedUser(id); deleted || record.State != offboarding.StateWithheld || record.Rule != tt.rule || !strings.Contains(record.Reason, tt.reason) {
				t.Errorf("%s by %s, deleted %t: %s; want withheld and not deleted by %s saying %q", record.State, record.Rule, deleted, record.Reason, tt.rule, tt.reason)
			}
		})
	}
}

func TestB5DeleteWaitsForTheHold(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
	lockOut(t, h, c)
	takeAccess(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	keepFiles(t, h, c)
	h.Advance(offboarding.DefaultPolicy().Grace)
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	if _, alive := h.Tenant.User(c.Leaver); !alive || record.State != offboarding.StateWaiting || record.Reason != "waits for preserve" {
		t.Errorf("alive %t, %s: %s; want waiting and alive saying \"waits for preserve\"", alive, record.State, record.Reason)
	}
}

// TestB5AMailboxWhoseHoldWasLiftedIsNotDeleted: it would go with the account, whatever it holds.
func TestB5AMailboxWhoseHoldWasLiftedIsNotDeleted(t *testing.T) {
	t.Parallel()
	for name, items := range map[string]int{"empty": 0, "full": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, "lidia.holloway@contoso.com", offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
			prepare(t, h, c)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Mailboxes[c.Leaver].LitigationHold, w.Mailboxes[c.Leaver].ItemCount = false, items
			})
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			if _, alive := h.Tenant.User(c.Leaver); !alive || record.State != offboarding.StateWithheld || record.Rule != offboarding.B5 {
				t.Errorf("alive %t, %s by %s: %s; want withheld and alive by B5", alive, record.State, record.Rule, record.Reason)
			}
		})
	}
}

// TestB5AHeldMailboxIsNotMissedOnceItsAccountIsDeleted shows the account once more when it and its
// mailbox have gone, as a read that lags behind does.
func TestB5AHeldMailboxIsNotMissedOnceItsAccountIsDeleted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const lidia = "lidia.holloway@contoso.com"
	id := simtenant.UserID(lidia)
	c := h.Open(t, lidia, offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
	prepare(t, h, c)
	h.OnAnswer = func(r *http.Request) error {
		if r.Method == http.MethodDelete {
			h.OnAnswer = nil
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Users[id] = w.Deleted[id]
				w.Users[id].Licences = nil
				clear(w.Deleted)
			})
		}
		return nil
	}
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	if record.State != offboarding.StateEffective || record.Evidence["mailbox"] != "inactive" {
		t.Errorf("%s by %s: %s; want effective with mailbox inactive", record.State, record.Rule, record.Reason)
	}
	if m, _ := h.Tenant.Mailbox(id); !m.Inactive {
		t.Error("the mailbox is not inactive")
	}
}

// TestB5NothingIsDeletedBeforeItsHoldIsKept, nor before the licences are that a hold needs until then: by the ledger
// alone is known afterwards what has to become inactive, and what a restored account lacks.
func TestB5NothingIsDeletedBeforeItsHoldIsKept(t *testing.T) {
	t.Parallel()
	steptest.Unkept(t, steptest.Subject{
		Name: offboarding.StepDelete, New: newStep, Person: "lidia.holloway@contoso.com", Options: offboarding.Options{Mailbox: offboarding.Hold}, Prepare: prepare,
	})
}

// TestB5B16ARestoredAccountIsNotDeletedAgain restores an account while delete still waits for the
// mailbox to show as inactive.
func TestB5B16ARestoredAccountIsNotDeletedAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const lidia = "lidia.holloway@contoso.com"
	id := simtenant.UserID(lidia)
	c := h.Open(t, lidia, offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
	prepare(t, h, c)
	h.OnAnswer = func(r *http.Request) error {
		if r.Method == http.MethodDelete {
			h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[id].LitigationHold = false })
		}
		return nil
	}
	w := h.Worker(offboarding.StepDelete, newStep(h))
	h.Advance(h.Record(t, c.ID, w.Name).Due.Sub(h.Now()))
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "inactive") {
		t.Fatalf("%s: %s; want waiting saying \"inactive\"", record.State, record.Reason)
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Users[id] = w.Deleted[id]
		w.Mailboxes[id].LitigationHold = true
		clear(w.Deleted)
	})
	record := h.Settle(t, c.ID, w)
	if _, alive := h.Tenant.User(id); !alive || record.State != offboarding.StateManual || !strings.Contains(record.Reason, offboarding.B16.Name) {
		t.Errorf("alive %t, %s: %s; want manual and alive saying %q", alive, record.State, record.Reason, offboarding.B16.Name)
	}
}

func TestB16AReEnabledLeaverIsNotDeleted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	id := simtenant.UserID("adele.vance@contoso.com")
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = true })
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	if _, alive := h.Tenant.User(id); !alive || record.State != offboarding.StateManual || !strings.Contains(record.Reason, offboarding.B16.Name) {
		t.Errorf("alive %t, %s: %s; want manual and alive saying %q", alive, record.State, record.Reason, offboarding.B16.Name)
	}
}

func TestB9ASynchronisedAccountIsDeletedWhereItIsMastered(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const adele = "adele.vance@contoso.com"
	id := simtenant.UserID(adele)
	c := h.Open(t, adele, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	synced := true
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].OnPremisesSyncEnabled = &synced })
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	if _, alive := h.Tenant.User(id); !alive || record.State != offboarding.StateManual || !strings.Contains(record.Reason, "on-premises Active Directory") || h.Tenant.Requests()["DELETE /users/{id}"] > 0 {
		t.Errorf("alive %t, %s: %s; want manual and alive saying \"on-premises Active Directory\"", alive, record.State, record.Reason)
	}
}

// TestWhoIsNotSignedOutIsNotDeleted: signout is refused, and everything else is done. A deleted account
// could not be signed out any more, and nobody would look into why.
func TestWhoIsNotSignedOutIsNotDeleted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /users/{id}/revokeSignInSessions", Status: http.StatusForbidden, Times: 1})
	})
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	lockOut(t, h, c)
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
	takeAccess(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	keepFiles(t, h, c)
	h.Advance(mailGivenUp().Grace)
	licensing := h.Worker(offboarding.StepLicence, licence.New(h.As("licence")))
	for _, w := range []*worker.Worker{licensing, h.Worker(offboarding.StepDelete, newStep(h))} {
		record, _ := h.Step(t, c.ID, w)
		if user, alive := h.Tenant.User(c.Leaver); !alive || len(user.Licences) == 0 || record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, "signout") {
			t.Errorf("alive %t, %s is %s: %s; want waiting and alive saying \"signout\"", alive, w.Name, record.State, record.Reason)
		}
	}
	if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepSignout); err != nil {
		t.Fatal(err)
	}
	lockOut(t, h, c)
	h.Settle(t, c.ID, licensing)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h))), offboarding.StateEffective)
}

func TestB12DeleteWaitsForTheWipeAndTheLicence(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	lockOut(t, h, c)
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
	takeAccess(t, h, c)
	h.Advance(mailGivenUp().Grace)
	w := h.Worker(offboarding.StepDelete, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "wipe")
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	keepFiles(t, h, c)
	h.Advance(time.Minute)
	record, _ = h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "licence")
}

func TestARestoreDeadlineIsRecorded(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	deleted, err := time.Parse(time.RFC3339, record.Evidence["deletedDateTime"])
	if err != nil {
		t.Fatal(err)
	}
	if want := offboarding.Stamp(deleted.Add(30 * 24 * time.Hour)); record.Evidence["restorableUntil"] != want {
		t.Errorf("restorable until %s, wanted %s", record.Evidence["restorableUntil"], want)
	}
}

func TestAnAccountThatIsNowhereIsNotCalledDeleted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Tenant.Edit(func(w *simtenant.World) { clear(w.Users) })
	h.Advance(mailGivenUp().Grace)
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	h.Wants(t, record, offboarding.StateWaiting)
}

// TestB12AFileThatChangedAtTheSameSizeIsNotLost fails when delete asks for the drive's size alone,
// and not for what Graph reports as changed since the copy was verified.
func TestB12AFileThatChangedAtTheSameSizeIsNotLost(t *testing.T) {
	t.Parallel()
	const grady = "grady.archie@contoso.com"
	id := simtenant.UserID(grady)
	file := func(d *simtenant.Drive) *simtenant.DriveItem { return &d.Items[1] }
	for name, tt := range map[string]struct {
		change   func(*simtenant.World)
		reason   string // what it names; empty = deleted
		compared offboarding.StepState
	}{
		"its content": {func(w *simtenant.World) { file(w.Drives[id]).Hash = "another" }, "has changed since its copy was verified: items ", offboarding.StateManual},
		"its name":    {func(w *simtenant.World) { file(w.Drives[id]).Name = "Renamed.docx" }, "has changed since its copy was verified: items ", offboarding.StateEffective},
		"two files of one size": {func(w *simtenant.World) {
			d := w.Drives[id]
			d.Items[1].Hash, d.Items[2].Hash = d.Items[2].Hash, d.Items[1].Hash
		}, "has changed since", offboarding.StateManual},
		"nothing, but Graph does not know":         {func(w *simtenant.World) { w.DeltaLife = time.Hour }, "is not known any more; replay onedrive, then delete", offboarding.StateEffective},
		"the drive, which is another one now":      {func(w *simtenant.World) { w.Drives[id].ID += "2" }, "another one", offboarding.StateEffective},
		"nothing, after a month":                   {func(*simtenant.World) {}, "", ""},
		"who may read the drive, which is no loss": {func(w *simtenant.World) { w.Drives[id].Grants[0].Roles = []string{"write"} }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, grady, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
			prepare(t, h, c)
			h.Tenant.Edit(tt.change)
			w := h.Worker(offboarding.StepDelete, newStep(h))
			record := h.Settle(t, c.ID, w)
			_, deleted := h.Tenant.DeletedUser(id)
			if tt.reason == "" {
				if record.State != offboarding.StateEffective || !deleted {
					t.Errorf("%s: %s; want effective and deleted", record.State, record.Reason)
				}
				return
			}
			if deleted || record.State != offboarding.StateWithheld || record.Rule != offboarding.B12 || !strings.Contains(record.Reason, tt.reason) {
				t.Fatalf("%s by %s, deleted %t: %s; want withheld and not deleted by B12 saying %q", record.State, record.Rule, deleted, record.Reason, tt.reason)
			}
			drive, _ := h.Tenant.Drive(id)
			if strings.HasSuffix(tt.reason, "items ") && !strings.Contains(record.Reason, drive.Items[1].ID) {
				t.Errorf("the file is not named: %s", record.Reason)
			}
			for _, step := range []offboarding.StepName{offboarding.StepOnedrive, offboarding.StepDelete} {
				if _, err := h.Ledger.Replay(t.Context(), c.ID, step); err != nil {
					t.Fatal(err)
				}
			}
			if kept := keepFiles(t, h, c); kept.State != tt.compared {
				t.Fatalf("onedrive: %s: %s; want %s", kept.State, kept.Reason, tt.compared)
			}
			if tt.compared == offboarding.StateManual {
				return // its copy is another file now, and a person's task
			}
			if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
				t.Errorf("%s: %s; want effective", record.State, record.Reason)
			}
		})
	}
}

// Where Graph gives no hash, only a person can tell whether a copy is older than its file.
func TestB12AFileWithoutHashThatChangedSinceItWasCopiedIsATask(t *testing.T) {
	t.Parallel()
	const patti = "patti.fernandez@contoso.com"
	id := simtenant.UserID(patti)
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Drives[id].Items[1].Hash = "" })
	c := h.Open(t, patti, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	drive, _ := h.Tenant.Drive(id)
	h.Tenant.Edit(func(w *simtenant.World) { // it shows in delta, and the size is the same
		w.Drives[id].Grants = append(w.Drives[id].Grants, simtenant.Grant{ID: "touched", Item: drive.Items[1].ID, User: simtenant.UserID("adele.vance@contoso.com"), Roles: []string{"read"}})
	})
	w := h.Worker(offboarding.StepDelete, newStep(h))
	if record := h.Settle(t, c.ID, w); record.Rule != offboarding.B12 || !strings.Contains(record.Reason, drive.Items[1].ID) {
		t.Fatalf("%s by %s: %s; want by B12 saying %q", record.State, record.Rule, record.Reason, drive.Items[1].ID)
	}
	replay := func(step offboarding.StepName) {
		if _, err := h.Ledger.Replay(t.Context(), c.ID, step); err != nil {
			t.Fatal(err)
		}
	}
	replay(offboarding.StepOnedrive)
	if record := keepFiles(t, h, c); record.State != offboarding.StateManual || !strings.Contains(record.Reason, "files of which Graph gives no hash (1)") || !strings.Contains(record.Reason, drive.Items[1].ID) {
		t.Fatalf("%s: %s; want manual saying \"files of which Graph gives no hash (1)\" and saying %q", record.State, record.Reason, drive.Items[1].ID)
	}
	replay(offboarding.StepOnedrive) // somebody has seen to it
	h.Wants(t, keepFiles(t, h, c), offboarding.StateEffective)
	replay(offboarding.StepDelete)
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// takeAccess runs the steps privileges and access.
func takeAccess(t *testing.T, h *steptest.Harness, c *offboarding.Case) {
	t.Helper()
	powers, _ := h.As("privileges")
	h.Settle(t, c.ID, h.Worker(offboarding.StepPrivileges, privileges.New(powers, h.Ledger)))
	directory, mailboxes := h.As("access")
	h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, access.New(directory, mailboxes, h.Ledger, nil)))
}

// TestWhatIsStillLookedAtEndsWithTheAccount: a computer that an on-premises directory masters is looked at
// again for a day, and the account may be deleted before.
func TestWhatIsStillLookedAtEndsWithTheAccount(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID("adele.vance@contoso.com")
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, id) {
				d.TrustType = "ServerAd"
			}
		}
	})
	policy := mailGivenUp()
	policy.Grace, policy.DeleteAfter = time.Second, time.Second
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, policy)
	b := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
	for range 20 {
		if record, _ := h.Step(t, c.ID, b); record.Observed {
			break
		}
		h.Advance(h.Record(t, c.ID, offboarding.StepBlock).Due.Sub(h.Now()))
	}
	signs, _ := h.As("signout")
	h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(signs, rand.Reader)))
	directory, mailboxes := h.As("forward")
	h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, policy)))
	takeAccess(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
	keepFiles(t, h, c)
	h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, licence.New(h.As("licence"))))
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h))), offboarding.StateEffective)
	if record := h.Record(t, c.ID, offboarding.StepBlock); record.State != offboarding.StateWaiting || !record.Observed {
		t.Fatalf("block is %s: the test proves nothing", record.State)
	}
	h.Wants(t, h.Settle(t, c.ID, b), offboarding.StateEffective)
	if _, deleted := h.Tenant.DeletedUser(id); !deleted {
		t.Error("the account is not among the deleted")
	}
}

// TestB12AnAccountThatOthersDeletedFirstIsATask: KelvinTegelaar/CIPP#3603. Whoever moves the account out of the
// synchronisation's scope has it deleted in the cloud, with what nobody kept; restored in time, the gate looks
// as ever.
func TestB12AnAccountThatOthersDeletedFirstIsATask(t *testing.T) {
	t.Parallel()
	const grady = "grady.archie@contoso.com"
	for name, giveUp := range map[string]func(*offboarding.Policy){
		"files that are to be kept":             giveMailUp,
		"mail that is to be kept":               func(p *offboarding.Policy) { p.KeepFiles = offboarding.KeepNone },
		"mail and files given up by the policy": func(p *offboarding.Policy) { p.KeepMail, p.KeepFiles = offboarding.KeepNone, offboarding.KeepNone },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			policy := offboarding.DefaultPolicy()
			giveUp(&policy)
			given := policy.KeepMail == offboarding.KeepNone && policy.KeepFiles == offboarding.KeepNone
			c := h.Open(t, grady, offboarding.Options{Mailbox: offboarding.None}, policy)
			prepare(t, h, c)
			h.Tenant.Edit(func(w *simtenant.World) {
				u := w.Users[c.Leaver]
				u.DeletedAt = h.Now()
				w.Deleted[c.Leaver] = u
				maps.DeleteFunc(w.Users, func(id string, _ *simtenant.User) bool { return id == c.Leaver })
			})
			w := h.Worker(offboarding.StepDelete, newStep(h))
			record := h.Settle(t, c.ID, w)
			if given {
				h.Wants(t, record, offboarding.StateEffective)
				if _, deleted := h.Tenant.DeletedUser(c.Leaver); !deleted {
					t.Error("the account is not among the deleted any more")
				}
				return
			}
			h.Wants(t, record, offboarding.StateManual, offboarding.B12.Name, offboarding.PortalWorldwide.DeletedUsers(), "restore")
			h.Tenant.Edit(func(w *simtenant.World) { // a person does
				w.Users[c.Leaver] = w.Deleted[c.Leaver]
				w.Users[c.Leaver].DeletedAt = time.Time{}
				maps.DeleteFunc(w.Deleted, func(id string, _ *simtenant.User) bool { return id == c.Leaver })
			})
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepDelete); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if _, deleted := h.Tenant.DeletedUser(c.Leaver); !deleted {
				t.Error("the account that was restored is not deleted by the gate")
			}
		})
	}
}

// TestB5AHeldMailboxThatDoesNotBecomeInactiveIsATask: MicrosoftDocs/OfficeDocs-Support PR 1742,
// OfficeDocs-o365seccomp#475. Somebody takes the hold off as the account goes, and its mail goes after 30 days.
func TestB5AHeldMailboxThatDoesNotBecomeInactiveIsATask(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const lidia = "lidia.holloway@contoso.com"
	c := h.Open(t, lidia, offboarding.Options{Mailbox: offboarding.Hold}, offboarding.DefaultPolicy())
	prepare(t, h, c)
	h.OnAnswer = func(r *http.Request) error {
		if r.Method == http.MethodDelete {
			h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[c.Leaver].LitigationHold = false })
		}
		return nil
	}
	w := h.Worker(offboarding.StepDelete, newStep(h))
	h.Advance(h.Record(t, c.ID, w.Name).Due.Sub(h.Now()))
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "does not show as inactive")
	h.Advance(8 * 24 * time.Hour)
	record, _ = h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateManual, "does not show as inactive")
	_, deleted := h.Tenant.DeletedUser(c.Leaver)
	if m, _ := h.Tenant.Mailbox(c.Leaver); m.Inactive || !deleted || !record.EffectiveAt.IsZero() {
		t.Errorf("inactive %t, deleted %t, effective at %s; want the account gone, and nothing claimed of its mailbox", m.Inactive, deleted, record.EffectiveAt)
	}
}

// TestTheDeadlinesOfADeletedAccountAreTheTenants: MicrosoftDocs/microsoft-365-docs#7734. What is shown as restorable
// until a time is there until then, with its OneDrive, and no longer.
func TestTheDeadlinesOfADeletedAccountAreTheTenants(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const grady = "grady.archie@contoso.com"
	c := h.Open(t, grady, offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h))), offboarding.StateEffective)
	latest, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	deadlines := offboarding.Deadlines(latest)
	if len(deadlines) != 3 {
		t.Fatalf("got %+v, want the account's and the OneDrive's two", deadlines)
	}
	there := func() bool { _, is := h.Tenant.DeletedUser(c.Leaver); return is }
	h.Advance(deadlines[0].At.Sub(h.Now()) - time.Hour)
	if _, drive := h.Tenant.Drive(c.Leaver); !there() || !drive {
		t.Errorf("an hour before the first deadline the account is restorable: %t, its OneDrive there: %t", there(), drive)
	}
	h.Advance(2 * time.Hour)
	if there() {
		t.Error("an hour after the deadline the account can be restored still")
	}
}
