package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/events"
	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// TestMain lets a test start this binary as the command itself, in a process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("LEAVER_TEST_RUN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command runs the command in this process and returns its exit code and output.
func command(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(console{Context: t.Context(), stdout: &stdout, stderr: &stderr}, args)
	return code, stdout.String(), stderr.String()
}

func TestWrongUsageIsTwo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"promote"}, {"up", "--operator"}, {"demo", "--no-such-flag"}, {"up", "--tenant", "a", "--simulate"},
		{"offboard"}, {"offboard", " "}, {"offboard", adele, "--at", "tomorrow"}, {"plan", adele, "--forward-for", "soon"},
		{"cancel", adele}, {"cancel", adele, "--reason", " "}, {"sign-off", "c-1", "block", "--by", "", "--note", "done"},
		{"replay", "--discard"}, {"replay", "--all", "leaver_test.go"}, {"tenant", "--users=-1"}, {"demo", "--scenario", "layoff", "--leavers", "0"}, {"demo", "--users", "3"}, {"offboard", adele, "--zone", "Europe/Berlin"},
		{"up", "--simulate", "--only", "onpremise"},
		{"cancel", "--reason", "r"}, {"cancel", adele, "--source", "bob", "--reason", "r"},
		{"offboard", "c250ee6d-4fe6-5424-a724-20f63aa3849a-1"}, {"replay", "no-such-file.json"}, {"replay", adele, "signout", "--step", "block"},
	} {
		code, _, stderr := command(t, args...)
		if _, hint, _ := strings.Cut(stderr, "\nsee: leaver "); code != 2 || !strings.HasSuffix(hint, "--help\n") {
			t.Errorf("%v: exit %d, %q", args, code, stderr)
		}
	}
}

// TestTheHintIsACommand: what is typed after a wrong usage explains the very command.
func TestTheHintIsACommand(t *testing.T) {
	t.Parallel()
	code, _, stderr := command(t, "ledger", "adopt", "--seen", "5be0cd19")
	if want := "\nsee: leaver ledger adopt --help\n"; code != 2 || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit %d, %q; want it to end with %q", code, stderr, want)
	}
}

// TestADemoMakesTheDirectoryOfItsReports.
func TestADemoMakesTheDirectoryOfItsReports(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	if code, out, stderr := command(t, "demo", "--scenario", "contradiction", "--reports", dir); code != 0 {
		t.Fatalf("got %d: %s%s", code, out, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "keys")); err != nil {
		t.Error(err)
	}
}

// TestEveryCommandHelps with examples.
func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"demo", "tenant", "up", "attach", "offboard", "plan", "status", "cancel", "replay", "sign-off", "release", "approve", "allow", "limits", "freeze", "thaw", "sources", "hr", "doctor", "help", "completion", "version"} {
		if code, stdout, _ := command(t, name, "--help"); code != 0 || !strings.Contains(stdout, "\n    leaver "+name) {
			t.Errorf("%s: exit %d\n%s", name, code, stdout)
		}
	}
}

func TestAskingWithoutAHostSaysSo(t *testing.T) {
	t.Parallel()
	code, _, stderr := command(t, "status", "--data", t.TempDir())
	if code != 1 || !strings.Contains(stderr, "leaver up") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestScenarioThatIsNone(t *testing.T) {
	t.Parallel()
	code, _, stderr := command(t, "demo", "--scenario", "nonsense")
	if code != 2 {
		t.Errorf("exit %d", code)
	}
	for _, name := range demo.Names() {
		if !strings.Contains(stderr, name) {
			t.Errorf("it does not name %s: %s", name, stderr)
		}
	}
}

// startTenant serves a simulated tenant and returns the file that leaver up takes.
func startTenant(t testing.TB, config simtenant.Config) (*simtenant.Tenant, *simtenant.Server, string) {
	t.Helper()
	if config.Record == nil {
		config.Record, config.RecordExchange = steptest.Record(), io.Discard
	}
	tenant, err := simtenant.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	text, err := json.Marshal(server.Connection())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tenant.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return tenant, server, file
}

// host is leaver up in a process of its own.
type host struct {
	process *exec.Cmd
	intake  string
	stderr  bytes.Buffer // to be read once it is killed
}

func startHost(t *testing.T, tenantFile, data, policy string, environ ...string) *host {
	t.Helper()
	args := []string{"up", "--addr", "127.0.0.1:0", "--tenant", tenantFile, "--data", data, "--lock", "2s"}
	if policy != "" {
		args = append(args, "--policy", policy)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "LEAVER_TEST_RUN=1", "LEAVER_WEBHOOK_SECRETS="), environ...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{process: cmd}
	cmd.Stderr = &h.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.kill)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("leaver up said nothing: %v\n%s", err, h.stderr.String())
	}
	var first struct{ Intake string }
	if err := json.Unmarshal(line, &first); err != nil {
		t.Fatal(err)
	}
	h.intake = first.Intake
	return h
}

