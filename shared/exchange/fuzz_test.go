package exchange

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// always answers every command with one text, in this process.
type always struct {
	status int
	body   string
	asked  int
}

func (a *always) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.asked++; a.asked > 1000 {
		return nil, errors.New("it never ends")
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Location": {a.body}}, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

func second[T any](_ T, err error) error { return err }

// FuzzAnswers answers every command that reads with any text: it ends, and what it says of an error is not empty.
func FuzzAnswers(f *testing.F) {
	reading := map[string]func(context.Context, *Client) error{
		"Mailbox":      func(ctx context.Context, c *Client) error { return second(c.Mailbox(ctx, leaver)) },
		"Inactive":     func(ctx context.Context, c *Client) error { return second(c.InactiveMailbox(ctx, leaver)) },
		"Holds":        func(ctx context.Context, c *Client) error { return second(c.OrganisationHolds(ctx)) },
		"Content":      func(ctx context.Context, c *Client) error { return second(c.MailboxContent(ctx, leaver)) },
		"MailFlow":     func(ctx context.Context, c *Client) error { return second(c.MailFlow(ctx, leaver)) },
		"KeptMailFlow": func(ctx context.Context, c *Client) error { return second(c.KeptMailFlow(ctx, leaver)) },
		"Recipient":    func(ctx context.Context, c *Client) error { return second(c.Recipient(ctx, leaver)) },
		"Rules":        func(ctx context.Context, c *Client) error { return second(c.RulesOutside(ctx, leaver)) },
		"AutoReply":    func(ctx context.Context, c *Client) error { return second(c.AutoReply(ctx, leaver)) },
		"Outside":      func(ctx context.Context, c *Client) error { return second(c.ForwardingOutside(ctx)) },
		"Phones":       func(ctx context.Context, c *Client) error { return second(c.Phones(ctx, leaver)) },
		"Blocked":      func(ctx context.Context, c *Client) error { return second(c.BlockedPhones(ctx, leaver)) },
		"Groups":       func(ctx context.Context, c *Client) error { return second(c.ManagedGroups(ctx, leaver)) },
		"Overseen":     func(ctx context.Context, c *Client) error { return second(c.Overseen(ctx, leaver)) },
		"TransportRules": func(ctx context.Context, c *Client) error {
			return second(c.TransportRules(ctx, []string{"a@contoso.com"}))
		},
		"ForwardingTo": func(ctx context.Context, c *Client) error {
			return second(c.ForwardingTo(ctx, leaver, []string{"a@contoso.com"}))
		},
		"Openers":        func(ctx context.Context, c *Client) error { return second(c.Openers(ctx, leaver)) },
		"Resources":      func(ctx context.Context, c *Client) error { return second(c.Resources(ctx)) },
		"Bookings":       func(ctx context.Context, c *Client) error { return second(c.BookingDelegates(ctx, leaver)) },
		"MailRights":     func(ctx context.Context, c *Client) error { return second(c.MailRights(ctx, leaver)) },
		"CalendarRights": func(ctx context.Context, c *Client) error { return second(c.CalendarRights(ctx, leaver, leaver)) },
		"RoleGroups":     func(ctx context.Context, c *Client) error { return second(c.RoleGroupMembers(ctx, "Leaver wipe")) },
		"RemoveMailRight": func(ctx context.Context, c *Client) error {
			return c.RemoveMailRight(ctx, leaver, offboarding.MailRight{Kind: offboarding.RightFull, Mailbox: leaver})
		},
	}
	f.Add(200, `{"value":[{"ExternalDirectoryObjectId":"`+leaver+`","RecipientTypeDetails":"UserMailbox","LitigationHoldDuration":"Unlimited","InPlaceHolds":["mbx:3"],"ForwardingSmtpAddress":"smtp:a@contoso.com"}]}`)
	f.Add(200, `{"value":[{"TotalItemSize":"1.5 GB (1,610,612,736 bytes)","ItemCount":-1,"FolderPath":"/Calendar"}],"@odata.nextLink":"?$skiptoken=1"}`)
	f.Add(200, `{"value":[{"FirstSyncTime":"11/22/2026 9:00:00 AM","DeviceId":"A1","ActiveSyncBlockedDeviceIDs":null,"ForwardTo":"\"A\" [SMTP:a@contoso.com]"}]}`)
	f.Add(200, `{"value":null}`)
	f.Add(302, `https://outlook.office365.com/adminapi`)
	f.Add(404, notFound)
	f.Add(200, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 499 || status == http.StatusTooManyRequests {
			return
		}
		for name, call := range reading {
			a := &always{status: status, body: body}
			c, err := New(fixedToken{}, "https://outlook.office365.com", "scope", tenant, &http.Client{Transport: a})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			err = call(offboarding.WithWriteGuard(ctx, &writeGuard{}), c)
			if stop(); err != nil && err.Error() == "" || a.asked > 1000 {
				t.Errorf("%s: %v after %d commands", name, err, a.asked)
			}
		}
	})
}

// TestPagesThatGoRoundEnd: a next link that leads to a page which was read already is followed no further.
func TestPagesThatGoRoundEnd(t *testing.T) {
	t.Parallel()
	n := 0
	c, _, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		_, _ = io.WriteString(w, `{"value":[],"@odata.nextLink":"https://`+r.Host+r.URL.Path+`?$skiptoken=`+[]string{"1", "2"}[n%2]+`"}`)
	})
	if _, err := c.Resources(ctx); err == nil || n > 4 {
		t.Errorf("%v after %d pages, want it to end", err, n)
	}
}
