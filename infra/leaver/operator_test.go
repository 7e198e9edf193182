package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// runningHost serves a host in this process and returns its data directory.
func runningHost(t *testing.T, tenant simtenant.Config, policy offboarding.Policy) (*simtenant.Tenant, string) {
	t.Helper()
	_, sim, data := openHost(t, tenant, policy)
	return sim, data
}

func openHost(t *testing.T, tenant simtenant.Config, policy offboarding.Policy) (*resident.Host, *simtenant.Tenant, string) {
	t.Helper()
	sim, server, _ := startTenant(t, tenant)
	data := t.TempDir()
	h, err := resident.Open(t.Context(), resident.Options{Dir: data, Tenant: demo.TenantOf(server.Connection()), Policy: policy, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	stopOperator, err := (&loopback.Server{Desk: h.Desk(), Metrics: h.Metrics}).Serve(data)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = stopOperator()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, sim, data
}

func quickPolicy() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	policy.Mailbox, policy.Grace = offboarding.None, time.Second
	return policy
}

// TestARefusedStepIsReplayed: a step refused for good is parked with its reason, shown by status
// and replay; when the cause is gone, replay ends the case.
func TestARefusedStepIsReplayed(t *testing.T) {
	t.Parallel()
	tenant, data := runningHost(t, simtenant.Config{Knobs: simtenant.Knobs{Faults: []simtenant.Fault{{Operation: "PATCH /users/{id}", Status: http.StatusForbidden}}}}, quickPolicy())
	if code, _, stderr := command(t, "offboard", adele, "--mailbox", "none", "--data", data); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	eventually(t, "both steps are parked", 30*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].Step(offboarding.StepSignout).State == offboarding.StateParked && found[0].Step(offboarding.StepBlock).State == offboarding.StateParked
	})
	code, stdout, _ := command(t, "replay", "--data", data)
	if code != 0 || strings.Count(stdout, "parked ") != 2 || !strings.Contains(stdout, "403") || !strings.Contains(stdout, " --step block --data "+data) {
		t.Fatalf("exit %d: %s", code, stdout)
	}
	tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	for _, step := range []string{"signout", "block"} {
		if code, stdout, stderr := command(t, "replay", "--step", step, "--data", data); code != 0 || !strings.Contains(stdout, "sent") {
			t.Fatalf("exit %d: %s %s", code, stdout, stderr)
		}
	}
	eventually(t, "the case is complete", 60*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].State == string(offboarding.CaseComplete)
	})
	if code, stdout, _ := command(t, "replay", "--data", data); code != 0 || !strings.Contains(stdout, "nothing is parked") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

func TestACancelledDepartureMakesNoWrite(t *testing.T) {
	t.Parallel()
	tenant, data := runningHost(t, simtenant.Config{}, quickPolicy())
	leaving := time.Now().Add(time.Hour).Format(time.RFC3339)
	if code, _, stderr := command(t, "offboard", adele, "--mailbox", "none", "--at", leaving, "--data", data); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	eventually(t, "the case is open", 30*time.Second, func() bool { return len(stateOf(t, data, adele)) == 1 })
	user, _ := tenant.User(simtenant.UserID(adele))
	for _, who := range []string{user.ID, "mail:" + adele, "employeeId:" + user.EmployeeID, user.ID + "-1"} {
		if found := stateOf(t, data, who); len(found) != 1 {
			t.Errorf("status %s: got %d departures, want hers", who, len(found))
		}
	}
	if found := stateOf(t, data, "employeeId:none"); len(found) != 0 {
		t.Errorf("status of nobody: got %+v", found)
	}
	if code, _, _ := command(t, "cancel", adele, "--data", data); code != 2 {
		t.Errorf("a cancellation without a reason: exit %d", code)
	}
	code, stdout, stderr := command(t, "cancel", adele, "--reason", "Adele stays", "--data", data)
	if code != 0 || !strings.Contains(stdout, "nothing had taken effect") {
		t.Fatalf("exit %d: %s %s", code, stdout, stderr)
	}
	found := stateOf(t, data, adele)
	if len(found) != 1 || found[0].State != string(offboarding.CaseCancelled) {
		t.Errorf("%+v", found)
	}
	user, _ = tenant.User(simtenant.UserID(adele))
	if !user.AccountEnabled || tenant.PasswordChanges(user.ID) > 0 {
		t.Error("the tenant was written to")
	}
	if code, _, stderr := command(t, "cancel", adele, "--reason", "again", "--data", data); code != 1 || !strings.Contains(stderr, "no open case") {
		t.Errorf("cancelled again: exit %d, %s", code, stderr)
	}
}

