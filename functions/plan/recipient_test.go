package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/access"
	"leaver/functions/forward"
	"leaver/functions/onedrive"
	"leaver/functions/plan"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// delivery is a message of the request queue and what became of it.
type delivery struct {
	bus.Delivery
	message   bus.Message
	completed bool
	dead      string
}

func (d *delivery) ID() string                     { return d.message.ID }
func (d *delivery) Body() []byte                   { return d.message.Body }
func (d *delivery) Complete(context.Context) error { d.completed = true; return nil }
func (d *delivery) DeadLetter(_ context.Context, _, description string) error {
	d.dead = description
	return nil
}

// ask sends a request through plan and returns what became of it.
func ask(t *testing.T, h *steptest.Harness, policy offboarding.Policy, id, who string, o offboarding.Options) (*delivery, *offboarding.Case) {
	t.Helper()
	directory, _ := h.As("plan")
	p := &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(), Policy: policy, Now: h.Now, Log: h.Logger(),
	}
	m, err := bus.Request{Request: offboarding.Request{
		ID: offboarding.RequestID("test", id), Kind: offboarding.Termination, Source: "test", EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(),
		Employee: offboarding.Employee{UserPrincipalName: who}, Options: o,
	}, Attempt: 1}.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d := &delivery{message: m}
	if err := p.Handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(who))
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

const (
	henrik    = "henrik.holm@contoso.com"
	henrietta = "henrietta.mueller_fabrikam.com#EXT#@contoso.com"
)

// member makes a member of the guest, who signs in in another tenant all the same.
func member(w *simtenant.World) { w.Users[simtenant.UserID(henrietta)].UserType = "Member" }

func TestTheRecipientIsNeverGuessed(t *testing.T) {
	t.Parallel()
	policy := offboarding.DefaultPolicy()
	policy.ForwardDomains, policy.Successors = []string{"fabrikam.com"}, offboarding.SuccessorsMembers
	tests := []struct {
		name, who, to string
		edit          func(*simtenant.World)
		id            string // object id in the plan
		address       string // kept beside the history
		refused       string
	}{
		{name: "nobody yet without a name: the manager of the day it is due", who: henrik},
		{name: "a distribution list", who: henrik, to: "news.list@contoso.com", refused: "a group or a distribution list"},
		{name: "somebody by address", who: henrik, to: "lee.gu@contoso.com", id: simtenant.UserID("lee.gu@contoso.com")},
		{name: "somebody by alias", who: henrik, to: "a.vance@contoso.com", id: simtenant.UserID("adele.vance@contoso.com")},
		{name: "somebody outside whose domain is named", who: henrik, to: "successor@fabrikam.com", address: "successor@fabrikam.com"},
		{name: "a guest is outside", who: henrik, to: "henrietta.mueller@fabrikam.com", address: "henrietta.mueller@fabrikam.com"},
		{name: "a member of another tenant is outside", who: henrik, to: "henrietta.mueller@fabrikam.com", edit: member, address: "henrietta.mueller@fabrikam.com"},
		{name: "such a one without the domain", who: henrik, to: "henrietta.mueller@northwind.example", edit: func(w *simtenant.World) {
			member(w)
			w.Users[simtenant.UserID(henrietta)].Mail = "henrietta.mueller@northwind.example"
		}, refused: "signs in in another organisation"},
		{name: "two with the address", who: henrik, to: "lynne.robbins@contoso.com", refused: "2 users"},
		{name: "nobody with the address", who: henrik, to: "nobody@contoso.com", refused: "no user in the tenant"},
		{name: "outside without the domain", who: henrik, to: "somebody@northwind.example", refused: "forwardDomains"},
		{name: "the leaver", who: henrik, to: "Henrik.Holm@contoso.com", refused: "the leaver"},
		{name: "no address", who: henrik, to: "Alex Wilber <alex.wilber@contoso.com>", refused: "not an address"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			if tt.edit != nil {
				h.Tenant.Edit(tt.edit)
			}
			d, c := ask(t, h, policy, fmt.Sprintf("req-%d", i), tt.who, offboarding.Options{ForwardTo: tt.to})
			if tt.refused != "" {
				// The lockout does not wait for a slip in the address: forward asks a person.
				if !d.completed || c == nil || c.Plan.Forwarding.To != "" {
					t.Fatalf("dead-lettered with %q", d.dead)
				}
				if why := c.Plan.Forwarding.Unclear; !strings.Contains(why, tt.refused) || strings.Contains(why, tt.to) {
					t.Errorf("unclear: %q", why)
				}
				lockedOut(t, h, c.Leaver)
				directory, mailboxes := h.As("forward")
				h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, policy))), offboarding.StateManual, tt.refused)
				if m, _ := h.Tenant.Mailbox(c.Leaver); m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "" {
					t.Errorf("the mail goes to %q and %q, want it to go to nobody", m.ForwardingAddress, m.ForwardingSMTPAddress)
				}
				return
			}
			if !d.completed || c == nil {
				t.Fatalf("dead-lettered with %q", d.dead)
			}
			personal, err := h.Ledger.Personal(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			f := c.Plan.Forwarding
			if f.To != tt.id || personal[f.Address] != tt.address {
				t.Errorf("%+v, %q", f, personal[f.Address])
			}
			line, _ := json.Marshal(c.Plan)
			if strings.Contains(string(line), "@") {
				t.Errorf("the plan names somebody: %s", line)
			}
		})
	}
}

