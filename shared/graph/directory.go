package graph

import (
	"context"
	"slices"

	"leaver/shared/offboarding"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	"github.com/microsoftgraph/msgraph-sdk-go/devices"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/subscribedskus"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// members reads the rest of a listing of directory objects, page by page.
func (c *Client) members(ctx context.Context, page models.DirectoryObjectCollectionResponseable) ([]models.DirectoryObjectable, error) {
	var all []models.DirectoryObjectable
	for page != nil {
		all = append(all, page.GetValue()...)
		next := value(page.GetOdataNextLink())
		if next == "" {
			return all, nil
		}
		var err error
		// The address decides what is listed; any builder of such a listing will do.
		if page, err = users.NewItemTransitiveMemberOfRequestBuilder(next, c.adapter).Get(ctx, nil); err != nil {
			return nil, err
		}
	}
	return nil, errNothing
}

// selectMemberships asks for large pages: people are in hundreds of groups and hold few roles.
func selectMemberships() *users.ItemTransitiveMemberOfRequestBuilderGetRequestConfiguration {
	return &users.ItemTransitiveMemberOfRequestBuilderGetRequestConfiguration{QueryParameters: &users.ItemTransitiveMemberOfRequestBuilderGetQueryParameters{
		Select: []string{"id", "displayName"}, Top: pointer[int32](999),
	}}
}

// DirectoryRoles lists the display names of the directory roles that the user holds, directly
// or through groups, sorted. Not seen are roles limited to an administrative unit, roles of
// the organisation's own making, and roles that are only eligible. Permissions:
// User.Read.All, and RoleManagement.Read.Directory for the names.
func (c *Client) DirectoryRoles(ctx context.Context, id string) ([]string, error) {
	roles, _, err := ask(ctx, "read the roles of", []string{id}, func(ctx context.Context) ([]string, error) {
		page, err := c.users().ByUserId(id).TransitiveMemberOf().Get(ctx, selectMemberships())
		if err != nil {
			return nil, err
		}
		return c.rolesFrom(ctx, page)
	})
	return roles, err
}

// MemberGroups returns those of at most 20 groups, by object id, that the user is in, directly or
// through other groups. Permission: User.Read.All.
func (c *Client) MemberGroups(ctx context.Context, id string, groups []string) ([]string, error) {
	body := users.NewItemCheckMemberGroupsPostRequestBody()
	body.SetGroupIds(groups)
	in, _, err := ask(ctx, "check the groups of", []string{id}, func(ctx context.Context) (users.ItemCheckMemberGroupsPostResponseable, error) {
		return c.users().ByUserId(id).CheckMemberGroups().PostAsCheckMemberGroupsPostResponse(ctx, body, nil)
	})
	if err != nil {
		return nil, err
	}
	return in.GetValue(), nil
}

// rolesFrom picks the roles out of all memberships. The narrower listing, cast to
// directoryRole, is an advanced query of Graph and not among its documented permissions.
func (c *Client) rolesFrom(ctx context.Context, page models.DirectoryObjectCollectionResponseable) ([]string, error) {
	memberships, err := c.members(ctx, page)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range memberships {
		role, ok := m.(models.DirectoryRoleable)
		if !ok {
			continue
		}
		name := value(role.GetDisplayName())
		if name == "" { // Graph hides the properties of what the app may not read
			name = value(role.GetId())
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Devices lists the devices that the user registered or owns, each once, in one round trip as
// long as they are few. A device whose state is not shown counts as enabled. Permission:
// User.Read.All, and Device.Read.All or Directory.Read.All for their state.
func (c *Client) Devices(ctx context.Context, id string) ([]offboarding.Device, error) {
	found, _, err := ask(ctx, "read the devices of", []string{id}, func(ctx context.Context) ([]offboarding.Device, error) {
		properties := []string{"id", "accountEnabled"}
		registered, err := c.users().ByUserId(id).RegisteredDevices().ToGetRequestInformation(ctx, &users.ItemRegisteredDevicesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemRegisteredDevicesRequestBuilderGetQueryParameters{Select: properties},
		})
		if err != nil {
			return nil, err
		}
		owned, err := c.users().ByUserId(id).OwnedDevices().ToGetRequestInformation(ctx, &users.ItemOwnedDevicesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemOwnedDevicesRequestBuilderGetQueryParameters{Select: properties},
		})
		if err != nil {
			return nil, err
		}
		answers, err := c.batch(ctx, registered, owned)
		if err != nil {
			return nil, err
		}
		return c.devicesFrom(ctx, answers)
	})
	return found, err
}

func (c *Client) devicesFrom(ctx context.Context, answers []serialization.ParseNode) ([]offboarding.Device, error) {
	var out []offboarding.Device
	for _, a := range answers {
		page, err := object[models.DirectoryObjectCollectionResponseable](a, models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue)
		if err != nil {
			return nil, err
		}
		objects, err := c.members(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			d, ok := o.(models.Deviceable)
			if !ok || slices.ContainsFunc(out, func(seen offboarding.Device) bool { return seen.ID == value(d.GetId()) }) {
				continue
			}
			out = append(out, offboarding.Device{ID: value(d.GetId()), AccountEnabled: d.GetAccountEnabled() == nil || *d.GetAccountEnabled()})
		}
	}
	return out, nil
}

// DisableDevice forbids a device to sign anybody in; the id is its object id. Repeating it
// changes nothing. Permission: Device.ReadWrite.All.
func (c *Client) DisableDevice(ctx context.Context, id string) error {
	body := models.NewDevice()
	body.SetAccountEnabled(pointer(false))
	_, err := tell(ctx, "disable device", []string{id}, func(ctx context.Context) error {
		_, err := devices.NewDevicesRequestBuilderInternal(map[string]string{}, c.adapter).ByDeviceId(id).Patch(ctx, body, nil)
		return err
	})
	return err
}

func (c *Client) groups() *groups.GroupsRequestBuilder {
	return groups.NewGroupsRequestBuilderInternal(map[string]string{}, c.adapter)
}

// Group reads a group. Permission: Group.Read.All. A group that is not there is
// offboarding.ErrNotFound.
func (c *Client) Group(ctx context.Context, id string) (offboarding.Group, error) {
	g, _, err := ask(ctx, "read group", []string{id}, func(ctx context.Context) (models.Groupable, error) {
		return c.groups().ByGroupId(id).Get(ctx, &groups.GroupItemRequestBuilderGetRequestConfiguration{QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{
			Select: []string{"id", "displayName", "groupTypes", "mailEnabled", "onPremisesSyncEnabled"},
		}})
	})
	if err != nil {
		return offboarding.Group{}, err
	}
	return offboarding.Group{
		ID:                    value(g.GetId()),
		DisplayName:           value(g.GetDisplayName()),
		Dynamic:               slices.Contains(g.GetGroupTypes(), "DynamicMembership"),
		OnPremisesSyncEnabled: value(g.GetOnPremisesSyncEnabled()),
		Distribution:          value(g.GetMailEnabled()) && !slices.Contains(g.GetGroupTypes(), "Unified"),
	}, nil
}

// LeaveGroup takes the user out of a group. A user who is no member is
// offboarding.ErrNotFound; a group that is dynamic, mail-enabled or mastered on-premises is
// refused: permanent. Permission: GroupMember.ReadWrite.All.
func (c *Client) LeaveGroup(ctx context.Context, group, user string) error {
	_, err := tell(ctx, "leave group", []string{group, user}, func(ctx context.Context) error {
		// Ref: without it the call can delete the user.
		return c.groups().ByGroupId(group).Members().ByDirectoryObjectId(user).Ref().Delete(ctx, nil)
	})
	return err
}

// Seats lists what the tenant has bought and uses. Permission: LicenseAssignment.Read.All.
func (c *Client) Seats(ctx context.Context) ([]offboarding.Seat, error) {
	skus, _, err := ask(ctx, "read the subscribed SKUs", nil, func(ctx context.Context) (models.SubscribedSkuCollectionResponseable, error) {
		return subscribedskus.NewSubscribedSkusRequestBuilderInternal(map[string]string{}, c.adapter).Get(ctx, &subscribedskus.SubscribedSkusRequestBuilderGetRequestConfiguration{
			QueryParameters: &subscribedskus.SubscribedSkusRequestBuilderGetQueryParameters{Select: []string{"skuId", "skuPartNumber", "consumedUnits", "prepaidUnits"}},
		})
	})
	if err != nil {
		return nil, err
	}
	var seats []offboarding.Seat
	for _, s := range skus.GetValue() {
		seat := offboarding.Seat{SKU: value(s.GetSkuId()).String(), PartNumber: value(s.GetSkuPartNumber()), Consumed: int(value(s.GetConsumedUnits()))}
		if units := s.GetPrepaidUnits(); units != nil {
			seat.Enabled = int(value(units.GetEnabled()))
		}
		seats = append(seats, seat)
	}
	return seats, nil
}
