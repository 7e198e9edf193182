package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// mostBatched is how many requests Graph takes in a batch.
const mostBatched = 20

// listings reads several collections to their ends, their first pages in one round trip. An
// answer with one of the empty codes stands for a collection without members.
func (c *Client) listings(ctx context.Context, paths []string, empty ...string) ([][]json.RawMessage, error) {
	var items []batchItem
	for i, path := range paths {
		items = append(items, batchItem{ID: strconv.Itoa(i), Method: "GET", URL: path})
	}
	text, err := c.post(ctx, items)
	if err != nil {
		return nil, err
	}
	answers, err := c.budgets.readBatch(text, items)
	if err != nil {
		return nil, err
	}
	lists := make([][]json.RawMessage, len(paths))
	for i, a := range answers {
		if a.failed != nil && slices.ContainsFunc(empty, func(code string) bool { return slices.Contains(a.failed.codes, code) }) {
			continue
		}
		if a.failed != nil {
			return nil, a.failed
		}
		if lists[i], err = c.rest(ctx, a.body); err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// listing reads one collection to its end.
func (c *Client) listing(ctx context.Context, path string) ([]json.RawMessage, error) {
	first, err := c.page(ctx, abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET, "{+baseurl}"+path, map[string]string{}))
	if err != nil {
		return nil, err
	}
	return c.rest(ctx, first)
}

// rest is what a page lists, and those after it.
func (c *Client) rest(ctx context.Context, first []byte) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for at := first; ; {
		var page struct {
			Value []json.RawMessage `json:"value"`
			Next  string            `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(at, &page); err != nil {
			return nil, fmt.Errorf("a listing cannot be read: %w", err)
		}
		if page.Value == nil {
			return nil, errNothing
		}
		all = append(all, page.Value...)
		if page.Next == "" {
			return all, nil
		}
		next, err := url.Parse(page.Next)
		if err != nil {
			return nil, errors.New("the address of a next page cannot be read")
		}
		info := abstractions.NewRequestInformation()
		info.SetUri(*next)
		info.Method = abstractions.GET
		if at, err = c.page(ctx, info); err != nil {
			return nil, err
		}
	}
}

func (c *Client) page(ctx context.Context, info *abstractions.RequestInformation) ([]byte, error) {
	info.Headers.TryAdd("Accept", "application/json")
	raw, err := c.adapter.SendPrimitive(ctx, info, "[]byte", failures)
	if err != nil {
		return nil, err
	}
	text, _ := raw.([]byte)
	return text, nil
}

// change is one write of [Client.each].
type change struct {
	doing  string
	ids    []string // that the error names; each verifies them to be object ids
	method string
	path   string
	body   any
}

// each makes writes, 20 in one round trip, and returns for each what became of it. Which of
// them Graph carries out first is not certain.
func (c *Client) each(ctx context.Context, changes []change) []error {
	var errs []error
	for part := range slices.Chunk(changes, mostBatched) {
		errs = append(errs, c.eachOf(ctx, part)...)
	}
	return errs
}

func (c *Client) eachOf(ctx context.Context, part []change) []error {
	for _, ch := range part {
		if err := verify(ch.doing, ch.ids); err != nil {
			return slices.Repeat([]error{err}, len(part))
		}
	}
	_, errs := c.change(ctx, part)
	return errs
}

// change makes up to 20 writes in one round trip. It returns their answers, none when there is
// none to the whole, and for each what became of it.
func (c *Client) change(ctx context.Context, part []change) ([]batchAnswer, []error) {
	errs := make([]error, len(part))
	all := func(err error) ([]batchAnswer, []error) {
		for i, ch := range part {
			errs[i] = classify(ch.doing+" "+strings.Join(ch.ids, " "), err)
		}
		return nil, errs
	}
	var items []batchItem
	for i, ch := range part {
		item := batchItem{ID: strconv.Itoa(i), Method: ch.method, URL: ch.path, Body: ch.body}
		if ch.body != nil {
			item.Headers = map[string]string{"Content-Type": "application/json"}
		}
		items = append(items, item)
	}
	var heard heard
	text, err := c.post(context.WithValue(ctx, heardKey{}, &heard), items)
	if err != nil {
		return all(err)
	}
	answers, err := c.budgets.readBatch(text, items)
	if err != nil {
		return all(err)
	}
	for i, a := range answers {
		id := heard.requestID
		if a.failed != nil {
			a.failed.requestID = heard.requestID
			errs[i] = classify(part[i].doing+" "+strings.Join(part[i].ids, " "), a.failed)
		}
		path, _, _ := strings.Cut(items[i].URL, "?")
		offboarding.WriteGuardFrom(ctx).Record(offboarding.Call{Operation: items[i].Method + " " + template(path), Status: a.status, RequestID: id})
	}
	return answers, errs
}

// Access lists what the user can reach in Entra, directly: groups, ownerships, directory roles
// active and eligible, OAuth grants, app roles and authentication methods, and whether they have
// Teams Phone, in one round trip as long as they are few. A tenant without Privileged Identity Management has no eligible roles.
// Permissions: Directory.Read.All, RoleManagement.Read.Directory for the eligible roles,
// UserAuthenticationMethod.Read.All. A group whose licences Graph does not show is an error.
func (c *Client) Access(ctx context.Context, id string) (offboarding.Access, error) {
	a, _, err := ask(ctx, "read the access of", []string{id}, func(ctx context.Context) (a offboarding.Access, err error) {
		const group = "$select=id,displayName,groupTypes,mailEnabled,onPremisesSyncEnabled,isAssignableToRole,membershipRule,assignedLicenses"
		filter := "?$filter=" + strings.ReplaceAll(url.QueryEscape("principalId eq "+quoted(id)), "+", "%20")
		lists, err := c.listings(ctx, []string{
			"/users/" + id + "/memberOf?" + group + "&$top=999",
			"/users/" + id + "/ownedObjects?" + group + "&$top=999",
			"/roleManagement/directory/roleEligibilitySchedules" + filter,
			"/roleManagement/directory/roleAssignments" + filter,
			"/users/" + id + "/oauth2PermissionGrants",
			"/users/" + id + "/appRoleAssignments",
			"/users/" + id + "/authentication/methods",
			"/users/" + id + "/licenseDetails",
		}, "AadPremiumLicenseRequired")
		if err != nil {
			return a, err
		}
		if a.Groups, err = groupsOf(lists[0]); err != nil {
			return a, err
		}
		if a.Owned, err = groupsOf(lists[1]); err != nil {
			return a, err
		}
		for i, kind := range offboarding.GrantKinds {
			for _, raw := range lists[2+i] {
				g, err := grantOf(kind, id, raw)
				if err != nil {
					return a, err
				}
				if g.ID != "" {
					a.Grants = append(a.Grants, g)
				}
			}
		}
		a.Phone, err = hasPhone(lists[len(lists)-1])
		return a, err
	})
	return a, err
}

// phonePlan begins the names of the service plans of Teams Phone: MCOEV, and those of other clouds
// and of small businesses.
// Source: Microsoft Entra, Product names and service plan identifiers for licensing.
const phonePlan = "MCOEV"

// hasPhone reports whether one of the licences brings Teams Phone.
func hasPhone(licences []json.RawMessage) (bool, error) {
	for _, raw := range licences {
		var l struct {
			Plans []struct {
				Name string `json:"servicePlanName"`
			} `json:"servicePlans"`
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return false, fmt.Errorf("a licence cannot be read: %w", err)
		}
		for _, p := range l.Plans {
			if strings.HasPrefix(p.Name, phonePlan) {
				return true, nil
			}
		}
	}
	return false, nil
}

// groupsOf picks the groups out of a listing of directory objects.
func groupsOf(objects []json.RawMessage) ([]offboarding.Group, error) {
	var groups []offboarding.Group
	for _, raw := range objects {
		var g struct {
			Type             string             `json:"@odata.type"`
			ID               string             `json:"id"`
			DisplayName      string             `json:"displayName"`
			GroupTypes       []string           `json:"groupTypes"`
			MailEnabled      bool               `json:"mailEnabled"`
			OnPremises       bool               `json:"onPremisesSyncEnabled"`
			AssignableToRole bool               `json:"isAssignableToRole"`
			Rule             string             `json:"membershipRule"`
			Licences         *[]json.RawMessage `json:"assignedLicenses"`
		}
		if err := json.Unmarshal(raw, &g); err != nil {
			return nil, fmt.Errorf("a membership cannot be read: %w", err)
		}
		if g.Type != "#microsoft.graph.group" {
			continue
		}
		if g.Licences == nil {
			return nil, offboarding.Permanent(fmt.Errorf("which licences group %s assigns is not shown", g.ID))
		}
		groups = append(groups, offboarding.Group{
			ID: g.ID, DisplayName: g.DisplayName, OnPremisesSyncEnabled: g.OnPremises, AssignableToRole: g.AssignableToRole,
			Dynamic:        slices.Contains(g.GroupTypes, "DynamicMembership"),
			MembershipRule: g.Rule,
			Licensed:       len(*g.Licences) > 0,
			Distribution:   g.MailEnabled && !slices.Contains(g.GroupTypes, "Unified"),
		})
	}
	return groups, nil
}

// passwordMethod is what every user has and nobody can delete.
const passwordMethod = "passwordAuthenticationMethod"

// grantOf reads one right of the user; one without an id is none of theirs to take away.
func grantOf(kind offboarding.GrantKind, user string, raw json.RawMessage) (offboarding.Grant, error) {
	var r struct {
		Type             string `json:"@odata.type"`
		ID               string `json:"id"`
		Principal        string `json:"principalId"`
		RoleDefinitionID string `json:"roleDefinitionId"`
		Scope            string `json:"directoryScopeId"`
		Status           string `json:"status"`
		Client           string `json:"clientId"`
		Resource         string `json:"resourceId"`
		Scopes           string `json:"scope"`
		AppRole          string `json:"appRoleId"`
		Schedule         struct {
			Expiration struct {
				End string `json:"endDateTime"`
			} `json:"expiration"`
		} `json:"scheduleInfo"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return offboarding.Grant{}, fmt.Errorf("a right cannot be read: %w", err)
	}
	g := offboarding.Grant{Kind: kind, ID: r.ID}
	switch kind {
	case offboarding.GrantEligibleRole, offboarding.GrantRole:
		g.Of, g.Type, g.Until = r.RoleDefinitionID, r.Scope, r.Schedule.Expiration.End
	case offboarding.GrantConsent:
		g.Of = strings.TrimSpace(r.Client + " at " + r.Resource + ": " + strings.TrimSpace(r.Scopes))
	case offboarding.GrantAppRole:
		g.Of = r.AppRole + " of " + r.Resource
	case offboarding.GrantMethod:
		g.Type = strings.TrimPrefix(r.Type, "#microsoft.graph.")
	}
	other := kind != offboarding.GrantMethod && !strings.EqualFold(r.Principal, user) // of a group that the user is in
	if other || g.Type == passwordMethod || kind == offboarding.GrantEligibleRole && r.Status == "Revoked" {
		return offboarding.Grant{}, nil
	}
	return g, nil
}

// RoleHolders lists who holds an active directory role over the whole tenant, by object id: users,
// groups and applications. Permission: RoleManagement.Read.Directory or Directory.Read.All.
func (c *Client) RoleHolders(ctx context.Context, role string) ([]string, error) {
	holders, _, err := ask(ctx, "read the holders of role", []string{role}, func(ctx context.Context) ([]string, error) {
		list, err := c.listing(ctx, "/roleManagement/directory/roleAssignments?$filter="+strings.ReplaceAll(url.QueryEscape("roleDefinitionId eq "+quoted(role)), "+", "%20"))
		if err != nil {
			return nil, err
		}
		holders := []string{}
		for _, raw := range list {
			var a struct {
				Principal string `json:"principalId"`
				Scope     string `json:"directoryScopeId"`
			}
			if err := json.Unmarshal(raw, &a); err != nil {
				return nil, fmt.Errorf("a role assignment cannot be read: %w", err)
			}
			if a.Scope == "/" {
				holders = append(holders, a.Principal)
			}
		}
		return holders, nil
	})
	return holders, err
}

// Revoke takes rights in Entra away from the user, 20 in one round trip, and returns for each
// what became of it; offboarding.ErrNotFound when it is gone already. The default authentication
// method is refused while there are others: permanent. Permissions:
// RoleManagement.ReadWrite.Directory, DelegatedPermissionGrant.ReadWrite.All,
// AppRoleAssignment.ReadWrite.All, UserAuthenticationMethod.ReadWrite.All, and an Entra role
// where the user holds one (B10).
func (c *Client) Revoke(ctx context.Context, user string, grants []offboarding.Grant) []error {
	errs := make([]error, len(grants))
	var changes []change
	var at []int
	for i, g := range grants {
		ch := revocation(user, g)
		if ch.path == "" {
			errs[i] = offboarding.Manual(fmt.Sprintf("delete the authentication method %s of type %s in the Entra admin center", g.ID, g.Type))
			continue
		}
		changes, at = append(changes, ch), append(at, i)
	}
	for i, err := range c.each(ctx, changes) {
		errs[at[i]] = err
	}
	return errs
}

// methodCollections are where Graph deletes authentication methods, by type.
// Source: Microsoft Graph, resource type authentication.
var methodCollections = map[string]string{
	"emailAuthenticationMethod":                   "emailMethods",
	"externalAuthenticationMethod":                "externalAuthenticationMethods",
	"fido2AuthenticationMethod":                   "fido2Methods",
	"microsoftAuthenticatorAuthenticationMethod":  "microsoftAuthenticatorMethods",
	"phoneAuthenticationMethod":                   "phoneMethods",
	"platformCredentialAuthenticationMethod":      "platformCredentialMethods",
	"softwareOathAuthenticationMethod":            "softwareOathMethods",
	"temporaryAccessPassAuthenticationMethod":     "temporaryAccessPassMethods",
	"windowsHelloForBusinessAuthenticationMethod": "windowsHelloForBusinessMethods",
}

// revocation is the write that takes a right away; without a path when Graph has none.

func revocation(user string, g offboarding.Grant) change {
	id := url.PathEscape(g.ID) // only some of them are GUIDs
	ch := change{doing: "take the " + string(g.Kind) + " " + g.ID + " from", ids: []string{user}, method: "DELETE"}
	switch g.Kind {
	case offboarding.GrantEligibleRole:
		// Source: Microsoft Graph, Create roleEligibilityScheduleRequests, adminRemove.
		ch.method, ch.path = "POST", "/roleManagement/directory/roleEligibilityScheduleRequests"
		ch.body = map[string]string{
			"action": "adminRemove", "principalId": user, "roleDefinitionId": g.Of, "directoryScopeId": g.Type,
			"justification": "departure",
		}
	case offboarding.GrantRole:
		ch.path = "/roleManagement/directory/roleAssignments/" + id
	case offboarding.GrantConsent:
		ch.path = "/oauth2PermissionGrants/" + id
	case offboarding.GrantAppRole:
		ch.path = "/users/" + user + "/appRoleAssignments/" + id
	case offboarding.GrantMethod:
		if collection := methodCollections[g.Type]; collection != "" {
			ch.path = "/users/" + user + "/authentication/" + collection + "/" + id
		}
	}
	return ch
}

// LeaveGroups takes the user out of groups, 20 in one round trip, and returns for each what
// became of it, as [Client.LeaveGroup] does. Permission: GroupMember.ReadWrite.All, and
// RoleManagement.ReadWrite.Directory for those that hold a role.
func (c *Client) LeaveGroups(ctx context.Context, user string, groups []string) []error {
	var changes []change
	for _, g := range groups {
		changes = append(changes, change{doing: "leave group", ids: []string{g, user}, method: "DELETE", path: "/groups/" + g + "/members/" + user + "/$ref"})
	}
	return c.each(ctx, changes)
}

// Owners lists the owners of a group. Permission: Group.Read.All or Directory.Read.All.
func (c *Client) Owners(ctx context.Context, group string) ([]offboarding.Owner, error) {
	owners, _, err := ask(ctx, "read the owners of group", []string{group}, func(ctx context.Context) ([]offboarding.Owner, error) {
		list, err := c.listing(ctx, "/groups/"+group+"/owners?$select=id,accountEnabled")
		if err != nil {
			return nil, err
		}
		owners := []offboarding.Owner{}
		for _, raw := range list {
			var o struct {
				ID      string `json:"id"`
				Enabled *bool  `json:"accountEnabled"`
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				return nil, fmt.Errorf("an owner cannot be read: %w", err)
			}
			owners = append(owners, offboarding.Owner{ID: o.ID, Enabled: o.Enabled != nil && *o.Enabled})
		}
		return owners, nil
	})
	return owners, err
}

// AddOwner makes a user an owner of a group. One who is already is refused: permanent.
// Permission: Group.ReadWrite.All.
func (c *Client) AddOwner(ctx context.Context, group, user string) error {
	_, err := tell(ctx, "add an owner to group", []string{group, user}, func(ctx context.Context) error {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.POST, "{+baseurl}/groups/"+group+"/owners/$ref", map[string]string{})
		body, err := json.Marshal(map[string]string{"@odata.id": c.adapter.GetBaseUrl() + "/users/" + user})
		if err != nil {
			return err
		}
		info.Headers.TryAdd("Accept", "application/json")
		info.SetStreamContentAndContentType(body, "application/json")
		return c.adapter.SendNoContent(ctx, info, failures)
	})
	return err
}

