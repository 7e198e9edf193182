package graph_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/simtenant/tenanttest"
)

// connect makes a simulated tenant and a client of its Graph.
func connect(t *testing.T) (*simtenant.Tenant, *graph.Client) {
	t.Helper()
	sim, conn := tenanttest.Connect(t)
	c, err := graph.New(conn.Credential, conn.Graph, conn.GraphScope, conn.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	return sim, c
}

func disable(ctx context.Context, c *graph.Client, id string) error {
	_, err := c.Disable(ctx, id)
	return err
}

type permit = tenanttest.Permit

func TestALeaverIsLockedOut(t *testing.T) {
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	found, err := c.Find(ctx, offboarding.Employee{Mail: "A.Vance@contoso.com"}) // an alias
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	id := found[0].ID
	sim.Advance(time.Hour)
	if err := c.SetPassword(ctx, id, "Xk3!"+strings.Repeat("q9Z", 10)); err != nil {
		t.Fatal(err)
	}
	disabled, err := c.Disable(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RevokeSignInSessions(ctx, id); err != nil {
		t.Fatal(err)
	}
	u, roles, err := c.UserAndRoles(ctx, id)
	if err != nil || len(roles) > 0 {
		t.Fatalf("%v, %v", roles, err)
	}
	if u.AccountEnabled || u.LastPasswordChange.Before(found[0].AsOf.Add(time.Hour-time.Second)) || u.SessionsValidFrom.Before(disabled) || u.AsOf.Before(disabled) {
		t.Errorf("%+v; disabled %s", u, disabled)
	}
	devices, err := c.Devices(ctx, id)
	if err != nil || len(devices) != 2 {
		t.Fatalf("%v, %v", devices, err)
	}
	for _, d := range devices {
		if err := c.DisableDevice(ctx, d.ID); err != nil {
			t.Error(err)
		}
	}
	devices, err = c.Devices(ctx, id)
	if err != nil || slices.ContainsFunc(devices, func(d offboarding.Device) bool { return d.AccountEnabled }) {
		t.Errorf("%v, %v", devices, err)
	}
}

func TestLicencesGoAndTheAccountIsDeleted(t *testing.T) {
	_, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	id := simtenant.UserID("adele.vance@contoso.com")
	u, err := c.User(ctx, id)
	if err != nil || len(u.Licences) != 2 {
		t.Fatalf("%+v, %v", u, err)
	}
	before, err := c.Seats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range u.Licences {
		if l.AssignedByGroup == "" {
			err = c.RemoveLicences(ctx, id, []string{l.SKU})
		} else {
			var g offboarding.Group
			if g, err = c.Group(ctx, l.AssignedByGroup); err == nil && g.DisplayName != simtenant.GroupLicenceEMS {
				t.Errorf("%+v", g)
			}
			err = errors.Join(err, c.LeaveGroup(ctx, l.AssignedByGroup, id))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if u, err = c.User(ctx, id); err != nil || len(u.Licences) > 0 {
		t.Errorf("%+v, %v", u, err)
	}
	after, err := c.Seats(ctx)
	used := func(seats []offboarding.Seat) (n int) {
		for _, s := range seats {
			n += s.Consumed
		}
		return n
	}
	if err != nil || used(before)-used(after) != 2 {
		t.Errorf("%d seats before, %d after, %v", used(before), used(after), err)
	}
	if _, err := c.DeletedUser(ctx, id); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("deleted too early: %v", err)
	}
	if err := c.DeleteUser(ctx, id); err != nil {
		t.Fatal(err)
	}
	if at, err := c.DeletedUser(ctx, id); err != nil || at.At.IsZero() {
		t.Errorf("%v, %v", at, err)
	}
	for name, err := range map[string]error{"delete": c.DeleteUser(ctx, id), "disable": disable(ctx, c, id)} {
		if !errors.Is(err, offboarding.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRolesAreSeenDirectlyAndThroughGroups(t *testing.T) {
	_, c := connect(t)
	for who, want := range map[string]string{"nestor.wilke": "Global Administrator", "raul.razo": "User Administrator", "adele.vance": ""} {
		id := simtenant.UserID(who + "@contoso.com")
		_, both, err := c.UserAndRoles(t.Context(), id)
		roles, err2 := c.DirectoryRoles(t.Context(), id)
		if errors.Join(err, err2) != nil || strings.Join(both, ",") != want || !slices.Equal(both, roles) {
			t.Errorf("%s: %v, %v, %v", who, both, roles, errors.Join(err, err2))
		}
	}
}

func TestFindSeesHowManyFit(t *testing.T) {
	_, c := connect(t)
	for _, test := range []struct {
		who  offboarding.Employee
		want int
	}{
		{offboarding.Employee{ID: simtenant.UserID("adele.vance@contoso.com")}, 1},
		{offboarding.Employee{UserPrincipalName: "ADELE.Vance@contoso.com"}, 1},
		{offboarding.Employee{UserPrincipalName: "henrietta.mueller_fabrikam.com#EXT#@contoso.com"}, 1},
		{offboarding.Employee{EmployeeID: "E0001"}, 1},
		{offboarding.Employee{Mail: "lynne.robbins@contoso.com"}, 2},
		{offboarding.Employee{UserPrincipalName: "nobody@contoso.com"}, 0},
		{offboarding.Employee{EmployeeID: "'; drop"}, 0},
	} {
		if got, err := c.Find(t.Context(), test.who); err != nil || len(got) != test.want {
			t.Errorf("%+v: %d, %v", test.who, len(got), err)
		}
	}
}

func TestDriveAndManager(t *testing.T) {
	_, c := connect(t)
	for who, want := range map[string]struct{ exists, empty bool }{
		"adele.vance": {true, true}, "grady.archie": {true, false}, "pradeep.gupta": {false, true},
	} {
		got, err := c.Drive(t.Context(), simtenant.UserID(who+"@contoso.com"))
		if err != nil || got.Exists != want.exists || got.Empty() != want.empty {
			t.Errorf("%s: %+v, %v", who, got, err)
		}
	}
	m, err := c.Manager(t.Context(), simtenant.UserID("adele.vance@contoso.com"))
	if err != nil || m.UserPrincipalName != "alex.wilber@contoso.com" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := c.Manager(t.Context(), simtenant.UserID("joni.sherman@contoso.com")); !errors.Is(err, offboarding.ErrNotFound) {
		t.Error(err)
	}
}

func TestWhatMicrosoftRefusesIsPermanent(t *testing.T) {
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	isaiah := simtenant.UserID("isaiah.langer@contoso.com")
	u, err := c.User(ctx, isaiah)
	if err != nil || len(u.Licences) != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	sim.AddApp(simtenant.App{ClientID: simtenant.DefaultClientID, Secret: simtenant.DefaultSecret, Roles: []string{"User.Read.All"}})
	for name, err := range map[string]error{
		"inherited":      c.RemoveLicences(ctx, isaiah, []string{u.Licences[0].SKU}),
		"administrator":  disable(ctx, c, simtenant.UserID("nestor.wilke@contoso.com")),
		"on premises":    disable(ctx, c, simtenant.UserID("megan.bowen@contoso.com")),
		"dynamic group":  c.LeaveGroup(ctx, u.Licences[0].AssignedByGroup, isaiah),
		"no such object": c.RemoveLicences(ctx, isaiah, []string{"E5"}),
	} {
		var p *offboarding.PermanentError
		if !errors.As(err, &p) || strings.Contains(err.Error(), "contoso") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAThrottledCallIsTheWorkersToRepeat(t *testing.T) {
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	id := simtenant.UserID("adele.vance@contoso.com")
	for _, operation := range []string{"PATCH /users/{id}", "POST /users/{id}/revokeSignInSessions", "GET /users/{id}/transitiveMemberOf"} {
		sim.Edit(func(w *simtenant.World) {
			w.Faults = []simtenant.Fault{{Operation: operation, Status: 503, RetryAfter: 12 * time.Second, Times: 5}}
		})
		before := sim.Requests()[operation]
		var err error
		switch {
		case strings.HasPrefix(operation, "PATCH"):
			err = disable(ctx, c, id)
		case strings.HasPrefix(operation, "POST"):
			err = c.RevokeSignInSessions(ctx, id)
		default:
			_, _, err = c.UserAndRoles(ctx, id)
		}
		var throttled *offboarding.ThrottledError
		if n := sim.Requests()[operation] - before; !errors.As(err, &throttled) || throttled.Delay != 12*time.Second || n != 1 {
			t.Errorf("%s: %v after %d requests", operation, err, n)
		}
	}
	sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{{Operation: "DELETE *", Reset: true}} })
	var p *offboarding.PermanentError
	if err := c.DeleteUser(ctx, id); err == nil || errors.As(err, &p) || sim.Requests()["DELETE /users/{id}"] != 1 {
		t.Errorf("a broken connection: %v", err)
	}
}

func TestAnExpiredTokenIsTransient(t *testing.T) {
	sim, c := connect(t)
	id := simtenant.UserID("adele.vance@contoso.com")
	if _, err := c.User(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	sim.ExpireTokens()
	var p *offboarding.PermanentError
	if _, err := c.User(t.Context(), id); err == nil || errors.As(err, &p) || !strings.Contains(err.Error(), "InvalidAuthenticationToken") {
		t.Error(err)
	}
}

func TestMembershipOfGroupsIsAQuestionAndNeedsNoWarrant(t *testing.T) {
	_, c := connect(t)
	everybody, marketing := simtenant.GroupID(simtenant.GroupEverybody), simtenant.GroupID(simtenant.GroupMarketing)
	in, err := c.MemberGroups(t.Context(), simtenant.UserID("adele.vance@contoso.com"), []string{everybody, marketing, simtenant.GroupID("no such group")})
	if err != nil || len(in) != 2 || !slices.Contains(in, everybody) || !slices.Contains(in, marketing) {
		t.Errorf("%v, %v", in, err)
	}
}