// TestWhatNobodyWantsIsDiscarded: a request that names nobody is parked, with its dead letter, until
// somebody says that it is not wanted; what is still to be done is not taken away.
func TestWhatNobodyWantsIsDiscarded(t *testing.T) {
	t.Parallel()
	_, data := runningHost(t, simtenant.Config{}, quickPolicy())
	code, stdout, stderr := command(t, "offboard", "nobody@contoso.com", "--data", data)
	var sent struct{ Request string }
	if err := json.Unmarshal([]byte(stdout), &sent); code != 0 || err != nil {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	eventually(t, "the request is parked", 30*time.Second, func() bool { return len(stateOf(t, data, sent.Request)) == 1 })
	if code, _, stderr := command(t, "replay", "--discard", "--step", "plan", "--data", data); code != 1 || !strings.Contains(stderr, "1 of 1 stay") {
		t.Errorf("discarded unnamed: exit %d: %s", code, stderr)
	}
	if code, stdout, stderr := command(t, "replay", "--discard", "--request", sent.Request, "--data", data); code != 0 || !strings.Contains(stdout, "discarded") {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	if found := stateOf(t, data, ""); len(found) > 0 {
		t.Errorf("still shown: %+v", found)
	}
	if code, stdout, _ := command(t, "replay", "--data", data); code != 0 || !strings.Contains(stdout, "nothing is parked") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if code, _, _ := command(t, "replay", "--request", sent.Request, "--data", data); code != 1 {
		t.Errorf("a request that is gone was replayed: exit %d", code)
	}
}

// TestTheDeparturesOfASourceAreCancelled: a wrong import is stopped by its source, or since when it
// came; what somebody else asked for goes on.
func TestTheDeparturesOfASourceAreCancelled(t *testing.T) {
	t.Parallel()
	h, tenant, data := openHost(t, simtenant.Config{}, quickPolicy())
	leaving := time.Now().Add(time.Hour)
	ask := func(source, person string) {
		t.Helper()
		now := time.Now()
		m, err := bus.Request{Attempt: 1, Request: offboarding.Request{
			ID: offboarding.RequestID(source, person), Kind: offboarding.Termination, Source: source, EventTime: now, ReceivedAt: now,
			LeavingTime: leaving, Employee: offboarding.Employee{UserPrincipalName: person},
		}}.Message(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	cancelled := func() (n int) {
		for _, s := range stateOf(t, data, "") {
			if s.State == string(offboarding.CaseCancelled) {
				n++
			}
		}
		return n
	}
	ask("webhooks/standard", "irvin.sayers@contoso.com")
	for _, person := range []string{adele, "grady.archie@contoso.com"} {
		ask("webhooks/bob", person)
	}
	eventually(t, "three cases are open", 30*time.Second, func() bool { return len(stateOf(t, data, "")) == 3 })
	eventually(t, "those of bob are cancelled", 30*time.Second, func() bool {
		code, stdout, stderr := command(t, "cancel", "--source", "bob", "--reason", "a wrong import", "--data", data)
		if code != 0 && !strings.Contains(stderr, "not on record yet") {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
		return code == 0 && cancelled() > 0
	})
	if got := cancelled(); got != 2 {
		t.Errorf("%d are cancelled, want the 2 of bob", got)
	}
	if code, stdout, stderr := command(t, "cancel", "--since", leaving.Format(time.RFC3339), "--reason", "later ones", "--json", "--data", data); code != 0 || stdout != "" {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if got := cancelled(); got != 2 {
		t.Errorf("%d are cancelled, want those from before untouched", got)
	}
	if code, stdout, _ := command(t, "cancel", "--since", "2026-01-01T00:00:00Z", "--reason", "all", "--json", "--data", data); code != 0 || strings.Count(stdout, "\n") != 1 {
		t.Errorf("exit %d, got %s, want one line", code, stdout)
	}
	for _, person := range []string{adele, "grady.archie@contoso.com", "irvin.sayers@contoso.com"} {
		if user, _ := tenant.User(simtenant.UserID(person)); !user.AccountEnabled || tenant.PasswordChanges(user.ID) > 0 {
			t.Errorf("%s was harmed", person)
		}
	}
}

// TestADayIsLeftWhenItEnds where the zone says, or the policy.
func TestADayIsLeftWhenItEnds(t *testing.T) {
	t.Parallel()
	policy := quickPolicy()
	policy.Zone = "America/Sao_Paulo"
	_, data := runningHost(t, simtenant.Config{}, policy)
	day := time.Now().AddDate(0, 2, 0).Format(time.DateOnly)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.ParseInLocation(time.DateTime, day+" 23:59:59", berlin)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "plan", adele, "--at", day, "--zone", "Europe/Berlin", "--data", data, "--json")
	var planned operator.Planned
	if err := json.Unmarshal([]byte(stdout), &planned); code != 0 || err != nil || !planned.LeavingTime.Equal(end) {
		t.Errorf("exit %d: %s%v, want the leaving time %s", code, stderr, planned.LeavingTime, end)
	}
	says := day + " 23:59:59 in America/Sao_Paulo, the end of " + day + ", the last day at work there"
	if code, stdout, stderr = command(t, "plan", adele, "--at", day, "--data", data); code != 0 || !strings.Contains(stdout, "leaves "+says) {
		t.Errorf("exit %d: %s%s, want it to say %q", code, stdout, stderr, says)
	}
	if code, _, stderr = command(t, "offboard", adele, "--at", day, "--data", data); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	eventually(t, "planned", 20*time.Second, func() bool {
		_, stdout, _ = command(t, "status", adele, "--data", data)
		return strings.Contains(stdout, "leaves "+says)
	})
}
