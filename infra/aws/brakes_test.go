package aws_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/events"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// resident is leaver up, beside the functions: a process on the same bus and the same ledger.
type resident struct{ data, intake string }

// resident starts a host that shares bus and ledger with the functions.
func (d *deployment) resident(t *testing.T, policy string) *resident {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	reach, err := json.Marshal(d.reach)
	if err != nil {
		t.Fatal(err)
	}
	h := &resident{data: t.TempDir()}
	command := exec.Command(build(t, "leaver"), "up", "--addr", "127.0.0.1:0", "--data", h.data,
		"--tenant", file("tenant.json", reach), "--policy", file("policy.yaml", []byte(policy)))
	key, err := ledger.FormatSigner(residentKey)
	if err != nil {
		t.Fatal(err)
	}
	command.Env = []string{
		"LEAVER_LEDGER_KEYS=" + keysOf(d.account.proof(d.reach.TenantID)), "LEAVER_LEDGER_SIGNER=file:" + file("ledger.key", key),
		"HOME=" + dir, "LEAVER_WEBHOOK_SECRETS=" + events.Secret, "LEAVER_TABLES_CONNECTION=" + d.tables,
		"LEAVER_SERVICEBUS_CONNECTION=" + d.bus.ConnectionStringOf(residents),
	}
	var log bytes.Buffer
	command.Stderr = &log
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("leaver up said:\n%s", log.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("leaver up said nothing: %v", err)
	}
	var first struct{ Intake string }
	if err := json.Unmarshal(line, &first); err != nil {
		t.Fatal(err)
	}
	h.intake = first.Intake
	return h
}

