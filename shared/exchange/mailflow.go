package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// MailFlow reads where a mailbox's mail goes and what keeps it (Get-Mailbox). No mailbox is
// offboarding.ErrNotFound. Retention policies of the whole organisation are not among what keeps it.
func (c *Client) MailFlow(ctx context.Context, id string) (offboarding.MailFlow, error) {
	return c.mailFlow(ctx, id, nil)
}

// KeptMailFlow is [Client.MailFlow] with the retention policies that hold every mailbox but those
// excluded (Get-OrganizationConfig). Where Exchange refuses to show them, PoliciesUnseen is set.
func (c *Client) KeptMailFlow(ctx context.Context, id string) (offboarding.MailFlow, error) {
	policies, unseen := c.OrganisationHolds(ctx)
	if unseen != nil && !offboarding.IsPermanent(unseen) {
		return offboarding.MailFlow{}, unseen
	}
	flow, err := c.mailFlow(ctx, id, policies)
	flow.PoliciesUnseen = unseen != nil
	return flow, err
}

func (c *Client) mailFlow(ctx context.Context, id string, policies []string) (offboarding.MailFlow, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID     string `json:"ExternalDirectoryObjectId"`
		ExchangeGUID                  string `json:"ExchangeGuid"`
		RecipientTypeDetails          string
		DisplayName                   string
		PrimarySMTPAddress            string `json:"PrimarySmtpAddress"`
		ForwardingAddress             string
		ForwardingSMTPAddress         string `json:"ForwardingSmtpAddress"`
		DeliverToMailboxAndForward    bool
		HiddenFromAddressListsEnabled bool
		ArchiveStatus                 string
		LitigationHoldEnabled         bool
		LitigationHoldDuration        string
		LicensedForLitigationHold     bool
		DelayHoldApplied              bool
		DelayReleaseHoldApplied       bool
		ComplianceTagHoldApplied      bool
		InPlaceHolds                  []string
		RemoteRecipientType           string
	}](ctx, c, "Get-Mailbox", map[string]any{"Identity": id})
	if err != nil {
		return offboarding.MailFlow{}, err
	}
	if len(found) == 0 {
		return offboarding.MailFlow{}, fmt.Errorf("running Get-Mailbox for %s: %w", id, offboarding.ErrNotFound)
	}
	m := found[0]
	if len(found) > 1 || !strings.EqualFold(m.ExternalDirectoryObjectID, id) {
		return offboarding.MailFlow{}, offboarding.Permanent(fmt.Errorf("running Get-Mailbox for %s: Exchange answered with another mailbox", id))
	}
	var holdFor time.Duration
	if m.LitigationHoldEnabled {
		if holdFor, err = parseHold(m.LitigationHoldDuration); err != nil {
			return offboarding.MailFlow{}, fmt.Errorf("running Get-Mailbox for %s: %w", id, err)
		}
	}
	holds := offboarding.MailboxHolds{
		Litigation: m.LitigationHoldEnabled, Delay: m.DelayHoldApplied, DelayRelease: m.DelayReleaseHoldApplied,
		Label: m.ComplianceTagHoldApplied, InPlace: m.InPlaceHolds,
	}
	return offboarding.MailFlow{
		ID: m.ExternalDirectoryObjectID, GUID: m.ExchangeGUID, RecipientTypeDetails: m.RecipientTypeDetails,
		DisplayName: m.DisplayName, Address: m.PrimarySMTPAddress,
		ForwardsTo: m.ForwardingAddress, ForwardsToAddress: withoutScheme(m.ForwardingSMTPAddress), Copy: m.DeliverToMailboxAndForward,
		Hidden:  m.HiddenFromAddressListsEnabled,
		Archive: m.ArchiveStatus != "" && m.ArchiveStatus != "None",
		Hold:    len(holds.OnMail(policies)) > 0, Held: holds.OnAnything(policies),
		LitigationHold: m.LitigationHoldEnabled, HoldFor: holdFor, HoldLicensed: m.LicensedForLitigationHold,
		TakenBack: takenBack(m.RemoteRecipientType),
	}, nil
}

// takenBack says of a RemoteRecipientType that an Exchange on premises made the mailbox as a user's, and does not
// have it as a shared one. One that was migrated stays as it is here.
// Sources: Exchange, Shared mailboxes are unexpectedly converted to user mailboxes after directory synchronization
// (KB 2710029); Exchange Server, RemoteRecipientType enumeration.
func takenBack(remote string) bool {
	return strings.Contains(remote, "ProvisionMailbox") && !strings.Contains(remote, "SharedMailbox")
}

