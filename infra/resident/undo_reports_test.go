package resident_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestUndoBearsWhatMicrosoftHearsLate: for a while after a restore parts of Microsoft refuse what they take a
// little later. That is waited for, and is neither a task nor said to be one for a person.
func TestUndoBearsWhatMicrosoftHearsLate(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	struck := func(f simtenant.Fault) func(*simtenant.World) {
		return func(w *simtenant.World) { w.Faults = append(w.Faults, f) }
	}
	for name, late := range map[string]func(*simtenant.World){
		"groups that do not know the account yet, hashicorp/terraform-provider-azuread pull request 283": func(w *simtenant.World) {
			for _, group := range []string{simtenant.GroupID(simtenant.GroupLicenceEMS), simtenant.UserID("group5@contoso.com"), simtenant.UserID("group6@contoso.com")} {
				w.Faults = append(w.Faults, simtenant.Fault{
					Operation: "POST /groups/{id}/members/$ref", Target: group, Status: http.StatusNotFound, Code: "Request_ResourceNotFound", Times: 3,
				})
			}
		},
		"owners that are not known yet": struck(simtenant.Fault{
			Operation: "POST /groups/{id}/owners/$ref", Status: http.StatusNotFound, Code: "Request_ResourceNotFound", Times: 6,
		}),
		"groups that have the member already and do not show it, the same": func(w *simtenant.World) { w.ReadLag = 45 * time.Second },
		"a distribution list that does not know the mailbox yet": struck(simtenant.Fault{
			Operation: "Add-DistributionGroupMember", Status: http.StatusNotFound, Code: "ManagementObjectNotFoundException", Times: 3,
		}),
		"a number while Teams does not know of the licence, errorcodecenter.com mtp-409": struck(simtenant.Fault{
			Operation: "POST /admin/teams/telephoneNumberManagement/numberAssignments/assignNumber", Status: http.StatusConflict, Code: "Conflict", Times: 3,
		}),
		"rights on a mailbox": struck(simtenant.Fault{
			Operation: "Add-MailboxPermission", Status: http.StatusNotFound, Code: "ManagementObjectNotFoundException", Times: 3,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before map[string]string
			l := newLineOf(t, adele, undoPolicy(), func(l *line) {
				l.Tenant.Edit(aFullLife)
				before = photograph(t, l.Tenant, id)
			})
			l.finish(t)
			l.Tenant.Edit(late)
			undone(t, l.undo(t))
			for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
				t.Error(line)
			}
		})
	}
}

