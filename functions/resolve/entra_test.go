package resolve_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/shared/assembly"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const clientState = "a client state of 32 letters, or longer"

// newTenantDoor is the front door with the tenant itself as the HR system, and resolve without a permission.
func newTenantDoor(t *testing.T, lacks string) *door {
	t.Helper()
	h := steptest.New(t)
	d := &door{Harness: h, log: &bytes.Buffer{}}
	d.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.intake.Handler().ServeHTTP(w, r) }))
	t.Cleanup(d.server.Close)
	d.subscribe(t, lacks, clientState)
	return d
}

// subscribe declares the tenant as the source, with a clientState.
func (d *door) subscribe(t *testing.T, lacks string, states ...string) {
	t.Helper()
	declared, err := hris.Parse(fmt.Appendf(nil, `public: %s
sources:
  - {name: hr, vendor: entra, secrets: ["%s"], zone: America/Los_Angeles, every: 15m, api: {secret: "%s"}}
`, d.server.URL, strings.Join(states, `", "`), states[0]))
	if err != nil {
		t.Fatal(err)
	}
	if d.tenant == nil || lacks != "" {
		d.Lacks = lacks
		connection := d.Connection("resolve")
		d.Lacks = ""
		d.tenant = assembly.TenantGraph(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP)
	}
	d.open(t, hris.Access{Now: d.Now, Tenant: d.tenant}, declared.Sources...)
}

// leaves sets when adele leaves, as HR provisioning does.
func (d *door) leaves(at time.Time) {
	d.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(adele)].EmployeeLeave = at })
}

func (d *door) subscriptions() (all []simtenant.Subscription) {
	d.Tenant.Edit(func(w *simtenant.World) {
		for _, s := range w.Subscriptions {
			all = append(all, *s)
		}
	})
	return all
}

// TestTheTenantItselfSaysWhoLeaves: polled, moved, taken back; a day that is dressed as midnight or
// as the last second of UTC is that day where the person works.
func TestTheTenantItselfSaysWhoLeaves(t *testing.T) {
	t.Parallel()
	d := newTenantDoor(t, "")
	end := time.Date(2026, 12, 1, 7, 59, 59, 0, time.UTC) // of 30 November in Los Angeles
	for _, tt := range []struct {
		name         string
		leaves, want time.Time
	}{
		{"nobody", time.Time{}, time.Time{}},
		{"midnight in UTC", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), end},
		{"the last second in UTC", time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC), end},
		{"a moment", time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC), time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC)},
		{"never, as some write it", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Time{}},
		{"again", time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC), time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC)},
		{"taken back", time.Time{}, time.Time{}},
	} {
		d.leaves(tt.leaves)
		d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
		if got := d.leaving(t); !got.Equal(tt.want) {
			t.Fatalf("%s: got the leaving time %s, want %s\n%s", tt.name, got, tt.want, d.log)
		}
	}
}

// TestEveryPermissionOfResolveIsNeeded, and a consent that is lost cancels nobody's departure: Graph
// then answers null, with no error.
func TestEveryPermissionOfResolveIsNeeded(t *testing.T) {
	t.Parallel()
	f, _ := offboarding.FunctionOf(offboarding.FunctionResolve)
	for _, permission := range f.Roles() {
		d := newTenantDoor(t, "")
		leaving := time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC)
		d.leaves(leaving)
		d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
		if got := d.leaving(t); !got.Equal(leaving) {
			t.Fatalf("with all permissions: got the leaving time %s, want %s\n%s", got, leaving, d.log)
		}
		d.subscribe(t, permission, clientState)
		d.leaves(time.Time{})
		d.log.Reset()
		for range 3 {
			d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
		}
		if got := d.leaving(t); !got.Equal(leaving) || !strings.Contains(d.log.String(), `"ERROR"`) {
			t.Errorf("without %s: got the leaving time %s, want %s and an alarm\n%s", permission, got, leaving, d.log)
		}
	}
}

