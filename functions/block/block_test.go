package block_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

func newStep(h *steptest.Harness) worker.Step { return block.New(h.As("block")) }

// openProtocols are the switches of Set-CASMailbox that still let somebody in.
func openProtocols(h *steptest.Harness, id string) []string {
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
		Check: func(t *testing.T, h *steptest.Harness, id string) {
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
		Stops: map[string]string{
			"GET /users/{id}":                    steptest.Everything,
			"GET /users/{id}/transitiveMemberOf": steptest.Everything, // who may have become an administrator is not locked out unseen
		},
		UndoStops: map[string]string{
			"GET /users/{id}": steptest.Everything,
			// The account comes last: it waits for what passes.
			"Get-Mailbox": "Mailboxes.Protocols Users.AccountEnabled", "Get-CASMailbox": "Mailboxes.Protocols Users.AccountEnabled", "Set-CASMailbox": "Mailboxes.Protocols Users.AccountEnabled",
			"Set-Mailbox": "Mailboxes.Protocols Users.AccountEnabled", "PATCH /devices/{id}": "Devices.AccountEnabled Users.AccountEnabled",
			"GET /users/{id}/ownedDevices": "Devices.AccountEnabled Users.AccountEnabled", "GET /users/{id}/registeredDevices": "Devices.AccountEnabled Users.AccountEnabled",
		},
	}, steptest.Subject{
		Name: offboarding.StepBlock, Case: "enabled again by a synchronisation that signs in as an application", New: newStep, Person: megan,
		Prepare: func(_ *testing.T, h *steptest.Harness, _ *offboarding.Case) {
			h.Tenant.Edit(func(w *simtenant.World) {
				w.SyncedWritable, w.DirectorySyncEvery, w.SyncAsApplication = true, 20*time.Minute, true
			})
		},
		Ends: offboarding.StateManual,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			if user, ok := h.Tenant.User(id); !ok || h.Now().Sub(user.SessionsValidFrom) > time.Hour {
				t.Error("sessions were not revoked with the last block")
			}
		},
	}, steptest.Subject{
		Name: offboarding.StepBlock, Case: "enabled again by its synchronisation, until a person must act", New: newStep, Person: megan,
		Prepare: func(_ *testing.T, h *steptest.Harness, _ *offboarding.Case) {
			h.Tenant.Edit(func(w *simtenant.World) { w.SyncedWritable, w.DirectorySyncEvery = true, 20*time.Minute })
		},
		Ends: offboarding.StateManual,
		Check: func(t *testing.T, h *steptest.Harness, id string) {
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
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	order := writes(h)
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	if got := order(); got != "disable revoke device device" {
		t.Errorf("the order was %s", got)
	}
}

// writes are the requests about account, sessions and devices, in the order the tenant sees them.
func writes(h *steptest.Harness) func() string {
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
	return func() string { return strings.Join(order, " ") }
}

func TestB7SessionsAreRevokedAfterEveryDisabling(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for name, tt := range map[string]struct {
		fault     simtenant.Fault // that strikes the first run
		meanwhile bool            // accountEnabled before the second run
		order     string
	}{
		"somebody enables the account before the step is done": {
			simtenant.Fault{Operation: "Set-CASMailbox", Status: http.StatusServiceUnavailable, Times: 1}, true,
			"disable revoke device device disable revoke"},
		"a person disables the account because Leaver may not": {
			simtenant.Fault{Operation: "PATCH /users/{id}", Status: http.StatusForbidden}, false,
			"disable revoke device device disable revoke"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = append(w.Faults, tt.fault) })
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepBlock, newStep(h))
			order := writes(h)
			first, _ := h.Step(t, c.ID, w)
			h.Advance(time.Minute)
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = tt.meanwhile })
			if first.State == offboarding.StateParked {
				if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepBlock); err != nil {
					t.Fatal(err)
				}
			}
			record := h.Settle(t, c.ID, w)
			if got := order(); record.State != offboarding.StateEffective || got != tt.order || enabled(t, h, id) {
				t.Errorf("%s: %s; the order was %s; want effective", record.State, record.Reason, got)
			}
		})
	}
}

