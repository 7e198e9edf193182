package resident_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

const lynne = "lynne.robbins@contoso.com"

// gone carries Adele's departure to the deletion.
func gone(t *testing.T) *line {
	t.Helper()
	l := newLineOf(t, adele, undoPolicy(), func(l *line) { l.Tenant.Edit(aFullLife) })
	l.finish(t)
	if _, deleted := l.Tenant.DeletedUser(simtenant.UserID(adele)); !deleted {
		t.Fatal("the account was not deleted")
	}
	return l
}

// TestUndoLeavesWhatOthersHaveByNow tries what was reported of restores that went wrong: it becomes a task
// that names the cause, and whoever has it keeps it.
func TestUndoLeavesWhatOthersHaveByNow(t *testing.T) {
	t.Parallel()
	id, other := simtenant.UserID(adele), simtenant.UserID(lynne)
	for name, try := range map[string]struct {
		meanwhile func(*simtenant.World)
		step      offboarding.StepName
		says      string
		enabled   bool // the account is, all the same
		kept      func(*simtenant.World) bool
	}{
		"the userPrincipalName, microsoftgraph/entra-powershell issue 1484": {
			meanwhile: func(w *simtenant.World) { w.Users[other].UserPrincipalName = adele },
			step:      offboarding.StepDelete, says: other,
			kept: func(w *simtenant.World) bool { return w.Users[other].UserPrincipalName == adele && w.Users[id] == nil },
		},
		"an address, microsoftgraph/msgraph-sdk-powershell issue 2410": {
			meanwhile: func(w *simtenant.World) {
				w.Users[other].ProxyAddresses = append(w.Users[other].ProxyAddresses, "smtp:a.vance@contoso.com")
			},
			step: offboarding.StepDelete, says: other,
			kept: func(w *simtenant.World) bool {
				return slices.Contains(w.Users[other].ProxyAddresses, "smtp:a.vance@contoso.com") && w.Users[id] == nil
			},
		},
		"the telephone number": {
			meanwhile: func(w *simtenant.World) {
				w.Users[other].Numbers = []simtenant.TelephoneNumber{{Number: "+12065550123", Type: "callingPlan"}}
			},
			step: offboarding.StepAccess, says: "somebody else has it by now", enabled: true,
			kept: func(w *simtenant.World) bool {
				return len(w.Users[other].Numbers) == 1 && len(w.Users[id].Numbers) == 0
			},
		},
		"the last seat, microsoftgraph/microsoft-graph-docs pull request 3167": {
			meanwhile: func(w *simtenant.World) {
				for _, sku := range w.SKUs {
					sku.Seats = 0
				}
			},
			step: offboarding.StepLicence, says: "no seat is left",
			kept: func(w *simtenant.World) bool { return len(w.Users[id].Licences) == 0 },
		},
		"no usage location any more, KelvinTegelaar/CIPP issue 783": {
			meanwhile: func(w *simtenant.World) { w.Deleted[id].UsageLocation = "" },
			step:      offboarding.StepLicence, says: "look at the usage location",
			kept: func(w *simtenant.World) bool { return len(w.Users[id].Licences) <= 1 },
		},
		"a group that somebody has made dynamic, whose members nobody can add": {
			meanwhile: func(w *simtenant.World) {
				for _, g := range w.Groups {
					if g.DisplayName == "Team 7" {
						g.MembershipRule = "(user.department -eq \"Sales\")"
					}
				}
			},
			step: offboarding.StepAccess, says: "put the person into the group", enabled: true,
			kept: func(*simtenant.World) bool { return true },
		},
		"a mailbox that is another one, Exchange mailbox recovery 20804": {
			meanwhile: func(w *simtenant.World) { w.MailboxReborn = true },
			step:      offboarding.StepLicence, says: "New-MailboxRestoreRequest", enabled: true,
			kept: func(*simtenant.World) bool { return true },
		},
		"a group that was deleted": {
			meanwhile: func(w *simtenant.World) {
				for group, g := range w.Groups {
					if g.DisplayName == "Team 7" {
						delete(w.Groups, group)
					}
				}
			},
			step: offboarding.StepAccess, says: "is not there any more", enabled: true,
			kept: func(*simtenant.World) bool { return true },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gone(t)
			l.Tenant.Edit(try.meanwhile)
			c := l.undoSoFar(t)
			if s := c.Step(try.step); s.State != offboarding.StateManual || !strings.Contains(s.Reason, try.says) {
				t.Errorf("%s is %s, want a task that says %q: %s", try.step, s.State, try.says, s.Reason)
			}
			user, alive := l.Tenant.User(id)
			if is := alive && user.AccountEnabled; is != try.enabled {
				t.Errorf("the account is enabled: %t, want %t", is, try.enabled)
			}
			l.Tenant.Edit(func(w *simtenant.World) {
				if !try.kept(w) {
					t.Error("what somebody else has by now was taken from them, or given twice")
				}
			})
		})
	}
}

