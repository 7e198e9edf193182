package block_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

func newStep(h *steptest.House) worker.Step { return block.New(h.As("block")) }

// openProtocols are the switches of Set-CASMailbox that still let somebody in.
func openProtocols(h *steptest.House, id string) []string {
	mailbox, ok := h.Tenant.Mailbox(id)
	if !ok {
		return []string{"there is no mailbox"}
	}
	var open []string
	for name, on := range mailbox.Protocols {
		if on != strings.HasSuffix(name, "Disabled") {
			open = append(open, name)
		}
	}
	return open
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepBlock, New: newStep, Person: "adele.vance@contoso.com", Administrator: "nestor.wilke@contoso.com",
		Check: func(t *testing.T, h *steptest.House, id string) {
			user, ok := h.Tenant.User(id)
			if !ok || user.AccountEnabled {
				t.Error("the account is enabled or gone")
			}
			if open := openProtocols(h, id); len(open) > 0 {
				t.Errorf("protocols are open: %v", open)
			}
			devices := 0
			h.Tenant.Edit(func(w *simtenant.World) {
				for _, d := range w.Devices {
					for _, who := range append(d.Owners, d.Registered...) {
						if who == id {
							devices++
							if d.AccountEnabled {
								t.Errorf("device %s is enabled", d.DisplayName)
							}
							break
						}
					}
				}
			})
			if devices == 0 {
				t.Error("the person has no device to disable")
			}
		},
		Refusals: []string{"PATCH /users/{id}", "PATCH /devices/{id}", "Set-CASMailbox"},
		Lagging:  true,
	}, steptest.Subject{
		Name: offboarding.StepBlock, Case: "enabled again by its synchronisation, until a person must act", New: newStep, Person: megan,
		Prepare: func(_ *testing.T, h *steptest.House, _ *offboarding.Case) {
			h.Tenant.Edit(func(w *simtenant.World) { w.SyncedWritable, w.DirectorySyncEvery = true, 20*time.Minute })
		},
		Ends: offboarding.StateManual,
		Check: func(t *testing.T, h *steptest.House, id string) {
			if user, ok := h.Tenant.User(id); !ok || h.Now().Sub(user.SessionsValidFrom) > time.Hour {
				t.Error("sessions were not revoked with the last block")
			}
			if open := openProtocols(h, id); len(open) > 0 {
				t.Errorf("protocols are open: %v", open)
			}
		},
	})
}

// TestB7DisabledBeforeRevokedBeforeDevices watches the order in which the tenant sees writes.
func TestB7DisabledBeforeRevokedBeforeDevices(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	var order []string
	h.OnRequest = func(r *http.Request) error {
		switch {
		case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/users/"):
			order = append(order, "disable")
		case strings.HasSuffix(r.URL.Path, "/revokeSignInSessions"):
			order = append(order, "revoke")
		case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/devices/"):
			order = append(order, "device")
		}
		return nil
	}
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	if got := strings.Join(order, " "); got != "disable revoke device device" {
		t.Errorf("the order was %s", got)
	}
}

func TestASyncedUserIsATaskForTheOnPremisesActiveDirectory(t *testing.T) {
	t.Parallel()
	const person = "megan.bowen@contoso.com"
	h := steptest.New(t)
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "on-premises Active Directory") {
		t.Errorf("%s: %s", record.State, record.Reason)
	}
	if open := openProtocols(h, simtenant.UserID(person)); len(open) > 0 {
		t.Errorf("protocols were left open because the account could not be disabled: %v", open)
	}
}

func TestSomebodyWithoutMailboxIsBlocked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, "pradeep.gupta@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	if record.State != offboarding.StateEffective || record.Evidence["mailbox"] != "none" {
		t.Errorf("%s: %s %v", record.State, record.Reason, record.Evidence)
	}
}
