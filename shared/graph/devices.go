package graph

import (
	"context"
	"net/http"
	"slices"

	"leaver/shared/offboarding"
)

// The types of what a listing of directory objects holds.
const (
	typeUser    = "#microsoft.graph.user"
	typeGroup   = "#microsoft.graph.group"
	typeRole    = "#microsoft.graph.directoryRole"
	typeDevice  = "#microsoft.graph.device"
	typeApp     = "#microsoft.graph.application"
	typeService = "#microsoft.graph.servicePrincipal"
)

// directoryObject is an object of a listing that mixes types.
type directoryObject struct {
	Type           string `json:"@odata.type"`
	ID             string
	DisplayName    string
	RoleTemplateID string
	AccountEnabled *bool
	TrustType      string // of a device
	// IsManagementRestricted is set of what is in a restricted management administrative unit.
	IsManagementRestricted bool
	AppID                  string // of an application or service principal
}

// Devices lists the devices that the user registered or owns, each once, in one round trip as
// long as they are few. A device whose state is not shown counts as enabled. Permission:
// User.Read.All, and Device.Read.All or Directory.Read.All for their state.
func (c *Client) Devices(ctx context.Context, id string) ([]offboarding.Device, error) {
	devices := func(doing, collection string) call {
		return call{doing: doing, objects: []string{id}, path: "/users/{}/" + collection, query: "$select=id,accountEnabled,trustType,isManagementRestricted", budget: budgetDirectory}
	}
	calls := []call{devices("reading the registered devices of user", "registeredDevices"), devices("reading the owned devices of user", "ownedDevices")}
	answers, errs := c.batch(ctx, calls...)
	if err := firstOf(errs); err != nil {
		return nil, err
	}
	var out []offboarding.Device
	for i, a := range answers {
		objects, err := rest[directoryObject](ctx, c, calls[i], a)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if o.Type == typeDevice && !slices.ContainsFunc(out, func(seen offboarding.Device) bool { return seen.ID == o.ID }) {
				out = append(out, offboarding.Device{ID: o.ID, AccountEnabled: o.AccountEnabled == nil || *o.AccountEnabled, TrustType: o.TrustType, Restricted: o.IsManagementRestricted})
			}
		}
	}
	return out, nil
}

// DeviceUsers lists who registered a device and who owns it, by object id, each once and in one
// round trip; the id is the device's object id. Permission: Device.Read.All.
func (c *Client) DeviceUsers(ctx context.Context, id string) ([]string, error) {
	people := func(doing, collection string) call {
		return call{doing: doing, objects: []string{id}, path: "/devices/{}/" + collection, query: "$select=id", budget: budgetDirectory}
	}
	return c.everybody(ctx, people("reading the registered users of device", "registeredUsers"), people("reading the registered owners of device", "registeredOwners"))
}

// everybody lists the objects of several collections, by id and each once.
func (c *Client) everybody(ctx context.Context, calls ...call) ([]string, error) {
	answers, errs := c.batch(ctx, calls...)
	if err := firstOf(errs); err != nil {
		return nil, err
	}
	ids := []string{}
	for i, a := range answers {
		objects, err := rest[directoryObject](ctx, c, calls[i], a)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if !slices.Contains(ids, o.ID) {
				ids = append(ids, o.ID)
			}
		}
	}
	return ids, nil
}

// DisableDevice forbids a device to sign anybody in; the id is its object id. Repeating it
// changes nothing. Permission: Device.ReadWrite.All.
func (c *Client) DisableDevice(ctx context.Context, id string) error {
	_, err := c.write(ctx, call{
		doing: "disabling device", objects: []string{id}, method: http.MethodPatch, path: "/devices/{}", body: disabled, budget: budgetDirectory,
	})
	return err
}

// EnableDevices lets devices sign people in again, 20 in one round trip, and returns for each what became of
// it; the ids are object ids. Repeating it changes nothing. Permission: Device.ReadWrite.All.
func (c *Client) EnableDevices(ctx context.Context, ids []string) []error {
	var calls []call
	for _, id := range ids {
		calls = append(calls, call{
			doing: "enabling device", objects: []string{id}, method: http.MethodPatch, path: "/devices/{}", body: enabled, budget: budgetDirectory,
		})
	}
	_, errs := c.batch(ctx, calls...)
	return errs
}
