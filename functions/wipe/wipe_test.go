package wipe_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/wipe"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const (
	patti  = "patti.fernandez@contoso.com"
	henrik = "henrik.holm@contoso.com"
	adele  = "adele.vance@contoso.com"
)

func newStep(h *steptest.Harness) worker.Step { return wipe.New(h.As("wipe")) }

func open(t *testing.T, h *steptest.Harness, person string) (*offboarding.Case, *worker.Worker) {
	t.Helper()
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	return c, h.Worker(offboarding.StepWipe, newStep(h))
}

// world are the devices of a person as the tenant has them.
func world(h *steptest.Harness, person string) (managed []simtenant.ManagedDevice, apps []simtenant.AppRegistration, phones []simtenant.Phone) {
	id := simtenant.UserID(person)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Managed {
			if d.UserID == id {
				managed = append(managed, *d)
			}
		}
		for _, a := range w.AppRegistrations {
			if a.UserID == id {
				apps = append(apps, *a)
			}
		}
		for _, p := range w.Phones {
			if p.Mailbox == id {
				phones = append(phones, *p)
			}
		}
	})
	return managed, apps, phones
}

// phoneOf is the phone of a person, to be changed.
func phoneOf(w *simtenant.World, person string) *simtenant.Phone {
	for _, p := range w.Phones {
		if p.Mailbox == simtenant.UserID(person) {
			return p
		}
	}
	return nil
}

// writes are the requests that change devices, in the order the tenant sees them. Without
// AccountOnly a phone loses everything: a clear without it is called a wipe.
func writes(t *testing.T, h *steptest.Harness) func() []string {
	var seen []string
	h.OnRequest = func(r *http.Request) error {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		switch cmdlet := r.Header.Get("X-CmdletName"); {
		case cmdlet == "Clear-MobileDevice" && strings.Contains(string(body), `"AccountOnly":true`):
			seen = append(seen, "clear")
		case cmdlet == "Clear-MobileDevice":
			seen = append(seen, "wipe")
		case cmdlet == "Set-CASMailbox":
			seen = append(seen, "block")
		case cmdlet == "Remove-MobileDevice":
			_, _, phones := world(h, patti)
			if phones[0].WipeAcked.IsZero() {
				t.Error("the partnership is removed before the phone acknowledged")
			}
			seen = append(seen, "remove")
		case r.Method == http.MethodPost && cmdlet == "":
			seen = append(seen, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		}
		return nil
	}
	return func() []string { return seen }
}

func TestStep(t *testing.T) {
	t.Parallel()
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepWipe, New: newStep, Person: patti,
		Check: func(t *testing.T, h *steptest.Harness, _ string) {
			managed, apps, phones := world(h, patti)
			if len(managed) > 0 || len(apps) > 0 {
				t.Errorf("left in Intune: %d devices, %d apps", len(managed), len(apps))
			}
			mailbox, _ := h.Tenant.Mailbox(simtenant.UserID(patti))
			for _, p := range phones {
				if p.WipeAcked.IsZero() || !p.WipeAccountOnly || !p.Removed || strings.Join(mailbox.BlockedDeviceIDs, " ") != p.DeviceID {
					t.Errorf("phone: %+v, blocked %v", p, mailbox.BlockedDeviceIDs)
				}
			}
			if len(phones) != 1 {
				t.Errorf("%d phones", len(phones))
			}
		},
		Refusals: []string{
			"GET /users/{id}", "GET /users/{id}/managedDevices", "POST /deviceManagement/managedDevices/{id}/retire", "GET /users/{id}/managedAppRegistrations",
			"POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag", "Get-MobileDevice", "Clear-MobileDevice", "Set-CASMailbox",
		},
		Lagging: true,
		Stops:   wipeStops, UndoStops: map[string]string{},
	})
}

