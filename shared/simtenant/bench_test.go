package simtenant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// direct sends requests to a tenant without a network.
type direct struct {
	*Tenant
	tokens map[string]string
}

func newDirect(tb testing.TB, people int) *direct {
	tb.Helper()
	tenant, err := New(Config{Users: people})
	if err != nil {
		tb.Fatal(err)
	}
	d := &direct{tenant, map[string]string{}}
	for _, audience := range []string{graphAudience, exchangeAudience} {
		form := url.Values{"client_id": {DefaultClientID}, "client_secret": {DefaultSecret}, "grant_type": {"client_credentials"}, "scope": {audience + "/.default"}}
		res := httptest.NewRecorder()
		tenant.ServeHTTP(res, httptest.NewRequest("POST", "https://x/"+DefaultTenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode())))
		body, _ := decoded(res.Body.Bytes()).(map[string]any)
		d.tokens[audience], _ = str(body, "access_token")
	}
	return d
}

// request is one request of the curve; body is nil for none.
type request struct {
	name, method, path string
	body               any
	cmdlet             string // of Exchange, instead of method and path
	walks              bool   // a search or a count: printed, not bound
}

func (d *direct) send(tb testing.TB, r request) {
	audience, method, path, body := graphAudience, r.method, "/v1.0"+r.path, r.body
	if r.cmdlet != "" {
		audience, method, path = exchangeAudience, "POST", "/adminapi/beta/"+DefaultTenantID+"/InvokeCommand"
		body = map[string]any{"CmdletInput": map[string]any{"CmdletName": r.cmdlet, "Parameters": r.body}}
	}
	raw := []byte{}
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	req := httptest.NewRequest(method, "https://x"+path, bytes.NewReader(raw))
	req.Header.Set("Authorization", "Bearer "+d.tokens[audience])
	req.Header.Set("Content-Type", "application/json")
	if r.walks {
		req.Header.Set("ConsistencyLevel", "eventual")
	}
	rec := httptest.NewRecorder()
	if d.ServeHTTP(rec, req); rec.Code >= 300 {
		tb.Fatal(r.name, rec.Code, rec.Body)
	}
}

