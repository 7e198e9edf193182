package exchange

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// protocols are the switches of Set-CASMailbox that open a way into a mailbox.
// Source: Exchange, Set-CASMailbox; Microsoft 365 admin, Remove a former employee.
var protocols = []string{
	offboarding.ActiveSync, "OWAEnabled", "OWAforDevicesEnabled", "PopEnabled", "ImapEnabled", "MAPIEnabled", "EwsEnabled",
	"ECPEnabled", "UniversalOutlookEnabled", "OutlookMobileEnabled", "MacOutlookEnabled", "OneWinNativeOutlookEnabled",
}

// The one switch that closes when it is on, and its name in [offboarding.Protocols].
const (
	smtpDisabled = "SmtpClientAuthenticationDisabled"
	smtp         = "SmtpClientAuthentication"
)

// Mailbox reads the mailbox of a user and the ways into it (Get-Mailbox, Get-CASMailbox). No
// mailbox is offboarding.ErrNotFound. A protocol counts as open unless it is closed
// explicitly: what the organisation's default says can change behind our back.
func (c *Client) Mailbox(ctx context.Context, id string) (offboarding.Mailbox, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		RecipientTypeDetails      string
		AccountDisabled           bool
	}](ctx, c, "Get-Mailbox", map[string]any{"Identity": id})
	if err != nil {
		return offboarding.Mailbox{}, err
	}
	if len(found) == 0 {
		return offboarding.Mailbox{}, fmt.Errorf("running Get-Mailbox for %s: %w", id, offboarding.ErrNotFound)
	}
	if len(found) > 1 || !strings.EqualFold(found[0].ExternalDirectoryObjectID, id) {
		return offboarding.Mailbox{}, offboarding.Permanent(fmt.Errorf("running Get-Mailbox for %s: Exchange answered with another mailbox", id))
	}
	access, err := invoke[map[string]json.RawMessage](ctx, c, "Get-CASMailbox", map[string]any{"Identity": id})
	if err != nil {
		return offboarding.Mailbox{}, err
	}
	if len(access) != 1 {
		return offboarding.Mailbox{}, fmt.Errorf("running Get-CASMailbox for %s: %d mailboxes instead of one", id, len(access))
	}
	open := offboarding.Protocols{smtp: string(access[0][smtpDisabled]) != "true"}
	for _, name := range protocols {
		open[name] = string(access[0][name]) != "false"
	}
	return offboarding.Mailbox{
		ID:                   found[0].ExternalDirectoryObjectID,
		RecipientTypeDetails: found[0].RecipientTypeDetails,
		AccountDisabled:      found[0].AccountDisabled,
		Protocols:            open,
		SMTPDisabled:         cmp.Or(string(access[0][smtpDisabled]), "null"),
	}, nil
}

// CloseMailbox forbids to open the mailbox (Set-Mailbox -AccountDisabled). Mail still comes in.
func (c *Client) CloseMailbox(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "AccountDisabled": true})
	return err
}

// CloseProtocols closes every way into the mailbox but those that are named (Set-CASMailbox). Exchange refuses all
// of them for one that it does not know any more, or that the role lacks: each is closed by itself then.
// Source: MicrosoftDocs/microsoft-365-docs issue 9636.
func (c *Client) CloseProtocols(ctx context.Context, id string, but ...string) error {
	parameters := map[string]any{"Identity": id, smtpDisabled: true}
	for _, name := range protocols {
		if !slices.Contains(but, name) {
			parameters[name] = false
		}
	}
	_, err := invoke[struct{}](ctx, c, "Set-CASMailbox", parameters)
	var p *problem
	if !errors.As(err, &p) || p.exception != "ParameterBindingException" {
		return err
	}
	var verdicts []error
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if name != "Identity" {
			_, err := invoke[struct{}](ctx, c, "Set-CASMailbox", map[string]any{"Identity": id, name: parameters[name]})
			verdicts = append(verdicts, err)
		}
	}
	return offboarding.Join(verdicts...)
}

// OpenMailbox lets its user open the mailbox again.
func (c *Client) OpenMailbox(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "AccountDisabled": false})
	return err
}

// OpenProtocols opens the ways into the mailbox that are named (Set-CASMailbox), and sets
// SmtpClientAuthenticationDisabled to what it was: true, false, or null for the organisation's default.
// Without a value it stays. Source: Exchange PowerShell, Set-CASMailbox.
func (c *Client) OpenProtocols(ctx context.Context, id string, names []string, smtpWas string) error {
	parameters := map[string]any{"Identity": id}
	for _, name := range names {
		if slices.Contains(protocols, name) {
			parameters[name] = true
		}
	}
	if smtpWas != "" {
		parameters[smtpDisabled] = json.RawMessage(smtpWas)
	}
	_, err := invoke[struct{}](ctx, c, "Set-CASMailbox", parameters)
	return err
}

// MailboxContent tells how much the mailbox holds (Get-MailboxStatistics), and how many deleted items can
// be recovered (Get-MailboxFolderStatistics). No mailbox is no error: the content does not exist. A
// mailbox that nobody ever opened has no statistics and is empty. The archive is not counted.
func (c *Client) MailboxContent(ctx context.Context, id string) (offboarding.Content, error) {
	rows, err := invoke[struct {
		ItemCount     int
		TotalItemSize string
	}](ctx, c, "Get-MailboxStatistics", map[string]any{"Identity": id})
	if errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.Content{}, nil
	}
	if err != nil {
		return offboarding.Content{}, err
	}
	content := offboarding.Content{Exists: true}
	for _, row := range rows {
		size, err := parseSize(row.TotalItemSize)
		if err != nil {
			return offboarding.Content{}, fmt.Errorf("running Get-MailboxStatistics for %s: %w", id, err)
		}
		content.Items += row.ItemCount
		content.Bytes += size
	}
	content.Recoverable, err = c.recoverable(ctx, id)
	return content, err
}

// recoverable counts what lies in the recoverable items of a mailbox
// (Get-MailboxFolderStatistics -FolderScope RecoverableItems). No mailbox has none.
func (c *Client) recoverable(ctx context.Context, id string) (int, error) {
	folders, err := invoke[struct{ ItemsInFolder int }](ctx, c, "Get-MailboxFolderStatistics", map[string]any{"Identity": id, "FolderScope": "RecoverableItems"})
	if errors.Is(err, offboarding.ErrNotFound) {
		return 0, nil
	}
	items := 0
	for _, f := range folders {
		items += f.ItemsInFolder
	}
	return items, err
}

// parseSize reads "14.61 GB (15,687,850,951 bytes)". Only the bytes count; their separators
// are whatever the culture of the server writes.
func parseSize(text string) (int64, error) {
	_, inner, _ := strings.Cut(text, "(")
	digits, _, ok := strings.Cut(inner, " bytes)")
	digits = strings.NewReplacer(",", "", ".", "", " ", "", "\u00a0", "", "\u202f", "", "'", "", "’", "").Replace(digits)
	n, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is not a size of Exchange", text)
	}
	return int64(n), nil
}