// wipeStops: whoever has to see to a refusal need not wait until phones have acknowledged, after which their
// partnerships go.
var wipeStops = map[string]string{
	"GET /users/{id}":  steptest.Everything,
	steptest.AnObject:  "Phones.Removed",
	"Get-MobileDevice": phoneStays, "Get-MobileDeviceStatistics": phoneStays, "Get-CASMailbox": phoneStays, "Clear-MobileDevice": phoneStays,
	"Set-CASMailbox":                 "Mailboxes.BlockedDeviceIDs Phones.Removed",
	"GET /users/{id}/managedDevices": "Managed Phones.Removed", "POST /deviceManagement/managedDevices/{id}/retire": "Managed Phones.Removed",
	"GET /deviceManagement/managedDevices/{id}/users":         "Managed Phones.Removed",
	"GET /users/{id}/managedAppRegistrations":                 "AppRegistrations Phones.Removed",
	"POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag": "AppRegistrations Phones.Removed",
}

const phoneStays = "Mailboxes.BlockedDeviceIDs Phones.Removed Phones.WipeAccountOnly Phones.WipeAcked Phones.WipeRequested"

func TestB13ThePhoneIsClearedThenBlockedThenAcknowledgesThenLosesItsPartnership(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, patti)
	seen := writes(t, h)
	record, _ := h.Step(t, c.ID, w)
	_, _, phones := world(h, patti)
	p := phones[0]
	if record.State != offboarding.StateWaiting || p.WipeRequested.IsZero() || !p.WipeAccountOnly || !p.WipeAcked.IsZero() || p.Removed {
		t.Errorf("%s: %s; %+v; want waiting", record.State, record.Reason, p)
	}
	if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
		t.Fatalf("%s: %s; want effective", record.State, record.Reason)
	}
	if got, want := strings.Join(seen(), " "), "clear block retire retire wipeManagedAppRegistrationsByDeviceTag remove"; got != want {
		t.Errorf("the order was %s, wanted %s", got, want)
	}
	if got := record.Evidence["phone/"+p.GUID]; !strings.HasPrefix(got, "wiped 2026-11-22T") || record.Before["phone/"+p.GUID] != "allowed" {
		t.Errorf("evidence %q, before %v", got, record.Before)
	}
}

// TestB13APhoneThatIsNotWipedKeepsItsPartnership is about phones whose times may pass for those of
// one that was wiped, and that are blocked already.
func TestB13APhoneThatIsNotWipedKeepsItsPartnership(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(p *simtenant.Phone){
		"it never synchronised": func(p *simtenant.Phone) { p.LastSync = time.Time{} },
		"it was asked again after an old acknowledgement": func(p *simtenant.Phone) {
			p.WipeAcked, p.WipeRequested = p.LastSync, p.LastSync.Add(time.Minute)
		},
		"it was set up again after an old acknowledgement": func(p *simtenant.Phone) {
			p.WipeRequested, p.WipeAcked = p.LastSync.Add(-48*time.Hour), p.LastSync.Add(-47*time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				p := phoneOf(w, patti)
				p.Dead, p.WipeAccountOnly = true, true
				edit(p)
				w.Mailboxes[p.Mailbox].BlockedDeviceIDs = []string{p.DeviceID}
			})
			c, w := open(t, h, patti)
			record, _ := h.Step(t, c.ID, w)
			_, _, phones := world(h, patti)
			if p := phones[0]; record.State != offboarding.StateWaiting || p.Removed || !p.WipeRequested.After(p.WipeAcked) || !strings.Contains(record.Reason, p.GUID) {
				t.Errorf("%s: %s; %+v; want waiting saying %q", record.State, record.Reason, p, p.GUID)
			}
		})
	}
}