// TestAGatewayInBetweenDelaysALockoutAndParksNone: OneDrive/onedrive-api-docs#697.
func TestAGatewayInBetweenDelaysALockoutAndParksNone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, operation := range []string{"GET /users*", "PATCH /users/{id}", "Get-*", "Set-*"} {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: operation, Status: http.StatusBadGateway, Page: true, Times: 2})
		}
	})
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if enabled(t, h, c.Leaver) {
		t.Error("the account is enabled still")
	}
}

// TestOthersWhoWriteAtOnceDelayALockoutAndParkNone: nais/azurerator#448.
func TestOthersWhoWriteAtOnceDelayALockoutAndParkNone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, operation := range []string{"PATCH /users/{id}", "POST /users/{id}/revokeSignInSessions", "PATCH /devices/{id}"} {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: operation, Status: http.StatusConflict, Code: "Directory_ConcurrencyViolation", Times: 2})
		}
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	begun := h.Now()
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateEffective)
	if took := h.Now().Sub(begun); enabled(t, h, c.Leaver) || took > 5*time.Minute {
		t.Errorf("enabled %t after %s, want it locked out within minutes", enabled(t, h, c.Leaver), took)
	}
}

// TestB10ARefusedRevocationHidesNoRole: both are refused, and access takes the role away.
func TestB10ARefusedRevocationHidesNoRole(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const nestor = "nestor.wilke@contoso.com"
	h.Tenant.Edit(func(w *simtenant.World) {
		delete(w.Mailboxes, simtenant.UserID(nestor)) // by which Exchange would let the account be blocked
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /users/{id}/revokeSignInSessions", Status: http.StatusForbidden, Times: 1})
	})
	c := h.Open(t, nestor, offboarding.Options{}, offboarding.DefaultPolicy())
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateWaiting, offboarding.B10.Name)
}

// TestB7WhatWasAcceptedCountsOnceItIsReadBack undoes the effect of one write behind its answer.
func TestB7WhatWasAcceptedCountsOnceItIsReadBack(t *testing.T) {
	t.Parallel()
	id := simtenant.UserID(adele)
	for property, tt := range map[string]struct {
		operation string
		undo      func(u, before *simtenant.User)
	}{
		"accountEnabled":                  {"/users/" + id, func(u, _ *simtenant.User) { u.AccountEnabled = true }},
		"signInSessionsValidFromDateTime": {"/revokeSignInSessions", func(u, before *simtenant.User) { u.SessionsValidFrom = before.SessionsValidFrom }},
	} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { delete(w.Mailboxes, id) }) // by which Exchange disables the account too
			before, _ := h.Tenant.User(id)
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			h.OnAnswer = func(r *http.Request) error {
				if r.Method != http.MethodGet && strings.HasSuffix(r.URL.Path, tt.operation) {
					h.Tenant.Edit(func(w *simtenant.World) { tt.undo(w.Users[id], &before) })
				}
				return nil
			}
			w := h.Worker(offboarding.StepBlock, newStep(h))
			record, _ := h.Step(t, c.ID, w)
			h.Wants(t, record, offboarding.StateWaiting, property)
			out := func() bool {
				u, _ := h.Tenant.User(id)
				return !u.AccountEnabled && u.SessionsValidFrom.After(before.SessionsValidFrom)
			}
			if out() || !record.LockedOutAt.IsZero() {
				t.Errorf("locked out: %t, and said to be at %s; want neither", out(), record.LockedOutAt)
			}
			h.OnAnswer = nil // it takes effect from now on
			h.Tenant.Edit(func(w *simtenant.World) {
				if property != "accountEnabled" {
					w.Users[id].SessionsValidFrom = h.Now()
				}
			})
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if !out() {
				t.Error("it is called effective, and she is not locked out")
			}
		})
	}
}

