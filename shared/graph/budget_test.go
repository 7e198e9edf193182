package graph

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"

	"golang.org/x/time/rate"
)

// everyRead are all methods that change nothing, and what they draw on which budget.
var everyRead = map[string]struct {
	call  func(context.Context, *Client)
	draws string
	units int
}{
	"User":               {func(ctx context.Context, c *Client) { _, _ = c.User(ctx, leaver) }, "reads", 1},
	"UserAndRoles":       {func(ctx context.Context, c *Client) { _, _, _ = c.UserAndRoles(ctx, leaver) }, "reads", 2},
	"Find":               {func(ctx context.Context, c *Client) { _, _ = c.Find(ctx, offboarding.Employee{Mail: "a@c.com"}) }, "reads", 1},
	"FindDeleted":        {func(ctx context.Context, c *Client) { _, _ = c.FindDeleted(ctx, offboarding.Employee{Mail: "a@c.com"}) }, "reads", 1},
	"Manager":            {func(ctx context.Context, c *Client) { _, _ = c.Manager(ctx, leaver) }, "reads", 1},
	"DeletedUser":        {func(ctx context.Context, c *Client) { _, _ = c.DeletedUser(ctx, leaver) }, "reads", 1},
	"DirectoryRoles":     {func(ctx context.Context, c *Client) { _, _ = c.DirectoryRoles(ctx, leaver) }, "reads", 1},
	"Administrators":     {func(ctx context.Context, c *Client) { _, _ = c.Administrators(ctx, team) }, "roles", 1},
	"Privileges":         {func(ctx context.Context, c *Client) { _, _ = c.Privileges(ctx, leaver) }, "reads", 4},
	"Devices":            {func(ctx context.Context, c *Client) { _, _ = c.Devices(ctx, leaver) }, "reads", 2},
	"Group":              {func(ctx context.Context, c *Client) { _, _ = c.Group(ctx, team) }, "reads", 1},
	"MemberGroups":       {func(ctx context.Context, c *Client) { _, _ = c.MemberGroups(ctx, leaver, []string{team}) }, "reads", 1},
	"Owners":             {func(ctx context.Context, c *Client) { _, _ = c.Owners(ctx, team) }, "reads", 1},
	"AppOwners":          {func(ctx context.Context, c *Client) { _, _ = c.AppOwners(ctx, offboarding.OwnedApp{ID: team}) }, "reads", 1},
	"DeviceUsers":        {func(ctx context.Context, c *Client) { _, _ = c.DeviceUsers(ctx, team) }, "reads", 2},
	"PrimaryUsers":       {func(ctx context.Context, c *Client) { _, _ = c.PrimaryUsers(ctx, team) }, "intune", 1},
	"DriveQuota":         {func(ctx context.Context, c *Client) { _, _ = c.DriveQuota(ctx, "b!1") }, "files", 1},
	"Seats":              {func(ctx context.Context, c *Client) { _, _ = c.Seats(ctx) }, "reads", 1},
	"Access":             {func(ctx context.Context, c *Client) { _, _ = c.Access(ctx, leaver) }, "reads", 5},
	"EnabledBy":          {func(ctx context.Context, c *Client) { _, _ = c.EnabledBy(ctx, leaver, asked) }, "audit", 1},
	"ManagedDevices":     {func(ctx context.Context, c *Client) { _, _ = c.ManagedDevices(ctx, leaver) }, "intune", 1},
	"ManagedDevice":      {func(ctx context.Context, c *Client) { _, _ = c.ManagedDevice(ctx, team) }, "intune", 1},
	"AppRegistrations":   {func(ctx context.Context, c *Client) { _, _ = c.AppRegistrations(ctx, leaver) }, "intune", 1},
	"TelephoneNumbers":   {func(ctx context.Context, c *Client) { _, _ = c.TelephoneNumbers(ctx, leaver) }, "teams", 1},
	"SharedCalendars":    {func(ctx context.Context, c *Client) { _, _ = c.SharedCalendars(ctx, leaver, "a@c.com") }, "", 0},
	"OrganisedMeetings":  {func(ctx context.Context, c *Client) { _, _ = c.OrganisedMeetings(ctx, leaver, asked) }, "", 0},
	"Drive":              {func(ctx context.Context, c *Client) { _, _ = c.Drive(ctx, leaver) }, "files", 1},
	"DriveRoot":          {func(ctx context.Context, c *Client) { _, _ = c.DriveRoot(ctx, "b!1") }, "files", 1},
	"DriveItems":         {func(ctx context.Context, c *Client) { _, _ = c.DriveItems(ctx, "b!1", "01R") }, "files", 2},
	"SharingPermissions": {func(ctx context.Context, c *Client) { _, _ = c.SharingPermissions(ctx, "b!1", "01A") }, "files", 5},
	"DeltaToken":         {func(ctx context.Context, c *Client) { _, _ = c.DeltaToken(ctx, "b!1") }, "files", 1},
	"Delta":              {func(ctx context.Context, c *Client) { _, _ = c.Delta(ctx, "b!1", "t") }, "files", 1},
}

// everyWriteDraws is what the methods of everyWrite draw that draw no single write of the
// identity service.
var everyWriteDraws = map[string]struct {
	draws string
	units int
}{
	"RemoveSharing": {"files", 5}, "LetRead": {"files", 5}, "MakeFolder": {"files", 2},
	"Retire": {"intune", 1}, "WipeAppData": {"intune", 1},
}

// TestEveryCallDrawsOnItsBudget: no more and no less than it is counted for.
func TestEveryCallDrawsOnItsBudget(t *testing.T) {
	const given = 1000
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-throttle-limit-percentage", "0.99") // or the limiter begins anew
		respond(200, `{}`)(w, r)
	})
	drawn := func(call func(context.Context, *Client)) map[string]int {
		for _, limiter := range s.limiters.named() {
			limiter.rate, limiter.renewed = rate.NewLimiter(1e-9, given), time.Now().Add(time.Hour)
		}
		call(ctx, s.Client)
		units := map[string]int{}
		for name, limiter := range s.limiters.named() {
			if n := given - int(math.Round(limiter.rate.TokensAt(time.Now()))); n > 0 {
				units[name] = n
			}
		}
		return units
	}
	same := func(name string, got map[string]int, from string, units int) {
		want := map[string]int{}
		if from != "" {
			want[from] = units
		}
		switch name {
		case "Access":
			want["roles"] = 1
		case "Privileges":
			want["roles"] = 2 // active and eligible ones
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s draws %v, want %v", name, got, want)
		}
	}
	for name, test := range everyRead {
		same(name, drawn(test.call), test.draws, test.units)
	}
	for name, test := range everyWrite {
		want, special := everyWriteDraws[name]
		if !special {
			want.draws, want.units = "writes", 1
		}
		same(name, drawn(func(ctx context.Context, c *Client) { _ = test.call(ctx, c) }), want.draws, want.units)
	}
}

func TestACallThatNamesNoBudgetIsNotSent(t *testing.T) {
	s, ctx := serve(t, respond(200, `{}`))
	nameless := call{doing: "reading something", path: "/something"}
	_, err := s.send(ctx, nameless)
	_, errs := s.batch(ctx, readUser(leaver), nameless)
	for _, err := range append(errs, err) {
		var p *offboarding.PermanentError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), "names no budget") {
			t.Errorf("got %v, want a permanent error that says what is missing", err)
		}
	}
	if len(s.seen) > 0 {
		t.Errorf("sent %v", s.seen)
	}
}
