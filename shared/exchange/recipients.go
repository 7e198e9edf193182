package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// distinguishedName reads the name of a recipient that filters want, with a mailbox or without one
// (Get-Recipient). Whoever Exchange does not know is offboarding.ErrNotFound.
func (c *Client) distinguishedName(ctx context.Context, id string) (string, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		DistinguishedName         string
	}](ctx, c, "Get-Recipient", map[string]any{"Identity": id})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", fmt.Errorf("running Get-Recipient for %s: %w", id, offboarding.ErrNotFound)
	case len(found) > 1 || !strings.EqualFold(found[0].ExternalDirectoryObjectID, id) || found[0].DistinguishedName == "":
		return "", offboarding.Permanent(fmt.Errorf("running Get-Recipient for %s: Exchange answered with another recipient", id))
	}
	return found[0].DistinguishedName, nil
}

// ManagedGroups lists the distribution lists and mail-enabled security groups that somebody
// manages (Get-DistributionGroup), which Graph does not show. Whoever Exchange does not know
// manages none.
func (c *Client) ManagedGroups(ctx context.Context, id string) ([]offboarding.MailGroup, error) {
	name, err := c.distinguishedName(ctx, id)
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Source: Exchange, Filterable properties for the Filter parameter, ManagedBy.
	found, err := run[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		DisplayName               string
		ManagedBy                 []string
		IsDirSynced               bool
	}](ctx, c, "Get-DistributionGroup", map[string]any{"Filter": "ManagedBy -eq '" + strings.ReplaceAll(name, "'", "''") + "'", "ResultSize": "Unlimited"})
	if err != nil {
		return nil, explain("running Get-DistributionGroup for what is managed by "+id, "Get-DistributionGroup", id, err)
	}
	groups := make([]offboarding.MailGroup, len(found))
	for i, g := range found {
		groups[i] = offboarding.MailGroup{ID: g.ExternalDirectoryObjectID, DisplayName: g.DisplayName, Managers: g.ManagedBy, OnPremises: g.IsDirSynced}
	}
	return groups, nil
}

// Overseen lists the recipients whose mail somebody approves, and the dynamic distribution groups that they manage
// (Get-DistributionGroup, Get-DynamicDistributionGroup, Get-Mailbox): Graph shows none of it. What was found is
// returned also beside an error: each cmdlet is asked, whatever became of the others.
// Source: Exchange, Filterable properties for the Filter parameter, ManagedBy and ModeratedBy, which Get-Recipient
// does not take.
func (c *Client) Overseen(ctx context.Context, id string) ([]offboarding.Overseen, error) {
	name, err := c.distinguishedName(ctx, id)
	if err != nil {
		return nil, orNobody(err)
	}
	is := " -eq '" + strings.ReplaceAll(name, "'", "''") + "'"
	var all []offboarding.Overseen
	var unseen []error
	for _, listing := range []struct{ cmdlet, filter string }{
		{"Get-DistributionGroup", "ModeratedBy" + is},
		{"Get-DynamicDistributionGroup", "ManagedBy" + is + " -or ModeratedBy" + is},
		{"Get-Mailbox", "ModeratedBy" + is},
	} {
		found, err := run[overseen](ctx, c, listing.cmdlet, map[string]any{"Filter": listing.filter, "ResultSize": "Unlimited"})
		if err != nil {
			unseen = append(unseen, explain("running "+listing.cmdlet+" for what is overseen by "+id, listing.cmdlet, id, err))
		}
		for _, f := range found {
			all = append(all, f.recipient(listing.cmdlet))
		}
	}
	return all, offboarding.Join(unseen...)
}

type overseen struct {
	GUID              string `json:"Guid"`
	DisplayName       string
	IsDirSynced       bool
	ManagedBy         any // one name of a dynamic distribution group, several of any other
	ModerationEnabled bool
	ModeratedBy       []string
}

func (o overseen) recipient(cmdlet string) offboarding.Overseen {
	r := offboarding.Overseen{GUID: o.GUID, OnPremises: o.IsDirSynced}
	if cmdlet != "Get-Mailbox" {
		r.DisplayName = o.DisplayName
	}
	if name, one := o.ManagedBy.(string); one && name != "" {
		r.Managers = []string{name}
	}
	if o.ModerationEnabled {
		r.Moderators = o.ModeratedBy
	}
	return r
}

// TransportRules lists the mail flow rules in use that have one of some addresses, as a condition, an exception or
// where they send mail (Get-TransportRule): whichever property has it, as there are some fifty.
func (c *Client) TransportRules(ctx context.Context, addresses []string) ([]offboarding.TransportRule, error) {
	found, err := invoke[map[string]any](ctx, c, "Get-TransportRule", map[string]any{"State": "Enabled", "ResultSize": "Unlimited"})
	var naming []offboarding.TransportRule
	for _, properties := range found {
		guid, _ := properties["Guid"].(string)
		name, _ := properties["Name"].(string)
		rule := offboarding.TransportRule{GUID: guid, Name: name}
		for property, value := range properties {
			values, _ := value.([]any)
			if slices.ContainsFunc(append(values, value), func(v any) bool {
				text, _ := v.(string)
				return slices.ContainsFunc(addresses, func(a string) bool { return strings.EqualFold(a, text) })
			}) {
				rule.By = append(rule.By, property)
			}
		}
		if slices.Sort(rule.By); len(rule.By) > 0 {
			naming = append(naming, rule)
		}
	}
	return naming, err
}

