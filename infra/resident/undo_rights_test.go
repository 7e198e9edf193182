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

// undoWrites are the permissions by which taking a step back writes through Microsoft Graph. Mailboxes are
// Exchange's, whose cmdlets are each function's own.
// Source: Microsoft Graph permissions reference; the pages of the operations.
var undoWrites = map[offboarding.StepName][]string{
	offboarding.StepBlock:    {"User.EnableDisableAccount.All", "Device.ReadWrite.All"},
	offboarding.StepOnedrive: {"Files.ReadWrite.All"},
	// It reads the roles together with the authentication methods, which nothing less shows.
	offboarding.StepPrivileges: {"Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "AppRoleAssignment.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"},
	offboarding.StepAccess:     {"Group.ReadWrite.All", "TeamsTelephoneNumber.ReadWrite.All"},
	offboarding.StepLicence:    {"LicenseAssignment.ReadWrite.All", "GroupMember.ReadWrite.All"},
	offboarding.StepDelete:     {"User.DeleteRestore.All"},
}

// onlyUndoes gives every step an application that may read what the function may, and write no more than
// taking it back asks.
func (l *line) onlyUndoes(t *testing.T, policy offboarding.Policy) {
	t.Helper()
	storage := objectstore.New(t.TempDir(), nil)
	for name := range l.workers {
		f, ok := offboarding.FunctionOf(string(name))
		if !ok {
			t.Fatalf("no function serves %s", name)
		}
		for _, asked := range undoWrites[name] {
			if !slices.Contains(f.Roles(), asked) {
				t.Errorf("taking %s back asks for %s, which the function does not have", name, asked)
			}
		}
		app := simtenant.App{
			ClientID: uuid.NewString(), Name: offboarding.Registrations + f.Name + " undo", Secret: uuid.NewString(), Cmdlets: f.Cmdlets,
			Roles: slices.DeleteFunc(f.Roles(), func(role string) bool {
				reads := strings.Contains(role, ".Read.") || strings.HasSuffix(role, ".Read") || role == "Exchange.ManageAsApp"
				return !reads && !slices.Contains(undoWrites[name], role)
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

// TestUndoWritesWithNoMoreThanItAsksFor takes everything back with the permissions of the table above alone:
// those of somebody with a full life, and of an administrator.
func TestUndoWritesWithNoMoreThanItAsksFor(t *testing.T) {
	t.Parallel()
	t.Run("a full life", func(t *testing.T) {
		t.Parallel()
		var before map[string]string
		l := newLineOf(t, adele, undoPolicy(), func(l *line) {
			l.Tenant.Edit(aFullLife)
			before = photograph(t, l.Tenant, simtenant.UserID(adele))
		})
		l.finish(t)
		l.onlyUndoes(t, undoPolicy())
		undone(t, l.undo(t))
		for _, line := range surprises(before, photograph(t, l.Tenant, simtenant.UserID(adele))) {
			t.Error(line)
		}
	})
	t.Run("an administrator", func(t *testing.T) {
		t.Parallel()
		const nestor = "nestor.wilke@contoso.com"
		var before map[string]string
		l := newLineOf(t, nestor, undoPolicy(), func(l *line) {
			l.Administrator = true
			before = photograph(t, l.Tenant, simtenant.UserID(nestor))
		})
		l.rounds(t, 6)
		l.onlyUndoes(t, undoPolicy())
		l.undo(t)
		c, err := l.Ledger.Approve(t.Context(), ledger.Approval{Case: l.c.ID, Step: offboarding.StepPrivileges, By: offboarding.Person{Name: "Joni Sherman"}})
		if err == nil {
			_, err = worker.Dispatch(t.Context(), l.Bus, l.Ledger, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.finish(t)
		for _, line := range surprises(before, photograph(t, l.Tenant, simtenant.UserID(nestor))) {
			if !strings.HasPrefix(line, "method ") { // the person registers them anew
				t.Error(line)
			}
		}
	})
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