// TestASubscriptionIsAShortcut: it is made, validated, renewed and made anew with another clientState,
// and what it tells is read at once, between two polls.
func TestASubscriptionIsAShortcut(t *testing.T) {
	t.Parallel()
	d := newTenantDoor(t, "")
	d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
	made := d.subscriptions()
	if len(made) != 1 || made[0].Expires.Sub(d.Now()) < 27*24*time.Hour {
		t.Fatalf("got the subscriptions %+v, want one for 28 days\n%s", made, d.log)
	}
	leaving := time.Date(2026, 12, 24, 17, 30, 0, 0, time.UTC)
	d.patch(t, fmt.Sprintf(`{"employeeLeaveDateTime":%q}`, leaving.Format(time.RFC3339)))
	d.at(t, d.Now().Add(2*time.Minute))
	if got := d.leaving(t); !got.Equal(leaving) {
		t.Errorf("told of a change: got the leaving time %s, want %s\n%s", got, leaving, d.log)
	}
	d.at(t, d.Now().Truncate(time.Hour).Add(15*24*time.Hour))
	renewed := d.subscriptions()
	if len(renewed) != 1 || renewed[0].ID != made[0].ID || !renewed[0].Expires.After(made[0].Expires) {
		t.Errorf("after 15 days: got %+v, want the same one renewed", renewed)
	}
	other := clientState + ", another one"
	d.subscribe(t, "", other, clientState)
	d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
	if anew := d.subscriptions(); len(anew) != 1 || anew[0].ClientState != other {
		t.Errorf("with another clientState: got %+v, want one with it\n%s", anew, d.log)
	}
	d.Tenant.Edit(func(w *simtenant.World) { w.Subscriptions = nil }) // as an administrator may
	d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute))
	if again := d.subscriptions(); len(again) != 1 {
		t.Errorf("after somebody took it away: got %+v, want one", again)
	}
}

// patch changes adele's account as whoever has all permissions.
func (d *door) patch(t *testing.T, body string) {
	t.Helper()
	d.Tenant.AddApp(simtenant.App{ClientID: "5c1d0000-0000-4000-8000-000000000001", Name: "HR provisioning", Secret: "hr", Roles: []string{"User.ReadWrite.All", "User-LifeCycleInfo.ReadWrite.All"}})
	connection := d.ConnectionOf("5c1d0000-0000-4000-8000-000000000001", "hr")
	graph := assembly.TenantGraph(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP)
	token, err := graph.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, graph.URL+"/users/"+simtenant.UserID(adele), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := connection.HTTP.Do(r)
	if err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatalf("got %+v, %v", answer, err)
	}
}

// TestAStrangersNotificationIsNobodys, and one of ours is read and not believed.
func TestAStrangersNotificationIsNobodys(t *testing.T) {
	t.Parallel()
	d := newTenantDoor(t, "")
	one := func(state, id, more string) string {
		return fmt.Sprintf(`{"value":[{"subscriptionId":"5ab5","clientState":%q,"changeType":"updated"%s,"resource":"Users/%s","resourceData":{"id":%q}}]}`, state, more, id, id)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		hints      int
	}{
		{"another clientState", one("a stranger's client state, as long as ours", simtenant.UserID(adele), ""), 401, 0},
		{"ours", one(clientState, simtenant.UserID(adele), ""), 202, 1},
		{"no object id", one(clientState, "../../applications", ""), 202, 0},
		{"the end of a subscription", one(clientState, "", `,"lifecycleEvent":"reauthorizationRequired"`), 202, 1},
		{"neither", `{"value":[]}`, 401, 0},
	} {
		before := len(d.Bus.Messages())
		answer, err := http.Post(d.server.URL+"/webhooks/hr", "application/json", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := len(d.Bus.Messages()) - before; answer.StatusCode != tt.status || got != tt.hints {
			t.Errorf("%s: got %d and %d hints, want %d and %d", tt.name, answer.StatusCode, got, tt.status, tt.hints)
		}
	}
	if got := d.leaving(t); !got.IsZero() {
		t.Errorf("got the leaving time %s, want none", got)
	}
}