// withoutScheme takes "smtp:" off an address.
func withoutScheme(address string) string {
	if scheme, rest, ok := strings.Cut(address, ":"); ok && strings.EqualFold(scheme, "smtp") {
		return rest
	}
	return address
}

// outsiders are the recipients that stand for somebody outside of the organisation. A
// MailUser may also be a mailbox on-premises; where that cannot be told, it is outside.
var outsiders = []string{"MailContact", "MailUser", "GuestMailUser"}

// Recipient looks up whom Exchange means by an address, an alias or another name that it
// printed itself (Get-Recipient). What it does not know is somebody outside; of a name that
// several have, all must be inside.
func (c *Client) Recipient(ctx context.Context, identity string) (offboarding.Recipient, error) {
	if identity == "" { // Exchange would list everybody
		return offboarding.Recipient{}, nil
	}
	found, err := run[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		RecipientTypeDetails      string
	}](ctx, c, "Get-Recipient", map[string]any{"Identity": identity})
	if err != nil {
		err = explain("running Get-Recipient", "Get-Recipient", "", err) // the identity names somebody
	}
	if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		return offboarding.Recipient{}, err
	}
	r := offboarding.Recipient{Inside: len(found) > 0}
	for _, f := range found {
		r.Inside = r.Inside && !slices.Contains(outsiders, f.RecipientTypeDetails)
	}
	if len(found) == 1 {
		r.ID, r.Group = found[0].ExternalDirectoryObjectID, strings.Contains(found[0].RecipientTypeDetails, "Group")
	}
	return r, nil
}

// Forward sends new mail on to a recipient in the organisation, by object id, with or without
// a copy in the mailbox (Set-Mailbox). It replaces every other forwarding.
func (c *Client) Forward(ctx context.Context, id, recipient string, keepCopy bool) error {
	return c.setForwarding(ctx, id, recipient, nil, keepCopy)
}

// ForwardOutside sends new mail on to an address; otherwise it is like Forward. The outbound
// spam policy of the organisation must allow it as well, which cannot be seen here.
func (c *Client) ForwardOutside(ctx context.Context, id, address string, keepCopy bool) error {
	return c.setForwarding(ctx, id, nil, "smtp:"+address, keepCopy)
}

// StopForwarding ends every forwarding of the mailbox itself; inbox rules are not touched.
func (c *Client) StopForwarding(ctx context.Context, id string) error {
	return c.setForwarding(ctx, id, nil, nil, false)
}

func (c *Client) setForwarding(ctx context.Context, id string, recipient, address any, keepCopy bool) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{
		"Identity": id, "ForwardingAddress": recipient, "ForwardingSmtpAddress": address, "DeliverToMailboxAndForward": keepCopy,
	})
	return err
}

// Share converts the mailbox to a shared one (Set-Mailbox -Type Shared), which takes Exchange
// some minutes to show.
func (c *Client) Share(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "Type": "Shared"})
	return err
}

// Hide takes the mailbox out of the address lists. One mastered on-premises is refused:
// permanent.
func (c *Client) Hide(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "HiddenFromAddressListsEnabled": true})
	return err
}

// recipients is a property that lists recipients, such as `"Name" [SMTP:a@b]` or
// `"Name" [EX:/o=…]`: several, one, or null.
type recipients []string

func (r *recipients) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(r))
	}
	var one *string
	if err := json.Unmarshal(text, &one); err != nil || one == nil {
		return err
	}
	*r = recipients{*one}
	return nil
}

// identity is how Get-Recipient finds a recipient of a rule.
func identity(recipient string) string {
	if at := strings.LastIndexByte(recipient, '['); at >= 0 && strings.HasSuffix(recipient, "]") {
		if _, address, ok := strings.Cut(recipient[at+1:len(recipient)-1], ":"); ok {
			return address
		}
	}
	return withoutScheme(recipient)
}

// text is a property that Exchange writes as a string or as a number.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(t))
	}
	*t = text(raw)
	return nil
}