func TestB9ASyncedUserIsATaskForTheOnPremisesActiveDirectory(t *testing.T) {
	t.Parallel()
	const person = "megan.bowen@contoso.com"
	h := steptest.New(t)
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	record, _ := h.Step(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	h.Wants(t, record, offboarding.StateManual, "on-premises Active Directory")
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
		t.Errorf("%s: %s %v; want effective with mailbox none", record.State, record.Reason, record.Evidence)
	}
	if u, _ := h.Tenant.User(c.Leaver); u.AccountEnabled || !u.SessionsValidFrom.After(u.Created) {
		t.Errorf("got an account that is enabled (%t), or sessions valid from %s", u.AccountEnabled, u.SessionsValidFrom)
	}
}

// TestSomebodyWhoIsDisabledAlreadyIsBlocked: whoever disabled the account need not have ended its sessions, nor
// closed its mailbox. MicrosoftDocs/OfficeDocs-O365ITPro#799.
func TestSomebodyWhoIsDisabledAlreadyIsBlocked(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	id := simtenant.UserID(adele)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[id].AccountEnabled = false })
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h))), offboarding.StateEffective)
	if u, _ := h.Tenant.User(id); u.AccountEnabled || !u.SessionsValidFrom.After(u.Created) {
		t.Errorf("got an account that is enabled (%t), or sessions valid from %s", u.AccountEnabled, u.SessionsValidFrom)
	}
	if open := openProtocols(h, id); len(open) > 0 {
		t.Errorf("the mailbox is open by %v", open)
	}
}

// TestB7AReadFromBeforeSomebodyEnabledTheAccountIsNotBelieved: who came back and leaves again at once still reads
// disabled, and its sessions have ended this second. microsoft-graph-docs#15839, office365itpros.com/2026/04/13.
func TestB7AReadFromBeforeSomebodyEnabledTheAccountIsNotBelieved(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	const nobodysDevices = "pradeep.gupta@contoso.com" // nor a mailbox: no part of the step is waited for
	id := simtenant.UserID(nobodysDevices)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Users[id].AccountEnabled, w.Users[id].SessionsValidFrom = false, h.Now().Add(time.Minute)
	})
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 5 * time.Second })
	h.Advance(time.Minute)
	c := h.Open(t, nobodysDevices, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Tenant.EnableAccount(id, simtenant.UserID("miriam.graham@contoso.com"))
	record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
	if u, _ := h.Tenant.User(id); u.AccountEnabled || record.State != offboarding.StateEffective {
		t.Errorf("%s: %s; the account is enabled: %t", record.State, record.Reason, u.AccountEnabled)
	}
}

// TestALockoutIsTriedAgainWithinHalfAMinute refuses every disabling for a while.
func TestALockoutIsTriedAgainWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		delete(w.Mailboxes, simtenant.UserID(adele)) // by which Exchange would let the account be blocked
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "PATCH /users/{id}", Status: http.StatusServiceUnavailable, Times: 40})
	})
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepBlock, newStep(h))
	for tries := 0; ; tries++ {
		record, _ := h.Step(t, c.ID, w)
		if record.State == offboarding.StateEffective && tries > 5 {
			break
		}
		if wait := record.Due.Sub(h.Now()); record.State != offboarding.StateRetrying || wait > 30*time.Second {
			t.Fatalf("try %d: got %s again in %s, want retrying within 30s: %s", tries, record.State, wait, record.Reason)
		}
		h.Advance(record.Due.Sub(h.Now()))
	}
	if enabled(t, h, simtenant.UserID(adele)) {
		t.Error("the account is enabled")
	}
}

