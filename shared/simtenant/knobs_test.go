package simtenant

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadLag(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{ReadLag: time.Minute}})
	f.Advance(time.Hour)
	adele := "/users/" + id("adele.vance")
	enabled := func() string { return f.call("GET", adele+"?$select=accountEnabled", nil).at("accountEnabled") }
	f.want(f.call("PATCH", adele, map[string]any{"accountEnabled": false}), 204, "")
	equal(t, "at once", enabled(), "true")
	equal(t, "in Exchange at once", f.exec("Get-Mailbox", args{"Identity": id("adele.vance")}).values()[0]["AccountDisabled"].(bool), false)
	f.Advance(30 * time.Second)
	f.want(f.call("PATCH", adele, map[string]any{"accountEnabled": true}), 204, "")
	f.Advance(30 * time.Second)
	equal(t, "after the lag", enabled(), "false")
	f.Advance(30 * time.Second)
	equal(t, "the second write after its lag", enabled(), "true")

	f.want(f.call("DELETE", "/groups/"+GroupID(GroupMarketing)+"/members/"+id("adele.vance")+"/$ref", nil), 204, "")
	f.exec("Set-Mailbox", args{"Identity": id("adele.vance"), "Type": "Shared", "HiddenFromAddressListsEnabled": true})
	equal(t, "membership", len(f.call("GET", adele+"/memberOf", nil).values()), 2)
	equal(t, "mailbox", f.exec("Get-Mailbox", args{"Identity": id("adele.vance")}).values()[0]["RecipientTypeDetails"].(string), "UserMailbox")
	f.want(f.call("DELETE", adele, nil), 204, "")
	f.want(f.call("GET", adele, nil), 200, "")
	f.want(f.call("GET", "/directory/deletedItems/"+id("adele.vance"), nil), 404, "")
	f.want(f.call("DELETE", adele, nil), 404, "") // writes see the present
	f.Advance(time.Minute)
	f.want(f.call("GET", adele, nil), 404, "")
	f.want(f.call("GET", "/directory/deletedItems/"+id("adele.vance"), nil), 200, "")
}

func TestFaults(t *testing.T) {
	f := setUp(t, Config{})
	adele := "/users/" + id("adele.vance")
	strike := func(faults ...Fault) { f.Edit(func(w *World) { w.Faults = faults }) }
	off := map[string]any{"accountEnabled": false}

	strike(Fault{Operation: "PATCH /users/{id}", Target: id("adele.vance"), Status: 503, RetryAfter: 1500 * time.Millisecond, Times: 1})
	f.want(f.call("PATCH", "/users/"+id("grady.archie"), off), 204, "")
	a := f.call("PATCH", "/users/adele.vance@contoso.com", off)
	f.want(a, 503, "serviceNotAvailable")
	equal(t, "Retry-After", a.header.Get("Retry-After"), "2")
	equal(t, "not done", f.user("adele.vance").AccountEnabled, true)
	f.want(f.call("PATCH", adele, off), 204, "")

	strike(Fault{Operation: "POST *", Status: 504, After: true, Code: "UnknownError"})
	f.Advance(time.Hour)
	f.want(f.call("POST", adele+"/revokeSignInSessions", nil), 504, "UnknownError")
	equal(t, "done all the same", f.user("adele.vance").SessionsValidFrom, start.Add(time.Hour))

	strike(Fault{Operation: "DELETE /users/{id}", Reset: true, After: true})
	req, _ := http.NewRequest("DELETE", f.conn.Graph+adele, nil)
	req.Header.Set("Authorization", "Bearer "+f.token(DefaultClientID, graphAudience))
	if _, err := f.client.Do(req); err == nil {
		t.Error("the connection was not reset")
	}
	if _, ok := f.DeletedUser(id("adele.vance")); !ok {
		t.Error("the deletion did not take effect")
	}

	strike(Fault{Operation: "GET /organization", Status: 429, Share: 0.5})
	struck := 0
	for range 100 {
		if f.call("GET", "/organization", nil).status == 429 {
			struck++
		}
	}
	if struck < 30 || struck > 70 {
		t.Errorf("%d of 100 were struck", struck)
	}

	strike(Fault{Operation: "Set-Mailbox", Target: id("grady.archie"), Status: 503, Times: 1}, Fault{Operation: "Get-*", Status: 307, Times: 1})
	f.want(f.exec("Set-Mailbox", args{"Identity": "grady.archie", "HiddenFromAddressListsEnabled": true}), 503, "ServiceUnavailable")
	f.want(f.exec("Get-Mailbox", args{"Identity": "grady.archie"}), 200, "") // the client follows the redirect with the same body
	equal(t, "asked twice", f.Requests()["Get-Mailbox"], 2)

	strike(Fault{Operation: "POST /token", Status: 503, Times: 1})
	equal(t, "token", f.tokenAnswer(DefaultClientID, DefaultSecret, graphAudience+"/.default").status, 503)
	equal(t, "token again", f.tokenAnswer(DefaultClientID, DefaultSecret, graphAudience+"/.default").status, 200)
}