// RulesOutside lists the inbox rules that send mail outside of the organisation, enabled or
// not (Get-InboxRule). Rules that are hidden from their owner are not seen. What was found is returned also beside
// an error: each rule is looked at.
func (c *Client) RulesOutside(ctx context.Context, id string) ([]offboarding.InboxRule, error) {
	rules, err := invoke[struct {
		RuleIdentity          text
		Enabled               bool
		ForwardTo             recipients
		ForwardAsAttachmentTo recipients
		RedirectTo            recipients
	}](ctx, c, "Get-InboxRule", map[string]any{"Mailbox": id})
	if err != nil {
		return nil, err
	}
	inside := map[string]bool{}
	var out []offboarding.InboxRule
	var unseen []error
	for _, rule := range rules {
		for _, to := range slices.Concat(rule.ForwardTo, rule.ForwardAsAttachmentTo, rule.RedirectTo) {
			name := identity(to)
			if _, known := inside[name]; !known {
				r, err := c.Recipient(ctx, name)
				if err != nil {
					unseen = append(unseen, fmt.Errorf("reading whom the rules of %s send to: %w", id, err))
					continue
				}
				inside[name] = r.Inside
			}
			if !inside[name] {
				out = append(out, offboarding.InboxRule{ID: string(rule.RuleIdentity), Enabled: rule.Enabled})
				break
			}
		}
	}
	return out, offboarding.Join(unseen...)
}

// DisableInboxRule switches a rule off; it stays in the mailbox.
func (c *Client) DisableInboxRule(ctx context.Context, id, rule string) error {
	_, err := invoke[struct{}](ctx, c, "Disable-InboxRule", map[string]any{"Identity": rule, "Mailbox": id, "Force": true, "Confirm": false})
	return err
}

// AutoReply reads the automatic reply of the mailbox (Get-MailboxAutoReplyConfiguration). The
// texts come back as the HTML that Exchange made of them.
func (c *Client) AutoReply(ctx context.Context, id string) (offboarding.AutoReply, error) {
	found, err := invoke[struct {
		AutoReplyState, ExternalAudience, InternalMessage, ExternalMessage string
	}](ctx, c, "Get-MailboxAutoReplyConfiguration", map[string]any{"Identity": id})
	if err != nil {
		return offboarding.AutoReply{}, err
	}
	if len(found) != 1 {
		return offboarding.AutoReply{}, fmt.Errorf("running Get-MailboxAutoReplyConfiguration for %s: %d answers instead of one", id, len(found))
	}
	return offboarding.AutoReply{
		State: found[0].AutoReplyState, Audience: found[0].ExternalAudience,
		AutoReplyTexts: offboarding.AutoReplyTexts{Inside: found[0].InternalMessage, Outside: found[0].ExternalMessage},
	}, nil
}

// SetAutoReply sets the automatic reply of the mailbox, in HTML.
func (c *Client) SetAutoReply(ctx context.Context, id string, r offboarding.AutoReply) error {
	_, err := invoke[struct{}](ctx, c, "Set-MailboxAutoReplyConfiguration", map[string]any{
		"Identity": id, "AutoReplyState": r.State, "ExternalAudience": r.Audience,
		"InternalMessage": r.Inside, "ExternalMessage": r.Outside,
	})
	return err
}

// RestoreForwarding makes the mailbox forward as it did before: to a recipient as Exchange printed it,
// to an address, to both, or to nobody.
func (c *Client) RestoreForwarding(ctx context.Context, id, recipient, address string, keepCopy bool) error {
	var to, outside any
	if recipient != "" {
		to = recipient
	}
	if address != "" {
		outside = "smtp:" + address
	}
	return c.setForwarding(ctx, id, to, outside, keepCopy)
}

// Unshare converts a shared mailbox back to a user's (Set-Mailbox -Type Regular), which takes a licence
// and Exchange some minutes to show. Source: Microsoft 365 admin, Convert a user mailbox to a shared one.
func (c *Client) Unshare(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "Type": "Regular"})
	return err
}

// Show puts the mailbox into the address lists again. One mastered on-premises is refused: permanent.
func (c *Client) Show(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "HiddenFromAddressListsEnabled": false})
	return err
}

// EnableInboxRule switches a rule on again.
func (c *Client) EnableInboxRule(ctx context.Context, id, rule string) error {
	_, err := invoke[struct{}](ctx, c, "Enable-InboxRule", map[string]any{"Identity": rule, "Mailbox": id, "Force": true, "Confirm": false})
	return err
}