// curve is what Leaver and whoever has a key asks. The person is one of the invented employees, who
// is in the groups that grow with the company.
func curve() []request {
	who := "henk.abend@contoso.com"
	for i := range 40 {
		if u := employee(27+i, i, func(n string) string { return n + "@contoso.com" }); u.Phones != nil && u.Devices != nil && !u.Synced && slices.Contains(u.Groups, GroupLicenceEMS) {
			who = u.UPN
			break
		}
	}
	p, group := "/users/"+UserID(who), "/groups/"+GroupID(GroupLicenceEMS)
	box := map[string]any{"Identity": UserID(who)}
	with := func(more ...any) map[string]any {
		m := map[string]any{"Identity": UserID(who)}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	adele := " -eq 'CN=adele.vance,OU=" + DefaultTenantID + ",OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A001,DC=PROD,DC=OUTLOOK,DC=COM'"
	return []request{
		{name: "user by id", method: "GET", path: p + "?$select=id,accountEnabled,assignedLicenses,licenseAssignmentStates"},
		{name: "user by name", method: "GET", path: "/users/" + who},
		{name: "user by employeeId", method: "GET", path: "/users?$select=id&" + where("employeeId eq 'E0036'")},
		{name: "user by mail", method: "GET", path: "/users?$select=id&" + where("mail eq '"+who+"' or proxyAddresses/any(p:p eq 'smtp:"+who+"')")},
		{name: "leavers by date", method: "GET", path: "/users?$select=id&" + where("employeeLeaveDateTime ge 2026-11-01T00:00:00Z")},
		{name: "manager", method: "GET", path: p + "/manager"},
		{name: "disable", method: "PATCH", path: p, body: map[string]any{"accountEnabled": false}},
		{name: "revoke", method: "POST", path: p + "/revokeSignInSessions"},
		{name: "memberOf", method: "GET", path: p + "/memberOf"},
		{name: "transitiveMemberOf", method: "GET", path: p + "/transitiveMemberOf"},
		{name: "ownedObjects", method: "GET", path: p + "/ownedObjects"},
		{name: "registeredDevices", method: "GET", path: p + "/registeredDevices"},
		{name: "licenseDetails", method: "GET", path: p + "/licenseDetails"},
		{name: "subscribedSkus", method: "GET", path: "/subscribedSkus"},
		{name: "managedDevices", method: "GET", path: p + "/managedDevices"},
		{name: "app registrations", method: "GET", path: p + "/managedAppRegistrations"},
		{name: "consents", method: "GET", path: p + "/oauth2PermissionGrants"},
		{name: "numbers", method: "GET", path: "/admin/teams/telephoneNumberManagement/numberAssignments"},
		{name: "eligible roles", method: "GET", path: "/roleManagement/directory/roleEligibilitySchedules?" + where("principalId eq '"+UserID(who)+"'")},
		{name: "role assignments", method: "GET", path: "/roleManagement/directory/roleAssignments?" + where("principalId eq '"+UserID(who)+"'")},
		{name: "calendars", method: "GET", path: p + "/calendars"},
		{name: "audit of a person", method: "GET", path: "/auditLogs/directoryAudits?" + where("activityDisplayName eq 'Enable account' and targetResources/any(t:t/id eq '"+UserID(who)+"')")},
		{name: "organization", method: "GET", path: "/organization"},
		{name: "deleted item", method: "GET", path: "/directory/deletedItems/microsoft.graph.user?$top=1"},
		{name: "first page of users", method: "GET", path: "/users?$top=100&$select=id"},
		{name: "Get-Mailbox", cmdlet: "Get-Mailbox", body: box},
		{name: "Get-Mailbox by address", cmdlet: "Get-Mailbox", body: map[string]any{"Identity": who}},
		{name: "Get-Recipient", cmdlet: "Get-Recipient", body: box},
		{name: "Get-CASMailbox", cmdlet: "Get-CASMailbox", body: box},
		{name: "Set-CASMailbox", cmdlet: "Set-CASMailbox", body: with("OWAEnabled", false)},
		{name: "Get-MobileDevice", cmdlet: "Get-MobileDevice", body: map[string]any{"Mailbox": UserID(who)}},
		{name: "Get-MailboxPermission of one", cmdlet: "Get-MailboxPermission", body: with("User", UserID(who))},
		{name: "Get-MailboxPermission of all", cmdlet: "Get-MailboxPermission", body: map[string]any{"Identity": "*", "User": UserID(who)}},
		{name: "Get-RecipientPermission", cmdlet: "Get-RecipientPermission", body: map[string]any{"Trustee": UserID(who)}},
		{name: "on behalf of", cmdlet: "Get-Mailbox", body: map[string]any{"Filter": "GrantSendOnBehalfTo" + adele}},
		{name: "moderator of mailboxes", cmdlet: "Get-Mailbox", body: map[string]any{"Filter": "ModeratedBy" + adele}},
		{name: "moderator of groups", cmdlet: "Get-DistributionGroup", body: map[string]any{"Filter": "ModeratedBy" + adele}},
		{name: "dynamic groups", cmdlet: "Get-DynamicDistributionGroup", body: map[string]any{"Filter": "ManagedBy" + adele}},
		{name: "mail flow rules", cmdlet: "Get-TransportRule", body: map[string]any{"State": "Enabled"}},
		{name: "leave and join a big group", method: "DELETE", path: group + "/members/" + UserID(who) + "/$ref"},

		{name: "search by name", method: "GET", path: "/users?$select=id&" + where("startswith(displayName,'Zz')"), walks: true},
		{name: "count of the enabled", method: "GET", path: "/users?$top=1&$count=true&" + where("accountEnabled eq true"), walks: true},
	}
}

// measure is the median of many rounds of one request in each of several tenants, taken by turns, so
// that what else the machine does falls on all alike.
func measure(tb testing.TB, tenants []*direct, r request, rounds int) []time.Duration {
	taken := make([][]time.Duration, len(tenants))
	for range rounds {
		for i, d := range tenants {
			begun := time.Now()
			d.send(tb, r)
			taken[i] = append(taken[i], time.Since(begun))
			if strings.HasPrefix(r.name, "leave and join") { // it has to be there again
				d.mu.Lock()
				d.world.addMember(d.world.Groups[GroupID(GroupLicenceEMS)], r.path[strings.Index(r.path, "members/")+8:strings.Index(r.path, "/$ref")])
				d.mu.Unlock()
			}
		}
	}
	medians := make([]time.Duration, len(tenants))
	for i := range taken {
		slices.Sort(taken[i])
		medians[i] = taken[i][len(taken[i])/2]
	}
	return medians
}

// BenchmarkCompany prints how long every request takes in companies of 500, 5,000 and 50,000.
func BenchmarkCompany(b *testing.B) {
	sizes := []int{500, 5000, 50000}
	var tenants []*direct
	for _, n := range sizes {
		tenants = append(tenants, newDirect(b, n))
	}
	for b.Loop() {
		var sums, table = make([]time.Duration, len(sizes)), strings.Builder{}
		worst := 0.0
		fmt.Fprintf(&table, "%-30s %10s %10s %10s  ratio\n", "", "500", "5,000", "50,000")
		for _, r := range curve() {
			rounds := 401
			if r.walks {
				rounds = 5
			}
			m := measure(b, tenants, r, rounds)
			ratio := float64(m[2]) / float64(m[0])
			note := "  (walks: not bound)"
			if !r.walks {
				note, worst = "", max(worst, ratio)
				for i := range sums {
					sums[i] += m[i]
				}
			}
			fmt.Fprintf(&table, "%-30s %10v %10v %10v  %.2f%s\n", r.name, m[0], m[1], m[2], ratio, note)
		}
		fmt.Fprintf(&table, "%-30s %10v %10v %10v  %.2f, worst %.2f", "all that are bound", sums[0], sums[1], sums[2], float64(sums[2])/float64(sums[0]), worst)
		fmt.Println("\n" + table.String())
		b.ReportMetric(float64(sums[2])/float64(sums[0]), "x-50000/500")
		b.ReportMetric(worst, "x-worst")
	}
}

// TestAnswersDoNotGrowWithTheCompany would find a walk over everybody, which makes a company of a
// hundred times as many a hundred times as slow. The bound is wide, for machines that are busy; the
// benchmark has the figures.
func TestAnswersDoNotGrowWithTheCompany(t *testing.T) {
	tenants := []*direct{newDirect(t, 200), newDirect(t, 20000)}
	for _, r := range curve() {
		if r.walks {
			continue
		}
		if m := measure(t, tenants, r, 41); m[1] > 3*m[0]+50*time.Microsecond {
			t.Errorf("%s takes %v with 200 people and %v with 20,000, want about the same", r.name, m[0], m[1])
		}
	}
}

// BenchmarkRequest is the cost of one read in a company of 5,000, without the network.
func BenchmarkRequest(b *testing.B) {
	d := newDirect(b, 5000)
	for _, r := range []request{
		{name: "user", path: "/users/" + id("adele.vance")},
		{name: "licences", path: "/users/" + id("adele.vance") + "?$select=assignedLicenses"},
		{name: "seats", path: "/subscribedSkus"},
		{name: "filter", path: "/users?$select=id&" + where("employeeId eq 'E0001'")},
	} {
		r.method = http.MethodGet
		b.Run(r.name, func(b *testing.B) {
			for b.Loop() {
				d.send(b, r)
			}
		})
	}
}
