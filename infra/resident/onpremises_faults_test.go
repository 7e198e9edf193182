package resident_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"leaver/infra/resident"
	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// A host that is killed before each call to the directory, once, in one whole departure, and one that
// is killed after each, when the directory has done it and its answer is lost, do the same in the end.
// A call is told from another by what it is and by what preceded it on its connection.
func TestAKillAroundEveryCallToTheDirectoryChangesNothing(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			var (
				mu       sync.Mutex
				previous string
				cut      = map[string]bool{}
			)
			on := func(moment, call string) error {
				mu.Lock()
				defer mu.Unlock()
				if call == "unbind" {
					return nil
				}
				if call == "bind" && moment == "before" {
					previous = ""
				}
				point := call + ", preceded by " + previous
				if moment == "after" {
					previous = call
				}
				if moment != when || cut[point] {
					return nil
				}
				cut[point] = true
				return errors.New("killed")
			}
			o := departure{person: diego, through: func(d *sambatest.Organisation) ([]byte, func(context.Context, string, string) (net.Conn, error)) {
				tap := sambatest.NewTap(t, d.Controller)
				tap.Before = func(call string) error { return on("before", call) }
				tap.After = func(call string) error { return on("after", call) }
				return tap.CA, tap.DialContext
			}}.begin(t)
			c := o.carry(t)
			for _, step := range c.Steps {
				if !step.State.Closed() {
					t.Errorf("%s is %s: %s", step.Name, step.State, step.Reason)
				}
			}
			if _, err := o.Read(o.dn); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
				t.Errorf("the account is still in the directory: %v", err)
			}
			t.Logf("killed %d times %s a call:\n%s", len(cut), when, strings.Join(points(cut), "\n"))
			for _, write := range []string{"modify userAccountControl", "modify unicodePwd", "modify description", "modify msExchHideFromAddressLists", "modify member", "delete"} {
				if !slices.ContainsFunc(points(cut), func(p string) bool { return strings.HasPrefix(p, write) }) {
					t.Errorf("nothing was killed %s %s: %q", when, write, points(cut))
				}
			}
		})
	}
}

func points(cut map[string]bool) (all []string) {
	for p := range cut {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// The directory is away for an hour: nothing is parked and nobody is called, and the account is locked
// out at the next try after it is back.
func TestADirectoryThatIsAwayForAnHourIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	o.work(t, offboarding.StepAccess)
	must(t, o.Close())
	back := o.Now().Add(time.Hour)
	tries := 0
	for ; o.Now().Before(back); tries++ {
		record := o.work(t, offboarding.StepOnpremises)
		o.Wants(t, record, offboarding.StateRetrying, "connecting to domain controller")
		o.Advance(max(record.Due.Sub(o.Now()), time.Second))
	}
	must(t, o.Resume(t.Context()))
	record := o.work(t, offboarding.StepOnpremises)
	if got := o.control(t); got != "514" || record.Evidence["disabled"] != "true" {
		t.Errorf("after %d tries and %s: userAccountControl is %s; %s: %s", tries, o.Now().Sub(back), got, record.State, record.Reason)
	}
	if late := o.Now().Sub(back); late > 15*time.Minute {
		t.Errorf("tried %s after the directory was back", late)
	}
}

// The first controller locks the account out and goes away before the second has heard of it: the
// second is told as well. Enabled again where it read disabled, it was a person (B16).
// Source: mcpmag.com/articles/2005/11/02/a-window-of-opportunity.aspx (a controller that has not heard
// of a password yet).
func TestB9TwoControllersThatDisagreeAreBothTold(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	second, err := o.Replica(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = second.Close() })
	domain, away := o.Domain(), ""
	domain.Servers, domain.CA = []string{sambatest.HostName, sambatest.SecondName}, slices.Concat(o.CA, second.CA)
	client, err := activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
		switch name, _, _ := net.SplitHostPort(address); name {
		case away:
			return nil, net.ErrClosed
		case sambatest.SecondName:
			return second.DialContext(ctx, network, address)
		}
		return o.DialContext(ctx, network, address)
	}))
	must(t, err)
	o.workers[offboarding.StepOnpremises] = o.Worker(offboarding.StepOnpremises, resident.Onpremises(client))
	onSecond := func() (control, set string) {
		account, err := second.Read(o.dn, "userAccountControl", "pwdLastSet")
		must(t, err)
		return account.GetAttributeValue("userAccountControl"), account.GetAttributeValue("pwdLastSet")
	}
	_, set := onSecond()
	o.lockOut(t)
	if got, _ := onSecond(); o.control(t) != "514" || got != "512" {
		t.Fatalf("userAccountControl is %s on the first and %s on the second", o.control(t), got)
	}
	away = sambatest.HostName
	o.Advance(time.Minute)
	record := o.work(t, offboarding.StepOnpremises)
	o.Wants(t, record, offboarding.StateWaiting)
	if got, now := onSecond(); got != "514" || now == set {
		t.Errorf("the second controller: userAccountControl is %s, its password is the old one: %v", got, now == set)
	}
	// What was read on the second is looked at there again, though the first is back.
	away = ""
	must(t, second.Set(o.dn, "userAccountControl", "512"))
	o.Advance(time.Minute)
	o.Wants(t, o.work(t, offboarding.StepOnpremises), offboarding.StateManual, "B16", "enabled again")
	if got, _ := onSecond(); got != "512" {
		t.Errorf("the account was disabled against whoever enabled it: %s", got)
	}
}

