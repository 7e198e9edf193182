package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// MailRights lists the rights that the user has on the mailboxes of others: to open them
// (Get-MailboxPermission), to send as them (Get-RecipientPermission, groups too) and on behalf of
// them (Get-Mailbox). Each is one paged query over the whole tenant, not one for each mailbox,
// with which clean-ups have flooded Exchange; the first is the slow one, because Exchange looks
// through every mailbox. Rights that are inherited or denied do not count.
//
// Exchange prints mailboxes by name: each is looked up, and asked again by object id. What was found is returned
// also beside an error: each query is made, and each mailbox looked up, whatever became of the others.
func (c *Client) MailRights(ctx context.Context, user string) ([]offboarding.MailRight, error) {
	var rights []offboarding.MailRight
	var unseen []error
	named := func(kind offboarding.MailRightKind, found []permission, err error) {
		unseen = append(unseen, err)
		for _, p := range found {
			mailbox, err := c.objectID(ctx, p.Identity)
			if err != nil {
				unseen = append(unseen, err)
				continue
			}
			rights = append(rights, offboarding.MailRight{Kind: kind, Mailbox: mailbox, Rights: strings.Join(p.AccessRights, " ")})
		}
	}
	full, err := c.permissions(ctx, "*", user)
	named(offboarding.RightFull, full, err)
	sendAs, err := c.sendAs(ctx, "", user)
	named(offboarding.RightSendAs, sendAs, err)
	behalf, err := c.onBehalf(ctx, user)
	unseen = append(unseen, err)
	for _, mailbox := range behalf {
		rights = append(rights, offboarding.MailRight{Kind: offboarding.RightOnBehalf, Mailbox: mailbox})
	}
	rights = slices.DeleteFunc(rights, func(r offboarding.MailRight) bool { return strings.EqualFold(r.Mailbox, user) })
	return rights, offboarding.Join(unseen...)
}

type permission struct {
	Identity     string
	User         string
	AccessRights []string
	IsInherited  bool
	Deny         bool
	// AccessControlType is Allow or Deny; of Get-RecipientPermission only.
	AccessControlType string
}

// own are the permissions that can be removed where they were found.
func own(found []permission) []permission {
	return slices.DeleteFunc(found, func(p permission) bool { return p.IsInherited || p.Deny || p.AccessControlType == "Deny" })
}

// permissions are those of a user on a mailbox, or on all of them ("*").
func (c *Client) permissions(ctx context.Context, mailbox, user string) ([]permission, error) {
	found, err := run[permission](ctx, c, "Get-MailboxPermission", map[string]any{"Identity": mailbox, "User": user, "ResultSize": "Unlimited"})
	if err != nil {
		return nil, orNobody(explain("running Get-MailboxPermission of "+user, "Get-MailboxPermission", user, err))
	}
	return own(found), nil
}

// sendAs are the permissions of a user to send as somebody, or as anybody ("").
func (c *Client) sendAs(ctx context.Context, mailbox, user string) ([]permission, error) {
	parameters := map[string]any{"Trustee": user, "ResultSize": "Unlimited"}
	if mailbox != "" {
		parameters["Identity"] = mailbox
	}
	found, err := run[permission](ctx, c, "Get-RecipientPermission", parameters)
	if err != nil {
		return nil, orNobody(explain("running Get-RecipientPermission of "+user, "Get-RecipientPermission", user, err))
	}
	return own(found), nil
}

// orNobody is nil for a user whom Exchange does not know: such a one has no rights in it.
func orNobody(err error) error {
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil
	}
	return err
}

// onBehalf are the mailboxes that the user may send on behalf of. The filter wants the
// distinguished name. Source: Exchange, Filterable properties for the Filter parameter.
func (c *Client) onBehalf(ctx context.Context, user string) ([]string, error) {
	name, err := c.distinguishedName(ctx, user)
	if err != nil {
		return nil, orNobody(err)
	}
	filter := "GrantSendOnBehalfTo -eq '" + strings.ReplaceAll(name, "'", "''") + "'"
	found, err := run[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
	}](ctx, c, "Get-Mailbox", map[string]any{"Filter": filter, "ResultSize": "Unlimited"})
	if err != nil {
		return nil, explain("running Get-Mailbox for what "+user+" may send on behalf of", "Get-Mailbox", user, err)
	}
	var ids []string
	for _, m := range found {
		ids = append(ids, m.ExternalDirectoryObjectID)
	}
	return ids, nil
}

// objectID looks up whom Exchange printed; empty when that is nobody or not certain.
func (c *Client) objectID(ctx context.Context, identity string) (string, error) {
	r, err := c.Recipient(ctx, identity)
	if err != nil {
		return "", fmt.Errorf("looking up whose mailbox it is: %w", err)
	}
	return r.ID, nil
}