// TestB13APhoneIsBlockedOnceItWasToldAndBeforeItsPartnershipGoes lets the wipe be refused at first,
// and somebody unblock the phone in the end.
func TestB13APhoneIsBlockedOnceItWasToldAndBeforeItsPartnershipGoes(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	blocked := func() (ids []string) {
		h.Tenant.Edit(func(w *simtenant.World) { ids = w.Mailboxes[simtenant.UserID(patti)].BlockedDeviceIDs })
		return ids
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Clear-MobileDevice", Status: http.StatusServiceUnavailable, Times: 1})
	})
	c, w := open(t, h, patti)
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateRetrying || len(blocked()) > 0 {
		t.Errorf("%s: %s; blocked %v; want retrying", record.State, record.Reason, blocked())
	}
	h.Advance(time.Minute)
	h.Step(t, c.ID, w)
	if len(blocked()) != 1 {
		t.Errorf("blocked %v", blocked())
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		p := phoneOf(w, patti)
		p.WipeAcked = h.Now()
		w.Mailboxes[p.Mailbox].BlockedDeviceIDs = nil
	})
	seen := writes(t, h)
	h.Advance(time.Minute)
	h.Settle(t, c.ID, w)
	if got := strings.Join(seen(), " "); got != "block remove" {
		t.Errorf("the order was %s", got)
	}
}

// TestB15ADeviceThatWasHandedOnIsLeftAlone gives a device that could not be retired yet to
// somebody else.
func TestB15ADeviceThatWasHandedOnIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /deviceManagement/managedDevices/{id}/retire", Status: http.StatusServiceUnavailable, Times: 2})
	})
	c, w := open(t, h, patti)
	h.Step(t, c.ID, w)
	managed, _, _ := world(h, patti)
	h.Tenant.Edit(func(w *simtenant.World) { w.Managed[managed[0].ID].UserID = simtenant.UserID(henrik) })
	record := h.Settle(t, c.ID, w)
	kept, _, _ := world(h, henrik)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, managed[0].ID+" ") {
		t.Errorf("%s: %s; want manual saying %q", record.State, record.Reason, managed[0].ID+" ")
	}
	if !slices.ContainsFunc(kept, func(d simtenant.ManagedDevice) bool { return d.ID == managed[0].ID && d.State == managed[0].State }) {
		t.Errorf("somebody else's device was touched: %+v", kept)
	}
}

func TestCorporateAndPersonalDevicesAreRetiredNeverWiped(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, patti)
	h.Step(t, c.ID, w)
	managed, _, _ := world(h, patti)
	owners := map[string]int{}
	for _, d := range managed {
		owners[d.OwnerType]++
		if d.State != "retirePending" {
			t.Errorf("the %s device is %s", d.OwnerType, d.State)
		}
	}
	if owners["company"] != 1 || owners["personal"] != 1 {
		t.Fatalf("owners: %v", owners)
	}
	record := h.Settle(t, c.ID, w)
	for _, d := range managed {
		if record.Evidence["managedDevice/"+d.ID] != "gone" || record.Before["managedDevice/"+d.ID] != d.OwnerType+" managed" {
			t.Errorf("evidence %v, before %v", record.Evidence, record.Before)
		}
	}
	if left, _, _ := world(h, patti); len(left) > 0 {
		t.Errorf("%d devices are left in Intune", len(left))
	}
	h.Tenant.Edit(func(w *simtenant.World) {
		inEntra := 0
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, c.Leaver) {
				inEntra++
			}
		}
		if inEntra == 0 {
			t.Error("the devices are gone from Entra, with the keys that are kept with them")
		}
	})
	if n := h.Tenant.Requests()["POST /deviceManagement/managedDevices/{id}/wipe"]; n > 0 {
		t.Errorf("%d devices were wiped", n)
	}
	if n := h.Tenant.Requests()["POST /deviceManagement/managedDevices/{id}/retire"]; n != 2 {
		t.Errorf("%d retirements asked for", n)
	}
}

