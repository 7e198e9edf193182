package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/ledger/ledgertest"
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
	text, err := ledger.FormatSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "ledger.key")
	if err := os.WriteFile(key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"LEAVER_SERVICEBUS_CONNECTION": peer.ConnectionString(), "LEAVER_TABLES_CONNECTION": tables,
		"LEAVER_LEDGER_KEYS": ledgertest.Proof("").Keys[0].String(), "LEAVER_LEDGER_SIGNER": "file:" + key,
	}
}

func environOf(variables map[string]string) (environ []string) {
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// serving runs leaver up or leaver attach until the test ends and returns its first line.
func serving(t *testing.T, variables map[string]string, args ...string) (first map[string]string) {
	t.Helper()
	read, write := io.Pipe()
	var stderr strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(console{Context: ctx, stdout: write, stderr: &stderr, environ: environOf(variables)}, args)
		_ = write.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("leaver %v: exit %d: %s", args, code, stderr.String())
		}
	})
	line, err := bufio.NewReader(read).ReadBytes('\n')
	if err != nil {
		t.Fatalf("leaver %v said nothing: %v", args, err)
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
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none, grace: 1s, deleteAfter: 1s}")
	carries := serving(t, azure, "up", "--addr", "127.0.0.1:0", "--tenant", file, "--policy", policy, "--data", t.TempDir())
	if carries["intake"] == "" {
		t.Fatalf("no intake: %v", carries)
	}
	data := t.TempDir()
	if asks := serving(t, azure, "attach", "--tenant", file, "--policy", policy, "--data", data); asks["intake"] != "" {
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
	environ := environOf(azure)
	tenant, _, file := startTenant(t, simtenant.Config{Users: 150, SyncEvery: time.Second, Knobs: simtenant.Knobs{Latency: 20 * time.Millisecond}})
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none, grace: 1s, deleteAfter: 1s}")
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
	departures := ledger.New(store, time.Now, rand.Reader, ledgertest.Proof(tenant.Connection("").TenantID))
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
	serving(t, azure, "attach", "--tenant", file, "--data", data)
	for name, variables := range map[string]map[string]string{"on Azure": azure, "with its own bus": nil} {
		var stderr strings.Builder
		code := run(console{Context: t.Context(), stdout: io.Discard, stderr: &stderr, environ: environOf(variables)},
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

// TestTheSampleSecretOpensASimulatedTenantOnly: it is published, so a tenant file of the real tenant
// must not be taken for a simulated one, whatever certificate authority it brings.
func TestTheSampleSecretOpensASimulatedTenantOnly(t *testing.T) {
	t.Parallel()
	_, server, _ := startTenant(t, simtenant.Config{})
	c := server.Connection()
	for name, change := range map[string]func(*simtenant.Connection){
		"another tenant id":     func(c *simtenant.Connection) { c.TenantID = "11111111-2222-3333-4444-555555555555" },
		"Microsoft's addresses": func(c *simtenant.Connection) { c.Graph, c.Authority, c.Exchange = "", "", "" },
	} {
		real := c
		change(&real)
		text, err := json.Marshal(real)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "tenant.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := command(t, "up", "--addr", "127.0.0.1:0", "--tenant", file, "--data", t.TempDir())
		if code != 1 || !strings.Contains(stderr, "LEAVER_WEBHOOK_SECRETS") {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
}

func TestASimulatedTenantIsNotOnASharedLedger(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	code := run(console{Context: t.Context(), stdout: io.Discard, stderr: &stderr, environ: environOf(map[string]string{
		"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net",
	})}, []string{"up", "--simulate", "--data", t.TempDir()})
	if code != 1 || !strings.Contains(stderr.String(), "unset them") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

func TestAnOperatorNeedsFunctionsElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		variables map[string]string
		says      string
	}{
		"nothing is named":   {nil, "set LEAVER_SERVICEBUS and LEAVER_TABLES"},
		"no ledger is named": {map[string]string{"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net"}, "LEAVER_TABLES is not set"},
		"an ARN":             {map[string]string{"LEAVER_SERVICEBUS_CONNECTION": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bus", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net"}, "not on AWS"},
		"the identity of AWS": {
			map[string]string{"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net", "LEAVER_IDENTITY": "aws", "LEAVER_CLIENT_ID": "22222222-3333-4444-5555-666666666666"},
			"set it to managed, workload or cli",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{"AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555", "LEAVER_LEDGER_KEYS": ledgertest.Proof("").Keys[0].String()}
			for k, v := range tt.variables {
				variables[k] = v
			}
			var stderr strings.Builder
			code := run(console{Context: t.Context(), stdout: io.Discard, stderr: &stderr, environ: environOf(variables)},
				[]string{"attach", "--data", t.TempDir()})
			if code != 1 || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("exit %d: %s", code, stderr.String())
			}
		})
	}
}