// ForwardingTo lists the mailboxes, by object id, whose mail goes on to somebody (Get-Mailbox): as a recipient,
// or by one of their addresses, as whoever forwards their own mail and many a script do. An address counts
// where the mailbox names no recipient, who comes first.
// Source: Exchange, Filterable properties for the Filter parameter, ForwardingAddress and ForwardingSmtpAddress.
func (c *Client) ForwardingTo(ctx context.Context, id string, addresses []string) ([]string, error) {
	name, err := c.distinguishedName(ctx, id)
	if err != nil {
		return nil, orNobody(err)
	}
	filters := []string{"ForwardingAddress -eq '" + strings.ReplaceAll(name, "'", "''") + "'"}
	for _, a := range addresses {
		filters = append(filters, "ForwardingSmtpAddress -eq 'smtp:"+strings.ReplaceAll(a, "'", "''")+"'")
	}
	var mailboxes []string
	for i, filter := range filters {
		found, err := run[struct {
			mailboxID
			ForwardingAddress string
		}](ctx, c, "Get-Mailbox", map[string]any{"Filter": filter, "ResultSize": "Unlimited"})
		if err != nil {
			return nil, explain("running Get-Mailbox for what is forwarded to "+id, "Get-Mailbox", id, err)
		}
		for _, m := range found {
			if (i == 0 || m.ForwardingAddress == "") && !slices.Contains(mailboxes, m.ExternalDirectoryObjectID) {
				mailboxes = append(mailboxes, m.ExternalDirectoryObjectID)
			}
		}
	}
	return mailboxes, nil
}

// Openers lists who may open a mailbox beside its owner, as Exchange prints them (Get-MailboxPermission):
// names, which are personal.
func (c *Client) Openers(ctx context.Context, mailbox string) ([]string, error) {
	found, err := invoke[permission](ctx, c, "Get-MailboxPermission", map[string]any{"Identity": mailbox})
	var names []string
	for _, p := range own(found) {
		if slices.Contains(p.AccessRights, "FullAccess") && !strings.HasPrefix(p.User, `NT AUTHORITY\`) {
			names = append(names, p.User)
		}
	}
	return names, err
}

// Resources lists the rooms and the equipment that can be booked, by object id (Get-Mailbox).
func (c *Client) Resources(ctx context.Context) ([]string, error) {
	found, err := invoke[mailboxID](ctx, c, "Get-Mailbox", map[string]any{"RecipientTypeDetails": []string{"RoomMailbox", "EquipmentMailbox"}, "ResultSize": "Unlimited"})
	return ids(found), err
}

// mailboxID is a mailbox by its owner's object id.
type mailboxID struct {
	ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
}

func ids(found []mailboxID) []string {
	var out []string
	for _, m := range found {
		out = append(out, m.ExternalDirectoryObjectID)
	}
	return out
}

// BookingDelegates lists the people who approve the bookings of a room, as Exchange prints them
// (Get-CalendarProcessing): names, which are personal.
func (c *Client) BookingDelegates(ctx context.Context, room string) ([]string, error) {
	found, err := invoke[struct{ ResourceDelegates []string }](ctx, c, "Get-CalendarProcessing", map[string]any{"Identity": room})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("running Get-CalendarProcessing for %s: %d answers instead of one", room, len(found))
	}
	return found[0].ResourceDelegates, nil
}

// PassGroup makes somebody the manager of a distribution list or mail-enabled security group in the place
// of somebody else, all by object id (Set-DistributionGroup); to nobody it only takes the latter off, which
// is refused for the last manager: permanent; from nobody it only adds. Repeating it changes nothing.
func (c *Client) PassGroup(ctx context.Context, group, from, to string) error {
	_, err := invoke[struct{}](ctx, c, "Set-DistributionGroup", map[string]any{
		"Identity": group, "ManagedBy": exchanged(from, to), "BypassSecurityGroupManagerCheck": true,
	})
	return err
}

// PassBookings has somebody approve the bookings of a room in the place of somebody else, all by object id
// (Set-CalendarProcessing); to nobody it only takes the latter off, from nobody it only adds. Repeating it
// changes nothing.
func (c *Client) PassBookings(ctx context.Context, room, from, to string) error {
	_, err := invoke[struct{}](ctx, c, "Set-CalendarProcessing", map[string]any{"Identity": room, "ResourceDelegates": exchanged(from, to)})
	return err
}

// exchanged is a list with somebody in the place of somebody else, in Exchange's words.
func exchanged(from, to string) map[string]any {
	change := map[string]any{"@odata.type": "#Exchange.GenericHashTable"}
	if from != "" {
		change["remove"] = []string{from}
	}
	if to != "" {
		change["add"] = []string{to}
	}
	return change
}
