package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// directory is a real Active Directory domain controller with the people of the scenario, from which
// the simulated tenant is synchronised every second.
type directory struct {
	*sambatest.Organisation
	client *activedirectory.Client
	dns    map[string]string // by object id in Entra
	close  func() error
}

// onPremisesEnding is how an account must be in the on-premises directory at the end.
type onPremisesEnding string

const (
	deletedThere onPremisesEnding = "deleted"
	movedThere   onPremisesEnding = "disabled, in no group, and moved"
)

// The people who leave, each mastered on premises.
var (
	onPremises = departure{
		event: "terminated-synced.json", person: "megan.bowen@contoso.com",
		title:      "mastered on premises: locked out there too, and deleted there behind the gate (B9)",
		why:        "onpremises disabled the account in Active Directory, set a password that nobody knows and took it out of its groups; the synchronisation carried that, and behind the gate of delete the account was deleted where it is mastered",
		rules:      []offboarding.Rule{offboarding.B9},
		want:       map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepOnpremises: {state: offboarding.StateEffective}},
		onPremises: deletedThere,
	}
	onPremisesShared = departure{
		event: "terminated-shared.json", person: "lidia.holloway@contoso.com",
		title: "mastered on premises, with a mailbox that stays: disabled, and moved to where former people are",
		why:   "the account anchors a shared mailbox, so it stays (B1); it was moved into a container that is synchronised, because moving it out of the synchronisation's scope would delete it in the cloud: a directory declared with such a container was refused",
		want: map[offboarding.StepName]ending{
			offboarding.StepPreserve: unplanned, offboarding.StepOnpremises: {state: offboarding.StateEffective}, offboarding.StepDelete: withheld(offboarding.B1),
		},
		onPremises: movedThere,
	}
	onPremisesPrivileged = departure{
		event: "terminated-none.json", person: "adele.vance@contoso.com",
		title:      "mastered on premises and protected by Domain Admins: a task for a domain administrator, and nothing half done",
		why:        "AdminSDHolder protected the account (adminCount was 1), so no delegated right reaches it; a domain administrator took the protection away, and onpremises went on",
		want:       map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepOnpremises: {state: offboarding.StateEffective}},
		onPremises: deletedThere,
		acts: []act{{
			does: "a domain administrator takes the account out of the protected groups and clears adminCount; an operator replays onpremises",
			when: stands(offboarding.StepOnpremises, offboarding.StateManual),
			do: func(ctx context.Context, p *play, s operator.Status) error {
				dn := p.directory.dns[s.Leaver.ID]
				account, err := p.directory.Read(dn, "userAccountControl")
				if err != nil {
					return err
				}
				if got := account.GetAttributeValue("userAccountControl"); got != "512" {
					return fmt.Errorf("something was half done: userAccountControl is %s", got)
				}
				if err := p.directory.Set(dn, "adminCount"); err != nil {
					return err
				}
				return p.replays(ctx, s, offboarding.StepOnpremises)
			},
		}},
	}
)

// startDirectory starts the controller, puts the people into it, and synchronises the tenant from it.
func startDirectory(ctx context.Context, tenant *simtenant.Tenant) (_ *directory, err error) {
	dir, err := os.MkdirTemp("", "leaver-directory-")
	if err != nil {
		return nil, err
	}
	controller, err := sambatest.Start(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d := &directory{dns: map[string]string{}}
	ctx, stop := context.WithCancel(ctx)
	synchronised := make(chan error, 1)
	d.close = func() error {
		stop()
		return errors.Join(<-synchronised, controller.Close(), os.RemoveAll(dir))
	}
	defer func() {
		if err != nil {
			synchronised <- nil
			err = errors.Join(err, d.close())
		}
	}()
	if d.Organisation, err = sambatest.Settle(controller); err != nil {
		return nil, err
	}
	for _, each := range []departure{onPremises, onPremisesShared, onPremisesPrivileged} {
		if err := d.add(tenant, each.person); err != nil {
			return nil, err
		}
	}
	if err := d.Set(d.dns[simtenant.UserID(onPremisesPrivileged.person)], "adminCount", "1"); err != nil {
		return nil, err
	}
	domain := d.Domain()
	domain.MoveTo = sambatest.Outside
	if _, err := activedirectory.New([]activedirectory.Domain{domain}); err == nil {
		return nil, errors.New("a container out of the synchronisation's scope was taken for the accounts of former people")
	}
	domain.MoveTo, domain.Description = sambatest.Former, "left"
	if d.client, err = activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(d.DialContext)); err != nil {
		return nil, err
	}
	// A password is dated by the second: what is set from now on differs from what people had.
	now := tenant.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now)):
	}
	go func() { synchronised <- d.synchronise(ctx, tenant) }()
	return d, nil
}