// Observed only, the directory is read and nothing in it changes.
func TestAnObservedDepartureWritesNothingOnPremises(t *testing.T) {
	t.Parallel()
	o := departure{person: synchronisedPerson, observed: true}.begin(t)
	before, err := o.Read(o.dn, "uSNChanged")
	must(t, err)
	record := o.lockOut(t)
	o.Wants(t, record, offboarding.StateRehearsed)
	after, err := o.Read(o.dn, "uSNChanged")
	must(t, err)
	if got, want := after.GetAttributeValue("uSNChanged"), before.GetAttributeValue("uSNChanged"); got != want || record.Would == "" {
		t.Errorf("uSNChanged is %s and was %s; it would %q", got, want, record.Would)
	}
}

// The domain refuses the password, by its own rules or a filter: the account is disabled and out of its
// groups all the same, and a person is told what to look at.
func TestAPasswordPolicyThatRefusesStopsNothingElse(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(d *sambatest.Organisation, _ string) { must(t, d.Set(sambatest.Base, "minPwdLength", "60")) })
	o.Wants(t, o.lockOut(t), offboarding.StateParked, "password rules")
	account, err := o.Read(o.dn, "userAccountControl", "memberOf")
	must(t, err)
	if account.GetAttributeValue("userAccountControl") != "514" || len(account.GetAttributeValues("memberOf")) > 0 {
		t.Errorf("userAccountControl %s, in %v", account.GetAttributeValue("userAccountControl"), account.GetAttributeValues("memberOf"))
	}
	must(t, o.Set(sambatest.Base, "minPwdLength", "7"))
	if record := o.replay(t, offboarding.StepOnpremises); record.Progress[offboarding.PasswordSetOnPremises] == "" {
		t.Errorf("%s: %s", record.State, record.Reason)
	}
}

// Each right of infra/activedirectory that is taken away makes the step fail with an error that says
// so, and the check says it beforehand.
func TestARightThatIsTakenAwayIsSaidBeforehandAndStopsTheStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		without string
		missing []string // by the check
		later   bool     // it is needed behind the gate of delete
		moves   bool
	}{
		"reset":    {without: activedirectory.RightToReset, missing: []string{"reset a password"}},
		"disable":  {without: activedirectory.RightToDisable, missing: []string{"disable an account"}},
		"describe": {without: activedirectory.RightToDescribe, missing: []string{"describe an account"}},
		"ungroup":  {without: activedirectory.RightToUngroup, missing: []string{"take an account out of a group"}},
		"hide":     {without: sambatest.RightToHide, missing: []string{"hide an account from address lists"}},
		"delete":   {without: activedirectory.RightToRemove, missing: []string{"delete an account"}, later: true},
		"move: DC": {without: activedirectory.RightToRemove, missing: []string{"delete an account"}, later: true, moves: true},
		"name":     {without: activedirectory.RightToRename, missing: []string{"take an account along when it is moved"}, later: true, moves: true},
		"cn":       {without: activedirectory.RightToRecall, missing: []string{"take an account along when it is moved"}, later: true, moves: true},
		"arrive":   {without: activedirectory.RightToArrive, missing: []string{"put an account where moveTo says"}, later: true, moves: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := departure{person: synchronisedPerson, without: test.without, shared: test.moves}
			if test.moves {
				d.moveTo = sambatest.Former
			}
			o := d.begin(t)
			session, err := o.client.Open(t.Context(), sambatest.Domain, "")
			must(t, err)
			defer session.Close()
			rights, err := session.Check(t.Context())
			must(t, err)
			var missing []string
			for _, r := range rights {
				if r.May < r.Of || r.Of == 0 {
					missing = append(missing, r.Name)
				}
			}
			if !slices.Equal(missing, test.missing) {
				t.Errorf("missing are %q, want %q", missing, test.missing)
			}
			if test.later {
				o.carry(t)
			} else {
				o.lockOut(t)
			}
			o.Wants(t, o.Record(t, o.c.ID, offboarding.StepOnpremises), offboarding.StateParked, "no right")
			if got := o.control(t); (got == "514") == (name == "disable") {
				t.Errorf("userAccountControl is %s", got)
			}
		})
	}
}

