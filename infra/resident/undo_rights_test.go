package resident_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"leaver/infra/resident"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/ledger"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// undoAsks are the permissions of Microsoft Graph by which a step is taken back, and no others: none of them
// can be left out. Mailboxes are Exchange's, whose cmdlets are each function's own. What deleted an
// authentication method is not among them: nobody brings one back.
// Source: Microsoft Graph permissions reference; the pages of the operations.
var undoAsks = map[offboarding.StepName][]string{
	offboarding.StepSignout:    {},
	offboarding.StepBlock:      {"User.Read.All", "User.EnableDisableAccount.All", "Device.ReadWrite.All"},
	offboarding.StepWipe:       {},
	offboarding.StepForward:    {"User.Read.All"},
	offboarding.StepPreserve:   {},
	offboarding.StepExport:     {},
	offboarding.StepOnedrive:   {"Files.ReadWrite.All"},
	offboarding.StepPrivileges: {"Directory.Read.All", "Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "AppRoleAssignment.ReadWrite.All"},
	offboarding.StepAccess:     {"Directory.Read.All", "Group.ReadWrite.All", "TeamsTelephoneNumber.ReadWrite.All"},
	offboarding.StepLicence:    {"User.Read.All", "LicenseAssignment.ReadWrite.All", "GroupMember.ReadWrite.All", "Group.Read.All"},
	offboarding.StepDelete:     {"User.Read.All", "User.DeleteRestore.All"},
}

// onlyUndoes gives every step an application with what taking it back asks alone, without one permission of
// one step where that is named.
func (l *line) onlyUndoes(t *testing.T, policy offboarding.Policy, but offboarding.StepName, without string) {
	t.Helper()
	storage := objectstore.New(t.TempDir(), nil)
	for name := range l.workers {
		f, ok := offboarding.FunctionOf(string(name))
		asks, known := undoAsks[name]
		if !ok || !known {
			t.Fatalf("%s is a function: %t, and what its undo asks is known: %t", name, ok, known)
		}
		for _, asked := range asks {
			if !slices.Contains(f.Roles(), asked) {
				t.Errorf("taking %s back asks for %s, which the function does not have", name, asked)
			}
		}
		app := simtenant.App{
			ClientID: uuid.NewString(), Name: offboarding.Registrations + f.Name + " undo", Secret: uuid.NewString(), Cmdlets: f.Cmdlets,
			Roles: slices.DeleteFunc(f.Roles(), func(role string) bool {
				return role != "Exchange.ManageAsApp" && !slices.Contains(asks, role) || name == but && role == without
			}),
		}
		l.Tenant.AddApp(app)
		connection := l.ConnectionOf(app.ClientID, app.Secret)
		directory, err := graph.New(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP, graph.Clock(l.Now))
		if err != nil {
			t.Fatal(err)
		}
		mailboxes, err := exchange.New(connection.Credential, connection.Exchange, connection.ExchangeScope, connection.TenantID, connection.HTTP, exchange.Clock(l.Now))
		if err != nil {
			t.Fatal(err)
		}
		l.workers[name] = l.Worker(name, resident.Steps(directory, mailboxes, l.Ledger, storage, policy)[name])
	}
}

// aFullLifeOf somebody who leaves, to the end; an administrator with an owned role-assignable group until the
// roles are gone.
func aFullLifeOf(t *testing.T, person string) (*line, map[string]string) {
	t.Helper()
	id := simtenant.UserID(person)
	var before map[string]string
	l := newLineOf(t, person, undoPolicy(), func(l *line) {
		if person == adele {
			l.Tenant.Edit(aFullLife)
		} else {
			l.Administrator = true
			l.Tenant.Edit(func(w *simtenant.World) {
				g := w.Groups[simtenant.GroupID(simtenant.GroupTierZero)]
				g.Members = append(slices.Clone(g.Members), id)
				g.Owners = []string{id, simtenant.UserID("emily.braun@contoso.com")}
			})
		}
		before = photograph(t, l.Tenant, id)
	})
	if person == adele {
		l.finish(t)
	} else {
		l.rounds(t, 8)
	}
	return l, before
}

// takenBackBy has everything taken back, with the word of a second person for the roles, and returns the case.
func (l *line) takenBackBy(t *testing.T) *offboarding.Case {
	t.Helper()
	c := l.undoSoFar(t)
	if s := c.Step(offboarding.StepPrivileges); s != nil && s.State == offboarding.StateHeld {
		c, err := l.Ledger.Approve(t.Context(), ledger.Approval{Case: l.c.ID, Step: offboarding.StepPrivileges, By: offboarding.Person{Name: "Joni Sherman"}})
		if err == nil {
			_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.rounds(t, 60)
	}
	c, err := l.Ledger.Case(t.Context(), l.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUndoAsksForNoMore takes everything back with the permissions of the table above alone: those of
// somebody with a full life, and of an administrator. Without any one of them its step is not taken back.
func TestUndoAsksForNoMore(t *testing.T) {
	t.Parallel()
	people := map[string][]offboarding.StepName{"nestor.wilke@contoso.com": {offboarding.StepPrivileges}}
	for name := range undoAsks {
		if name != offboarding.StepPrivileges {
			people[adele] = append(people[adele], name)
		}
	}
	for person, steps := range people {
		t.Run(person, func(t *testing.T) {
			t.Parallel()
			l, before := aFullLifeOf(t, person)
			l.onlyUndoes(t, undoPolicy(), "", "")
			undone(t, l.takenBackBy(t))
			for _, line := range surprises(before, photograph(t, l.Tenant, simtenant.UserID(person))) {
				if !strings.HasPrefix(line, "method ") { // the person registers them anew
					t.Error(line)
				}
			}
		})
		for _, step := range steps {
			for _, without := range undoAsks[step] {
				t.Run(string(step)+" without "+without, func(t *testing.T) {
					t.Parallel()
					l, _ := aFullLifeOf(t, person)
					l.onlyUndoes(t, undoPolicy(), step, without)
					if s := l.takenBackBy(t).Step(step); s.State == offboarding.StateUndone {
						t.Errorf("%s is %s without %s: it does not ask for it", step, s.State, without)
					}
				})
			}
		}
	}
}

// TestUndoOfAHold: a hold that the departure set is taken off, and Exchange keeps it up for 30 days, as is
// said before; one that was there stays. Either way the inactive mailbox is the account's again.
func TestUndoOfAHold(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for name, was := range map[string]bool{"set by the departure": false, "there before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := undoPolicy()
			policy.Mailbox, policy.KeepMail = offboarding.Hold, offboarding.KeepHold
			var before map[string]string
			l := newLineOf(t, adele, policy, func(l *line) {
				l.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[id].LitigationHold = was })
				before = photograph(t, l.Tenant, id)
			})
			l.finish(t)
			if m, _ := l.Tenant.Mailbox(id); !m.Inactive {
				t.Fatalf("the mailbox is not inactive: delete is %s", l.Record(t, l.c.ID, offboarding.StepDelete).Reason)
			}
			c, err := l.Ledger.Case(t.Context(), l.c.ID)
			if err != nil {
				t.Fatal(err)
			}
			told := slices.ContainsFunc(c.Lost(c.Undoable()), func(line string) bool { return strings.Contains(line, "delay hold") })
			if told == was {
				t.Errorf("that Exchange goes on holding it is said: %t, want %t", told, !was)
			}
			undone(t, l.undo(t))
			want := []string{"hold: was [false,false], is [false,true]"}
			if was {
				want = nil
			}
			if got := surprises(before, photograph(t, l.Tenant, id)); !slices.Equal(got, want) {
				t.Errorf("got the differences %v, want %v", got, want)
			}
			if m, _ := l.Tenant.Mailbox(id); m.Inactive {
				t.Error("the mailbox is inactive still")
			}
		})
	}
}
