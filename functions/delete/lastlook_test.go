package delete_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// gateOf is a case of adele's before whose deletion everything else is done.
func gateOf(t *testing.T, h *steptest.Harness) *offboarding.Case {
	t.Helper()
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{Mailbox: offboarding.None}, mailGivenUp())
	prepare(t, h, c)
	return c
}

// TestThreat8AnAccountProtectedAfterPlanningIsNotDeleted was deleted all the same when only plan
// asked.
func TestThreat8AnAccountProtectedAfterPlanningIsNotDeleted(t *testing.T) {
	t.Parallel()
	for name, protect := range map[string]func(*steptest.Harness, string){
		"by name":      func(h *steptest.Harness, _ string) { h.Policy.Protected = []string{"Adele.Vance@contoso.com"} },
		"by object id": func(h *steptest.Harness, id string) { h.Policy.Protected = []string{id} },
		"by a group that she joined": func(h *steptest.Harness, id string) {
			project := simtenant.GroupID(simtenant.GroupProject)
			h.Policy.ProtectedGroups = []string{project}
			h.Tenant.Edit(func(w *simtenant.World) { w.Groups[project].Members = append(w.Groups[project].Members, id) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := gateOf(t, h)
			protect(h, c.Leaver)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			if _, alive := h.Tenant.User(c.Leaver); !alive || record.State != offboarding.StateManual || !strings.Contains(record.Reason, "protects") {
				t.Fatalf("alive %t, %s: %s; want manual and alive saying \"protects\"", alive, record.State, record.Reason)
			}
			h.Policy = offboarding.Policy{}
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepDelete); err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h))), offboarding.StateEffective)
		})
	}
}

// TestThreat12AnAccountEnabledWhileTheStepReadsIsNotDeleted enables the account at the one moment that
// used to be too late: after it was read, and while the mailbox is.
func TestThreat12AnAccountEnabledWhileTheStepReadsIsNotDeleted(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := gateOf(t, h)
	enabled := false
	h.OnAnswer = func(r *http.Request) error {
		if !enabled && strings.HasSuffix(r.URL.Path, "/InvokeCommand") {
			enabled = true
			enable(h, c.Leaver)
		}
		return nil
	}
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	user, alive := h.Tenant.User(c.Leaver)
	if !enabled || !alive || !user.AccountEnabled || record.State != offboarding.StateManual || !strings.HasPrefix(record.Reason, offboarding.B16.Name) {
		t.Errorf("alive %t, enabled meanwhile %t, %s: %s; want manual and alive saying %q", alive, enabled, record.State, record.Reason, offboarding.B16.Name)
	}
}

// TestThreat12AnAccountEnabledAfterTheLastLookIsRestored enables it when the deletion is on its way.
func TestThreat12AnAccountEnabledAfterTheLastLookIsRestored(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]bool{"the run goes on": true, "the answer is lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := gateOf(t, h)
			isDeletion := func(r *http.Request) bool {
				return r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/users/"+c.Leaver)
			}
			h.OnRequest = func(r *http.Request) error {
				if isDeletion(r) {
					enable(h, c.Leaver)
				}
				return nil
			}
			h.OnAnswer = func(r *http.Request) error {
				if isDeletion(r) && !answered {
					return http.ErrHandlerTimeout
				}
				return nil
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			user, alive := h.Tenant.User(c.Leaver)
			if record.State != offboarding.StateManual || !strings.HasPrefix(record.Reason, offboarding.B16.Name) || alive != answered {
				t.Fatalf("alive %t, %s: %s; want manual saying %q", alive, record.State, record.Reason, offboarding.B16.Name)
			}
			if answered && (!user.AccountEnabled || user.UserPrincipalName != "adele.vance@contoso.com") {
				t.Errorf("restored as %+v", user)
			}
		})
	}
}

// TestB16ADepartureCancelledAsTheAccountGoesIsRestored cancels when the deletion is on its way: nobody
// who stays is left among the deleted.
func TestB16ADepartureCancelledAsTheAccountGoesIsRestored(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := gateOf(t, h)
	h.OnRequest = func(r *http.Request) error {
		if r.Method != http.MethodDelete || !strings.HasSuffix(r.URL.Path, "/users/"+c.Leaver) {
			return nil
		}
		_, err := h.Ledger.Cancel(r.Context(), ledger.Cancellation{Tenant: c.Tenant, Leaver: c.Leaver, EventTime: h.Now()})
		return err
	}
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
	h.Wants(t, record, offboarding.StateCancelled)
	if got := record.Evidence["putBack"]; !strings.Contains(got, "was restored") {
		t.Errorf("the evidence says %q, want that the account was restored", got)
	}
	if user, alive := h.Tenant.User(c.Leaver); !alive || user.UserPrincipalName != "adele.vance@contoso.com" {
		t.Errorf("alive %t, as %q; want the account restored under its name", alive, user.UserPrincipalName)
	}
	if _, deleted := h.Tenant.DeletedUser(c.Leaver); deleted {
		t.Error("it is among the deleted still")
	}
}

// TestB16WhoCannotBeRestoredIsATask: whoever came back as the account went, and whom Microsoft refuses to
// restore, is a person's task with the place to do it, and no deletion that went well.
func TestB16WhoCannotBeRestoredIsATask(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(*steptest.Harness, *offboarding.Case) error{
		"enabled": func(h *steptest.Harness, c *offboarding.Case) error {
			enable(h, c.Leaver)
			return nil
		},
		"cancelled": func(h *steptest.Harness, c *offboarding.Case) error {
			_, err := h.Ledger.Cancel(context.Background(), ledger.Cancellation{Tenant: c.Tenant, Leaver: c.Leaver, EventTime: h.Now()})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := gateOf(t, h)
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /directory/deletedItems/{id}/restore", Status: http.StatusForbidden})
			})
			h.OnRequest = func(r *http.Request) error {
				if r.Method != http.MethodDelete || !strings.HasSuffix(r.URL.Path, "/users/"+c.Leaver) {
					return nil
				}
				return back(h, c)
			}
			record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepDelete, newStep(h)))
			h.Wants(t, record, offboarding.StateManual, offboarding.B16.Name, "could not be restored", offboarding.PortalWorldwide.DeletedUsers())
			if _, deleted := h.Tenant.DeletedUser(c.Leaver); !deleted {
				t.Error("the account is not among the deleted: the test proves nothing")
			}
		})
	}
}

func enable(h *steptest.Harness, id string) {
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = true })
}
