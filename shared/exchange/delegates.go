package exchange

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// HasMailRight reports whether the user has a right on a mailbox, both by object id: full access
// (Get-MailboxPermission), to send as it (Get-RecipientPermission) or on behalf of it (Get-Mailbox).
func (c *Client) HasMailRight(ctx context.Context, user string, r offboarding.MailRight) (bool, error) {
	switch r.Kind {
	case offboarding.RightFull:
		found, err := c.permissions(ctx, r.Mailbox, user)
		return slices.ContainsFunc(found, func(p permission) bool { return slices.Contains(p.AccessRights, "FullAccess") }), err
	case offboarding.RightSendAs:
		found, err := c.sendAs(ctx, r.Mailbox, user)
		return len(found) > 0, err
	case offboarding.RightOnBehalf:
		found, err := c.onBehalf(ctx, user)
		return slices.ContainsFunc(found, func(id string) bool { return strings.EqualFold(id, r.Mailbox) }), err
	}
	if r.Kind == offboarding.RightCalendar {
		found, err := c.CalendarRights(ctx, r.Mailbox, user)
		return slices.ContainsFunc(found, func(has offboarding.MailRight) bool { return has.Folder == r.Folder }), err
	}
	return false, offboarding.Permanent(fmt.Errorf("%q is not a right on a mailbox", r.Kind))
}

// GrantMailRight gives the user a right on a mailbox, both by object id (Add-MailboxPermission,
// Add-RecipientPermission, Set-Mailbox, Add-MailboxFolderPermission). Granting it again changes nothing.
func (c *Client) GrantMailRight(ctx context.Context, user string, r offboarding.MailRight) error {
	var err error
	switch r.Kind {
	case offboarding.RightFull:
		_, err = invoke[struct{}](ctx, c, "Add-MailboxPermission", map[string]any{"Identity": r.Mailbox, "User": user, "AccessRights": []string{"FullAccess"}, "InheritanceType": "All", "AutoMapping": true})
	case offboarding.RightSendAs:
		_, err = invoke[struct{}](ctx, c, "Add-RecipientPermission", map[string]any{"Identity": r.Mailbox, "Trustee": user, "AccessRights": []string{"SendAs"}, "Confirm": false})
	case offboarding.RightOnBehalf:
		_, err = invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{
			"Identity":            r.Mailbox,
			"GrantSendOnBehalfTo": map[string]any{"@odata.type": "#Exchange.GenericHashTable", "add": []string{user}},
		})
	case offboarding.RightCalendar:
		var folder string
		if folder, err = c.calendar(ctx, r); err == nil {
			_, err = run[struct{}](ctx, c, "Add-MailboxFolderPermission", map[string]any{"Identity": folder, "User": user, "AccessRights": strings.Fields(r.Rights)})
			if err != nil {
				err = explain("running Add-MailboxFolderPermission for "+r.Mailbox, "Add-MailboxFolderPermission", r.Mailbox, err)
			}
		}
	default:
		err = offboarding.Permanent(fmt.Errorf("%q is not a right on a mailbox", r.Kind))
	}
	return err
}
