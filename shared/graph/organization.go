package graph

import (
	"context"
	"errors"
	"time"

	"leaver/shared/offboarding"
)

// Synchronisation reads how the synchronisation of the on-premises directories stands. Permission:
// Organization.Read.All; User.Read.All shows the organisation, but not this of it.
// Source: Microsoft Graph, List organizations.
func (c *Client) Synchronisation(ctx context.Context) (offboarding.Synchronisation, error) {
	type organization struct {
		OnPremisesSyncEnabled      *bool
		OnPremisesLastSyncDateTime *time.Time
	}
	const doing = "reading the organisation"
	found, err := list[organization](ctx, c, call{
		doing: doing, path: "/organization", query: "$select=onPremisesSyncEnabled,onPremisesLastSyncDateTime", budget: budgetDirectory,
	})
	if err != nil {
		return offboarding.Synchronisation{}, err
	}
	if len(found) != 1 {
		return offboarding.Synchronisation{}, errors.New(doing + ": the answer does not hold one")
	}
	return offboarding.Synchronisation{Enabled: value(found[0].OnPremisesSyncEnabled), Last: value(found[0].OnPremisesLastSyncDateTime)}, nil
}