func TestAppsAreWipedByDeviceTag(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, patti)
	_, apps, _ := world(h, patti)
	if len(apps) != 2 || apps[0].DeviceTag != apps[1].DeviceTag {
		t.Fatalf("apps: %+v", apps)
	}
	record := h.Settle(t, c.ID, w)
	if record.Evidence["managedApps/"+apps[0].DeviceTag] != "gone" || record.Before["managedApps/"+apps[0].DeviceTag] != "2" {
		t.Errorf("evidence %v, before %v", record.Evidence, record.Before)
	}
	if n := h.Tenant.Requests()["POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestS11S13WhatNoFunctionReachesIsSaid(t *testing.T) {
	t.Parallel()
	for server, state := range map[bool]offboarding.StepState{false: offboarding.StateEffective, true: offboarding.StateManual} {
		h := steptest.New(t)
		policy := offboarding.DefaultPolicy()
		policy.BlackBerry = server
		c := h.Open(t, "adele.vance@contoso.com", offboarding.Options{}, policy)
		record := h.Settle(t, c.ID, h.Worker(offboarding.StepWipe, wipe.New(h.As("wipe"))))
		if record.State != state || record.Evidence["residualRisk"] == "" || strings.Contains(record.Reason, "BlackBerry") != server {
			t.Errorf("BlackBerry server %t: %s: %s, %v; want %s with residualRisk", server, record.State, record.Reason, record.Evidence, state)
		}
	}
}

func TestADeadPhoneIsAManualTaskAtTheDeadline(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, henrik)
	_, _, phones := world(h, henrik)
	alive, dead := phones[0], phones[1]
	if alive.Dead {
		alive, dead = dead, alive
	}
	h.Step(t, c.ID, w)
	h.Advance(time.Minute)
	h.Step(t, c.ID, w)
	h.Advance(5 * 24 * time.Hour)
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, dead.GUID+" (Android 9)") || !strings.Contains(record.Reason, "last synchronised 5 days ago") {
		t.Errorf("%s: %s; want waiting saying %q and saying \"last synchronised 5 days ago\"", record.State, record.Reason, dead.GUID+" (Android 9)")
	}
	if p, _ := h.Tenant.Phone(alive.Identity); !p.Removed {
		t.Error("the phone that answered waits for the other one")
	}
	if wait := record.Due.Sub(h.Now()); wait != 6*time.Hour {
		t.Errorf("looks again in %s", wait)
	}
	record = h.Settle(t, c.ID, w)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, dead.GUID) || strings.Contains(record.Reason, alive.GUID) || !strings.Contains(record.Reason, "last synchronised 28 days ago") {
		t.Errorf("%s: %s; want manual saying %q and saying \"last synchronised 28 days ago\"", record.State, record.Reason, dead.GUID)
	}
	if strings.Contains(record.Reason, "Henrik") || strings.Contains(record.Reason, "henrik") {
		t.Errorf("the reason names a person: %s", record.Reason)
	}
	if p, _ := h.Tenant.Phone(dead.Identity); p.Removed || p.WipeRequested.IsZero() {
		t.Errorf("the dead phone: %+v", p)
	}
	if n := h.Tenant.Requests()["Clear-MobileDevice"]; n != 2 {
		t.Errorf("cleared %d times", n)
	}
}

func TestAnErrorAfterDaysOfWaitingIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, henrik)
	h.Step(t, c.ID, w)
	h.Advance(5 * 24 * time.Hour)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-MobileDevice", Status: http.StatusServiceUnavailable, Times: 1})
	})
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateRetrying)
}

func TestWhoeverHasNoDevicesIsWipedAtOnce(t *testing.T) {
	t.Parallel()
	for _, person := range []string{adele, "pradeep.gupta@contoso.com", "henrietta.mueller_fabrikam.com#EXT#@contoso.com"} {
		t.Run(person, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c, w := open(t, h, person)
			before := h.Writes()
			record, _ := h.Step(t, c.ID, w)
			if record.State != offboarding.StateEffective || h.Writes() != before || record.Evidence["phones"] != "0" || record.Evidence["managedDevices"] != "0" {
				t.Errorf("%s: %s %v, %d writes; want effective and no write with phones 0 with managedDevices 0", record.State, record.Reason, record.Evidence, h.Writes()-before)
			}
		})
	}
}

