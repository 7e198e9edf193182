package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// moment is a time as cmdlets put it out: null, or with a zone or, being in UTC, without.
type moment struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(raw []byte) error {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("a time is not a string: %w", err)
	}
	if text == nil || *text == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		at, err := time.Parse(layout, *text)
		if err == nil {
			m.Time = at.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is not a time of Exchange", *text)
}

func later(a, b moment) time.Time {
	if a.After(b.Time) {
		return a.Time
	}
	return b.Time
}

// Phones lists the mobile device partnerships of the user's mailbox (Get-MobileDevice,
// Get-MobileDeviceStatistics, Get-CASMailbox). No mailbox is offboarding.ErrNotFound. Phones are
// addressed by their Guid: the Identity begins with the alias of the mailbox. A wipe of the
// account only has times of its own, beside those of a wipe of the whole device.
func (c *Client) Phones(ctx context.Context, user string) ([]offboarding.Phone, error) {
	type partnership struct {
		GUID       string `json:"Guid"`
		DeviceID   string `json:"DeviceId"`
		DeviceType string
		DeviceOS   string
		ClientType string
	}
	found, err := invoke[partnership](ctx, c, "Get-MobileDevice", map[string]any{"Mailbox": user})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	statistics, err := invoke[struct {
		partnership
		LastSuccessSync                  moment
		DeviceWipeRequestTime            moment
		DeviceWipeAckTime                moment
		AccountOnlyDeviceWipeRequestTime moment
		AccountOnlyDeviceWipeAckTime     moment
	}](ctx, c, "Get-MobileDeviceStatistics", map[string]any{"Mailbox": user})
	if err != nil {
		return nil, err
	}
	access, err := invoke[struct{ ActiveSyncBlockedDeviceIDs []string }](ctx, c, "Get-CASMailbox", map[string]any{"Identity": user})
	if err != nil {
		return nil, err
	}
	if len(access) != 1 {
		return nil, fmt.Errorf("running Get-CASMailbox for %s: %d mailboxes instead of one", user, len(access))
	}
	var phones []offboarding.Phone
	for _, d := range found {
		if d.GUID == "" || d.DeviceID == "" {
			return nil, fmt.Errorf("running Get-MobileDevice for %s: a phone without Guid or DeviceId", user)
		}
		p := offboarding.Phone{
			ID: d.GUID, DeviceID: d.DeviceID, OS: d.DeviceOS, Native: !strings.EqualFold(d.ClientType, "REST") && !strings.EqualFold(d.DeviceType, "Outlook"),
			Blocked: slices.ContainsFunc(access[0].ActiveSyncBlockedDeviceIDs, func(id string) bool { return strings.EqualFold(id, d.DeviceID) }),
		}
		for _, s := range statistics {
			if s.DeviceID == d.DeviceID && s.DeviceType == d.DeviceType {
				p.LastSync = s.LastSuccessSync.Time
				p.WipeRequested = later(s.DeviceWipeRequestTime, s.AccountOnlyDeviceWipeRequestTime)
				p.WipeAcked = later(s.DeviceWipeAckTime, s.AccountOnlyDeviceWipeAckTime)
			}
		}
		phones = append(phones, p)
	}
	return phones, nil
}

// ClearPhone has a phone, by its Guid, remove the account when it synchronises next
// (Clear-MobileDevice). It is always of the account only: without that word the cmdlet takes
// everything off the phone, photographs too (B13). A phone whose mail program knows only the
// wipe of everything (ActiveSync before 16.1) is refused: permanent.
func (c *Client) ClearPhone(ctx context.Context, phone string) error {
	_, err := invoke[struct{}](ctx, c, "Clear-MobileDevice", map[string]any{"Identity": phone, "AccountOnly": true, "Confirm": false})
	return err
}

// BlockPhones forbids phones, by their device ids, to synchronise with the user's mailbox
// (Set-CASMailbox). What is blocked already stays so.
func (c *Client) BlockPhones(ctx context.Context, user string, deviceIDs []string) error {
	_, err := invoke[struct{}](ctx, c, "Set-CASMailbox", map[string]any{
		"Identity":                   user,
		"ActiveSyncBlockedDeviceIDs": map[string]any{"@odata.type": "#Exchange.GenericHashTable", "add": deviceIDs},
	})
	return err
}

// UnblockPhones lets phones, by their device ids, synchronise with the user's mailbox again.
func (c *Client) UnblockPhones(ctx context.Context, user string, deviceIDs []string) error {
	_, err := invoke[struct{}](ctx, c, "Set-CASMailbox", map[string]any{
		"Identity":                   user,
		"ActiveSyncBlockedDeviceIDs": map[string]any{"@odata.type": "#Exchange.GenericHashTable", "remove": deviceIDs},
	})
	return err
}

// BlockedPhones are the device ids of the phones that may not synchronise with the user's mailbox
// (Get-CASMailbox). No mailbox is offboarding.ErrNotFound.
func (c *Client) BlockedPhones(ctx context.Context, user string) ([]string, error) {
	access, err := invoke[struct{ ActiveSyncBlockedDeviceIDs []string }](ctx, c, "Get-CASMailbox", map[string]any{"Identity": user})
	if err != nil {
		return nil, err
	}
	if len(access) != 1 {
		return nil, fmt.Errorf("running Get-CASMailbox for %s: %d mailboxes instead of one", user, len(access))
	}
	return access[0].ActiveSyncBlockedDeviceIDs, nil
}

// KeepPhone takes a wipe back that the phone has not heard of yet (Clear-MobileDevice -Cancel). A phone
// that is not there is offboarding.ErrNotFound.
func (c *Client) KeepPhone(ctx context.Context, phone string) error {
	_, err := invoke[struct{}](ctx, c, "Clear-MobileDevice", map[string]any{"Identity": phone, "Cancel": true, "Confirm": false})
	return err
}

// RemovePhone ends the partnership of a phone, by its Guid (Remove-MobileDevice). A wipe that
// the phone has not acknowledged is lost with it. A phone that is not there is
// offboarding.ErrNotFound.
func (c *Client) RemovePhone(ctx context.Context, phone string) error {
	_, err := invoke[struct{}](ctx, c, "Remove-MobileDevice", map[string]any{"Identity": phone, "Confirm": false})
	return err
}
