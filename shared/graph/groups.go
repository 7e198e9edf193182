package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"leaver/shared/offboarding"
)

// group is what Graph says of a group, or of another object in a listing that mixes types.
type group struct {
	directoryObject
	GroupTypes                   []string
	MailEnabled                  bool
	SecurityEnabled              bool
	OnPremisesSyncEnabled        bool
	OnPremisesSecurityIdentifier string
	IsAssignableToRole           bool
	MembershipRule               string
	AssignedLicenses             *[]json.RawMessage
}

func (g group) domain() offboarding.Group {
	return offboarding.Group{
		ID: g.ID, DisplayName: g.DisplayName, OnPremisesSyncEnabled: g.OnPremisesSyncEnabled, OnPremisesSID: g.OnPremisesSecurityIdentifier, AssignableToRole: g.IsAssignableToRole,
		Dynamic:        slices.Contains(g.GroupTypes, "DynamicMembership"),
		MembershipRule: g.MembershipRule,
		Restricted:     g.IsManagementRestricted,
		Licensed:       g.AssignedLicenses != nil && len(*g.AssignedLicenses) > 0,
		Distribution:   g.MailEnabled && !slices.Contains(g.GroupTypes, "Unified"),
		Security:       g.SecurityEnabled,
	}
}

// selectGroups asks for what an offboarding.Group holds.
const selectGroups = "$select=id,displayName,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,onPremisesSecurityIdentifier,isAssignableToRole,isManagementRestricted,membershipRule,assignedLicenses"

// selectOwned asks for that and, of an application, for what a portal finds it by.
const selectOwned = selectGroups + ",appId"

// groupsIn picks the groups out of a listing of directory objects.
func groupsIn(objects []group) ([]offboarding.Group, error) {
	var groups []offboarding.Group
	for _, o := range objects {
		if o.Type != typeGroup {
			continue
		}
		if o.AssignedLicenses == nil {
			return nil, offboarding.Permanent(fmt.Errorf("which licences group %s assigns is not shown", o.ID))
		}
		groups = append(groups, o.domain())
	}
	return groups, nil
}

// Group reads a group. Permission: Group.Read.All. A group that is not there is
// offboarding.ErrNotFound.
func (c *Client) Group(ctx context.Context, id string) (offboarding.Group, error) {
	g, err := get[group](ctx, c, call{
		doing: "reading group", objects: []string{id}, path: "/groups/{}", query: "$select=id,displayName,groupTypes,mailEnabled,onPremisesSyncEnabled",
		budget: budgetDirectory,
	})
	return g.domain(), err
}

// MemberGroups returns those of at most 20 groups, by object id, that the user is in, directly or
// through other groups. Permission: User.Read.All.
func (c *Client) MemberGroups(ctx context.Context, id string, groups []string) ([]string, error) {
	return list[string](ctx, c, checkGroups(id, groups))
}

func checkGroups(user string, groups []string) call {
	return call{
		doing: "checking the groups of user", objects: []string{user}, path: "/users/{}/checkMemberGroups", body: map[string][]string{"groupIds": groups},
		budget: budgetDirectory,
	}
}

func leaveGroup(group, user string) call {
	return call{
		doing: "leaving group", objects: []string{group, user}, method: http.MethodDelete, budget: budgetDirectory,
		path: "/groups/{}/members/{}/$ref", // without $ref the call can delete the user
	}
}

// LeaveGroup takes the user out of a group. A user who is no member is
// offboarding.ErrNotFound; a group that is dynamic, mail-enabled or mastered on-premises is
// refused: permanent. Permission: GroupMember.ReadWrite.All.
func (c *Client) LeaveGroup(ctx context.Context, group, user string) error {
	_, err := c.write(ctx, leaveGroup(group, user))
	return err
}

// LeaveGroups takes the user out of groups, 20 in one round trip, and returns for each what
// became of it, as [Client.LeaveGroup] does. Permission: GroupMember.ReadWrite.All, and
// RoleManagement.ReadWrite.Directory for those that hold a role.
func (c *Client) LeaveGroups(ctx context.Context, user string, groups []string) []error {
	var calls []call
	for _, g := range groups {
		calls = append(calls, leaveGroup(g, user))
	}
	_, errs := c.batch(ctx, calls...)
	return errs
}