// untilLicence carries the case on until only what is due at a later date is left: the lockout stands, and
// licence and account are still there.
func (l *line) untilLicence(t *testing.T) {
	t.Helper()
	for range 100 {
		c, err := l.Ledger.Case(t.Context(), l.c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool {
			return !s.State.Settled() && s.Due.Before(l.Now().Add(24*time.Hour))
		}) {
			break
		}
		l.rounds(t, 1)
	}
	if user, alive := l.Tenant.User(l.c.Leaver); !alive || user.AccountEnabled || l.Record(t, l.c.ID, offboarding.StepLicence).State.Closed() {
		t.Fatalf("it is not between the lockout and the licence: the account is there: %t, licence is %s", alive, l.Record(t, l.c.ID, offboarding.StepLicence).State)
	}
}

// cancelledAfterTheLockout is a departure that was cancelled when everything that is done at once had been.
func cancelledAfterTheLockout(t *testing.T, l *line) {
	t.Helper()
	l.untilLicence(t)
	_, err := l.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: l.c.Tenant, Leaver: l.c.Leaver, Request: offboarding.RequestID("test", "stays"), EventTime: l.Now().Add(time.Minute), Reason: "stays"})
	if err != nil {
		t.Fatal(err)
	}
}

// TestUndoGivesSMTPSubmissionBackAsItWas, with its three values.
func TestUndoGivesSMTPSubmissionBackAsItWas(t *testing.T) {
	t.Parallel()
	const disabled = "SmtpClientAuthenticationDisabled"
	id := simtenant.UserID(adele)
	show := func(m *simtenant.Mailbox) string {
		if value, set := m.Protocols[disabled]; set {
			return strconv.FormatBool(value)
		}
		return "null"
	}
	for _, was := range []string{"true", "false", "null"} {
		t.Run(was, func(t *testing.T) {
			t.Parallel()
			l := newLineOf(t, adele, undoPolicy(), func(l *line) {
				l.Tenant.Edit(func(w *simtenant.World) {
					if delete(w.Mailboxes[id].Protocols, disabled); was != "null" {
						w.Mailboxes[id].Protocols[disabled] = was == "true"
					}
				})
			})
			cancelledAfterTheLockout(t, l)
			l.Tenant.Edit(func(w *simtenant.World) {
				if is := show(w.Mailboxes[id]); is != "true" {
					t.Errorf("locked out it is %s, want true", is)
				}
			})
			undone(t, l.undo(t))
			l.Tenant.Edit(func(w *simtenant.World) {
				if is := show(w.Mailboxes[id]); is != was {
					t.Errorf("%s is %s, want %s as before", disabled, is, was)
				}
			})
		})
	}
}

// TestUndoLeavesWhatSomebodyChangedSince: a forwarding and an automatic reply that an administrator set
// after the lockout stay as they are.
func TestUndoLeavesWhatSomebodyChangedSince(t *testing.T) {
	t.Parallel()
	id, emily := simtenant.UserID(adele), simtenant.UserID("emily.braun@contoso.com")
	l := newLineOf(t, adele, undoPolicy(), func(l *line) { l.Tenant.Edit(aFullLife) })
	cancelledAfterTheLockout(t, l)
	l.Tenant.Edit(func(w *simtenant.World) {
		m := w.Mailboxes[id]
		m.ForwardingAddress, m.AutoReply.Status, m.AutoReply.Internal = emily, "alwaysEnabled", "<p>Ask Emily</p>"
	})
	undone(t, l.undo(t))
	l.Tenant.Edit(func(w *simtenant.World) {
		if m := w.Mailboxes[id]; m.ForwardingAddress != emily || m.AutoReply.Internal != "<p>Ask Emily</p>" {
			t.Errorf("the mail goes to %s, and the reply is %q: want them as somebody set them since", m.ForwardingAddress, m.AutoReply.Internal)
		}
	})
}

