package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

// MailRecipient reads what somebody is to Exchange, with a mailbox or without one (Get-Recipient).
// Whoever Exchange does not know is offboarding.ErrNotFound.
func (c *Client) MailRecipient(ctx context.Context, id string) (offboarding.MailRecipient, error) {
	r, _, err := c.recipient(ctx, id)
	return r, err
}

// recipient reads a recipient and the distinguished name, which filters want.
func (c *Client) recipient(ctx context.Context, id string) (offboarding.MailRecipient, string, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		RecipientTypeDetails      string
		Name                      string
		DistinguishedName         string
	}](ctx, c, "Get-Recipient", map[string]any{"Identity": id})
	switch {
	case err != nil:
		return offboarding.MailRecipient{}, "", err
	case len(found) == 0:
		return offboarding.MailRecipient{}, "", fmt.Errorf("running Get-Recipient for %s: %w", id, offboarding.ErrNotFound)
	case len(found) > 1 || !strings.EqualFold(found[0].ExternalDirectoryObjectID, id) || found[0].DistinguishedName == "":
		return offboarding.MailRecipient{}, "", offboarding.Permanent(fmt.Errorf("running Get-Recipient for %s: Exchange answered with another recipient", id))
	}
	r := found[0]
	return offboarding.MailRecipient{ID: r.ExternalDirectoryObjectID, RecipientTypeDetails: r.RecipientTypeDetails, Name: r.Name}, r.DistinguishedName, nil
}

// ManagedGroups lists the distribution lists and mail-enabled security groups that somebody
// manages (Get-DistributionGroup), which Graph does not show. Whoever Exchange does not know
// manages none.
func (c *Client) ManagedGroups(ctx context.Context, id string) ([]offboarding.MailGroup, error) {
	_, name, err := c.recipient(ctx, id)
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
	}](ctx, c, "Get-DistributionGroup", map[string]any{"Filter": "ManagedBy -eq '" + strings.ReplaceAll(name, "'", "''") + "'", "ResultSize": "Unlimited"})
	if err != nil {
		return nil, classify("running Get-DistributionGroup for what is managed by "+id, err)
	}
	groups := make([]offboarding.MailGroup, len(found))
	for i, g := range found {
		groups[i] = offboarding.MailGroup{ID: g.ExternalDirectoryObjectID, DisplayName: g.DisplayName, Managers: len(g.ManagedBy)}
	}
	return groups, nil
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
