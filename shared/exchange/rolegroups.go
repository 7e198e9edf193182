package exchange

import (
	"context"
	"errors"

	"leaver/shared/offboarding"
)

// RoleGroupMembers are the object ids of who is in a role group of Exchange, service principals among
// them; nobody is in one that does not exist (Get-RoleGroupMember).
func (c *Client) RoleGroupMembers(ctx context.Context, group string) ([]string, error) {
	found, err := invoke[struct{ ExternalDirectoryObjectID string }](ctx, c, "Get-RoleGroupMember", map[string]any{"Identity": group, "ResultSize": "Unlimited"})
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil, nil
	}
	var ids []string
	for _, m := range found {
		ids = append(ids, m.ExternalDirectoryObjectID)
	}
	return ids, err
}