// TestUndoGivesRolesBackByASecondPersonOnly: whoever ordered the undo does not approve them, and the
// account does not wait for that.
func TestUndoGivesRolesBackByASecondPersonOnly(t *testing.T) {
	t.Parallel()
	const nestor = "nestor.wilke@contoso.com"
	id := simtenant.UserID(nestor)
	var before map[string]string
	l := newLineOf(t, nestor, undoPolicy(), func(l *line) {
		l.Administrator = true
		before = photograph(t, l.Tenant, id)
	})
	l.rounds(t, 6)
	c := l.undo(t)
	if s := c.Step(offboarding.StepPrivileges); s.State != offboarding.StateHeld {
		t.Fatalf("privileges is %s, want it held: %s", s.State, s.Reason)
	}
	if user, _ := l.Tenant.User(id); !user.AccountEnabled {
		t.Error("the account waits for the approval of its roles")
	}
	approval := ledger.Approval{Case: l.c.ID, Step: offboarding.StepPrivileges, By: undoer}
	if _, err := l.Ledger.Approve(t.Context(), approval); !errors.Is(err, ledger.ErrOwnWord) {
		t.Errorf("whoever ordered the undo approves it: got %v, want %v", err, ledger.ErrOwnWord)
	}
	approval.By = offboarding.Person{Name: "Joni Sherman"}
	c, err := l.Ledger.Approve(t.Context(), approval)
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.finish(t)
	for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
		if !strings.HasPrefix(line, "method ") { // the person registers them anew
			t.Error(line)
		}
	}
}

// TestUndoCanBeStopped, and ordered again: nothing is written in between.
func TestUndoCanBeStopped(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	l := gone(t)
	order := ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"}
	c, err := l.Ledger.Undo(t.Context(), order)
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Deliver(t.Context(), l.workers[offboarding.StepDelete], l.Message(t, l.c.ID, offboarding.StepDelete)); err != nil {
		t.Fatal(err)
	}
	if c, err = l.Ledger.StopUndo(t.Context(), l.c.ID, undoer); err != nil || c.State(l.Now()) != offboarding.CaseCancelled && c.State(l.Now()) != offboarding.CaseComplete {
		t.Fatalf("stopped it is %s, %v; want it to be over", c.State(l.Now()), err)
	}
	writes := l.Writes()
	for name, w := range l.workers {
		if c.Step(name) != nil {
			if _, err := l.Deliver(t.Context(), w, l.Message(t, l.c.ID, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if made := l.Writes() - writes; made > 0 {
		t.Errorf("%d writes were made after the undo was stopped", made)
	}
	if user, alive := l.Tenant.User(id); !alive || user.AccountEnabled {
		t.Errorf("the account is there: %t, want it restored and not enabled", alive)
	}
	undone(t, l.undo(t))
	if user, _ := l.Tenant.User(id); !user.AccountEnabled {
		t.Error("the second order did not go on")
	}
}

// TestUndoHasItsTime: not after Microsoft has purged the account, and not of a departure that a newer one
// has followed.
func TestUndoHasItsTime(t *testing.T) {
	t.Parallel()
	l := gone(t)
	l.Advance(31 * 24 * time.Hour)
	order := ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she is back", Source: "operator"}
	if _, err := l.Ledger.Undo(t.Context(), order); !errors.Is(err, ledger.ErrNotUndoable) || !strings.Contains(err.Error(), "30 days") {
		t.Errorf("got %v, want that the account is gone for good", err)
	}
	order.By = offboarding.Person{}
	if _, err := l.Ledger.Undo(t.Context(), order); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("nobody orders it: got %v, want %v", err, ledger.ErrNobody)
	}
}

// TestUndoOfOneStepKeepsTheGatesShut: the forwarding is taken back while the departure goes on, and no
// licence goes.
func TestUndoOfOneStepKeepsTheGatesShut(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	l := newLineOf(t, adele, undoPolicy(), func(l *line) { l.Tenant.Edit(aFullLife) })
	l.rounds(t, 1)
	c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, Step: offboarding.StepForward, By: undoer, Reason: "she answers her own mail", Source: "operator"})
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.rounds(t, 40)
	forward, licence := l.Record(t, l.c.ID, offboarding.StepForward), l.Record(t, l.c.ID, offboarding.StepLicence)
	if forward.State != offboarding.StateUndone || licence.State == offboarding.StateEffective {
		t.Errorf("forward is %s and licence %s, want forward undone and the licence kept: %s", forward.State, licence.State, licence.Reason)
	}
	l.Tenant.Edit(func(w *simtenant.World) {
		if m := w.Mailboxes[id]; m.ForwardingAddress != simtenant.UserID("lidia.holloway@contoso.com") || m.Hidden {
			t.Errorf("the mail goes to %s, hidden %t: want it as before the departure", m.ForwardingAddress, m.Hidden)
		}
		if len(w.Users[id].Licences) == 0 {
			t.Error("the licence went although its gate waits for forward")
		}
	})
}

// TestUndoGivesNothingThatWasNotThere: what was closed, blocked, hidden or given before the departure is so
// after its undo.
func TestUndoGivesNothingThatWasNotThere(t *testing.T) {
	t.Parallel()
	const patti, lidia, phone = "patti.fernandez@contoso.com", "lidia.holloway@contoso.com", "5f3a1f0e-6a1c-4a0e-9a53-3a5b0d1c7e11"
	alex := simtenant.UserID("alex.wilber@contoso.com")
	shared := undoPolicy()
	shared.Mailbox = offboarding.Shared
	for name, was := range map[string]struct {
		person string
		policy offboarding.Policy
		world  func(*simtenant.World)
		shows  string // the beginning of what is compared; empty = everything
	}{
		"an account that was disabled": {adele, undoPolicy(), func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].AccountEnabled = false }, ""},
		"a device that was disabled":   {adele, undoPolicy(), func(w *simtenant.World) { w.Devices[phone].AccountEnabled = false }, ""},
		"a mailbox that was hidden":    {adele, undoPolicy(), func(w *simtenant.World) { w.Mailboxes[simtenant.UserID(adele)].Hidden = true }, ""},
		"a phone that somebody else has blocked": {
			patti, undoPolicy(), func(w *simtenant.World) {
				w.Mailboxes[simtenant.UserID(patti)].BlockedDeviceIDs = []string{"SOMEBODYBLOCKEDTHIS"}
			}, "blocked phones",
		},
		"a right that the manager had": {
			lidia, shared, func(w *simtenant.World) {
				w.Mailboxes[simtenant.UserID(lidia)].Permissions = []simtenant.MailboxPermission{{User: alex, Rights: []string{"FullAccess"}}}
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := simtenant.UserID(was.person)
			var before map[string]string
			l := newLineOf(t, was.person, was.policy, func(l *line) {
				if was.person == adele {
					l.Tenant.Edit(aFullLife)
				}
				l.Tenant.Edit(was.world)
				before = photograph(t, l.Tenant, id)
			})
			cancelledAfterTheLockout(t, l)
			changed := differences(before, photograph(t, l.Tenant, id))
			if !slices.ContainsFunc(changed, func(line string) bool { return strings.HasPrefix(line, was.shows) }) {
				t.Fatalf("the departure changed %v: the test proves nothing", changed)
			}
			l.undoSoFar(t)
			for _, line := range surprises(before, photograph(t, l.Tenant, id)) {
				if strings.HasPrefix(line, was.shows) {
					t.Error(line)
				}
			}
		})
	}
}

