package graph

import (
	"context"
	"errors"
	"time"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// OrganisedMeetings counts the meetings with others that the user organised and that are not over
// at a time; a series counts once. A mailbox that Graph does not reach has none. Permission:
// Calendars.Read.
func (c *Client) OrganisedMeetings(ctx context.Context, user string, from time.Time) (int, error) {
	n, _, err := ask(ctx, "read the meetings of", []string{user}, func(ctx context.Context) (int, error) {
		n := 0
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET,
			"{+baseurl}/users/{user}/events{?%24filter,%24select,%24top}", map[string]string{"user": user})
		info.QueryParameters["%24filter"] = "isOrganizer eq true"
		info.QueryParameters["%24select"] = "id,type,end,recurrence,attendees,isCancelled"
		info.QueryParameters["%24top"] = "100"
		for {
			info.Headers.TryAdd("Accept", "application/json")
			info.Headers.TryAdd("Prefer", `outlook.timezone="UTC"`)
			answer, err := c.adapter.Send(ctx, info, models.CreateEventCollectionResponseFromDiscriminatorValue, failures)
			if err != nil {
				return 0, err
			}
			page, ok := answer.(models.EventCollectionResponseable)
			if !ok {
				return 0, errNothing
			}
			for _, event := range page.GetValue() {
				if len(event.GetAttendees()) > 0 && !value(event.GetIsCancelled()) && !over(event, from) {
					n++
				}
			}
			next := value(page.GetOdataNextLink())
			if next == "" {
				return n, nil
			}
			info = abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET, next, map[string]string{})
		}
	})
	if errors.Is(err, offboarding.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

// over reports whether an event has ended. A series without an end is never over, and what cannot
// be read is not.
func over(event models.Eventable, at time.Time) bool {
	if event.GetRecurrence() != nil {
		span := event.GetRecurrence().GetRangeEscaped()
		if span == nil || span.GetTypeEscaped() == nil || *span.GetTypeEscaped() == models.NOEND_RECURRENCERANGETYPE || span.GetEndDate() == nil {
			return false
		}
		last, err := time.Parse(time.DateOnly, span.GetEndDate().String())
		return err == nil && last.Before(at.UTC().Truncate(24*time.Hour))
	}
	if event.GetEnd() == nil {
		return false
	}
	// Graph writes it without a zone, in the one that Prefer asks for.
	end, err := time.Parse("2006-01-02T15:04:05", value(event.GetEnd().GetDateTime()))
	return err == nil && !end.After(at)
}