// Behind the gate of licence the account leaves the group that gives the licence, and before it
// does not (B2); nobody is called.
func TestB2AGroupThatGivesLicencesIsLeftBehindItsGate(t *testing.T) {
	t.Parallel()
	o := departure{person: diego}.begin(t)
	var left time.Time
	c := o.carry(t, func() {
		o.Tenant.Edit(func(w *simtenant.World) {
			if left.IsZero() && !slices.Contains(w.Groups[simtenant.GroupID(simtenant.GroupLicenceOnPrem)].Members, o.id) {
				left = o.Now()
			}
		})
	})
	for _, step := range c.Steps {
		if !step.State.Closed() {
			t.Errorf("%s is %s: %s", step.Name, step.State, step.Reason)
		}
	}
	planned, _ := c.Plan.Step(offboarding.StepLicence)
	if left.Before(planned.Due) {
		t.Errorf("the licence went at %s, before its gate at %s", left, planned.Due)
	}
}

// TestB2GroupsThatCannotBeReadAreNotTakenForNone: while Graph does not list the leaver's groups, nobody knows which
// of them give licences, and the account leaves none on premises; it is locked out all the same.
func TestB2GroupsThatCannotBeReadAreNotTakenForNone(t *testing.T) {
	t.Parallel()
	o := departure{person: diego}.begin(t)
	o.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/memberOf", Status: 503})
	})
	o.Wants(t, o.lockOut(t), offboarding.StateWaiting, "access")
	account, err := o.Read(o.dn, "memberOf")
	must(t, err)
	if in := account.GetAttributeValues("memberOf"); len(in) == 0 {
		t.Error("the account left the group that gives its licence")
	}
	if got := o.control(t); got != "514" {
		t.Errorf("userAccountControl is %s, want it disabled", got)
	}
	o.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	for _, step := range o.carry(t).Steps {
		if !step.State.Closed() {
			t.Errorf("%s is %s: %s", step.Name, step.State, step.Reason)
		}
	}
}

// diego has his licence from a group that is mastered on premises.
const diego = "diego.siciliani@contoso.com"

// The synchronisation carries no attribute of Exchange of an account without a mailNickname: hidden on
// premises, it still shows in the address lists.
// Source: 3amdeploy.com/hiding-from-the-gal-global-address-list-a-step-by-step-guide-for-ad-and-azure-ad-sync-ninjas.
func TestAnAccountThatCannotBeHiddenIsATaskThatSaysWhy(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(d *sambatest.Organisation, dn string) { must(t, d.Set(dn, "mailNickname")) })
	o.lockOut(t)
	record := o.work(t, offboarding.StepForward)
	o.Wants(t, record, offboarding.StateManual, "mailNickname")
	// Hidden by hand it would not be carried either.
	must(t, o.Set(o.dn, "msExchHideFromAddressLists", "TRUE"))
	o.synchronise(t, o.Tenant)
	if m, _ := o.Tenant.Mailbox(o.id); m.Hidden {
		t.Error("the synchronisation carried an attribute of Exchange")
	}
	must(t, o.Set(o.dn, "mailNickname", "megan"))
	o.Advance(time.Minute)
	o.work(t, offboarding.StepOnpremises)
	o.synchronise(t, o.Tenant)
	if m, _ := o.Tenant.Mailbox(o.id); !m.Hidden {
		t.Error("with a mailNickname the account is not hidden")
	}
	o.replay(t, offboarding.StepForward)
	if record := o.Record(t, o.c.ID, offboarding.StepForward); strings.Contains(record.Reason, "mailNickname") {
		t.Errorf("%s: %s", record.State, record.Reason)
	}
}

