package exchange

import (
	"context"
	"time"
)

// meetingWindow is how far ahead meetings are cancelled, in days: the most that Exchange takes.
// Source: Exchange PowerShell, Remove-CalendarEvents, QueryWindowInDays.
const meetingWindow = 1825

// CancelMeetings cancels the meetings from a time on that the owner of the mailbox organised; the
// mailbox sends the cancellations, so that it needs its licence (Remove-CalendarEvents). Series
// that have begun end. Repeating it finds nothing more to cancel.
func (c *Client) CancelMeetings(ctx context.Context, id string, from time.Time) error {
	_, err := invoke[struct{}](ctx, c, "Remove-CalendarEvents", map[string]any{
		"Identity": id, "CancelOrganizedMeetings": true, "QueryStartDate": from.UTC().Format(time.RFC3339), "QueryWindowInDays": meetingWindow, "Confirm": false,
	})
	return err
}
