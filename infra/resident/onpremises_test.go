package resident_test

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"leaver/infra/resident"
	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// synchronisedPerson is somebody whom the simulated tenant synchronises from a real directory.
const synchronisedPerson = "megan.bowen@contoso.com"

// organisation is a real directory, its synchronisation into a simulated tenant, and the departure
// of somebody in both.
type organisation struct {
	*line
	*sambatest.Organisation
	client *activedirectory.Client
	dn     string
	id     string // object id in Entra
}

// work runs steps once, each.
func (o *organisation) work(t *testing.T, names ...offboarding.StepName) *offboarding.Record {
	t.Helper()
	var record *offboarding.Record
	for _, name := range names {
		record, _ = o.Step(t, o.c.ID, o.workers[name])
	}
	return record
}

// lockOut does what is done at once: access says which groups give licences, and onpremises acts.
func (o *organisation) lockOut(t *testing.T) *offboarding.Record {
	t.Helper()
	return o.work(t, offboarding.StepAccess, offboarding.StepOnpremises)
}

// replay sends a step back to work once a person has acted, and runs it.
func (o *organisation) replay(t *testing.T, name offboarding.StepName) *offboarding.Record {
	t.Helper()
	_, err := o.Ledger.Replay(t.Context(), o.c.ID, name)
	must(t, err)
	return o.work(t, name)
}

// control is the account's userAccountControl.
func (o *organisation) control(t *testing.T) string {
	t.Helper()
	account, err := o.Read(o.dn, "userAccountControl")
	must(t, err)
	return account.GetAttributeValue("userAccountControl")
}

func newOrganisation(t *testing.T, change func(*sambatest.Organisation, string)) *organisation {
	t.Helper()
	return departure{person: synchronisedPerson, change: change}.begin(t)
}

// departure is whose departure from which organisation is tried.
type departure struct {
	person  string
	change  func(*sambatest.Organisation, string) // of the directory and the leaver's account, before
	without string                                // a right that the service account is not given
	moveTo  string
	shared  bool // the mailbox stays, and the account with it
	// observed departures are rehearsed.
	observed bool
	// through is how the function reaches the directory; nil is without anything between.
	through func(*sambatest.Organisation) ([]byte, func(context.Context, string, string) (net.Conn, error))
}

func (d departure) begin(t *testing.T) *organisation {
	t.Helper()
	directory, err := sambatest.Settle(sambatest.New(t), d.without)
	must(t, err)
	o := &organisation{Organisation: directory, id: simtenant.UserID(d.person)}
	name, _, _ := strings.Cut(d.person, "@")
	o.dn, err = directory.Person(name, sambatest.People, sambatest.Initial)
	must(t, err)
	if d.change != nil {
		d.change(directory, o.dn)
	}
	who, err := directory.Identity(o.dn)
	must(t, err)
	policy := offboarding.DefaultPolicy()
	policy.OnPremises, policy.Mailbox, policy.KeepMail, policy.KeepFiles = offboarding.OnPremisesByFunction, offboarding.None, offboarding.KeepNone, offboarding.KeepNone
	if d.observed {
		policy.Mode = offboarding.Observe
	}
	if d.shared {
		policy.Mailbox = offboarding.Shared
	}
	domain, dial := directory.Domain(), directory.DialContext
	domain.MoveTo, domain.Description = d.moveTo, "left"
	if d.through != nil {
		domain.CA, dial = d.through(directory)
	}
	o.client, err = activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(dial))
	must(t, err)
	o.line = newLineOf(t, d.person, policy, func(l *line) {
		l.Tenant.Edit(func(w *simtenant.World) {
			synced := true
			w.Users[o.id].OnPremisesSyncEnabled = &synced
			w.Users[o.id].OnPremises = simtenant.OnPremises{
				DomainName: who.Domain, ImmutableID: who.Anchor, SecurityIdentifier: who.SID, SamAccountName: who.SamAccountName,
			}
			for _, u := range w.Users { // whoever reports to the leaver is a task of access
				if u.ManagerID == o.id {
					u.ManagerID = ""
				}
			}
			for _, g := range w.Groups {
				if g.OnPremisesSyncEnabled != nil && slices.Contains(g.Members, o.id) {
					dn, err := directory.Group("g"+g.ID[:8], o.dn)
					must(t, err)
					in, err := directory.Identity(dn)
					must(t, err)
					g.OnPremisesSID = in.SID
				}
			}
		})
		l.workers[offboarding.StepOnpremises] = l.Worker(offboarding.StepOnpremises, resident.Onpremises(o.client))
		o.synchronise(t, l.Tenant)
	})
	return o
}

// synchronise is one cycle of the synchronisation.
func (o *organisation) synchronise(t *testing.T, tenant *simtenant.Tenant) {
	t.Helper()
	tenant.Synchronise(func(anchor string) (simtenant.OnPremisesState, bool) {
		is, found, err := o.Synchronised(anchor)
		must(t, err)
		return simtenant.OnPremisesState(is), found
	})
}

