package graph_test

import (
	"errors"
	"testing"
	"time"

	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// asked is how often a tenant was asked for some operations.
func asked(sim *simtenant.Tenant, operations ...string) []int {
	all := sim.Requests()
	var n []int
	for _, o := range operations {
		n = append(n, all[o])
	}
	return n
}

const leaving = "DELETE /groups/{id}/members/{member}/$ref"

// TestWhatFailsInABatchIsAskedAgainAlone: a tenant refuses one of several requests for the moment,
// and is asked once more for that one only.
func TestWhatFailsInABatchIsAskedAgainAlone(t *testing.T) {
	for name, fault := range map[string]simtenant.Fault{
		"throttled until soon":          {Status: 429, RetryAfter: time.Second},
		"unavailable":                   {Status: 503},
		"done, and the answer was lost": {Status: 503, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := connect(t)
			ctx := offboarding.WithWriteGuard(t.Context(), permit{})
			id := simtenant.UserID("adele.vance@contoso.com")
			fault.Operation, fault.Times = leaving, 1
			sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{fault} })
			groups := []string{simtenant.GroupID(simtenant.GroupMarketing), simtenant.GroupID(simtenant.GroupLicenceEMS)}
			for i, err := range c.LeaveGroups(ctx, id, groups) {
				if lost := fault.After && errors.Is(err, offboarding.ErrNotFound); err != nil && !lost {
					t.Errorf("group %d: %v", i, err)
				}
			}
			if in, err := c.MemberGroups(ctx, id, groups); err != nil || len(in) > 0 {
				t.Errorf("still in %v, %v; want none", in, err)
			}
			if n := asked(sim, leaving, "POST /$batch"); n[0] != 3 || n[1] != 1 {
				t.Errorf("%d requests to leave in %d batches, want 3 in 1 and alone", n[0], n[1])
			}
		})
	}
}

func TestAListingThatFailsInABatchIsAskedAgainAlone(t *testing.T) {
	sim, c := connect(t)
	const roles, groups = "GET /roleManagement/directory/roleAssignments", "GET /users/{id}/memberOf"
	sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{{Operation: roles, Status: 503, Times: 1}} })
	access, err := c.Access(t.Context(), simtenant.UserID("nestor.wilke@contoso.com"))
	if err != nil || !access.Role {
		t.Errorf("got a role %t, %v; want one", access.Role, err)
	}
	if n := asked(sim, roles, groups); n[0] != 2 || n[1] != 1 {
		t.Errorf("asked %d times for roles and %d times for groups, want 2 and 1", n[0], n[1])
	}
}

// TestWhatCannotBeAskedAgainIsTheWorkersToRepeat: a copy that may have begun, a time that is too
// long, and a second failure.
func TestWhatCannotBeAskedAgainIsTheWorkersToRepeat(t *testing.T) {
	transient := func(t *testing.T, what string, err error) {
		t.Helper()
		var permanent *offboarding.PermanentError
		if err == nil || errors.As(err, &permanent) || errors.Is(err, offboarding.ErrNotFound) {
			t.Errorf("%s: got %v, want a transient error", what, err)
		}
	}
	for _, test := range []struct {
		name  string
		fault simtenant.Fault
		want  int // requests
	}{
		{"told to come much later", simtenant.Fault{Operation: leaving, Status: 429, RetryAfter: time.Minute}, 2},
		{"throttled without a time", simtenant.Fault{Operation: leaving, Status: 429}, 2},
		{"a second failure", simtenant.Fault{Operation: leaving, Status: 503}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim, c := connect(t)
			sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{test.fault} })
			groups := []string{simtenant.GroupID(simtenant.GroupMarketing), simtenant.GroupID(simtenant.GroupLicenceEMS)}
			for _, err := range c.LeaveGroups(offboarding.WithWriteGuard(t.Context(), permit{}), simtenant.UserID("adele.vance@contoso.com"), groups) {
				transient(t, test.name, err)
			}
			if n := asked(sim, leaving); n[0] != test.want {
				t.Errorf("%d requests, want %d", n[0], test.want)
			}
		})
	}
	t.Run("a copy", func(t *testing.T) {
		sim, c := connect(t)
		ctx := offboarding.WithWriteGuard(t.Context(), permit{})
		const copying = "POST /drives/{drive}/items/{item}/copy"
		sim.Edit(func(w *simtenant.World) { w.Faults = []simtenant.Fault{{Operation: copying, Status: 503, After: true}} })
		from, items := drive(t, c, "grady.archie@contoso.com")
		to, _ := drive(t, c, "alex.wilber@contoso.com")
		for _, start := range c.Copies(ctx, from.ID, items[:2], to.ID, to.Root) {
			transient(t, "a copy", start.Err)
		}
		if n := asked(sim, copying); n[0] != 2 {
			t.Errorf("%d requests to copy, want 2", n[0])
		}
	})
}

// drive is somebody's OneDrive and what lies at its root.
func drive(t *testing.T, c *graph.Client, who string) (offboarding.Drive, []string) {
	t.Helper()
	d, err := c.Drive(t.Context(), simtenant.UserID(who))
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.DriveItems(t.Context(), d.ID, d.Root)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, item := range found {
		ids = append(ids, item.ID)
	}
	return d, ids
}
