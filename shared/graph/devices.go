package graph

import (
	"context"
	"net/http"
	"slices"

	"leaver/shared/offboarding"
)

// The types of what a listing of directory objects holds.
const (
	typeUser   = "#microsoft.graph.user"
	typeGroup  = "#microsoft.graph.group"
	typeRole   = "#microsoft.graph.directoryRole"
	typeDevice = "#microsoft.graph.device"
)

// directoryObject is an object of a listing that mixes types.
type directoryObject struct {
	Type           string `json:"@odata.type"`
	ID             string
	DisplayName    string
	RoleTemplateID string
	AccountEnabled *bool
}

// Devices lists the devices that the user registered or owns, each once, in one round trip as
// long as they are few. A device whose state is not shown counts as enabled. Permission:
// User.Read.All, and Device.Read.All or Directory.Read.All for their state.
func (c *Client) Devices(ctx context.Context, id string) ([]offboarding.Device, error) {
	devices := func(doing, collection string) call {
		return call{doing: doing, objects: []string{id}, path: "/users/{}/" + collection, query: "$select=id,accountEnabled", budget: budgetDirectory}
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
				out = append(out, offboarding.Device{ID: o.ID, AccountEnabled: o.AccountEnabled == nil || *o.AccountEnabled})
			}
		}
	}
	return out, nil
}

// DisableDevice forbids a device to sign anybody in; the id is its object id. Repeating it
// changes nothing. Permission: Device.ReadWrite.All.
func (c *Client) DisableDevice(ctx context.Context, id string) error {
	_, err := c.write(ctx, call{
		doing: "disabling device", objects: []string{id}, method: http.MethodPatch, path: "/devices/{}", body: disabled, budget: budgetDirectory,
	})
	return err
}
