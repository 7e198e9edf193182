package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// onAzure is the environment of hosts that share a Service Bus and a Table Storage, both empty.
func onAzure(t *testing.T) map[string]string {
	t.Helper()
	tables := azuritetest.Start(t)
	store, err := aztables.OpenConnectionString(tables, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	peer, err := servicebustest.Start(servicebustest.Options{
		Entities: servicebustest.Entities(bus.Subscriptions()), Lock: 5 * time.Second, MaxDelivery: 2000, DuplicateWindow: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	return map[string]string{"LEAVER_SERVICEBUS_CONNECTION": peer.ConnectionString(), "LEAVER_TABLES_CONNECTION": tables}
}

// goUp runs leaver up until the test ends and returns its first line.
func goUp(t *testing.T, variables map[string]string, args ...string) (first map[string]string) {
	t.Helper()
	read, write := io.Pipe()
	var stderr strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(console{Context: ctx, stdout: write, stderr: &stderr, getenv: func(name string) string { return variables[name] }}, append([]string{"up", "--addr", "127.0.0.1:0"}, args...))
		_ = write.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("leaver up: exit %d: %s", code, stderr.String())
		}
	})
	line, err := bufio.NewReader(read).ReadBytes('\n')
	if err != nil {
		t.Fatalf("leaver up said nothing: %v", err)
	}
	if err := json.Unmarshal(line, &first); err != nil {
		t.Fatal(err)
	}
	return first
}

// TestTheOperatorOfFunctionsElsewhere: one host runs the functions on Service Bus and Table Storage,
// as they run on AWS; another one, which runs none, answers the operator's commands about them.
func TestTheOperatorOfFunctionsElsewhere(t *testing.T) {
	t.Parallel()
	azure := onAzure(t)
	tenant, _, file := startTenant(t, simtenant.Config{
		Knobs: simtenant.Knobs{Faults: []simtenant.Fault{
			{Operation: "POST /users/{id}/revokeSignInSessions", Target: simtenant.UserID(adele), Status: http.StatusForbidden},
		}},
	})
	policy := policyFile(t, "{mailbox: none, grace: 1s, deleteAfter: 1s}")
	carries := goUp(t, azure, "--tenant", file, "--policy", policy, "--data", t.TempDir())
	if carries["intake"] == "" {
		t.Fatalf("no intake: %v", carries)
	}
	data := t.TempDir()
	if asks := goUp(t, azure, "--operator", "--tenant", file, "--policy", policy, "--data", data); asks["intake"] != "" {
		t.Errorf("it takes webhooks: %v", asks)
	}
	typed := func(wanted string, args ...string) {
		t.Helper()
		if code, stdout, stderr := command(t, append(args, "--data", data)...); code != 0 || !strings.Contains(stdout, wanted) {
			t.Fatalf("%v: exit %d: %s%s", args, code, stdout, stderr)
		}
	}

	typed("nothing was written", "plan", adele)
	typed("request", "offboard", adele)
	eventually(t, "the refused steps are parked", 30*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].Step(offboarding.StepSignout).State == offboarding.StateParked && found[0].Step(offboarding.StepBlock).State == offboarding.StateParked
	})
	typed("403", "status", adele)
	typed(" --step signout --data "+data, "replay")
	tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	typed("sent", "replay", "--all")
	eventually(t, "the case is complete", 60*time.Second, func() bool {
		return stateOf(t, data, adele)[0].State == string(offboarding.CaseComplete)
	})
	if user, alive := tenant.User(simtenant.UserID(adele)); alive && user.AccountEnabled {
		t.Error("she is not locked out")
	}

	typed("request", "offboard", "grady.archie@contoso.com", "--at", time.Now().Add(time.Hour).Format(time.RFC3339))
	eventually(t, "the case is open", 30*time.Second, func() bool { return len(stateOf(t, data, "grady.archie@contoso.com")) == 1 })
	typed("nothing had taken effect", "cancel", "grady.archie@contoso.com", "--reason", "he stays")
	if user, _ := tenant.User(simtenant.UserID("grady.archie@contoso.com")); !user.AccountEnabled {
		t.Error("he is locked out")
	}
}