// TestWhatSomebodyElseDid is about devices that did not go the step's way.
func TestWhatSomebodyElseDid(t *testing.T) {
	t.Parallel()
	devices := func(w *simtenant.World, change func(*simtenant.ManagedDevice)) {
		for _, d := range w.Managed {
			if d.UserID == simtenant.UserID(patti) {
				change(d)
			}
		}
	}
	tests := []struct {
		name          string
		before, later func(w *simtenant.World) // in front of the first run, and after it
		state         offboarding.StepState
		reason        string
		managed       int // devices that are left in Intune
	}{
		{
			name:   "a partnership that goes without an acknowledgement is not called wiped (B13)",
			before: func(w *simtenant.World) { phoneOf(w, patti).Dead = true },
			later:  func(w *simtenant.World) { phoneOf(w, patti).Removed = true },
			state:  offboarding.StateManual, reason: "no acknowledgement",
		},
		{
			name:   "neither is one that goes with its mailbox",
			before: func(w *simtenant.World) { phoneOf(w, patti).Dead = true },
			later:  func(w *simtenant.World) { w.Users[simtenant.UserID(patti)].Licences = nil },
			state:  offboarding.StateManual, reason: "no acknowledgement",
		},
		{
			name: "a phone wiped long ago and set up again is wiped again",
			before: func(w *simtenant.World) {
				p := phoneOf(w, patti)
				p.WipeAccountOnly, p.WipeRequested, p.WipeAcked = true, p.LastSync.Add(-48*time.Hour), p.LastSync.Add(-47*time.Hour)
			},
			later: func(*simtenant.World) {},
			state: offboarding.StateEffective,
		},
		{
			name:   "a retirement that was cancelled is not asked for again",
			before: func(w *simtenant.World) { devices(w, func(d *simtenant.ManagedDevice) { d.Dead = true }) },
			later:  func(w *simtenant.World) { devices(w, func(d *simtenant.ManagedDevice) { d.State = "retireCanceled" }) },
			state:  offboarding.StateManual, reason: "cancelled the retirement", managed: 2,
		},
		{
			name:   "a retirement that failed is",
			before: func(*simtenant.World) {},
			later:  func(w *simtenant.World) { devices(w, func(d *simtenant.ManagedDevice) { d.State = "retireFailed" }) },
			state:  offboarding.StateEffective,
		},
		{
			name:   "a device that leaves the user's list but not Intune is not done",
			before: func(w *simtenant.World) { devices(w, func(d *simtenant.ManagedDevice) { d.Dead = true }) },
			later:  func(w *simtenant.World) { devices(w, func(d *simtenant.ManagedDevice) { d.UserID = "" }) },
			state:  offboarding.StateManual, reason: "managed device", managed: 2,
		},
		{
			name: "an app without a device tag is a task",
			before: func(w *simtenant.World) {
				for _, a := range w.AppRegistrations {
					a.DeviceTag = ""
				}
			},
			later: func(*simtenant.World) {},
			state: offboarding.StateManual, reason: "has no device tag",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.before)
			c, w := open(t, h, patti)
			if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting {
				t.Fatalf("%s: %s; want waiting", record.State, record.Reason)
			}
			h.Tenant.Edit(tt.later)
			record := h.Settle(t, c.ID, w)
			h.Wants(t, record, tt.state, tt.reason)
			left := 0
			h.Tenant.Edit(func(w *simtenant.World) {
				for name := range record.Before {
					if id, is := strings.CutPrefix(name, "managedDevice/"); is && w.Managed[id] != nil {
						left++
					}
				}
			})
			if left != tt.managed {
				t.Errorf("%d devices are left in Intune, want %d", left, tt.managed)
			}
			if strings.Contains(strings.ToLower(record.Reason), "patti") {
				t.Errorf("the reason names a person: %s", record.Reason)
			}
		})
	}
}