// kill is SIGKILL.
func (h *host) kill() {
	_ = h.process.Process.Kill()
	_ = h.process.Wait()
}

func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func webhook(person string) []byte {
	return fmt.Appendf(nil, `{"type":"employee.terminated","timestamp":%q,"data":{"employee":{"userPrincipalName":%q},"options":{"mailbox":"none"}}}`, time.Now().UTC().Format(time.RFC3339), person)
}

// eventually polls until done is true.
func eventually(t *testing.T, what string, within time.Duration, done func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

func stateOf(t *testing.T, data, who string) []operator.Status {
	t.Helper()
	host, err := loopback.Dial(data)
	if err != nil {
		t.Fatal(err)
	}
	var whom operator.Who
	if who != "" {
		if err := whom.UnmarshalText([]byte(who)); err != nil {
			t.Fatal(err)
		}
	}
	found, err := host.Status(t.Context(), whom)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestADepartureOfTwoProcesses posts a webhook to leaver up and reads the outcome back through
// the tenant's Graph API with a plain HTTP client.
func TestADepartureOfTwoProcesses(t *testing.T) {
	t.Parallel()
	tenant, server, file := startTenant(t, simtenant.Config{Users: 100})
	data := t.TempDir()
	h := startHost(t, file, data, policyFile(t, "requests: any\n"))
	before := readUser(t, server, adele)
	var all sync.WaitGroup
	body := webhook(adele)
	for range 50 {
		all.Go(func() {
			if code, err := demo.PostSigned(t.Context(), h.intake, "msg_1", body); err != nil || code != http.StatusAccepted {
				t.Errorf("%d, %v", code, err)
			}
		})
	}
	if code, err := demo.PostSigned(t.Context(), h.intake, "msg_2", webhook("nobody.here@contoso.com")); err != nil || code != http.StatusAccepted {
		t.Errorf("%d, %v", code, err)
	}
	all.Wait()
	eventually(t, "locked out", 30*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].Steps[0].State == offboarding.StateEffective && found[0].Steps[1].State == offboarding.StateEffective
	})
	after := readUser(t, server, adele)
	if after.AccountEnabled || !after.LastPasswordChangeDateTime.After(before.LastPasswordChangeDateTime) || !after.SignInSessionsValidFromDateTime.After(before.SignInSessionsValidFromDateTime) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if n := tenant.PasswordChanges(simtenant.UserID(adele)); n != 1 {
		t.Errorf("50 webhooks changed the password %d times", n)
	}
	if found := stateOf(t, data, ""); len(found) != 2 {
		t.Errorf("51 webhooks made %d cases and parked requests", len(found))
	}
	parked := stateOf(t, data, "nobody.here@contoso.com")
	if len(parked) != 1 || parked[0].State != "parked" || parked[0].Reason == "" {
		t.Errorf("%+v", parked)
	}
	code, stdout, _ := command(t, "status", "--json", "--data", data, "nobody.here@contoso.com")
	if code != 0 || !strings.Contains(stdout, `"state":"parked"`) {
		t.Errorf("leaver status: exit %d, %s", code, stdout)
	}
	if code, _, _ := command(t, "status", "--data", data, "somebody.else@contoso.com"); code != 1 {
		t.Errorf("leaver status of nobody: exit %d", code)
	}
}

type graphUser struct {
	AccountEnabled                                              bool
	LastPasswordChangeDateTime, SignInSessionsValidFromDateTime time.Time
}

