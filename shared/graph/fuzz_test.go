package graph

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// always answers every request with one text, in this process.
type always struct {
	status int
	header http.Header
	body   string
	asked  int
}

func (a *always) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.asked++; a.asked > 10_000 {
		return nil, errors.New("it never ends")
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: a.header.Clone(), Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// answeredByHand is calls that read Graph's answers, many of them by hand.
var answeredByHand = map[string]func(context.Context, *Client) error{
	"User": func(ctx context.Context, c *Client) error { return second(c.User(ctx, leaver)) },
	"Find": func(ctx context.Context, c *Client) error {
		return second(c.Find(ctx, offboarding.Employee{EmployeeID: "7"}))
	},
	"FindDeleted": func(ctx context.Context, c *Client) error {
		return second(c.FindDeleted(ctx, offboarding.Employee{EmployeeID: "7"}))
	},
	"Manager":     func(ctx context.Context, c *Client) error { return second(c.Manager(ctx, leaver)) },
	"DeletedUser": func(ctx context.Context, c *Client) error { return second(c.DeletedUser(ctx, leaver)) },
	"Access":      func(ctx context.Context, c *Client) error { return second(c.Access(ctx, leaver)) },
	"Privileges":  func(ctx context.Context, c *Client) error { return second(c.Privileges(ctx, leaver)) },
	"Dangers":     func(ctx context.Context, c *Client) error { return second(c.Dangers(ctx, leaver)) },
	"Emergency":   func(ctx context.Context, c *Client) error { return second(c.Emergency(ctx)) },
	"Devices":     func(ctx context.Context, c *Client) error { return second(c.Devices(ctx, leaver)) },
	"Managed":     func(ctx context.Context, c *Client) error { return second(c.ManagedDevices(ctx, leaver)) },
	"Apps":        func(ctx context.Context, c *Client) error { return second(c.AppRegistrations(ctx, leaver)) },
	"Seats":       func(ctx context.Context, c *Client) error { return second(c.Seats(ctx)) },
	"Drive":       func(ctx context.Context, c *Client) error { return second(c.Drive(ctx, leaver)) },
	"DriveItems":  func(ctx context.Context, c *Client) error { return second(c.DriveItems(ctx, "b!d", "f")) },
	"DriveQuota":  func(ctx context.Context, c *Client) error { return second(c.DriveQuota(ctx, "b!d")) },
	"Sharing":     func(ctx context.Context, c *Client) error { return second(c.SharingPermissions(ctx, "b!d", "i")) },
	"DeltaToken":  func(ctx context.Context, c *Client) error { return second(c.DeltaToken(ctx, "b!d")) },
	"Delta":       func(ctx context.Context, c *Client) error { return second(c.Delta(ctx, "b!d", "t")) },
	"CopyState": func(ctx context.Context, c *Client) error {
		return second(c.CopyState(ctx, "https://contoso.sharepoint.com/m"))
	},
	"CopyChildren": func(ctx context.Context, c *Client) error { return c.CopyChildren(ctx, "b!d", "f", "b!e", "g").Err },
	"MailFolders":  func(ctx context.Context, c *Client) error { return second(c.MailFolders(ctx, leaver, "")) },
	"MailChanges":  func(ctx context.Context, c *Client) error { return second(c.MailChanges(ctx, leaver, "f", "")) },
	"Contacts": func(ctx context.Context, c *Client) error {
		return second(c.MailboxFolders(ctx, leaver, offboarding.PartContacts))
	},
	"Calendars": func(ctx context.Context, c *Client) error {
		return second(c.MailboxFolders(ctx, leaver, offboarding.PartCalendar))
	},
	"SeriesChanges": func(ctx context.Context, c *Client) error { return second(c.SeriesChanges(ctx, leaver, "e")) },
	"occurrences":   func(ctx context.Context, c *Client) error { return second(c.occurrences(ctx, leaver, "e")) },
	"Entries": func(ctx context.Context, c *Client) error {
		return c.EachEntry(ctx, leaver, offboarding.PartCalendar, "f", func(offboarding.MailboxEntry) error { return nil })
	},
	"Attachments": func(ctx context.Context, c *Client) error { return second(c.EventAttachments(ctx, leaver, "e")) },
	"Meetings":    func(ctx context.Context, c *Client) error { return second(c.OrganisedMeetings(ctx, leaver, asked)) },
	"Calendar": func(ctx context.Context, c *Client) error {
		return second(c.SharedCalendars(ctx, leaver, "a@contoso.com"))
	},
	"Numbers":         func(ctx context.Context, c *Client) error { return second(c.TelephoneNumbers(ctx, leaver)) },
	"Synchronisation": func(ctx context.Context, c *Client) error { return second(c.Synchronisation(ctx)) },
	"EnabledBy":       func(ctx context.Context, c *Client) error { return second(c.EnabledBy(ctx, leaver, asked)) },
	"Workflows":       func(ctx context.Context, c *Client) error { return second(c.LifecycleWorkflows(ctx)) },
	"MemberGroups":    func(ctx context.Context, c *Client) error { return second(c.MemberGroups(ctx, leaver, []string{team})) },
}

func second[T any](_ T, err error) error { return err }

// FuzzAnswers answers every call that reads with any text: it ends, and what it says of an error is not empty.
func FuzzAnswers(f *testing.F) {
	user := `{"id":"` + leaver + `","displayName":"Adele","accountEnabled":true,"proxyAddresses":["smtp:a@contoso.com"],"assignedLicenses":[{}],"signInSessionsValidFromDateTime":"2026-11-22T09:00:00Z"}`
	f.Add(200, user, "")
	f.Add(200, `{"value":[`+user+`],"@odata.nextLink":"https://graph.example/v1.0/users?$skiptoken=1"}`, "")
	f.Add(200, `{"value":[{"id":"1"}],"@odata.deltaLink":"https://graph.example/v1.0/drives/d/root/delta(token='x')"}`, "0.9")
	f.Add(200, `{"responses":[{"id":"0","status":200,"body":{"value":[]}},{"id":"1","status":429,"headers":{"Retry-After":"1"}}]}`, "")
	f.Add(200, `{"id":"e","start":{"dateTime":"0001-01-01T00:00:00"},"recurrence":{"pattern":{"type":"daily","interval":9},"range":{"type":"endDate","endDate":"9999-12-31"}},"cancelledOccurrences":["OID."],"value":[]}`, "")
	f.Add(200, `{"start":{"dateTime":"2026-11-22T09:00:00"},"recurrence":{"pattern":{"type":"absoluteYearly","interval":9223372036854775807},"range":{"type":"numbered","numberOfOccurrences":9223372036854775807}},"value":[{"id":"1","type":"exception"}]}`, "x")
	f.Add(200, `{"value":[{"id":"c","parentFolderId":"c","displayName":"Contacts"}]}`, "")
	f.Add(202, ``, "1e309")
	f.Add(404, `{"error":{"code":"Request_ResourceNotFound","innerError":{"code":7}}}`, "")
	f.Add(200, `null`, "NaN")
	f.Fuzz(func(t *testing.T, status int, body, used string) {
		if status < 200 || status > 599 {
			return
		}
		header := http.Header{"Content-Type": {"application/json"}, "Date": {date}, "X-Ms-Throttle-Limit-Percentage": {used}, "Ratelimit-Limit": {used}, "Location": {"https://contoso.sharepoint.com/m"}}
		for name, call := range answeredByHand {
			a := &always{status: status, header: header, body: body}
			c, err := New(fixedToken{}, "https://graph.example/v1.0", "scope", &http.Client{Transport: a})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			err = call(offboarding.WithWriteGuard(ctx, &writeGuard{}), c)
			if stop(); err != nil && (err.Error() == "" || errors.Is(err, context.DeadlineExceeded)) || a.asked > 10_000 {
				t.Errorf("%s: %v after %d requests", name, err, a.asked)
			}
		}
	})
}

// TestPagesThatGoRoundEnd: Graph has led back to a page that was read already, to the same or by a detour.
func TestPagesThatGoRoundEnd(t *testing.T) {
	t.Parallel()
	for name, links := range map[string][]string{"the same page": {"1"}, "two pages": {"1", "2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
				n++
				_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{}, "@odata.nextLink": "https://" + r.Host + r.URL.Path + "?$skiptoken=" + links[n%len(links)]})
			})
			if _, err := s.MailFolders(ctx, leaver, ""); !errors.Is(err, errCircle) || n > 4 {
				t.Errorf("%v after %d pages, want it to end", err, n)
			}
		})
	}
}