// RemoveOwner takes an ownership of a group from a user; offboarding.ErrNotFound when there is
// none. The last owner is refused: permanent. Permission: Group.ReadWrite.All.
func (c *Client) RemoveOwner(ctx context.Context, group, user string) error {
	_, err := tell(ctx, "remove an owner of group", []string{group, user}, func(ctx context.Context) error {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.DELETE, "{+baseurl}/groups/"+group+"/owners/"+user+"/$ref", map[string]string{})
		info.Headers.TryAdd("Accept", "application/json")
		return c.adapter.SendNoContent(ctx, info, failures)
	})
	return err
}

// SharedCalendars lists the owners of the calendars of others that the user has opened, by
// address, which is personal. A calendar that was shared and never opened is not seen. No mailbox
// is no error. Permission: Calendars.Read.
func (c *Client) SharedCalendars(ctx context.Context, user, address string) ([]string, error) {
	owners, _, err := ask(ctx, "read the calendars of", []string{user}, func(ctx context.Context) ([]string, error) {
		list, err := c.listing(ctx, "/users/"+user+"/calendars?$select=id,owner")
		if err != nil {
			return nil, err
		}
		owners := []string{}
		for _, raw := range list {
			var calendar struct {
				Owner struct {
					Address string `json:"address"`
				} `json:"owner"`
			}
			if err := json.Unmarshal(raw, &calendar); err != nil {
				return nil, fmt.Errorf("a calendar cannot be read: %w", err)
			}
			if a := strings.ToLower(calendar.Owner.Address); a != "" && !strings.EqualFold(a, address) && !slices.Contains(owners, a) {
				owners = append(owners, a)
			}
		}
		return owners, nil
	})
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil, nil
	}
	return owners, err
}