// TestUndoSaysWhatDidNotComeBack tries what was reported of accounts that came back without something: it is
// a task that says how it is mended, and is told truly where there is nothing to mend.
func TestUndoSaysWhatDidNotComeBack(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for name, try := range map[string]struct {
		meanwhile func(*simtenant.World)
		step      offboarding.StepName
		says      string            // the task; empty = there is none
		observed  map[string]string // what the step says that it saw
		enabled   bool
		later     time.Duration // that it takes until it is a task
	}{
		"the licence of a group that has no seat left, MicrosoftDocs/azure-docs issue 32496": {
			meanwhile: func(w *simtenant.World) {
				w.Groups[simtenant.GroupID(simtenant.GroupLicenceEMS)].LicenceErrors = map[string]string{id: "CountViolation"}
			},
			step: offboarding.StepLicence, says: "does not reach the leaver (CountViolation)",
		},
		"a mailbox that is not connected again, blogs.technet.microsoft.com/jbecks 11 March 2018": {
			meanwhile: func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-Mailbox", Status: http.StatusNotFound, Code: "ManagementObjectNotFoundException"})
			},
			step: offboarding.StepLicence, says: "New-MailboxRestoreRequest", later: 25 * time.Hour,
		},
		"a OneDrive that is not the account's any more, wisechecker.com 34700": {
			meanwhile: func(w *simtenant.World) { delete(w.Drives, id) },
			step:      offboarding.StepOnedrive, says: "Restore-SPODeletedSite", enabled: true, later: 2 * time.Hour,
		},
		"a device that was deleted meanwhile, MicrosoftDocs/azure-docs issue 42065": {
			meanwhile: func(w *simtenant.World) { delete(w.Devices, "5f3a1f0e-6a1c-4a0e-9a53-3a5b0d1c7e11") },
			step:      offboarding.StepBlock, observed: map[string]string{"devicesGone": "1, which their user registers anew"}, enabled: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gone(t)
			l.Tenant.Edit(try.meanwhile)
			c := l.undoSoFar(t)
			if try.later > 0 {
				l.Advance(try.later)
				l.rounds(t, 100)
				var err error
				if c, err = l.Ledger.Case(t.Context(), l.c.ID); err != nil {
					t.Fatal(err)
				}
			}
			s := c.Step(try.step)
			if try.says == "" && s.State != offboarding.StateUndone || try.says != "" && (s.State != offboarding.StateManual || !strings.Contains(s.Reason, try.says)) {
				t.Errorf("%s is %s, want a task that says %q: %s", try.step, s.State, try.says, s.Reason)
			}
			for name, want := range try.observed {
				if s.Evidence[name] != want {
					t.Errorf("%s saw the %s %q, want %q: %v", try.step, name, s.Evidence[name], want, s.Evidence)
				}
			}
			user, alive := l.Tenant.User(id)
			if is := alive && user.AccountEnabled; is != try.enabled {
				t.Errorf("the account is enabled: %t, want %t; block is %s: %s", is, try.enabled, c.Step(offboarding.StepBlock).State, c.Step(offboarding.StepBlock).Reason)
			}
		})
	}
}

// TestUndoOfAHeldAccountWhoseSeatIsGone: the account was deleted with its licence, whose seat somebody has got
// since, so that the restored account comes back without it and its mailbox stays inactive. That is said, and
// after a seat was bought everything comes back.
// Source: office365itpros.com, 7 August 2023, Why Some Deleted User Accounts Store License Information.
func TestUndoOfAHeldAccountWhoseSeatIsGone(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	policy := undoPolicy()
	policy.Mailbox, policy.KeepMail = offboarding.Hold, offboarding.KeepHold
	var before map[string]string
	l := newLineOf(t, adele, policy, func(l *line) { before = photograph(t, l.Tenant, id) })
	l.finish(t)
	seats := map[string]int{}
	var held []simtenant.Licence
	l.Tenant.Edit(func(w *simtenant.World) {
		if w.Deleted[id] == nil || len(w.Deleted[id].Licences) == 0 {
			t.Fatal("the account was not deleted with its licence: the test proves nothing")
		}
		held, w.Deleted[id].Licences = w.Deleted[id].Licences, nil
		for _, sku := range w.SKUs {
			seats[sku.ID], sku.Seats = sku.Seats, 0
		}
	})
	c := l.undoSoFar(t)
	if s := c.Step(offboarding.StepDelete); s.State != offboarding.StateManual || !strings.Contains(s.Reason, "somebody else has got the seat") {
		t.Fatalf("delete is %s, want a task that says that the licences did not come back: %s", s.State, s.Reason)
	}
	if user, _ := l.Tenant.User(id); user.AccountEnabled {
		t.Error("the account is enabled without its mailbox")
	}
	l.Tenant.Edit(func(w *simtenant.World) {
		for _, sku := range w.SKUs {
			sku.Seats = seats[sku.ID]
		}
		w.Users[id].Licences = held
		m := w.Mailboxes[id] // as Exchange connects it when the licence is there
		m.SoftDeletedAt, m.Inactive = time.Time{}, false
	})
	if _, err := l.Ledger.Replay(t.Context(), l.c.ID, offboarding.StepDelete); err != nil {
		t.Fatal(err)
	}
	l.finish(t)
	after := photograph(t, l.Tenant, id)
	if got := surprises(before, after); !slices.Equal(got, []string{"hold: was [false,false], is [false,true]"}) {
		t.Errorf("got the differences %v, want the delay hold alone", got)
	}
}
