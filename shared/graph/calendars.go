package graph

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// SharedCalendars lists the owners of the calendars of others that the user has opened, by
// address, which is personal. A calendar that was shared and never opened is not seen. No mailbox
// is no error. Permission: Calendars.Read.
func (c *Client) SharedCalendars(ctx context.Context, user, address string) ([]string, error) {
	type calendar struct{ Owner struct{ Address string } }
	calendars, err := list[calendar](ctx, c, call{
		doing: "reading the calendars of user", objects: []string{user}, path: "/users/{}/calendars", query: "$select=id,owner", budget: budgetMailbox,
	})
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	owners := []string{}
	for _, cal := range calendars {
		if a := strings.ToLower(cal.Owner.Address); a != "" && !strings.EqualFold(a, address) && !slices.Contains(owners, a) {
			owners = append(owners, a)
		}
	}
	return owners, nil
}

// event is what Graph says of an event of a calendar.
type event struct{ models.Eventable }

func (e *event) UnmarshalJSON(text []byte) error {
	return parse(text, models.CreateEventFromDiscriminatorValue, &e.Eventable)
}

// OrganisedMeetings counts the meetings with others that the user organised and that are not over
// at a time; a series counts once. A mailbox that Graph does not reach has none. Permission:
// Calendars.Read.
func (c *Client) OrganisedMeetings(ctx context.Context, user string, from time.Time) (int, error) {
	events, err := list[event](ctx, c, call{
		doing: "reading the meetings of user", objects: []string{user}, path: "/users/{}/events", budget: budgetMailbox,
		query: where("isOrganizer eq true") + "&$select=id,type,end,recurrence,attendees,isCancelled&$top=100",
	})
	if errors.Is(err, offboarding.ErrNotFound) {
		return 0, nil
	}
	n := 0
	for _, e := range events {
		if len(e.GetAttendees()) > 0 && !value(e.GetIsCancelled()) && !e.over(from) {
			n++
		}
	}
	return n, err
}

// over reports whether an event has ended. A series without an end is never over, and what cannot
// be read is not.
func (e event) over(at time.Time) bool {
	if e.GetRecurrence() != nil {
		span := e.GetRecurrence().GetRangeEscaped()
		if span == nil || span.GetTypeEscaped() == nil || *span.GetTypeEscaped() == models.NOEND_RECURRENCERANGETYPE || span.GetEndDate() == nil {
			return false
		}
		last, err := time.Parse(time.DateOnly, span.GetEndDate().String())
		return err == nil && last.Before(at.UTC().Truncate(24*time.Hour))
	}
	if e.GetEnd() == nil {
		return false
	}
	// Graph writes it without a zone, in UTC unless it was asked for another.
	end, err := time.Parse("2006-01-02T15:04:05", value(e.GetEnd().GetDateTime()))
	return err == nil && !end.After(at)
}