// TestTheLockoutDoesNotWaitForPhones holds both orders of block and wipe against the tenant.
func TestTheLockoutDoesNotWaitForPhones(t *testing.T) {
	t.Parallel()
	for _, first := range []offboarding.StepName{offboarding.StepBlock, offboarding.StepWipe} {
		t.Run(string(first)+" first", func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c, w := open(t, h, patti)
			b := h.Worker(offboarding.StepBlock, block.New(h.As("block")))
			order := []*worker.Worker{b, w}
			if first == offboarding.StepWipe {
				order = []*worker.Worker{w, b}
			}
			for _, next := range order {
				h.Step(t, c.ID, next)
			}
			if _, _, phones := world(h, patti); phones[0].WipeRequested.IsZero() {
				t.Error("the phone was not told")
			}
			if user, _ := h.Tenant.User(simtenant.UserID(patti)); user.AccountEnabled {
				t.Error("the account is enabled")
			}
			if blocked := h.Record(t, c.ID, offboarding.StepBlock); blocked.State != offboarding.StateEffective {
				t.Errorf("block: %s: %s; want effective", blocked.State, blocked.Reason)
			}
		})
	}
}

func TestB16TheDevicesOfSomebodyWhoCameBackAreLeftAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c, w := open(t, h, henrik) // with a phone that never answers, so that the step still waits
	h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
	h.Step(t, c.ID, w)
	h.Advance(24 * time.Hour)
	h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(henrik)].AccountEnabled = true })
	before := h.Writes()
	record, _ := h.Step(t, c.ID, w)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, offboarding.B16.Name) || h.Writes() != before {
		t.Errorf("%s: %s, %d writes; want manual saying %q and no write", record.State, record.Reason, h.Writes()-before, offboarding.B16.Name)
	}
}

// TestB13ADeviceOfTheCompanyIsWipedOnlyOnceApproved sets a laptop back to the factory's state, after a
// person's word for that very device and for no other reason.
func TestB13ADeviceOfTheCompanyIsWipedOnlyOnceApproved(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	var laptop string
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Managed {
			if d.UserID == simtenant.UserID(patti) && d.OwnerType == "company" {
				laptop = d.ID
			}
		}
	})
	policy := offboarding.DefaultPolicy()
	policy.CompanyDevices = offboarding.DeviceWiped
	c := h.Open(t, patti, offboarding.Options{}, policy)
	step := h.Worker(offboarding.StepWipe, newStep(h))
	seen := writes(t, h)
	for range 2 {
		record, _ := h.Step(t, c.ID, step)
		if d, _ := h.Tenant.ManagedDevice(laptop); record.State != offboarding.StateWaiting || d.State != "managed" || slices.Contains(seen(), "wipe") {
			t.Fatalf("without an approval wipe is %s (%s), and wrote %v; want it waiting, and nothing done to the laptop, which is %s", record.State, record.Reason, seen(), d.State)
		}
		if !slices.Contains(seen(), "clear") || !slices.Contains(seen(), "retire") {
			t.Errorf("it wrote %v; want the phone and the personal device seen to meanwhile", seen())
		}
		h.Advance(time.Hour)
	}
	current, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	held := current.HeldStep(offboarding.StepWipe)
	if len(held) != 1 || held[0].Needs != 1 || !strings.Contains(held[0].Why, laptop) {
		t.Fatalf("held by %+v, want one brake that names device %s", held, laptop)
	}
	approval := ledger.Approval{Case: c.ID, Step: offboarding.StepWipe, By: offboarding.Person{Name: "Miriam Graham"}}
	if _, err := h.Ledger.Approve(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	if record := h.Settle(t, c.ID, step); record.State != offboarding.StateEffective || !slices.Contains(seen(), "wipe") {
		t.Errorf("approved, wipe is %s (%s), and wrote %v; want it effective, and the laptop wiped", record.State, record.Reason, seen())
	}
	if _, there := h.Tenant.ManagedDevice(laptop); there {
		t.Error("the laptop is still in Intune")
	}
}

