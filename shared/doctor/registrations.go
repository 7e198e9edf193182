package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

const (
	// rotateBefore is how long before its end a credential is to be replaced.
	rotateBefore = 30 * 24 * time.Hour
	// secretAge and certificateAge are how old a credential may become.
	// Source: Microsoft Entra, Security best practices for application properties.
	secretAge      = 180 * 24 * time.Hour
	certificateAge = 2 * 366 * 24 * time.Hour
)

// need is what the registration of one function, or that of a host of all of them, has to have.
type need struct {
	of          string // the functions, in words
	permissions []string
	lacked      []string // permissions that the cloud does not have
	groups      []string // role groups in Exchange
}

func needOf(functions ...offboarding.Function) need {
	var n need
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
		for _, p := range f.Roles() {
			if !slices.Contains(n.permissions, p) {
				n.permissions = append(n.permissions, p)
			}
		}
		if f.Exchange {
			n.groups = append(n.groups, f.RoleGroup())
		}
	}
	n.of = strings.Join(names, ", ")
	return n
}

// offered is the need in a cloud that has some permissions: TeamsTelephoneNumber.ReadWrite.All, say, is
// worldwide alone, and what it is for is a task for a person elsewhere.
func (n need) offered(all []string) need {
	is := func(p string) bool { return slices.Contains(all, p) }
	n.lacked = slices.DeleteFunc(slices.Clone(n.permissions), is)
	n.permissions = slices.DeleteFunc(slices.Clone(n.permissions), func(p string) bool { return !is(p) })
	return n
}

// registrations holds every registration against the catalogue: every permission that is missing and
// every one that is too much, its roles, its owners, its secrets.
func (d *Doctor) registrations(ctx context.Context) []Finding {
	const check = "permissions"
	all, err := d.Directory.Registrations(ctx, d.Application)
	if err != nil {
		return []Finding{unread(check, "app registrations", err, "Application.Read.All and RoleManagement.Read.Directory, or the directory role Global Reader")}
	}
	offered, err := d.Directory.Permissions(ctx)
	if err != nil {
		return []Finding{unread(check, "the permissions that there are", err, "Application.Read.All, or the directory role Global Reader")}
	}
	byName := map[string]offboarding.Registration{}
	var own *offboarding.Registration
	for i, r := range all {
		// People may sign in to a function by a registration of its name that is given nothing.
		if name, is := strings.CutPrefix(r.Name, offboarding.Registrations); is && len(r.Permissions) >= len(byName[name].Permissions) {
			byName[name] = r
		}
		if strings.EqualFold(r.AppID, d.Application) {
			own = &all[i]
		}
	}
	groups := d.roleGroups(ctx)
	apart := d.apart() || slices.ContainsFunc(d.Functions, func(f offboarding.Function) bool { return len(byName[f.Name].Permissions) > 0 })
	if !apart {
		if own == nil {
			return []Finding{wrong(check, "app registrations", "neither is there one registration for each function, named like “"+offboarding.Registrations+"signout”, nor is that of this host found: nothing can sign in",
				"terraform apply in infra/azure, or register one application: infra/README.md")}
		}
		return d.registration(*own, needOf(d.Functions...).offered(offered), groups)
	}
	var found []Finding
	for _, f := range d.Functions {
		r, is := byName[f.Name]
		if !is {
			found = append(found, wrong(check, offboarding.Registrations+f.Name, "there is no such app registration: the function cannot sign in", "terraform apply in infra/azure"))
			continue
		}
		found = append(found, d.registration(r, needOf(f).offered(offered), groups)...)
	}
	return append(found, strangers(all, byName)...)
}

// strangers are registrations of Leaver's name that are none of its functions and are given something: one
// of an earlier installation, or a second one of a name, which Entra takes as often as one likes.
func strangers(all []offboarding.Registration, byName map[string]offboarding.Registration) []Finding {
	var found []Finding
	for _, r := range all {
		name, is := strings.CutPrefix(r.Name, offboarding.Registrations)
		_, known := offboarding.FunctionOf(name)
		if is && len(r.Permissions) > 0 && !(known && byName[name].ID == r.ID) {
			found = append(found, wrong("permissions", r.Name+" ("+r.AppID+")", fmt.Sprintf("this registration has a name of Leaver's and %s, and is none of a function, or a second one of its name: whoever holds a secret of it has them", offboarding.Count(len(r.Permissions), "permission")),
				"look which one the function signs in by (LEAVER_CLIENT_ID); the other, when nothing else uses it: az ad app delete --id "+r.AppID))
		}
	}
	return found
}

// roleGroups is who is in the role groups of Exchange, by their names; err where that is not shown.
type roleGroups struct {
	members map[string][]string
	err     error
}

func (d *Doctor) roleGroups(ctx context.Context) roleGroups {
	g := roleGroups{members: map[string][]string{}}
	if d.Exchange == nil {
		g.err = errNoExchange
		return g
	}
	for _, f := range d.Functions {
		if !f.Exchange {
			continue
		}
		if g.members[f.RoleGroup()], g.err = d.Exchange.RoleGroupMembers(ctx, f.RoleGroup()); g.err != nil {
			break
		}
	}
	return g
}