// SomeMembers lists the first members of groups, 20 groups in one round trip, and returns for each what became of
// it. Permission: GroupMember.Read.All or Directory.Read.All, and Member.Read.Hidden for hidden ones.
func (c *Client) SomeMembers(ctx context.Context, groups []string) ([]offboarding.Members, []error) {
	var calls []call
	for _, g := range groups {
		calls = append(calls, call{doing: "reading the members of group", objects: []string{g}, path: "/groups/{}/members", query: "$select=id&$top=100", budget: budgetDirectory})
	}
	answers, errs := c.batch(ctx, calls...)
	some := make([]offboarding.Members, len(groups))
	for i, a := range answers {
		if errs[i] != nil {
			continue
		}
		page, err := decode[struct {
			Value []directoryObject
			Next  string `json:"@odata.nextLink"`
		}](a)
		for _, o := range page.Value {
			some[i].IDs = append(some[i].IDs, o.ID)
		}
		some[i].More, errs[i] = page.Next != "", err
	}
	return some, errs
}

// Owners lists the owners of a group. Permission: Group.Read.All or Directory.Read.All.
func (c *Client) Owners(ctx context.Context, group string) ([]offboarding.Owner, error) {
	return c.owners(ctx, call{doing: "reading the owners of group", objects: []string{group}, path: "/groups/{}/owners"})
}

func (c *Client) owners(ctx context.Context, reading call) ([]offboarding.Owner, error) {
	reading.query, reading.budget = "$select=id,accountEnabled", budgetDirectory
	objects, err := list[directoryObject](ctx, c, reading)
	if err != nil {
		return nil, err
	}
	owners := []offboarding.Owner{}
	for _, o := range objects {
		owners = append(owners, offboarding.Owner{ID: o.ID, Enabled: value(o.AccountEnabled)})
	}
	return owners, nil
}

// AddOwner makes a user an owner of a group. One who is already is refused: permanent.
// Permission: Group.ReadWrite.All.
func (c *Client) AddOwner(ctx context.Context, group, user string) error {
	_, err := c.write(ctx, c.addOwner(group, user))
	return err
}

func (c *Client) addOwner(group, user string) call {
	return call{
		doing: "adding an owner to group", objects: []string{group, user}, method: http.MethodPost, path: "/groups/{}/owners/$ref",
		body: map[string]string{"@odata.id": c.base + "/users/" + user}, budget: budgetDirectory,
	}
}

// RemoveOwner takes an ownership of a group from a user; offboarding.ErrNotFound when there is
// none. The last owner is refused: permanent. Permission: Group.ReadWrite.All.
func (c *Client) RemoveOwner(ctx context.Context, group, user string) error {
	_, err := c.write(ctx, call{
		doing: "removing an owner of group", objects: []string{group, user}, method: http.MethodDelete, path: "/groups/{}/owners/{}/$ref", budget: budgetDirectory,
	})
	return err
}

// DeletedGroups lists the groups that can be restored. Permission: Group.Read.All.
// Source: Microsoft Graph, List deleted items.
func (c *Client) DeletedGroups(ctx context.Context) ([]offboarding.DeletedGroup, error) {
	found, err := list[struct {
		ID              string
		DeletedDateTime time.Time
	}](ctx, c, call{
		doing: "reading the deleted groups", path: "/directory/deletedItems/microsoft.graph.group", query: "$select=id,deletedDateTime", budget: budgetDirectory,
	})
	if err != nil {
		return nil, err
	}
	var groups []offboarding.DeletedGroup
	for _, g := range found {
		groups = append(groups, offboarding.DeletedGroup{ID: g.ID, At: g.DeletedDateTime})
	}
	return groups, nil
}

// OwnGroups makes the user an owner of groups, 20 in one round trip, and returns for each what became of it,
// as [Client.AddOwner] does. Permission: Group.ReadWrite.All, and RoleManagement.ReadWrite.Directory for
// those that hold a role.
func (c *Client) OwnGroups(ctx context.Context, user string, groups []string) []error {
	var calls []call
	for _, g := range groups {
		calls = append(calls, c.addOwner(g, user))
	}
	_, errs := c.batch(ctx, calls...)
	return errs
}

// JoinGroups makes the user a member of groups, 20 in one round trip, and returns for each what became
// of it. One who is a member already, a group that is dynamic, mail-enabled or mastered on premises is
// refused: permanent. Permission: GroupMember.ReadWrite.All, and RoleManagement.ReadWrite.Directory for
// those that hold a role. Source: Microsoft Graph, Add members.
func (c *Client) JoinGroups(ctx context.Context, user string, groups []string) []error {
	var calls []call
	for _, g := range groups {
		calls = append(calls, call{
			doing: "joining group", objects: []string{g}, method: http.MethodPost, path: "/groups/{}/members/$ref",
			body: map[string]string{"@odata.id": c.base + "/directoryObjects/" + user}, budget: budgetDirectory,
		})
	}
	_, errs := c.batch(ctx, calls...)
	return errs
}
