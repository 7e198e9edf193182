package graph

import "context"

// The names of what can be in a restricted management administrative unit.
const (
	RestrictedUser   = "users"
	RestrictedGroup  = "groups"
	RestrictedDevice = "devices"
)

// Restricted reports whether an object is in a restricted management administrative unit, in which
// only the administrators of that unit may change it: a likely cause of a refusal. The kind is one
// of [RestrictedUser], [RestrictedGroup] and [RestrictedDevice]. Permission: User.Read.All,
// Group.Read.All or Device.Read.All.
// Source: Microsoft Entra, Restricted management administrative units.
func (c *Client) Restricted(ctx context.Context, kind, id string) (bool, error) {
	o, err := get[struct{ IsManagementRestricted bool }](ctx, c, call{
		doing: "reading who may manage", objects: []string{id}, path: "/" + kind + "/{}", query: "$select=id,isManagementRestricted", budget: budgetDirectory,
	})
	return o.IsManagementRestricted, err
}
