package exchange

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

const day = 24 * time.Hour

// Hold puts the mailbox on litigation hold for a time, rounded up to days, counted from when each
// item came, or for offboarding.Unlimited (Set-Mailbox). It takes the role Legal Hold, and a
// licence that permits it. Exchange shows it at once, and may take up to 240 minutes to act on it.
func (c *Client) Hold(ctx context.Context, id string, lasts time.Duration) error {
	duration := "Unlimited"
	if lasts != offboarding.Unlimited {
		duration = strconv.Itoa(int((lasts + day - 1) / day))
	}
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "LitigationHoldEnabled": true, "LitigationHoldDuration": duration})
	return err
}

// EndHold takes the litigation hold off the mailbox. Exchange keeps holding it for 30 days (a delay
// hold). Source: Exchange Online, Manage mailboxes on delay hold.
func (c *Client) EndHold(ctx context.Context, id string) error {
	_, err := invoke[struct{}](ctx, c, "Set-Mailbox", map[string]any{"Identity": id, "LitigationHoldEnabled": false})
	return err
}

// InactiveMailbox reports whether Exchange keeps the mailbox of a deleted user for its hold
// (Get-Mailbox -InactiveMailboxOnly).
func (c *Client) InactiveMailbox(ctx context.Context, id string) (bool, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
		IsInactiveMailbox         bool
	}](ctx, c, "Get-Mailbox", map[string]any{"Identity": id, "InactiveMailboxOnly": true})
	if errors.Is(err, offboarding.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return len(found) == 1 && found[0].IsInactiveMailbox && strings.EqualFold(found[0].ExternalDirectoryObjectID, id), nil
}

// DeletedMailbox reports whether the mailbox of an account is deleted and can be restored
// (Get-Mailbox -SoftDeletedMailbox).
func (c *Client) DeletedMailbox(ctx context.Context, id string) (bool, error) {
	found, err := invoke[struct {
		ExternalDirectoryObjectID string `json:"ExternalDirectoryObjectId"`
	}](ctx, c, "Get-Mailbox", map[string]any{"Identity": id, "SoftDeletedMailbox": true})
	if errors.Is(err, offboarding.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return len(found) == 1 && strings.EqualFold(found[0].ExternalDirectoryObjectID, id), nil
}

// parseHold reads "365.00:00:00" or "Unlimited".
func parseHold(text string) (time.Duration, error) {
	if text == "" || strings.EqualFold(text, "unlimited") {
		return offboarding.Unlimited, nil
	}
	days, _, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > 106_000 {
		return 0, fmt.Errorf("%q is not a duration of a litigation hold", text)
	}
	return time.Duration(n) * day, nil
}

// OrganisationHolds are the retention policies that hold every mailbox but those excluded
// (Get-OrganizationConfig, InPlaceHolds).
func (c *Client) OrganisationHolds(ctx context.Context) ([]string, error) {
	found, err := invoke[struct{ InPlaceHolds []string }](ctx, c, "Get-OrganizationConfig", map[string]any{})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("running Get-OrganizationConfig: %d answers instead of one", len(found))
	}
	return found[0].InPlaceHolds, nil
}
