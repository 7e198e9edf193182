package graph

import (
	"context"

	"leaver/shared/offboarding"
)

// OwnedApps lists the applications and service principals that the user owns. They are picked out
// of all owned objects: the narrower listings, cast to one type, are advanced queries of Graph.
// Permissions: User.Read.All, and Application.Read.All for their names.
func (c *Client) OwnedApps(ctx context.Context, id string) ([]offboarding.OwnedApp, error) {
	objects, err := list[directoryObject](ctx, c, call{
		doing: "reading the owned objects of user", objects: []string{id}, path: "/users/{}/ownedObjects", query: "$select=id,displayName,appId&$top=999",
		budget: budgetDirectory,
	})
	var apps []offboarding.OwnedApp
	for _, o := range objects {
		if o.Type == typeApp || o.Type == typeService {
			apps = append(apps, offboarding.OwnedApp{ID: o.ID, AppID: o.AppID, DisplayName: o.DisplayName, Service: o.Type == typeService})
		}
	}
	return apps, err
}

// AppOwners lists who owns an application or a service principal. Permission:
// Application.Read.All.
func (c *Client) AppOwners(ctx context.Context, app offboarding.OwnedApp) ([]offboarding.Owner, error) {
	path := "/applications/{}/owners"
	if app.Service {
		path = "/servicePrincipals/{}/owners"
	}
	return c.owners(ctx, call{doing: "reading the owners of application", objects: []string{app.ID}, path: path})
}