// TestTheOtherHostCarriesOn: two hosts share the departures of many, and one is killed in the middle
// of them.
func TestTheOtherHostCarriesOn(t *testing.T) {
	t.Parallel()
	azure := onAzure(t)
	var environ []string
	for name, value := range azure {
		environ = append(environ, name+"="+value)
	}
	tenant, _, file := startTenant(t, simtenant.Config{Users: 150, SyncEvery: time.Second, Knobs: simtenant.Knobs{Latency: 20 * time.Millisecond}})
	policy := policyFile(t, "{mailbox: none, grace: 1s, deleteAfter: 1s}")
	hosts := []*host{startHost(t, file, t.TempDir(), policy, environ...), startHost(t, file, t.TempDir(), policy, environ...)}
	leavers := demo.Leavers(tenant, 30)
	for i, person := range leavers {
		if code, err := demo.PostTermination(t.Context(), hosts[i%2].intake, person, time.Now()); err != nil || code != http.StatusAccepted {
			t.Fatalf("%d, %v", code, err)
		}
	}
	store, err := aztables.OpenConnectionString(azure["LEAVER_TABLES_CONNECTION"], nil)
	if err != nil {
		t.Fatal(err)
	}
	departures := ledger.New(store, time.Now, rand.Reader)
	var cases []*offboarding.Case
	those := func(are func(*offboarding.Case) bool) (n int) {
		cases = nil
		for _, person := range leavers {
			c, err := departures.Latest(t.Context(), simtenant.UserID(person))
			if err != nil {
				t.Fatal(err)
			}
			if c != nil {
				cases = append(cases, c)
				if are(c) {
					n++
				}
			}
		}
		return n
	}
	eventually(t, "some are locked out", time.Minute, func() bool {
		return those(func(c *offboarding.Case) bool { return c.Step(offboarding.StepBlock).State.Settled() }) > 0
	})
	hosts[0].kill()
	if those(demo.Ended) == len(leavers) {
		t.Fatal("all had ended before the host was killed")
	}
	eventually(t, "all departures have ended", 3*time.Minute, func() bool { return those(demo.Ended) == len(leavers) })
	if err := demo.NobodyLost(io.Discard, tenant, cases); err != nil {
		t.Error(err)
	}
}

// TestOneHostInADirectory: the commands would find the other host's departures, and none when that
// host ended.
func TestOneHostInADirectory(t *testing.T) {
	t.Parallel()
	azure := onAzure(t)
	_, _, file := startTenant(t, simtenant.Config{})
	data := t.TempDir()
	goUp(t, azure, "--operator", "--tenant", file, "--data", data)
	for name, variables := range map[string]map[string]string{"on Azure": azure, "with its own bus": nil} {
		var stderr strings.Builder
		code := run(console{Context: t.Context(), stdout: io.Discard, stderr: &stderr, getenv: func(name string) string { return variables[name] }},
			[]string{"up", "--addr", "127.0.0.1:0", "--tenant", file, "--data", data})
		if code != 1 || !strings.Contains(stderr.String(), "choose another directory with --data") {
			t.Errorf("another host %s: exit %d: %s", name, code, stderr.String())
		}
	}
	if code, _, stderr := command(t, "plan", adele, "--data", data); code != 1 || !strings.Contains(stderr, "--policy FILE") {
		t.Errorf("a plan by a policy that is not the functions': exit %d: %s", code, stderr)
	}
	if code, stdout, stderr := command(t, "status", "--data", data); code != 0 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

func TestAnOperatorNeedsFunctionsElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		variables map[string]string
		says      string
		args      []string
	}{
		"nothing is named":   {nil, "set LEAVER_SERVICEBUS and LEAVER_TABLES", nil},
		"no ledger is named": {map[string]string{"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net"}, "LEAVER_TABLES is not set", nil},
		"an ARN":             {map[string]string{"LEAVER_SERVICEBUS_CONNECTION": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bus", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net"}, "not on AWS", nil},
		"another identity":   {map[string]string{"LEAVER_IDENTITY": "aws"}, "put there managed, workload or cli", nil},
		"nobody is real": {
			map[string]string{"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net"},
			"unset them", []string{"--simulate"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{"AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555"}
			for k, v := range tt.variables {
				variables[k] = v
			}
			var stderr strings.Builder
			code := run(console{Context: t.Context(), stdout: io.Discard, stderr: &stderr, getenv: func(name string) string { return variables[name] }},
				append([]string{"up", "--operator", "--data", t.TempDir()}, tt.args...))
			if code != 1 || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("exit %d: %s", code, stderr.String())
			}
		})
	}
}