// TestUndoWritesNothingWhileTheInstallationIsFrozen, and goes on when it is thawed.
func TestUndoWritesNothingWhileTheInstallationIsFrozen(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	l := gone(t)
	if err := l.Ledger.Freeze(t.Context(), undoer, "a stolen password"); err != nil {
		t.Fatal(err)
	}
	writes := l.Writes()
	c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.rounds(t, 20)
	if made := l.Writes() - writes; made > 0 {
		t.Errorf("%d writes were made while the installation was frozen", made)
	}
	if _, deleted := l.Tenant.DeletedUser(id); !deleted {
		t.Error("the account was restored while the installation was frozen")
	}
	if err := l.Ledger.Thaw(t.Context(), undoer); err != nil {
		t.Fatal(err)
	}
	l.finish(t)
	if c, err = l.Ledger.Case(t.Context(), l.c.ID); err != nil {
		t.Fatal(err)
	}
	undone(t, c)
}

// TestUndoThatIsStoppedInTheMiddleOfARun: what the run has not written by then it does not write.
func TestUndoThatIsStoppedInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	l := gone(t)
	c, err := l.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: l.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
	if err == nil {
		_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	l.OnRequest = func(r *http.Request) error {
		if looks++; looks == 2 { // of the run that restores the account, before it does
			if _, err := l.Ledger.StopUndo(t.Context(), l.c.ID, undoer); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	writes := l.Writes()
	if _, err := l.Deliver(t.Context(), l.workers[offboarding.StepDelete], l.Message(t, l.c.ID, offboarding.StepDelete)); err != nil {
		t.Fatal(err)
	}
	if _, deleted := l.Tenant.DeletedUser(simtenant.UserID(adele)); !deleted || looks < 2 || l.Writes() != writes {
		t.Errorf("the account is deleted: %t, after %d requests and %d writes; want it left so", deleted, looks, l.Writes()-writes)
	}
}
