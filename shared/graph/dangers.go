package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// privilegedRoles are the built-in roles that Microsoft calls privileged, by template id, and their
// names. Graph's v1.0 does not show which they are (isPrivileged is beta's).
// Source: Microsoft Entra, built-in roles, those with the label PRIVILEGED.
var privilegedRoles = map[string]string{
	"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
	"cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
	"c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
	"25a516ed-2fa0-40ea-a2d0-12923a21473a": "Authentication Extensibility Administrator",
	"aaf43236-0c0d-4d5f-883a-6955382ac081": "B2C IEF Keyset Administrator",
	"158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
	"7698a772-787b-4ac8-901f-60d6b08affd2": "Cloud Device Administrator",
	"b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
	roleSyncAccounts:                       "Directory Synchronization Accounts",
	"9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
	"8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
	"be2f45a1-457d-42af-a067-6ec1fa63bc45": "External Identity Provider Administrator",
	offboarding.GlobalAdministrator:        "Global Administrator",
	"f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
	"729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
	"8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
	"3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
	"59d46f88-662b-457b-bceb-5c3809e5908f": "Lifecycle Workflows Administrator",
	"4ba39ca4-527c-499a-b93d-d9b492c50246": "Partner Tier1 Support",
	"e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
	"966707d0-3269-4727-9be2-8c3a10f19b9d": "Password Administrator",
	"7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
	"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
	"194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
	"5f2222b1-57c3-48ba-8ad5-d4759f1fde6f": "Security Operator",
	"5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
	"fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}

// synchronisationAppID is "Microsoft Entra AD Synchronization Service": whatever application was
// given a role in it may write as Entra Connect does.
// Source: Microsoft Entra, What's new, December 2024.
const synchronisationAppID = "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016"

// conditionalAccessPolicy is what counts of one here.
type conditionalAccessPolicy struct {
	ID         string
	State      string
	Conditions struct {
		Users struct{ IncludeUsers, ExcludeUsers, ExcludeGroups, ExcludeRoles []string }
	}
	GrantControls *struct {
		BuiltInControls        []string
		AuthenticationStrength *struct{ ID string }
	}
}

// guards reports whether the policy is enabled for everybody and blocks, or wants a second factor:
// whoever is left out of it has been left out on purpose.
func (p conditionalAccessPolicy) guards() bool {
	g := p.GrantControls
	return p.State == "enabled" && slices.Contains(p.Conditions.Users.IncludeUsers, "All") && g != nil &&
		(g.AuthenticationStrength != nil || slices.Contains(g.BuiltInControls, "block") || slices.Contains(g.BuiltInControls, "mfa"))
}

// dangers are collected by object id, in lower case.
type dangers struct {
	why     map[string][]string
	holders map[string][]string // of roles, by the id of the role: whom it was given to, groups too
	guarded int                 // policies that guard
	outside map[string][]string // those of them that leave somebody out
	ask     []question
}

// question is a read whose answer lists people of whom something is said.
type question struct {
	call
	say func(d *dangers, id string)
}

func (d *dangers) add(id, why string) {
	id = strings.ToLower(id)
	if !slices.Contains(d.why[id], why) {
		d.why[id] = append(d.why[id], why)
	}
}

func (d *dangers) leftOut(id, policy string) {
	id = strings.ToLower(id)
	if !slices.Contains(d.outside[id], policy) {
		d.outside[id] = append(d.outside[id], policy)
	}
}

// Dangers lists who must not be locked out by accident, and why, in words, by object id in lower
// case: who holds a privileged directory role, active or eligible, by name or through a group,
// whatever its scope, or owns such a group; the account of the directory synchronisation; who owns
// the application by which it writes, an app registration of Leaver's (whose names begin with
// [offboarding.Registrations], and that of the client id own, which may be empty), or the service principal of one;
// and who is left out of Conditional Access policies for everybody that block or want a second
// factor. A tenant without Privileged Identity Management has no eligible roles. Not seen is who
// may only activate a membership in a group. Permissions: RoleManagement.Read.Directory,
// GroupMember.Read.All, Application.Read.All, Policy.Read.All.
// Sources: Microsoft Entra, Manage emergency access accounts; Microsoft Graph,
// conditionalAccessPolicy, application and servicePrincipal: owners.
func (c *Client) Dangers(ctx context.Context, own string) (map[string]string, error) {
	d := &dangers{why: map[string][]string{}, holders: map[string][]string{}, outside: map[string][]string{}}
	if err := c.readDangers(ctx, d, own); err != nil {
		return nil, err
	}
	if err := c.ask(ctx, d); err != nil {
		return nil, err
	}
	for id, policies := range d.outside {
		switch n := len(policies); {
		case n == d.guarded && slices.Contains(d.why[id], holds+privilegedRoles[offboarding.GlobalAdministrator]):
			d.why[id] = append([]string{"is an emergency account, left out of every Conditional Access policy for everybody"}, d.why[id]...)
		case n == 1:
			d.add(id, "is left out of the Conditional Access policy "+policies[0]+" ("+c.Portal().ConditionalAccess(policies[0])+")")
		default:
			d.add(id, fmt.Sprintf("is left out of %d Conditional Access policies, such as %s (%s)", n, policies[0], c.Portal().ConditionalAccess(policies[0])))
		}
	}
	said := map[string]string{}
	for id, why := range d.why {
		said[id] = strings.Join(why, ", ")
	}
	return said, nil
}

// How somebody has a role.
const (
	holds    = "holds the role "
	eligible = "is eligible for the role "
)

// readDangers reads, in one round trip as long as they are few, everything that names people, and
// what has people of its own, who are asked about next.
func (c *Client) readDangers(ctx context.Context, d *dangers, own string) error {
	calls := []call{
		{doing: "listing role assignments", path: roleAssignments, budget: budgetRoles},
		{doing: "listing eligible roles", path: roleEligibilities, budget: budgetRoles},
		{doing: "listing role-assignable groups", path: "/groups", query: where("isAssignableToRole eq true") + "&$select=id", budget: budgetDirectory},
		{doing: "listing Conditional Access policies", path: "/identity/conditionalAccess/policies", query: "$select=id,state,conditions,grantControls", budget: budgetRoles},
		{doing: "listing the registrations of Leaver", path: "/applications", query: ofLeaver, budget: budgetDirectory},
		{doing: "listing the service principals of Leaver", path: "/servicePrincipals", query: ofLeaver, budget: budgetDirectory},
		{doing: "looking for the synchronisation's service", path: "/servicePrincipals", query: ofApp(synchronisationAppID), budget: budgetDirectory},
	}
	if own != "" {
		calls = append(calls,
			call{doing: "looking for Leaver's own registration", path: "/applications", query: ofApp(own), budget: budgetDirectory},
			call{doing: "looking for Leaver's own service principal", path: "/servicePrincipals", query: ofApp(own), budget: budgetDirectory})
	}
	answers, errs := c.batch(ctx, calls...)
	if has(errs[1], "AadPremiumLicenseRequired") {
		errs[1], answers[1] = nil, answer{body: []byte(`{"value":[]}`)}
	}
	if err := firstOf(errs); err != nil {
		return err
	}
	for i, how := range []string{holds, eligible} {
		all, err := rest[roleAssignment](ctx, c, calls[i], answers[i])
		if err != nil {
			return err
		}
		for _, a := range all {
			name := privilegedRoles[strings.ToLower(a.RoleDefinitionID)]
			if name == "" || a.Status == "Revoked" {
				continue
			}
			d.add(a.PrincipalID, roleInWords(how, a.RoleDefinitionID))
			role := strings.ToLower(a.RoleDefinitionID)
			d.holders[role] = append(d.holders[role], strings.ToLower(a.PrincipalID))
		}
	}
	reads := []func(context.Context, *dangers, call, answer) error{
		c.groupsWithRoles, c.policies, c.registrations(false), c.registrations(true), c.synchronising, c.registrations(false), c.registrations(true),
	}
	for i := range calls[2:] {
		if err := reads[i](ctx, d, calls[i+2], answers[i+2]); err != nil {
			return err
		}
	}
	return nil
}

// ofApp is the query of what has an application's client id.
func ofApp(id string) string { return where("appId eq "+quoted(id)) + "&$select=id" }

// ofLeaver is the query of Leaver's own registrations.
var ofLeaver = where("startswith(displayName,"+quoted(offboarding.Registrations)+")") + "&$select=id"

// roleInWords says of the account of the synchronisation that it is one.
func roleInWords(how, role string) string {
	said := how + privilegedRoles[strings.ToLower(role)]
	if strings.EqualFold(role, roleSyncAccounts) {
		return "is an account of the directory synchronisation, which " + said
	}
	return said
}

// groupsWithRoles asks for the members and owners of those groups that were given a role.
func (c *Client) groupsWithRoles(ctx context.Context, d *dangers, one call, first answer) error {
	groups, err := rest[directoryObject](ctx, c, one, first)
	for _, g := range groups {
		for _, how := range d.why[strings.ToLower(g.ID)] {
			d.ask = append(d.ask,
				question{
					call{doing: "reading the members of group", objects: []string{g.ID}, path: "/groups/{}/members", query: "$select=id", budget: budgetDirectory},
					func(d *dangers, id string) { d.add(id, how+" through a group") },
				},
				question{ownersOf("/groups/{}/owners", g.ID), func(d *dangers, id string) { d.add(id, "owns a group that "+how) }})
		}
	}
	return err
}

// policies says who is left out of those that guard, and asks for the members of groups that are.
func (c *Client) policies(ctx context.Context, d *dangers, one call, first answer) error {
	all, err := rest[conditionalAccessPolicy](ctx, c, one, first)
	for _, p := range all {
		if !p.guards() {
			continue
		}
		d.guarded++
		out := func(d *dangers, id string) { d.leftOut(id, p.ID) }
		for _, id := range p.Conditions.Users.ExcludeUsers {
			if len(id) == len(synchronisationAppID) { // not GuestsOrExternalUsers
				out(d, id)
			}
		}
		for _, role := range p.Conditions.Users.ExcludeRoles {
			for _, id := range d.holders[strings.ToLower(role)] {
				out(d, id)
			}
		}
		for _, group := range p.Conditions.Users.ExcludeGroups {
			d.ask = append(d.ask, question{
				call{doing: "reading the members of group", objects: []string{group}, path: "/groups/{}/transitiveMembers", query: "$select=id&$top=999", budget: budgetDirectory}, out,
			})
		}
	}
	return err
}

// registrations asks for the owners of Leaver's registrations, or of their service principals.
func (c *Client) registrations(service bool) func(context.Context, *dangers, call, answer) error {
	path := "/applications/{}/owners"
	if service {
		path = "/servicePrincipals/{}/owners"
	}
	return func(ctx context.Context, d *dangers, one call, first answer) error {
		all, err := rest[directoryObject](ctx, c, one, first)
		for _, r := range all {
			d.ask = append(d.ask, question{ownersOf(path, r.ID), ownsLeaver})
		}
		return err
	}
}

func ownsLeaver(d *dangers, id string) {
	d.add(id, "owns an app registration of Leaver's, and could act by it")
}

// synchronising asks for the owners of the service principals by which the synchronisation writes,
// and for their applications.
func (c *Client) synchronising(ctx context.Context, d *dangers, one call, first answer) error {
	services, err := rest[directoryObject](ctx, c, one, first)
	if err != nil || len(services) == 0 { // nothing synchronises as an application
		return err
	}
	given, err := list[struct{ PrincipalID, PrincipalType string }](ctx, c, call{
		doing: "reading who writes as the synchronisation, of", objects: []string{services[0].ID}, path: "/servicePrincipals/{}/appRoleAssignedTo", budget: budgetDirectory,
	})
	say := func(d *dangers, id string) { d.add(id, "owns the application of the directory synchronisation") }
	for _, g := range given {
		if g.PrincipalType != "ServicePrincipal" {
			d.add(g.PrincipalID, "may write as the directory synchronisation")
			continue
		}
		d.ask = append(d.ask, question{ownersOf("/servicePrincipals/{}/owners", g.PrincipalID), say})
		app, err := get[directoryObject](ctx, c, call{
			doing: "reading service principal", objects: []string{g.PrincipalID}, path: "/servicePrincipals/{}", query: "$select=id,appId", budget: budgetDirectory,
		})
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			return err
		}
		if app.AppID == "" {
			continue
		}
		registered, err := list[directoryObject](ctx, c, call{doing: "looking for the registration of", objects: []string{g.PrincipalID}, path: "/applications", query: ofApp(app.AppID), budget: budgetDirectory})
		if err != nil {
			return err
		}
		for _, r := range registered {
			d.ask = append(d.ask, question{ownersOf("/applications/{}/owners", r.ID), say})
		}
	}
	return err
}

func ownersOf(path, id string) call {
	return call{doing: "reading the owners of", objects: []string{id}, path: path, query: "$select=id", budget: budgetDirectory}
}

// ask puts the questions. What is not there has nobody: a policy may name a group that is gone,
// and an application of another organisation has a service principal alone.
func (c *Client) ask(ctx context.Context, d *dangers) error {
	asked := d.ask
	d.ask = nil
	calls := make([]call, len(asked))
	for i, q := range asked {
		calls[i] = q.call
	}
	answers, errs := c.batch(ctx, calls...)
	for i, q := range asked {
		if errors.Is(errs[i], offboarding.ErrNotFound) {
			continue
		}
		if errs[i] != nil {
			return errs[i]
		}
		people, err := rest[directoryObject](ctx, c, q.call, answers[i])
		if err != nil {
			return err
		}
		for _, p := range people {
			q.say(d, p.ID)
		}
	}
	return nil
}