func TestThrottle(t *testing.T) {
	start := time.Now()
	f := setUp(t, Config{Now: func() time.Time { return start }, Knobs: Knobs{ThrottleScale: 10}}) // 3,500 resource units and 3,000 writes, there again in 1 s and 15 s
	left := func(budget string, level float64) {
		f.call("GET", "/organization", nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.buckets[budget+"/"+DefaultClientID] = &bucket{level: level, at: f.clock()}
	}
	left("identity", 35)
	var a answer
	n := 0
	for ; n < 100; n++ {
		if a = f.call("GET", "/users", nil); a.status == 429 { // 2 units each
			break
		}
	}
	equal(t, "requests", n, 17)
	equal(t, "Retry-After", a.header.Get("Retry-After"), "1")
	equal(t, "information", a.header.Get("x-ms-throttle-information"), "ResourceUnitLimitExceeded")
	equal(t, "scope", a.header.Get("x-ms-throttle-scope"), "Tenant_Application/Read/"+DefaultClientID+"/"+f.conn.TenantID)
	f.want(a, 429, "TooManyRequests")
	f.Advance(500 * time.Millisecond)
	equal(t, "half of the budget is there again", f.call("GET", "/users", nil).status, 200)
	left("identity", 3500)
	revoke := "/users/" + id("adele.vance") + "/revokeSignInSessions"
	for level, want := range map[float64]string{3000: "", 602: "", 590: "0.8", 290: "0.9", 100: "1.0"} {
		left("write", level)
		equal(t, "percentage", f.call("POST", revoke, nil).header.Get("x-ms-throttle-limit-percentage"), want)
	}
	left("write", 100)
	batch := f.call("POST", "/$batch", map[string]any{"requests": []any{item3("1", "POST", revoke, nil)}})
	equal(t, "percentage of a batch", batch.header.Get("x-ms-throttle-limit-percentage"), "")
	item := batch.body["responses"].([]any)[0].(map[string]any)["headers"].(map[string]any)
	equal(t, "percentage of its item", fmt.Sprint(item["x-ms-throttle-limit-percentage"]), "1.0")
	before, refused := f.IdentityWrites(), f.Throttled()
	equal(t, "allowed in 2 s", before.Allowed(2*time.Second), 3400)
	left("write", 2)
	for n = 0; n < 100; n++ {
		if a = f.call("POST", revoke, nil); a.status == 429 {
			break
		}
	}
	equal(t, "writes", n, 2)
	equal(t, "writes taken", f.IdentityWrites().Taken-before.Taken, 2)
	equal(t, "writes refused", f.Throttled()-refused, 1)
	equal(t, "information", a.header.Get("x-ms-throttle-information"), "WriteLimitExceeded")

	drive := "/users/" + id("adele.vance") + "/drive/root"
	a = f.call("GET", drive, nil)
	equal(t, "SharePoint, far from spent", a.header.Get("RateLimit-Remaining"), "")
	left("files", 241) // until now, which is over
	equal(t, "SharePoint, anew", f.call("GET", drive, nil).header.Get("RateLimit-Remaining"), "")
	f.mu.Lock()
	f.buckets["files/"+DefaultClientID].level = 2401
	f.mu.Unlock()
	a = f.call("GET", drive, nil)
	equal(t, "SharePoint, 80% used", a.header.Get("RateLimit-Limit")+" "+a.header.Get("RateLimit-Remaining")+" "+a.header.Get("RateLimit-Reset"), "12000 2400 60")
	f.mu.Lock()
	f.buckets["files/"+DefaultClientID].level = 0
	f.mu.Unlock()
	units := f.FileUnits().Taken
	a = f.call("GET", drive, nil)
	f.want(a, 429, "TooManyRequests")
	equal(t, "SharePoint, spent", a.header.Get("RateLimit-Remaining")+" "+a.header.Get("Retry-After"), "0 60")
	equal(t, "units taken", f.FileUnits().Taken-units, 0)
	f.Advance(time.Minute)
	equal(t, "SharePoint, a window later", f.call("GET", drive, nil).status, 200)
	equal(t, "units taken", f.FileUnits().Taken-units, 1)

	equal(t, "another app has its own budget", f.as(f.app("User.Read.All"), "GET", "/users", nil).status, 200)
}

// TestWhatAFaultSaysIsWhatIsAnswered: its code, its message, and where it strikes.
func TestWhatAFaultSaysIsWhatIsAnswered(t *testing.T) {
	f := setUp(t, Config{})
	grady := "/users/" + id("grady.archie")
	strike := func(faults ...Fault) { f.Edit(func(w *World) { w.Faults = faults }) }
	strike(Fault{Operation: "GET /users/{id}", Status: 403, Code: "accessDenied", Message: "Not now", Times: 1})
	a := f.call("GET", grady, nil)
	f.want(a, 403, "accessDenied")
	equal(t, "message", a.at("error", "message"), "Not now")
	strike(Fault{Operation: "GET /users/{id}", Status: 429})
	equal(t, "of a 429, inside", f.call("GET", grady, nil).at("error", "innerError", "code"), "429")

	strike(Fault{Operation: "Set-Mailbox", Status: 503, After: true})
	f.want(f.exec("Set-Mailbox", args{"Identity": "grady.archie", "HiddenFromAddressListsEnabled": true}), 503, "ServiceUnavailable")
	if m, _ := f.Mailbox(id("grady.archie")); !m.Hidden {
		t.Error("the command took no effect before its answer was hidden")
	}

	revoke := map[string]any{"requests": []any{item3("1", "POST", grady+"/revokeSignInSessions", nil)}}
	valid := func() time.Time { return f.user("grady.archie").SessionsValidFrom }
	for _, after := range []bool{false, true} {
		was := valid()
		f.Advance(time.Hour)
		strike(Fault{Operation: "POST /$batch", Status: 503, After: after})
		f.want(f.call("POST", "/$batch", revoke), 503, "serviceNotAvailable")
		equal(t, "a batch that is refused as a whole takes effect", valid() != was, after)
	}
	strike(Fault{Operation: "POST /users/{id}/revokeSignInSessions", Reset: true})
	a = f.call("POST", "/$batch", revoke)
	f.want(a, 200, "")
	equal(t, "an item whose service is gone", fmt.Sprint(a.body["responses"].([]any)[0].(map[string]any)["status"]), "502")
}

// TestListsKeysAndSeatsLagToo: Microsoft Entra, eventual consistency.
func TestListsKeysAndSeatsLagToo(t *testing.T) {
	f := seeded(t, `
knobs: {readLag: 1m}
users: [{userPrincipalName: ada@contoso.com, employeeId: E1, licences: [ENTERPRISEPACK]}, {userPrincipalName: bo@contoso.com}]
`)
	f.Advance(time.Hour)
	look := func() string {
		users := f.call("GET", "/users?$select=id", nil).values()
		old := f.call("GET", "/users?$select=id&"+where("employeeId eq 'E1'"), nil).values()
		var seats any
		for _, s := range f.call("GET", "/subscribedSkus", nil).values() {
			if s["skuPartNumber"] == SKUOfficeE3 {
				seats = s["consumedUnits"]
			}
		}
		return fmt.Sprint(len(users), len(old), seats)
	}
	f.want(f.call("PATCH", "/users/"+ada, map[string]any{"employeeId": "E2"}), 204, "")
	f.want(f.call("POST", "/users/"+ada+"/assignLicense", map[string]any{"addLicenses": []any{}, "removeLicenses": []any{skuOfficeE3ID}}), 200, "")
	f.want(f.call("DELETE", "/users/"+bo, nil), 204, "")
	equal(t, "people, the old number, seats at once", look(), "2 1 1")
	f.Advance(time.Minute)
	equal(t, "people, the old number, seats after the lag", look(), "1 0 0")
}

// TestEachBudgetIsSpentForItself: Microsoft Graph, service-specific throttling limits.
func TestEachBudgetIsSpentForItself(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{ThrottleScale: 1}})
	patti := id("patti.fernandez")
	var device string
	f.Edit(func(w *World) {
		for _, d := range w.Managed {
			device = d.ID
		}
	})
	for budget, path := range map[string]string{
		"intune/" + DefaultClientID:                "GET /deviceManagement/managedDevices",
		"intuneWrite/" + DefaultClientID:           "POST /deviceManagement/managedDevices/" + device + "/retire",
		"outlook/" + DefaultClientID + "/" + patti: "GET /users/" + patti + "/mailFolders",
		"reports/" + DefaultClientID:               "GET /auditLogs/directoryAudits",
	} {
		method, path, _ := strings.Cut(path, " ")
		if a := f.call(method, path, nil); a.status >= 300 {
			t.Fatalf("%s %s: %d %v", method, path, a.status, a.body)
		}
		f.mu.Lock()
		if f.buckets[budget] == nil {
			t.Errorf("%s draws not on %s", path, budget)
		}
		f.buckets[budget] = &bucket{at: f.clock()}
		f.mu.Unlock()
		f.want(f.call(method, path, nil), 429, "TooManyRequests")
		f.mu.Lock()
		delete(f.buckets, budget)
		f.mu.Unlock()
	}
	token := f.token(DefaultClientID, graphAudience)
	f.mu.Lock()
	f.underWay["Bearer "+token+"/"+id("grady.archie")] = outlookAtOnce
	f.mu.Unlock()
	f.want(f.call("GET", "/users/"+id("grady.archie")+"/mailFolders", nil), 429, "ApplicationThrottled")
}

func TestLatencyAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant, err := New(Config{Knobs: Knobs{Latency: 2 * time.Second, Faults: []Fault{{Operation: "POST /token", Delay: 3 * time.Second}}}})
		if err != nil {
			t.Fatal(err)
		}
		conn := tenant.Connection("https://tenant.simulated")
		form := url.Values{"client_id": {conn.ClientID}, "client_secret": {conn.ClientSecret}, "grant_type": {"client_credentials"}, "scope": {graphAudience + "/.default"}}
		begun := time.Now()
		res, err := tenant.Client().PostForm(conn.Authority+"/"+conn.TenantID+"/oauth2/v2.0/token", form)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		equal(t, "status", res.StatusCode, 200)
		equal(t, "time", time.Since(begun), 5*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", conn.Graph+"/organization", nil)
		if _, err := tenant.Client().Do(req); err == nil {
			t.Error("the deadline did not end the wait")
		}
	})
}

func TestRecording(t *testing.T) {
	var graph, exchange bytes.Buffer
	f := setUp(t, Config{Record: &graph, RecordExchange: &exchange})
	f.call("PATCH", "/users/"+id("adele.vance"), map[string]any{"passwordProfile": map[string]any{"password": "Never-Seen-42"}})
	f.exec("Get-Mailbox", args{"Identity": id("adele.vance")})
	var lines []recordedLine
	for l := range strings.Lines(graph.String()) {
		var r recordedLine
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r)
	}
	if len(lines) != 3 || lines[0].Body != nil || lines[1].Status != 204 || len(lines[1].Roles) == 0 || !strings.HasPrefix(lines[1].URL, f.conn.Graph) {
		t.Errorf("recorded %+v", lines)
	}
	if _, err := time.Parse(time.RFC3339Nano, lines[1].At); err != nil || lines[1].App != f.conn.ClientID || lines[0].App != "" {
		t.Errorf("recorded at %q by %q, and the token by %q, %v; want when, by the client id, and by nobody", lines[1].At, lines[1].App, lines[0].App, err)
	}
	if strings.Contains(graph.String(), "Never-Seen") || strings.Contains(graph.String(), DefaultSecret) {
		t.Error("a secret was recorded")
	}
	equal(t, "exchange lines", strings.Count(exchange.String(), "\n"), 1)
}