// carry moves the clock from one due step to the next and synchronises every half an hour, until
// the case has ended; looks are asked on the way.
func (o *organisation) carry(t *testing.T, looks ...func()) *offboarding.Case {
	t.Helper()
	synchronised := o.Now()
	for range 2000 {
		for _, look := range looks {
			look()
		}
		if o.Now().Sub(synchronised) > 30*time.Minute {
			o.synchronise(t, o.Tenant)
			synchronised = o.Now()
		}
		if o.round(t, func(name offboarding.StepName) { o.Step(t, o.c.ID, o.workers[name]) }) {
			break
		}
	}
	c, err := o.Ledger.Case(t.Context(), o.c.ID)
	must(t, err)
	return c
}

func TestB9ASynchronisedPersonLeavesBothDirectories(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	c := o.carry(t)
	for _, step := range c.Steps {
		if !step.State.Closed() {
			t.Errorf("%s is %s: %s; want it closed", step.Name, step.State, step.Reason)
		}
	}
	if _, err := o.Read(o.dn); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("the account is still in the directory: %v", err)
	}
	if _, gone := o.Tenant.DeletedUser(o.id); !gone {
		t.Error("the account is not among the deleted items of the tenant")
	}
}

// Before its gate opens nothing is deleted or moved: the account is disabled, out of its groups, and
// its password is one that nobody knows.
func TestB9TheLockoutOnPremisesComesAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	ends := o.Now().Add(48 * time.Hour)
	synchronised := o.Now()
	for o.Now().Before(ends) {
		if o.Now().Sub(synchronised) > 30*time.Minute {
			o.synchronise(t, o.Tenant)
			synchronised = o.Now()
		}
		o.round(t, func(name offboarding.StepName) {
			if record := o.Record(t, o.c.ID, name); record.Due.Before(ends) {
				o.Step(t, o.c.ID, o.workers[name])
			}
		})
	}
	account, err := o.Read(o.dn, "userAccountControl", "memberOf")
	must(t, err)
	if account.GetAttributeValue("userAccountControl") != "514" || len(account.GetAttributeValues("memberOf")) > 0 {
		t.Errorf("userAccountControl %s, in %v", account.GetAttributeValue("userAccountControl"), account.GetAttributeValues("memberOf"))
	}
	must(t, o.Set(o.dn, "userAccountControl", "512")) // as an administrator would, to tell the password from the block
	if _, err := o.Dial("megan.bowen@"+sambatest.Domain, sambatest.Initial); err == nil {
		t.Error("the old password still opens the account")
	}
	for _, name := range []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock, offboarding.StepAccess} {
		o.Wants(t, o.Record(t, o.c.ID, name), offboarding.StateEffective, "")
	}
	o.Wants(t, o.Record(t, o.c.ID, offboarding.StepOnpremises), offboarding.StateWaiting, "gate of delete")
}

// TestWhoWasRenamedOnPremisesIsLockedOut: dataplat/dbatools#7528. Since the departure was planned; anchor and SID
// say who it is. That somebody else has the former name by now is a person's to look at.
func TestWhoWasRenamedOnPremisesIsLockedOut(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]bool{"renamed": false, "another has the former name": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrganisation(t, nil)
			must(t, o.Set(o.dn, "sAMAccountName", "renamed.since"))
			if taken {
				must(t, o.Set(o.dn, "userPrincipalName", "renamed.since@corp.example"))
				other, err := o.Person("newcomer", sambatest.People, sambatest.Initial)
				must(t, err)
				must(t, o.Set(other, "sAMAccountName", "megan.bowen"))
			}
			o.work(t, offboarding.StepSignout, offboarding.StepBlock)
			record := o.lockOut(t)
			if out := o.control(t) == "514"; out == taken {
				t.Errorf("locked out on premises: %t, want %t; %s: %s", out, !taken, record.State, record.Reason)
			}
			if taken {
				o.Wants(t, record, offboarding.StateParked, "Disable-ADAccount -Identity", "sign off")
			}
		})
	}
}

// An account that AdminSDHolder protects is left whole to a domain administrator: rights that are
// delegated on a container do not reach it, and come off again within the hour.
// Source: mskb.pkisolutions.com/kb/319966; selfadsi.org/extended-ad/ad-permissions-adminsdholder.htm.
// TestTheLockoutOnPremisesWaitsForTheLookAtWhoLeaves: a departure was planned before, and the person has become an
// administrator since, which nobody can see on premises. While the cloud cannot be asked, they are out a minute later.
func TestTheLockoutOnPremisesWaitsForTheLookAtWhoLeaves(t *testing.T) {
	t.Parallel()
	for name, unread := range map[string]bool{"an administrator by now": false, "the cloud cannot be asked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrganisation(t, nil)
			before := o.control(t)
			o.Advance(time.Hour)
			due := o.Now()
			o.Tenant.Edit(func(w *simtenant.World) {
				w.RoleAssignments = append(w.RoleAssignments, simtenant.RoleAssignment{ID: "new", Principal: o.id, Role: offboarding.GlobalAdministrator})
				if unread {
					w.Faults = append(w.Faults, simtenant.Fault{Operation: "*", Status: 503})
				}
			})
			o.lockOut(t)
			if is := o.control(t); is != before {
				t.Fatalf("before anybody had looked userAccountControl is %s, was %s", is, before)
			}
			o.work(t, offboarding.StepSignout, offboarding.StepBlock)
			for o.Now().Sub(due) < 2*time.Minute {
				o.Advance(5 * time.Second)
				o.work(t, offboarding.StepOnpremises)
			}
			if out := o.control(t) != before; out != unread {
				t.Errorf("two minutes later the account on premises is out: %t, want %t", out, unread)
			}
		})
	}
}

func TestAPrivilegedAccountIsATaskAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(d *sambatest.Organisation, dn string) { must(t, d.Set(dn, "adminCount", "1")) })
	before, err := o.Read(o.dn, "userAccountControl", "pwdLastSet", "memberOf")
	must(t, err)
	record, _ := o.Step(t, o.c.ID, o.workers[offboarding.StepOnpremises])
	o.Wants(t, record, offboarding.StateManual, "domain administrator")
	after, err := o.Read(o.dn, "userAccountControl", "pwdLastSet", "memberOf")
	must(t, err)
	for _, name := range []string{"userAccountControl", "pwdLastSet", "memberOf"} {
		if got, want := after.GetAttributeValues(name), before.GetAttributeValues(name); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestB16ACancelledDepartureWritesNothingOnPremises(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	c, err := o.Ledger.Case(t.Context(), o.c.ID)
	must(t, err)
	_, err = o.Ledger.Cancel(t.Context(), ledger.Cancellation{
		Tenant: c.Tenant, Leaver: c.Leaver, Request: offboarding.RequestID("test", "cancelled"), EventTime: o.Now().Add(time.Second), Reason: "stays",
	})
	must(t, err)
	if _, err := o.Deliver(t.Context(), o.workers[offboarding.StepOnpremises], o.Message(t, c.ID, offboarding.StepOnpremises)); err != nil {
		t.Fatal(err)
	}
	account, err := o.Read(o.dn, "userAccountControl")
	must(t, err)
	if got := account.GetAttributeValue("userAccountControl"); got != "512" {
		t.Errorf("userAccountControl is %s, want 512", got)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestUndoOnPremises takes a departure back whose account stayed: in the directory it is as it was, and enabled
// only once everything else is; the synchronisation carries that to the cloud.
func TestUndoOnPremises(t *testing.T) {
	t.Parallel()
	attributes := []string{"userAccountControl", "memberOf", "description", "msExchHideFromAddressLists"}
	photograph := func(o *organisation) map[string][]string {
		t.Helper()
		account, err := o.Read(o.dn, attributes...)
		must(t, err)
		shown := map[string][]string{}
		for _, a := range attributes {
			if shown[a] = account.GetAttributeValues(a); len(shown[a]) > 0 {
				slices.Sort(shown[a])
			}
		}
		return shown
	}
	var before map[string][]string
	o := departure{person: synchronisedPerson, shared: true, change: func(d *sambatest.Organisation, dn string) {
		_, err := d.Group("travellers", dn)
		must(t, err)
		must(t, d.Set(dn, "description", "the fourth floor"))
		must(t, d.Set(dn, "msExchHideFromAddressLists", "FALSE"))
	}}.begin(t)
	before = photograph(o)
	o.carry(t)
	if left := photograph(o); left["userAccountControl"][0] == before["userAccountControl"][0] || len(left["memberOf"]) >= len(before["memberOf"]) ||
		left["description"][0] != "left" || left["msExchHideFromAddressLists"][0] != "TRUE" {
		t.Fatalf("after the departure the account is %v, before it %v", left, before)
	}

	c, err := o.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: o.c.ID, By: undoer, Reason: "she stays", Source: "operator"})
	must(t, err)
	_, err = worker.Dispatch(t.Context(), o.Bus, o.Ledger, c)
	must(t, err)
	enabledAt := ""
	c = o.carry(t, func() {
		if enabledAt == "" && o.control(t) == before["userAccountControl"][0] {
			for _, s := range o.c.Steps {
				if r := o.Record(t, o.c.ID, s.Name); !r.State.Settled() {
					enabledAt += string(s.Name) + " "
				}
			}
			enabledAt += "."
		}
	})
	if s := o.Record(t, c.ID, offboarding.StepOnpremises); s.State != offboarding.StateUndone {
		t.Errorf("onpremises is %s: %s; want undone", s.State, s.Reason)
	}
	if now := photograph(o); !maps.EqualFunc(before, now, slices.Equal) {
		t.Errorf("the account is %v, was %v", now, before)
	}
	for _, last := range []offboarding.StepName{offboarding.StepAccess, offboarding.StepForward, offboarding.StepPreserve} {
		if strings.Contains(enabledAt, string(last)) {
			t.Errorf("it was enabled while %s was still being taken back", last)
		}
	}
	o.synchronise(t, o.Tenant)
	if u, _ := o.Tenant.User(o.id); !u.AccountEnabled {
		t.Error("the cloud does not show it enabled")
	}
}