func TestALaterRequestNamesAnotherRecipient(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.ForwardDomains = []string{"fabrikam.com"}
	_, first := ask(t, h, policy, "req-1", "joni.sherman@contoso.com", offboarding.Options{})
	h.Advance(time.Minute)
	_, second := ask(t, h, policy, "req-2", "joni.sherman@contoso.com", offboarding.Options{ForwardTo: "successor@fabrikam.com"})
	h.Advance(time.Minute)
	_, third := ask(t, h, policy, "req-3", "joni.sherman@contoso.com", offboarding.Options{ForwardTo: "heir@fabrikam.com"})
	if second.ID != first.ID || third.ID != first.ID || third.Plan.Version != 3 {
		t.Fatalf("%s %s %s, plan version %d", first.ID, second.ID, third.ID, third.Plan.Version)
	}
	personal, err := h.Ledger.Personal(t.Context(), first.ID)
	if err != nil || personal[second.Plan.Forwarding.Address] != "successor@fabrikam.com" || personal[third.Plan.Forwarding.Address] != "heir@fabrikam.com" {
		t.Errorf("%v, %v", personal, err)
	}
	kept, err := h.Ledger.PersonalOf(t.Context(), third)
	if err != nil || len(kept) != 4 || len(third.SealedHashes()) != 4 { // her name, her number, and two recipients
		t.Errorf("got %v of %v, %v, want all four", kept, third.SealedHashes(), err)
	}
	if parked, _, err := h.Ledger.Requests(t.Context(), ledger.RequestParked); err != nil || len(parked) > 0 {
		t.Errorf("parked: %v, %v", parked, err)
	}
}

func TestWhoGetsTheFilesIsAnObjectID(t *testing.T) {
	t.Parallel()
	lee := simtenant.UserID("lee.gu@contoso.com")
	for _, tt := range []struct {
		name, to string
		keep     offboarding.Keeping
		is       string // filesTo of the plan
		unclear  string
	}{
		{name: "by userPrincipalName", to: "Lee.Gu@contoso.com", is: lee},
		{name: "by object id", to: strings.ToUpper(lee), is: lee},
		{name: "the manager", to: offboarding.FilesToManager, is: offboarding.FilesToManager},
		{name: "a drive", to: "b!library", is: "b!library"},
		{name: "nobody by this name", to: "nobody@contoso.com", unclear: "not in the tenant"},
		{name: "nobody by this id", to: "00000000-0000-4000-8000-000000000000", unclear: "not in the tenant"},
		{name: "the leaver", to: henrik, unclear: "the leaver"},
		{name: "files that are given up", to: "lee.gu@contoso.com", keep: offboarding.KeepNone, is: offboarding.FilesToManager},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policy := offboarding.DefaultPolicy()
			policy.FilesTo = tt.to
			if tt.keep != "" {
				policy.KeepFiles = tt.keep
			}
			d, c := ask(t, steptest.New(t), policy, "req-1", henrik, offboarding.Options{})
			if !d.completed || c == nil {
				t.Fatalf("dead-lettered with %q", d.dead)
			}
			if c.Plan.FilesTo != tt.is || (c.Plan.FilesUnclear != "") != (tt.unclear != "") || !strings.Contains(c.Plan.FilesUnclear, tt.unclear) {
				t.Errorf("%q, %q", c.Plan.FilesTo, c.Plan.FilesUnclear)
			}
			if line, _ := json.Marshal(c.Plan); strings.Contains(string(line), "@") {
				t.Errorf("the plan names somebody: %s", line)
			}
		})
	}
}

// TestANameThatGraphRefusesKeepsNobodyIn: a policy that names nobody's name is a task of onedrive,
// not a request that is parked.
func TestANameThatGraphRefusesKeepsNobodyIn(t *testing.T) {
	t.Parallel()
	house := steptest.New(t)
	house.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = []simtenant.Fault{{Operation: "GET /users/{id}", Target: "lee..gu@contoso.com", Status: http.StatusBadRequest}}
	})
	policy := offboarding.DefaultPolicy()
	policy.FilesTo = "lee..gu@contoso.com"
	d, c := ask(t, house, policy, "req-1", henrik, offboarding.Options{})
	if !d.completed || c == nil {
		t.Fatalf("dead-lettered with %q", d.dead)
	}
	if !strings.Contains(c.Plan.FilesUnclear, "cannot be looked up") {
		t.Errorf("%q, %q", c.Plan.FilesTo, c.Plan.FilesUnclear)
	}
}