// typed types a command of the operator's to a host and returns what it says.
func (h *resident) typed(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.Command(build(t, "leaver"), append(args, "--data", h.data)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("leaver %v: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

// brakes is what leaver limits says.
type brakes struct {
	Frozen *struct{ At time.Time }
	Held   int
	Limits []struct {
		Name     string
		Used, Of int
	}
}

// limits are those of leaver limits.
func (h *resident) limits(t *testing.T) (used, of, held int) {
	t.Helper()
	var said brakes
	if err := json.Unmarshal([]byte(h.typed(t, "limits", "--json")), &said); err != nil || len(said.Limits) != 1 {
		t.Fatalf("%d limits, %v; want that of the hour", len(said.Limits), err)
	}
	return said.Limits[0].Used, said.Limits[0].Of, said.Held
}

// postTo posts a webhook for somebody to a host, as the HR system does.
func (h *resident) postTo(t *testing.T, id, body string) {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(events.Secret)
	if err != nil {
		t.Error(err)
		return
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	if err != nil {
		t.Error(err)
		return
	}
	for range 20 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.intake+"/webhooks/standard", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(standardwebhooks.HeaderWebhookID, id)
		request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable {
			if response.StatusCode != http.StatusAccepted {
				t.Errorf("intake answered %d", response.StatusCode)
			}
			return
		}
		pause(t, time.Second)
	}
	t.Error("intake takes no more")
}

// ordinary are people who can leave without anybody's help: their devices and phones all call home.
func (d *deployment) ordinary(t *testing.T, n int) []string {
	t.Helper()
	var people []string
	d.tenant.Edit(func(w *simtenant.World) {
		not := map[string]bool{}
		for _, a := range w.RoleAssignments {
			not[a.Principal] = true
		}
		for _, p := range w.Phones {
			not[p.Mailbox] = not[p.Mailbox] || p.Dead
		}
		for _, d := range w.Managed {
			not[d.UserID] = not[d.UserID] || d.Dead
		}
		for _, a := range w.AppRegistrations {
			not[a.UserID] = not[a.UserID] || a.Dead
		}
		for _, u := range w.Users {
			if u.AccountEnabled && !u.Synced() && u.UserType == "Member" && u.JobTitle == "Specialist" && !not[u.ID] {
				people = append(people, u.UserPrincipalName)
			}
		}
	})
	slices.Sort(people)
	if len(people) < n {
		t.Fatalf("%d people can leave, want %d", len(people), n)
	}
	return people[:n]
}

// postAll posts a webhook for everybody at once, to two hosts and to the function, and returns how long
// that took.
func (d *deployment) postAll(t *testing.T, hosts []*resident, people []string) time.Duration {
	t.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	slots := make(chan bool, 32)
	for i, person := range people {
		slots <- true
		all.Go(func() {
			defer func() { <-slots }()
			if i%5 == 0 { // one invocation at a time
				d.post(t, fmt.Sprintf("msg_%d", i), leaves(person, ""))
			} else {
				hosts[i%2].postTo(t, fmt.Sprintf("msg_%d", i), leaves(person, ""))
			}
		})
	}
	all.Wait()
	return time.Since(begun)
}

// lockedOut is whose accounts are disabled, or whose passwords were changed, in the tenant.
func (d *deployment) lockedOut(people []string) (out int) {
	d.tenant.Edit(func(w *simtenant.World) {
		for _, person := range people {
			if u := w.Users[simtenant.UserID(person)]; u == nil || !u.AccountEnabled || u.PasswordChanges > 0 {
				out++
			}
		}
	})
	return out
}

// pause lasts as long, or until the test ends.
func pause(t *testing.T, lasts time.Duration) {
	select {
	case <-time.After(lasts):
	case <-t.Context().Done():
	}
}

// soon waits until something is so.
func soon(t *testing.T, what string, every, within time.Duration, is func() bool) {
	t.Helper()
	for until := time.Now().Add(within); !is(); pause(t, every) {
		if time.Now().After(until) {
			t.Fatalf("within %s it was not so that %s", within, what)
		}
	}
}

// webhooks is how many are posted at once. LEAVER_TEST_WEBHOOKS=500 takes ten minutes on two cores.
func webhooks(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LEAVER_TEST_WEBHOOKS")
	if text == "" {
		return 80
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 80 {
		t.Fatalf("LEAVER_TEST_WEBHOOKS is %q, want a number from 80 on", text)
	}
	return n
}

// TestALimitIsExactOnTwoHostsAndTheFunctions posts many webhooks to two hosts and to the functions on
// Lambda, which share a limit of ten an hour.
func TestALimitIsExactOnTwoHostsAndTheFunctions(t *testing.T) {
	// Not beside others: hundreds of departures on one emulator of Table Storage are enough.
	const policy = `{limits: {perHour: 10, perDay: 0, share: 0}, mailbox: none, keepMail: none, keepFiles: none}`
	n := webhooks(t)
	const more = 40 // that a person allows
	d := deploy(t, 200+2*n)
	d.account.secrets[samples["PolicyArn"]] = policy
	hosts := []*resident{d.resident(t, policy), d.resident(t, policy)}
	go d.schedule(t.Context(), 20*time.Second)
	people := d.ordinary(t, n)
	since := time.Now().UTC().Format(time.RFC3339Nano)
	took := d.postAll(t, hosts, people)
	planned := time.Now()
	soon(t, "all but ten are held", 10*time.Second, 8*time.Minute, func() bool { _, _, held := hosts[0].limits(t); return held == n-10 })
	t.Logf("%d webhooks were taken in %s, and planned in %s", n, took, time.Since(planned)+took)
	used, of, held := hosts[1].limits(t)
	if used != 10 || of != 10 || held != n-10 {
		t.Fatalf("%d of %d have begun and %d are held, want 10 of 10 and %d: none is lost", used, of, held, n-10)
	}
	soon(t, "ten are locked out", time.Second, 2*time.Minute, func() bool { return d.lockedOut(people) == 10 })

	cases, _, err := d.ledger.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var waiting []string
	for _, c := range cases {
		if c.Limited() {
			waiting = append(waiting, c.ID)
		}
	}
	hosts[0].typed(t, append([]string{"release", "--by", "Miriam Graham"}, waiting[:5]...)...)
	if used, of, held := hosts[1].limits(t); used != 15 || of != 10 || held != n-15 {
		t.Errorf("released five, %d of %d have begun and %d are held, want 15 of 10 and %d", used, of, held, n-15)
	}
	hosts[1].typed(t, "allow", "--departures", strconv.Itoa(more), "--until", time.Now().Add(time.Hour).Format(time.RFC3339), "--by", "Miriam Graham")
	if used, of, held := hosts[0].limits(t); used != 10+more || of != 10+more || held != n-10-more {
		t.Errorf("allowed %d, %d of %d have begun and %d are held, want %d of %d and %d", more, used, of, held, 10+more, 10+more, n-10-more)
	}
	hosts[0].typed(t, "cancel", "--source", "standard", "--since", since, "--reason", "a secret has leaked")
	if _, _, held := hosts[1].limits(t); held != 0 {
		t.Errorf("cancelled, %d are held, want none", held)
	}
	if out := d.lockedOut(people); out > 10+more {
		t.Errorf("%d are locked out, want no more than the %d that were let go on", out, 10+more)
	}
}

// TestAFreezeStopsEveryProcessWithinASecond freezes two hosts and the functions while forty leave, and
// reads in the tenant's record who wrote when.
func TestAFreezeStopsEveryProcessWithinASecond(t *testing.T) {
	// Not beside others: hundreds of departures on one emulator of Table Storage are enough.
	const policy = `{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none, keepMail: none, keepFiles: none, grace: 5s, deleteAfter: 0s}`
	d := deploy(t, 200)
	d.account.secrets[samples["PolicyArn"]] = policy
	hosts := []*resident{d.resident(t, policy), d.resident(t, policy)}
	go d.schedule(t.Context(), 20*time.Second)
	people := d.ordinary(t, 40)
	d.postAll(t, hosts, people)
	soon(t, "some are locked out", 100*time.Millisecond, time.Minute, func() bool { return d.lockedOut(people) > 5 })
	var said brakes
	err := json.Unmarshal([]byte(hosts[0].typed(t, "freeze", "--reason", "a secret has leaked", "--by", "Miriam Graham", "--json")), &said)
	if err != nil || said.Frozen == nil {
		t.Fatalf("freeze says %+v, %v; want since when", said, err)
	}
	frozen := said.Frozen.At
	if out := d.lockedOut(people); out == len(people) {
		t.Fatal("all were locked out before the freeze")
	}
	pause(t, 8*time.Second)
	if said := hosts[1].typed(t, "status"); !strings.HasPrefix(said, "FROZEN since ") {
		t.Errorf("status says %q, want it loud", said)
	}
	before, late := map[string]bool{}, 0
	var last time.Time
	for _, w := range d.written() {
		if w.At.After(frozen.Add(time.Second)) {
			late++
			t.Errorf("%s wrote %s %s after the freeze", nameOf(w.App), w.What, w.At.Sub(frozen))
		} else if before[w.App] = true; w.At.After(last) {
			last = w.At
		}
	}
	t.Logf("%d applications wrote before, the last %s after the freeze; %d writes later than a second", len(before), last.Sub(frozen), late)
	hosts[1].typed(t, "thaw", "--by", "Miriam Graham")
	ended := func() (n int) {
		for _, person := range people {
			c, err := d.ledger.Latest(t.Context(), simtenant.UserID(person))
			if err != nil {
				t.Fatal(err)
			}
			if c != nil && !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool {
				return !s.State.Settled() && !slices.ContainsFunc(c.Steps, func(s *offboarding.Record) bool { return s.State == offboarding.StateManual })
			}) {
				n++
			}
		}
		return n
	}
	soon(t, "all have ended", 2*time.Second, 6*time.Minute, func() bool { return ended() == len(people) })
	d.tenant.Edit(func(w *simtenant.World) {
		for _, person := range people {
			if u := w.Users[simtenant.UserID(person)]; u != nil && (u.AccountEnabled || u.PasswordChanges != 1) {
				t.Errorf("%s: enabled %t, password changed %d times; want locked out once", person, u.AccountEnabled, u.PasswordChanges)
			}
		}
	})
}

// wrote is a write in the tenant's record.
type wrote struct {
	At        time.Time
	App, What string
}

// written are the writes in the tenant's record.
func (d *deployment) written() (all []wrote) {
	for line := range strings.Lines(d.record.String()) {
		var r struct {
			Method, URL, App string
			At               time.Time
			Body             json.RawMessage
		}
		if json.Unmarshal([]byte(line), &r) != nil || r.Method == http.MethodGet || r.App == "" {
			continue
		}
		var body struct {
			Requests    []struct{ Method, URL string }
			CmdletInput struct{ CmdletName string }
		}
		_ = json.Unmarshal(r.Body, &body)
		what := r.Method + " " + r.URL
		switch {
		case strings.HasSuffix(r.URL, "/$batch"):
			what = ""
			for _, one := range body.Requests {
				if one.Method != http.MethodGet && !asks(one.URL) {
					what = one.Method + " " + one.URL
				}
			}
		case body.CmdletInput.CmdletName != "":
			if what = body.CmdletInput.CmdletName; strings.HasPrefix(what, "Get-") {
				what = ""
			}
		case asks(r.URL):
			what = ""
		}
		if what != "" {
			all = append(all, wrote{r.At, r.App, what})
		}
	}
	return all
}

// asks reports whether a POST to an address only asks.
func asks(url string) bool {
	for _, question := range []string{"checkMemberGroups", "checkMemberObjects", "getByIds", "getMemberGroups", "validateProperties"} {
		if strings.Contains(url, question) {
			return true
		}
	}
	return false
}

// record keeps what the tenant writes; it is safe for concurrent use.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