// TestB15ADeviceThatWasHandedOnAfterItsWipeWasApprovedIsNotWiped: the approval was for the leaver's laptop, and what is
// on it is somebody else's by now.
func TestB15ADeviceThatWasHandedOnAfterItsWipeWasApprovedIsNotWiped(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.CompanyDevices = offboarding.DeviceWiped
	c := h.Open(t, patti, offboarding.Options{}, policy)
	step := h.Worker(offboarding.StepWipe, newStep(h))
	h.Step(t, c.ID, step)
	if _, err := h.Ledger.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepWipe, By: offboarding.Person{Name: "Miriam Graham"}}); err != nil {
		t.Fatal(err)
	}
	var laptop string
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, d := range w.Managed {
			if d.UserID == c.Leaver && d.OwnerType == "company" {
				laptop, d.UserID = d.ID, simtenant.UserID(henrik)
			}
		}
	})
	h.Wants(t, h.Settle(t, c.ID, step), offboarding.StateManual, laptop, "not the leaver's any more")
	if d, there := h.Tenant.ManagedDevice(laptop); !there || d.State != "managed" || d.UserID != simtenant.UserID(henrik) {
		t.Errorf("the laptop of somebody else: there %t, %s; want it as it was", there, d.State)
	}
}

// TestAPhoneThatAPersonAcceptsIsBlockedAndNotAwaited accepts, by its id, a phone that never hears of its wipe:
// the step ends, keeps the phone out, and leaves the partnership that holds the wipe.
func TestAPhoneThatAPersonAcceptsIsBlockedAndNotAwaited(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	var id string
	h.Tenant.Edit(func(w *simtenant.World) {
		p := phoneOf(w, patti)
		p.Dead, id = true, p.GUID
	})
	c, w := open(t, h, patti)
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting || !strings.Contains(record.Reason, id) {
		t.Fatalf("%s: %s; want that it waits for the phone", record.State, record.Reason)
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[simtenant.UserID(patti)].BlockedDeviceIDs = nil })
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: offboarding.StepWipe, Items: []string{id}, By: "Miriam Graham", Note: "it lies in the river"}); err != nil {
		t.Fatal(err)
	}
	record := h.Settle(t, c.ID, w)
	if record.State != offboarding.StateEffective || !strings.Contains(record.Evidence["phone/"+id], "accepted as it is by a person") {
		t.Errorf("%s: %s; evidence %q; want effective, and that a person accepted it", record.State, record.Reason, record.Evidence["phone/"+id])
	}
	_, _, phones := world(h, patti)
	mailbox, _ := h.Tenant.Mailbox(simtenant.UserID(patti))
	if p := phones[0]; p.Removed || p.WipeRequested.IsZero() || !slices.Contains(mailbox.BlockedDeviceIDs, p.DeviceID) {
		t.Errorf("the phone: %+v, blocked %v; want it there, told, and kept out", p, mailbox.BlockedDeviceIDs)
	}
}

// TestAPhoneThatIsNotHeardOfForDaysSaysHowToStopWaiting: nobody is told to give up a phone of a minute ago, and
// whoever looks after two days is told what to type, by the phone's id.
func TestAPhoneThatIsNotHeardOfForDaysSaysHowToStopWaiting(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	var id string
	h.Tenant.Edit(func(w *simtenant.World) {
		p := phoneOf(w, patti)
		p.Dead, id = true, p.GUID
	})
	c, w := open(t, h, patti)
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting || strings.Contains(record.Reason, "sign-off") {
		t.Fatalf("%s: %s; want that it waits, and no word of giving up", record.State, record.Reason)
	}
	h.Advance(49 * time.Hour)
	record, _ := h.Step(t, c.ID, w)
	h.Wants(t, record, offboarding.StateWaiting, "leaver sign-off "+c.ID+" wipe --item "+id+" --by NAME --note WHY")
}