// TestThreat3AStrangerToTheManagersOwnsAndReadsNothing names somebody who is no manager of the leaver's,
// lets every step run that hands something over, and looks at the tenant: whoever was named had become owner
// of the leaver's groups and reader of all files. The manager, named in the same way, gets them.
func TestThreat3AStrangerToTheManagersOwnsAndReadsNothing(t *testing.T) {
	t.Parallel()
	leaver, project := simtenant.UserID(henrik), simtenant.GroupID(simtenant.GroupProject)
	for to, gets := range map[string]bool{"alex.wilber@contoso.com": true, "lee.gu@contoso.com": false} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Groups[project].Owners, w.Groups[project].Members = []string{leaver}, []string{leaver}
			})
			named := simtenant.UserID(to)
			// has is everything that somebody owns or reaches of others.
			has := func() string {
				var all []string
				h.Tenant.Edit(func(w *simtenant.World) {
					for id, g := range w.Groups {
						if slices.Contains(g.Owners, named) {
							all = append(all, "owns "+id)
						}
					}
					for id, m := range w.Mailboxes {
						reaches, err := json.Marshal([]any{m.ForwardingAddress, m.ForwardingSMTPAddress, m.Permissions, m.SendAs, m.GrantSendOnBehalfTo, m.ResourceDelegates})
						if err != nil {
							t.Error(err)
						}
						if strings.Contains(string(reaches), named) || strings.Contains(string(reaches), to) {
							all = append(all, "reaches mailbox "+id+string(reaches))
						}
					}
					for id, d := range w.Drives {
						if grants, err := json.Marshal(d.Grants); err != nil || strings.Contains(string(grants), named) || strings.Contains(string(grants), to) {
							all = append(all, "reads drive "+id)
						}
						if d.Owner == named {
							all = append(all, fmt.Sprintf("has %d files", len(d.Items)))
						}
					}
				})
				slices.Sort(all)
				return strings.Join(all, "\n")
			}
			before := has()
			policy := offboarding.DefaultPolicy()
			policy.KeepFiles = offboarding.KeepMove
			_, c := ask(t, h, policy, "req-1", henrik, offboarding.Options{ForwardTo: to})
			for name, step := range map[offboarding.StepName]func() worker.Step{
				offboarding.StepForward: func() worker.Step {
					directory, mailboxes := h.As("forward")
					return forward.New(directory, mailboxes, h.Ledger, policy)
				},
				offboarding.StepOnedrive: func() worker.Step {
					files, _ := h.As("onedrive")
					return onedrive.New(files, h.Ledger)
				},
				offboarding.StepAccess: func() worker.Step {
					directory, mailboxes := h.As("access")
					return access.New(directory, mailboxes, h.Ledger, nil)
				},
			} {
				if c.Step(name) == nil {
					t.Fatalf("the plan has no step %s", name)
				}
				w := h.Worker(name, step())
				for range 20 {
					r := h.Record(t, c.ID, name)
					if r.State.Settled() || r.Due.After(h.Now().Add(24*time.Hour)) {
						break
					}
					h.Advance(max(0, r.Due.Sub(h.Now())))
					h.Step(t, c.ID, w)
				}
			}
			after := has()
			if gets && (!strings.Contains(after, "owns "+project) || !strings.Contains(after, "reaches mailbox "+leaver)) {
				t.Errorf("the manager, who was named, has\n%s\nwant the group and the mail", after)
			}
			if !gets && after != before {
				t.Errorf("the stranger had\n%s\nand has\n%s", before, after)
			}
		})
	}
}

// TestThreat3OnlyWhoThePolicyAllowsIsNamed: whoever a request named got the mail, the files and the
// groups of the leaver.
func TestThreat3OnlyWhoThePolicyAllowsIsNamed(t *testing.T) {
	t.Parallel()
	const mallory = "lee.gu@contoso.com"
	for to, want := range map[string]string{
		"alex.wilber@contoso.com":     "", // the manager
		"patti.fernandez@contoso.com": "not among the managers",
		mallory:                       "not among the managers",
	} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			_, c := ask(t, h, offboarding.DefaultPolicy(), "req-1", henrik, offboarding.Options{ForwardTo: to})
			if f := c.Plan.Forwarding; (f.To == simtenant.UserID(to)) != (want == "") || !strings.Contains(f.Unclear, want) {
				t.Errorf("the mail goes to %q, unclear: %q", f.To, f.Unclear)
			}
		})
	}
	t.Run("managers in a circle", func(t *testing.T) {
		t.Parallel()
		h := steptest.New(t)
		h.Tenant.Edit(func(w *simtenant.World) {
			w.Users[simtenant.UserID("alex.wilber@contoso.com")].ManagerID = simtenant.UserID(henrik)
		})
		if _, c := ask(t, h, offboarding.DefaultPolicy(), "req-1", henrik, offboarding.Options{ForwardTo: mallory}); c.Plan.Forwarding.To != "" {
			t.Error("anybody gets the mail")
		}
	})
}