func readUser(t *testing.T, server *simtenant.Server, upn string) graphUser {
	t.Helper()
	c, client := server.Connection(), server.Client()
	response, err := client.PostForm(c.Authority+"/"+c.TenantID+"/oauth2/v2.0/token", url.Values{
		"client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	decode(t, response, &token)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Graph+"/users/"+url.PathEscape(upn)+"?$select=accountEnabled,lastPasswordChangeDateTime,signInSessionsValidFromDateTime", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	if response, err = client.Do(r); err != nil {
		t.Fatal(err)
	}
	var user graphUser
	decode(t, response, &user)
	return user
}

func decode(t *testing.T, response *http.Response, into any) {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the tenant answered %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestKilledAtAnyMoment kills leaver up with SIGKILL while the tenant answers its n-th request,
// starts it again, and expects the departure to end as if nothing had happened.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	policy := policyFile(t, "grace: 1s\ndeleteAfter: 0s\nmailbox: none\n")
	for _, n := range []int{1, 4, 6, 9, 12, 16, 20, 24} {
		t.Run(fmt.Sprintf("request %d", n), func(t *testing.T) {
			t.Parallel()
			trigger := &nthLine{n: n, reached: make(chan struct{})}
			tenant, _, file := startTenant(t, simtenant.Config{Record: trigger, Knobs: simtenant.Knobs{Latency: 5 * time.Millisecond}})
			data := t.TempDir()
			h := startHost(t, file, data, policy)
			if code, err := demo.PostSigned(t.Context(), h.intake, "msg_1", webhook(adele)); err != nil || code != http.StatusAccepted {
				t.Fatalf("%d, %v", code, err)
			}
			select {
			case <-trigger.reached:
			case <-time.After(30 * time.Second):
				t.Fatal("the request was never made")
			}
			h.kill()
			startHost(t, file, data, policy)
			id := simtenant.UserID(adele)
			// Two minutes: a message that was lost between commit and publication is watch's.
			eventually(t, "the case is complete", 2*time.Minute+30*time.Second, func() bool {
				found := stateOf(t, data, adele)
				return len(found) == 1 && found[0].State == string(offboarding.CaseComplete)
			})
			if _, deleted := tenant.DeletedUser(id); !deleted {
				t.Error("complete, but the account is not deleted")
			}
			if changes := tenant.PasswordChanges(id); changes > 2 {
				t.Errorf("the password changed %d times", changes)
			}
		})
	}
}

// nthLine tells when the n-th line was written to it.
type nthLine struct {
	mu      sync.Mutex
	n       int
	reached chan struct{}
}

func (l *nthLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n--; l.n == 0 {
		close(l.reached)
	}
	return len(p), nil
}

// hosted is a host with its intake until the benchmark ends.
func hosted(b *testing.B, o resident.Options) (h *resident.Host, intake string) {
	b.Helper()
	o.Dir, o.Log = b.TempDir(), slog.New(slog.DiscardHandler)
	h, err := resident.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	b.Cleanup(func() { stop(); <-served; _ = h.Close() })
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		b.Fatal(err)
	}
	if _, intake, err = h.ServeIntake("127.0.0.1:0", sources); err != nil {
		b.Fatal(err)
	}
	return h, intake
}

// BenchmarkLockout measures from the accepted webhook to the account disabled and the sessions
// revoked after that, and to signout and block read back whole, on a tenant that holds every
// answer for 100 ms. Three answers must have come before the revocation can be sent: find the
// person, read account and roles, disable. The ratio is to those.
func BenchmarkLockout(b *testing.B) {
	const latency, chain = 100 * time.Millisecond, 3
	tenant, server, _ := startTenant(b, simtenant.Config{Users: 500, Knobs: simtenant.Knobs{Latency: latency}})
	var people []string
	tenant.Edit(func(w *simtenant.World) {
		for _, u := range w.Users {
			if u.OnPremisesSyncEnabled == nil && u.AccountEnabled && u.UserType == "Member" && strings.HasSuffix(u.Department, "ing") {
				people = append(people, u.UserPrincipalName)
			}
		}
	})
	policy := offboarding.DefaultPolicy()
	policy.Limits, policy.Approvals.Privileged = offboarding.Limits{}, 0 // nobody is here to lift a brake
	h, intake := hosted(b, resident.Options{Tenant: demo.TenantOf(server.Connection()), Policy: policy})
	ctx := b.Context()
	var disabled, whole time.Duration
	leave := func(i int) (time.Duration, time.Duration) {
		person := people[i%len(people)]
		if code, err := demo.PostSigned(ctx, intake, fmt.Sprintf("msg_%d", i), webhook(person)); err != nil || code != http.StatusAccepted {
			b.Fatalf("%d, %v", code, err)
		}
		accepted := time.Now()
		var out time.Duration
		id := simtenant.UserID(person)
		every := time.NewTicker(2 * time.Millisecond)
		defer every.Stop()
		for range every.C {
			user, _ := tenant.User(id)
			if out == 0 && !user.AccountEnabled && user.SessionsValidFrom.After(accepted.Add(-2*time.Second)) {
				out = time.Since(accepted)
			}
			c, err := h.Ledger.Latest(ctx, id)
			if err != nil {
				b.Fatal(err)
			}
			// block goes on while a phone may hear of its wipe; the account waits for nothing.
			if c != nil && c.Step(offboarding.StepSignout).State.Settled() && !c.Step(offboarding.StepBlock).LockedOutAt.IsZero() {
				return out, time.Since(accepted)
			}
			if time.Since(accepted) > 30*time.Second {
				b.Fatalf("%s is not locked out after 30 s; held by %+v", person, c.Held())
			}
		}
		return 0, 0
	}
	leave(0) // the first one pays for tokens and connections
	b.ResetTimer()
	for i := range b.N {
		d, w := leave(i + 1)
		disabled, whole = disabled+d, whole+w
	}
	n := float64(b.N)
	b.ReportMetric(disabled.Seconds()*1000/n, "ms-disabled-and-revoked")
	b.ReportMetric(whole.Seconds()*1000/n, "ms-all-read-back")
	b.ReportMetric(disabled.Seconds()/n/(chain*latency).Seconds(), "disabled-and-revoked/3-answers")
}