// Exchange and others keep objects below an account, which then cannot be deleted.
// Source: support.oneidentity.com/kb/75445 (00002015, CANT_ON_NON_LEAF).
func TestAnAccountWithObjectsBelowItIsDeletedOnceTheyAreGone(t *testing.T) {
	t.Parallel()
	var below string
	o := newOrganisation(t, func(d *sambatest.Organisation, dn string) {
		var err error
		below, err = d.Below(dn)
		must(t, err)
	})
	o.carry(t)
	o.Wants(t, o.Record(t, o.c.ID, offboarding.StepOnpremises), offboarding.StateParked, "objects below it")
	must(t, o.Delete(below))
	o.synchronise(t, o.Tenant)
	for _, step := range []offboarding.StepName{offboarding.StepDelete, offboarding.StepOnpremises} {
		if o.Record(t, o.c.ID, step).State.Settled() {
			o.replay(t, step)
		}
	}
	o.carry(t)
	if _, err := o.Read(o.dn); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("the account is still in the directory: %v; onpremises: %s", err, o.Record(t, o.c.ID, offboarding.StepOnpremises).Reason)
	}
}

// A domain account that has expired is not disabled in the cloud, where its owner goes on signing in.
// Source: blog.peterdahl.net/?p=60700; Microsoft Entra, password hash synchronisation, account expiration.
func TestAnExpiredAccountIsDisabledAllTheSame(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(d *sambatest.Organisation, dn string) { must(t, d.Set(dn, "accountExpires", "132223104000000000")) })
	o.synchronise(t, o.Tenant)
	if u, _ := o.Tenant.User(o.id); !u.AccountEnabled {
		t.Fatal("the cloud disabled an expired account by itself")
	}
	o.lockOut(t)
	if got := o.control(t); got != "514" {
		t.Errorf("userAccountControl is %s", got)
	}
}

// The old password opens an account for an hour after the reset, on controllers as they are set up:
// what keeps the leaver out is that the account is disabled.
// Source: support.microsoft.com/kb/906305; knowledge.broadcom.com/external/article/229577.
func TestAnOldPasswordThatIsStillTakenOpensNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	must(t, o.Close())
	must(t, o.Resume(t.Context(), "old password allowed period = 60"))
	o.lockOut(t)
	signsIn := func() bool {
		conn, err := o.Dial("megan.bowen@"+sambatest.Domain, sambatest.Initial)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if signsIn() {
		t.Error("the leaver signs in with the old password")
	}
	must(t, o.Set(o.dn, "userAccountControl", "512"))
	if !signsIn() {
		t.Error("this controller takes no old passwords: the test shows nothing")
	}
}

// Out of the synchronisation's scope an account is deleted in the cloud, mailbox and all. So a
// directory whose moveTo is not in it is refused.
// Source: techcommunity.microsoft.com/t5/microsoft-365/disabled-on-premise-ad-account-consequences-for-m365-mailbox/td-p/1387078;
// Microsoft, KB 4337973.
func TestB1AMoveOutOfScopeWouldDeleteAndIsRefused(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, nil)
	domain := o.Domain()
	domain.MoveTo = sambatest.Outside
	if _, err := activedirectory.New([]activedirectory.Domain{domain}); err == nil || !strings.Contains(err.Error(), "deletes it in the cloud") {
		t.Errorf("got %v, want a refusal that says what the move does", err)
	}
	must(t, o.Move(o.dn, sambatest.Outside))
	o.synchronise(t, o.Tenant)
	if _, gone := o.Tenant.DeletedUser(o.id); !gone {
		t.Error("the simulated synchronisation keeps what is out of its scope: the refusal guards against nothing")
	}
}

// Whether the synchronisation as a whole is down, or does not carry this account alone, is said.
// Source: support.microsoft.com/kb/2709902 (a deletion on premises that the cloud never showed).
func TestB9TheSynchronisationThatIsDownIsSaid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		runs bool
		says string
	}{
		"nothing is synchronised": {false, "the synchronisation itself is down"},
		"the others still are":    {true, "does not carry the account"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrganisation(t, nil)
			who, err := o.Identity(o.dn)
			must(t, err)
			is, _, err := o.Synchronised(who.Anchor)
			must(t, err)
			is.Version = "kept back"
			stale := func(string) (simtenant.OnPremisesState, bool) { return simtenant.OnPremisesState(is), true }
			o.Tenant.Synchronise(stale)
			o.Advance(time.Minute)
			o.lockOut(t)
			o.Advance(4 * time.Hour)
			if test.runs {
				o.Tenant.Synchronise(stale)
			}
			o.Wants(t, o.work(t, offboarding.StepBlock), offboarding.StateWaiting, "B9", test.says)
		})
	}
}