// CalendarRights lists the permissions of the user on the calendars of a mailbox, by object id
// (Get-MailboxFolderStatistics, Get-MailboxFolderPermission): the name of a calendar is in the
// language of its owner. A folder is told by its number among them. What was found is returned also beside an
// error: each folder is looked at.
func (c *Client) CalendarRights(ctx context.Context, mailbox, user string) ([]offboarding.MailRight, error) {
	folders, err := c.calendars(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	var rights []offboarding.MailRight
	var unseen []error
	for i, folder := range folders {
		found, err := run[permission](ctx, c, "Get-MailboxFolderPermission", map[string]any{"Identity": folder, "User": user})
		if err != nil {
			unseen = append(unseen, orNoEntry(explain("running Get-MailboxFolderPermission for "+mailbox, "Get-MailboxFolderPermission", mailbox, err)))
		}
		for _, p := range found {
			rights = append(rights, offboarding.MailRight{Kind: offboarding.RightCalendar, Mailbox: mailbox, Folder: strconv.Itoa(i), Rights: strings.Join(p.AccessRights, " ")})
		}
	}
	return rights, offboarding.Join(unseen...)
}

// orNoEntry is nil when the error says that the user has no permission there.
func orNoEntry(err error) error {
	var p *problem
	if errors.As(err, &p) && p.exception == "UserNotFoundInPermissionEntryException" {
		return nil
	}
	return orNobody(err)
}

// calendars are the calendar folders of a mailbox as other cmdlets take them, in Exchange's order.
func (c *Client) calendars(ctx context.Context, mailbox string) ([]string, error) {
	found, err := invoke[struct {
		FolderPath string
	}](ctx, c, "Get-MailboxFolderStatistics", map[string]any{"Identity": mailbox, "FolderScope": "Calendar"})
	if err != nil {
		return nil, orNobody(err)
	}
	var folders []string
	for _, f := range found {
		folders = append(folders, mailbox+":"+strings.ReplaceAll(f.FolderPath, "/", `\`))
	}
	return folders, nil
}

// calendar is the folder that a right is on, as other cmdlets take it.
func (c *Client) calendar(ctx context.Context, r offboarding.MailRight) (string, error) {
	folders, err := c.calendars(ctx, r.Mailbox)
	if err != nil {
		return "", err
	}
	i, err := strconv.Atoi(r.Folder)
	if err != nil || i < 0 || i >= len(folders) {
		return "", fmt.Errorf("the calendars of %s are not as they were", r.Mailbox)
	}
	return folders[i], nil
}

// RemoveMailRight takes a right on a mailbox from the user, by object ids. One that is not there
// any more is no error.
func (c *Client) RemoveMailRight(ctx context.Context, user string, r offboarding.MailRight) error {
	switch r.Kind {
	case offboarding.RightFull:
		found, err := c.permissions(ctx, r.Mailbox, user)
		if err != nil || len(found) == 0 {
			return err
		}
		var rights []string
		for _, p := range found {
			rights = append(rights, p.AccessRights...)
		}
		_, err = invoke[struct{}](ctx, c, "Remove-MailboxPermission", map[string]any{"Identity": r.Mailbox, "User": user, "AccessRights": rights, "Confirm": false})
		return err
	case offboarding.RightSendAs:
		found, err := c.sendAs(ctx, r.Mailbox, user)
		if err != nil || len(found) == 0 {
			return err
		}
		_, err = invoke[struct{}](ctx, c, "Remove-RecipientPermission", map[string]any{"Identity": r.Mailbox, "Trustee": user, "AccessRights": []string{"SendAs"}, "Confirm": false})
		return err
	case offboarding.RightOnBehalf:
		_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{
			"Identity":            r.Mailbox,
			"GrantSendOnBehalfTo": map[string]any{"@odata.type": "#Exchange.GenericHashTable", "remove": []string{user}},
		})
		return err
	case offboarding.RightCalendar:
		folder, err := c.calendar(ctx, r)
		if err != nil {
			return err
		}
		_, err = run[struct{}](ctx, c, "Remove-MailboxFolderPermission", map[string]any{"Identity": folder, "User": user, "Confirm": false})
		if err != nil {
			err = orNoEntry(explain("running Remove-MailboxFolderPermission for "+r.Mailbox, "Remove-MailboxFolderPermission", r.Mailbox, err))
		}
		return err
	}
	return offboarding.Permanent(fmt.Errorf("%q is not a right on a mailbox", r.Kind))
}

// LeaveDistributionGroup takes the user off a distribution list or mail-enabled security group,
// by object ids (Remove-DistributionGroupMember). A member who is not there is no error. One
// mastered on-premises is refused: permanent.
func (c *Client) LeaveDistributionGroup(ctx context.Context, group, user string) error {
	_, err := invoke[struct{}](ctx, c, "Remove-DistributionGroupMember", map[string]any{
		"Identity": group, "Member": user, "BypassSecurityGroupManagerCheck": true, "Confirm": false,
	})
	var p *problem
	if errors.As(err, &p) && p.exception == "MemberNotFoundException" {
		return nil
	}
	return err
}

// JoinDistributionGroup puts the user on a distribution list or mail-enabled security group, by object
// ids (Add-DistributionGroupMember). A member who is there already is no error.
func (c *Client) JoinDistributionGroup(ctx context.Context, group, user string) error {
	_, err := invoke[struct{}](ctx, c, "Add-DistributionGroupMember", map[string]any{
		"Identity": group, "Member": user, "BypassSecurityGroupManagerCheck": true, "Confirm": false,
	})
	var p *problem
	if errors.As(err, &p) && p.exception == "MemberAlreadyExistsException" {
		return nil
	}
	return err
}