func (d *Doctor) registration(r offboarding.Registration, n need, groups roleGroups) []Finding {
	var found []Finding
	switch {
	case r.Principal == "":
		return []Finding{wrong("consent", r.Name, "the registration has no service principal in this tenant: nobody consented to it, and it gets no token", "terraform apply in infra/azure, or: az ad sp create --id "+r.AppID)}
	case !r.Enabled:
		found = append(found, wrong("consent", r.Name, "its service principal is disabled: it gets no token", "Entra admin center → Enterprise applications → "+r.Name+" → Properties → Enabled for users to sign in: Yes"))
	}
	for _, p := range n.permissions {
		if !slices.Contains(r.Permissions, p) {
			found = append(found, wrong("permissions", r.Name+": "+p, "the permission is missing (or was asked for and nobody consented): "+n.of+" would be refused", "terraform apply in infra/azure, or: az ad app permission admin-consent --id "+r.AppID))
		}
	}
	for _, p := range n.lacked {
		found = append(found, fine("permissions", r.Name+": "+p, "this cloud has no such permission, so nobody can give it: what "+n.of+" would do by it is a task for a person there"))
	}
	for _, p := range r.Permissions {
		if !slices.Contains(n.permissions, p) {
			found = append(found, wrong("permissions", r.Name+": "+p, "the permission is too much: "+n.of+" never uses it, and whoever takes the function over would", "Entra admin center → Enterprise applications → "+r.Name+" → Permissions → "+p+" → Revoke"))
		}
	}
	found = append(found, exchangeRights(r, n, groups)...)
	if len(r.Owners) > 0 {
		found = append(found, wrong("owners", r.Name, fmt.Sprintf("it has %s (%s): each can add a secret and act by it", offboarding.Count(len(r.Owners), "owner"), strings.Join(r.Owners, ", ")), "Entra admin center → App registrations → "+r.Name+" → Owners → Remove"))
	}
	found = append(found, d.credentials(r)...)
	return orFine(found, "permissions", r.Name, offboarding.Count(len(n.permissions), "permission")+", none missing and none too much")
}

// exchangeRights holds roles and role groups against what the functions do in Exchange.
func exchangeRights(r offboarding.Registration, n need, groups roleGroups) []Finding {
	const check = "exchange"
	const fix = "terraform output -json exchange | ./exchange.ps1 in infra/azure"
	administers := slices.Contains(r.DirectoryRoles, offboarding.ExchangeAdministrator)
	everybody := administers || slices.Contains(r.DirectoryRoles, offboarding.ExchangeRecipientAdministrator)
	var found []Finding
	for _, group := range n.groups {
		switch {
		case administers || slices.Contains(groups.members[group], r.Principal):
		case groups.err != nil:
			found = append(found, unread(check, r.Name, groups.err, "Exchange's role View-Only Configuration"))
		default:
			found = append(found, wrong(check, r.Name, "it is not in the role group "+group+" of Exchange: cmdlets of "+n.of+" would be refused", fix))
		}
	}
	tooMuch := everybody && len(n.groups) < 2 // one application of all functions may have it
	for group, members := range groups.members {
		tooMuch = tooMuch || slices.Contains(members, r.Principal) && !slices.Contains(n.groups, group)
	}
	if tooMuch {
		found = append(found, wrong(check, r.Name, "its role in Exchange is too much for "+n.of, "take it out of the role group, or of the directory role, and run exchange.ps1 in infra/azure"))
	}
	for _, role := range r.DirectoryRoles {
		if role != offboarding.ExchangeAdministrator && role != offboarding.ExchangeRecipientAdministrator {
			found = append(found, wrong("permissions", r.Name+": "+role, "it holds a directory role, which no function needs", "Entra admin center → Roles & admins → "+role+" → Remove assignments"))
		}
	}
	return found
}

// credentials holds secrets and certificates against their ends and their age.
func (d *Doctor) credentials(r offboarding.Registration) []Finding {
	var last offboarding.Credential
	for _, c := range r.Credentials {
		if c.Ends.After(last.Ends) {
			last = c
		}
	}
	if len(r.Credentials) == 0 {
		return nil // federated
	}
	kind, most := "client secret", secretAge
	if last.Certificate {
		kind, most = "certificate", certificateAge
	}
	fix := "add a new one and give it to the host, then delete this one: az ad app credential reset --append --id " + r.AppID
	switch now := d.Now(); {
	case !last.Ends.After(now):
		return []Finding{wrong("secrets", r.Name, fmt.Sprintf("its last %s ended on %s: it cannot sign in", kind, last.Ends.UTC().Format(time.DateOnly)), fix)}
	case last.Ends.Sub(now) < rotateBefore:
		return []Finding{wrong("secrets", r.Name, fmt.Sprintf("its last %s ends on %s: from then on it cannot sign in", kind, last.Ends.UTC().Format(time.DateOnly)), fix)}
	case now.Sub(last.Begins) > most:
		return []Finding{wrong("secrets", r.Name, fmt.Sprintf("its newest %s is from %s: it should be replaced after %d days", kind, last.Begins.UTC().Format(time.DateOnly), int(most.Hours()/24)), fix)}
	}
	return nil
}