// TelephoneNumbers lists the numbers of Teams that are assigned to the user. Graph does not
// promise to filter by the user: all numbers of the tenant are read. Permission:
// TeamsTelephoneNumber.Read.All.
func (c *Client) TelephoneNumbers(ctx context.Context, user string) ([]offboarding.TelephoneNumber, error) {
	numbers, _, err := ask(ctx, "read the telephone numbers of", []string{user}, func(ctx context.Context) ([]offboarding.TelephoneNumber, error) {
		list, err := c.listing(ctx, "/admin/teams/telephoneNumberManagement/numberAssignments")
		if err != nil {
			return nil, err
		}
		numbers := []offboarding.TelephoneNumber{}
		for _, raw := range list {
			var n struct {
				Number string `json:"telephoneNumber"`
				Type   string `json:"numberType"`
				Target string `json:"assignmentTargetId"`
				Status string `json:"assignmentStatus"`
			}
			if err := json.Unmarshal(raw, &n); err != nil {
				return nil, errors.New("a telephone number cannot be read") // the text may hold it
			}
			if strings.EqualFold(n.Target, user) && n.Status != "unassigned" {
				numbers = append(numbers, offboarding.TelephoneNumber{Number: n.Number, Type: n.Type})
			}
		}
		return numbers, nil
	})
	return numbers, err
}

// ReleaseNumber asks Teams to take a number from its user, which happens later: it is done when
// [Client.TelephoneNumbers] does not show it any more. Permission:
// TeamsTelephoneNumber.ReadWrite.All.
func (c *Client) ReleaseNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error {
	_, err := tell(ctx, "release a telephone number of", []string{user}, func(ctx context.Context) error {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.POST,
			"{+baseurl}/admin/teams/telephoneNumberManagement/numberAssignments/unassignNumber", map[string]string{})
		body, err := json.Marshal(map[string]string{"telephoneNumber": n.Number, "numberType": n.Type})
		if err != nil {
			return err
		}
		info.Headers.TryAdd("Accept", "application/json")
		info.SetStreamContentAndContentType(body, "application/json")
		return c.adapter.SendNoContent(ctx, info, failures)
	})
	return err
}