// add puts a person of the tenant into the directory, with their synchronised groups.
func (d *directory) add(tenant *simtenant.Tenant, person string) (err error) {
	id := simtenant.UserID(person)
	name, _, _ := strings.Cut(person, "@")
	if d.dns[id], err = d.Person(name, sambatest.People, sambatest.Initial); err != nil {
		return err
	}
	who, err := d.Identity(d.dns[id])
	if err != nil {
		return err
	}
	synced, now := true, tenant.Now()
	tenant.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		u.OnPremisesSyncEnabled, u.LastPasswordChange = &synced, now.Truncate(time.Second)
		u.OnPremises = simtenant.OnPremises{DomainName: who.Domain, ImmutableID: who.Anchor, SecurityIdentifier: who.SID, SamAccountName: who.SamAccountName}
		for _, g := range w.Groups {
			if g.OnPremisesSyncEnabled == nil || !slices.Contains(g.Members, id) || err != nil {
				continue
			}
			var dn string
			if dn, err = d.Group("g"+g.ID[:8], d.dns[id]); err == nil {
				var group offboarding.OnPremisesIdentity
				group, err = d.Identity(dn)
				g.OnPremisesSID = group.SID
			}
		}
	})
	return err
}

// synchronise carries the directory into the tenant every second, as Entra Connect does every half an
// hour.
func (d *directory) synchronise(ctx context.Context, tenant *simtenant.Tenant) error {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		var failed error
		tenant.Synchronise(func(anchor string) (simtenant.OnPremisesState, bool) {
			is, found, err := d.Synchronised(anchor)
			if err != nil {
				failed = err
				return simtenant.OnPremisesState{}, true
			}
			return simtenant.OnPremisesState(is), found
		})
		if failed != nil {
			return failed
		}
	}
}

// misses are what is wrong with a leaver's account in the directory.
func (d *directory) misses(s operator.Status, want onPremisesEnding) []string {
	dn := d.dns[s.Leaver.ID]
	if want == movedThere {
		name, _, _ := strings.Cut(dn, ",")
		dn = name + "," + sambatest.Former
	}
	account, err := d.Read(dn, "userAccountControl", "memberOf")
	gone := ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject)
	switch {
	case want == deletedThere && gone:
		return nil
	case err != nil:
		return []string{fmt.Sprintf("in the on-premises directory: wanted %s, got %v", want, err)}
	case want == deletedThere:
		return []string{"in the on-premises directory: the account is still there"}
	case account.GetAttributeValue("userAccountControl") != "514" || len(account.GetAttributeValues("memberOf")) > 0:
		return []string{fmt.Sprintf("in the on-premises directory: wanted %s, userAccountControl is %s, in %v", want,
			account.GetAttributeValue("userAccountControl"), account.GetAttributeValues("memberOf"))}
	}
	name, _, _ := strings.Cut(s.Leaver.UserPrincipalName, "@")
	if _, err := d.Dial(name+"@"+sambatest.Domain, sambatest.Initial); err == nil {
		return []string{"in the on-premises directory: the leaver signs in with the old password"}
	}
	return nil
}
