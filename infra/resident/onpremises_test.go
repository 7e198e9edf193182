package resident_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"leaver/infra/resident"
	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// synchronisedPerson is somebody whom the simulated tenant synchronises from a real directory.
const synchronisedPerson = "megan.bowen@contoso.com"

// organisation is a real directory, its synchronisation into a simulated tenant, and the departure
// of somebody in both.
type organisation struct {
	*line
	*sambatest.Organisation
	dn string
	id string // object id in Entra
}

func newOrganisation(t *testing.T, change func(*sambatest.Organisation, string)) *organisation {
	t.Helper()
	directory, err := sambatest.Settle(sambatest.New(t))
	must(t, err)
	o := &organisation{Organisation: directory, id: simtenant.UserID(synchronisedPerson)}
	o.dn, err = directory.Person("megan.bowen", sambatest.People, sambatest.Initial)
	must(t, err)
	if change != nil {
		change(directory, o.dn)
	}
	who, err := directory.Identity(o.dn)
	must(t, err)
	policy := offboarding.DefaultPolicy()
	policy.OnPremises, policy.Mailbox, policy.KeepMail, policy.KeepFiles = offboarding.OnPremisesByFunction, offboarding.None, offboarding.KeepNone, offboarding.KeepNone
	client, err := activedirectory.New([]activedirectory.Domain{directory.Domain()}, activedirectory.Dial(directory.DialContext))
	must(t, err)
	o.line = newLineOf(t, synchronisedPerson, policy, func(l *line) {
		l.Tenant.Edit(func(w *simtenant.World) {
			w.Users[o.id].OnPremises = simtenant.OnPremises{
				DomainName: who.Domain, ImmutableID: who.Anchor, SecurityIdentifier: who.SID, SamAccountName: who.SamAccountName,
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
		l.workers[offboarding.StepOnpremises] = l.Worker(offboarding.StepOnpremises, resident.Onpremises(client))
	})
	return o
}

// synchronise is one cycle of the synchronisation.
func (o *organisation) synchronise(t *testing.T) {
	t.Helper()
	o.Tenant.Synchronise(func(anchor string) (simtenant.OnPremisesState, bool) {
		is, found, err := o.Synchronised(anchor)
		must(t, err)
		return simtenant.OnPremisesState(is), found
	})
}

// carry moves the clock from one due step to the next and synchronises every half an hour, until
// the case has ended.
func (o *organisation) carry(t *testing.T) *offboarding.Case {
	t.Helper()
	synchronised := o.Now()
	for range 2000 {
		if o.Now().Sub(synchronised) > 30*time.Minute {
			o.synchronise(t)
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
			o.synchronise(t)
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
	must(t, o.Set(o.dn, "userAccountControl", "512"))
	if _, err := o.Dial("megan.bowen@"+sambatest.Domain, sambatest.Initial); err == nil {
		t.Error("the old password still opens the account")
	}
	for _, name := range []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock, offboarding.StepAccess} {
		o.Wants(t, o.Record(t, o.c.ID, name), offboarding.StateEffective, "")
	}
	o.Wants(t, o.Record(t, o.c.ID, offboarding.StepOnpremises), offboarding.StateWaiting, "gate of delete")
}

// An account that AdminSDHolder protects is left whole to a domain administrator.
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

// The directory is away for an hour: the run is tried again, and the account is then locked out.
func TestADirectoryThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	must(t, o.Close())
	record, _ := o.Step(t, o.c.ID, o.workers[offboarding.StepOnpremises])
	o.Wants(t, record, offboarding.StateRetrying, "connecting to domain controller")
	must(t, o.Resume(t.Context()))
	for record = o.Record(t, o.c.ID, offboarding.StepOnpremises); record.Evidence["disabled"] == ""; record = o.Record(t, o.c.ID, offboarding.StepOnpremises) {
		o.Advance(time.Minute)
		o.Step(t, o.c.ID, o.workers[offboarding.StepOnpremises])
	}
}

// A host that is killed around each of its calls to the directory does the same in the end.
func TestAKillAroundAnyCallToTheDirectoryChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	for calls := 0; ; calls++ {
		cut := &cutting{o: o, left: calls}
		client, err := activedirectory.New([]activedirectory.Domain{o.Domain()}, activedirectory.Dial(cut.dial))
		must(t, err)
		w := o.Worker(offboarding.StepOnpremises, resident.Onpremises(client))
		record, _ := o.Step(t, o.c.ID, w)
		if record.State == offboarding.StateParked || record.State == offboarding.StateManual {
			t.Fatalf("after %d calls: %s: %s; want it still at work", calls, record.State, record.Reason)
		}
		o.Advance(time.Hour)
		if !cut.happened {
			break
		}
	}
	account, err := o.Read(o.dn, "userAccountControl")
	must(t, err)
	if got := account.GetAttributeValue("userAccountControl"); got != "514" {
		t.Errorf("userAccountControl is %s, want 514", got)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cutting is a network that breaks at one write: before it, or after it and before its answer.
type cutting struct {
	o        *organisation
	left     int
	happened bool
}

func (c *cutting) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.o.DialContext(ctx, network, address)
	return &cutConn{Conn: conn, cut: c}, err
}

type cutConn struct {
	net.Conn
	cut *cutting
}

func (c *cutConn) Write(p []byte) (int, error) {
	c.cut.left--
	switch {
	case c.cut.left/2 != 0 || c.cut.happened:
		return c.Conn.Write(p)
	case c.cut.left == 1: // the write arrives, its answer does not
		n, err := c.Conn.Write(p)
		c.cut.happened = true
		_ = c.Close()
		return n, err
	}
	c.cut.happened = true
	_ = c.Close()
	return 0, net.ErrClosed
}
