package graph

import (
	"context"

	"leaver/shared/offboarding"
)

// AppOwners lists who owns an application or a service principal. Permission:
// Application.Read.All.
func (c *Client) AppOwners(ctx context.Context, app offboarding.OwnedApp) ([]offboarding.Owner, error) {
	path := "/applications/{}/owners"
	if app.Service {
		path = "/servicePrincipals/{}/owners"
	}
	return c.owners(ctx, call{doing: "reading the owners of application", objects: []string{app.ID}, path: path})
}