// TestALockoutThatDoesNotShowIsLookedAtEveryHalfMinute: also after an hour, because it may not have happened.
func TestALockoutThatDoesNotShowIsLookedAtEveryHalfMinute(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 50 * time.Minute })
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepBlock, newStep(h))
	for began := h.Now(); h.Now().Sub(began) < 45*time.Minute; {
		record, _ := h.Step(t, c.ID, w)
		wait := record.Due.Sub(h.Now())
		if record.State != offboarding.StateWaiting || wait > 30*time.Second {
			t.Fatalf("after %s: %s, again in %s, want waiting and within 30s: %s", h.Now().Sub(began), record.State, wait, record.Reason)
		}
		h.Advance(wait)
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 0 })
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
}

// TestWhoSignsInElsewhereIsBlockedOnceDisabled: the sessions of a guest, and of a member who is external, are
// those of the home tenant, and no revocation ever shows. A guest with a password here has them here.
// Source: Microsoft Entra, Properties of a B2B collaboration user: userType has no relation to how a user
// signs in; microsoftgraph/microsoft-graph-docs#19012.
func TestWhoSignsInElsewhereIsBlockedOnceDisabled(t *testing.T) {
	t.Parallel()
	const guest = "henrietta.mueller_fabrikam.com#EXT#@contoso.com"
	for name, tt := range map[string]struct {
		person  string
		edit    func(*simtenant.User)
		revoked bool
	}{
		"a guest":                           {person: guest},
		"a member of another tenant":        {person: guest, edit: func(u *simtenant.User) { u.UserType = "Member" }},
		"one who was invited and kept name": {person: adele, edit: func(u *simtenant.User) { u.ExternalUserState = "Accepted" }},
		"a guest with a password here":      {person: adele, edit: func(u *simtenant.User) { u.UserType = "Guest" }, revoked: true},
		"one who has not accepted yet":      {person: adele, edit: func(u *simtenant.User) { u.ExternalUserState = "PendingAcceptance" }, revoked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			id := simtenant.UserID(tt.person)
			if tt.edit != nil {
				h.Tenant.Edit(func(w *simtenant.World) { tt.edit(w.Users[id]) })
			}
			was, _ := h.Tenant.User(id)
			c := h.Open(t, tt.person, offboarding.Options{}, offboarding.DefaultPolicy())
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h)))
			h.Wants(t, record, offboarding.StateEffective)
			is, _ := h.Tenant.User(id)
			if is.AccountEnabled || record.LockedOutAt.IsZero() || is.SessionsValidFrom.After(was.SessionsValidFrom) != tt.revoked {
				t.Errorf("got enabled %t, locked out %s, sessions valid from %s (before %s); want disabled, and revoked: %t",
					is.AccountEnabled, record.LockedOutAt, is.SessionsValidFrom, was.SessionsValidFrom, tt.revoked)
			}
			if (record.Evidence["external"] == "") != tt.revoked {
				t.Errorf("the evidence is %v; want it to say whose the sessions are where they are not ours", record.Evidence)
			}
		})
	}
}

// TestOneWayThatIsRefusedKeepsNoOtherOpen: whoever may not be disabled, neither in Entra nor by the mailbox, is kept
// out of every protocol all the same; and so is whoever's mailbox has one protocol that Exchange does not let us
// close. MicrosoftDocs/microsoft-365-docs#9636.
func TestOneWayThatIsRefusedKeepsNoOtherOpen(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults []simtenant.Fault
		open   []string
	}{
		"the account": {[]simtenant.Fault{{Operation: "PATCH /users/{id}", Status: http.StatusForbidden}, {Operation: "Set-Mailbox", Status: http.StatusForbidden}}, nil},
		"a protocol":  {[]simtenant.Fault{{Operation: "Set-CASMailbox", Parameter: "EwsEnabled", Status: http.StatusBadRequest}}, []string{"EwsEnabled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = tt.faults })
			c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
			h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, newStep(h))), offboarding.StateParked)
			if open := openProtocols(h, c.Leaver); !slices.Equal(open, tt.open) {
				t.Errorf("protocols that are open: %v, want %v", open, tt.open)
			}
		})
	}
}
