package simtenant

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// start is the tenant's clock at the beginning of every test.
var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// fixture is a tenant behind its TLS server, with a plain client.
type fixture struct {
	*testing.T
	*Tenant
	srv    *Server
	client *http.Client
	conn   Connection
	tokens map[string]string
}

// recording is where SIMTENANT_RECORD=FILE sends the traffic of all tests, to be judged by
// contract/conform.py.
var recording = struct {
	once sync.Once
	to   io.Writer
}{}

func setUp(t *testing.T, cfg Config) *fixture {
	t.Helper()
	recording.once.Do(func() {
		if name := os.Getenv("SIMTENANT_RECORD"); name != "" {
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			recording.to = f
		}
	})
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return start }
	}
	if cfg.Record == nil && recording.to != nil {
		cfg.Record, cfg.RecordExchange = recording.to, io.Discard
	}
	tenant, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{T: t, Tenant: tenant, srv: srv, client: srv.Client(), conn: srv.Connection(), tokens: map[string]string{}}
}

// answer is a decoded response.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// code is error.code of the body.
func (a answer) code() string { return a.at("error", "code") }

// at prints the value at a path of keys.
func (a answer) at(path ...string) string {
	var v any = a.body
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return fmt.Sprint(v)
}

// values are the objects of a list.
func (a answer) values() []map[string]any {
	list, _ := a.body["value"].([]any)
	out := []map[string]any{}
	for _, x := range list {
		m, _ := x.(map[string]any)
		out = append(out, m)
	}
	return out
}

// names are one property of all objects of a list, in order.
func (a answer) names(key string) string {
	var out []string
	for _, v := range a.values() {
		out = append(out, fmt.Sprint(v[key]))
	}
	return strings.Join(out, " ")
}

func (f *fixture) send(req *http.Request) answer {
	f.Helper()
	res, err := f.client.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		f.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			f.Fatalf("%s: %s", err, raw)
		}
	}
	return a
}

func (f *fixture) tokenAnswer(client, secret, scope string) answer {
	f.Helper()
	form := url.Values{"client_id": {client}, "client_secret": {secret}, "grant_type": {"client_credentials"}, "scope": {scope}}
	req, err := http.NewRequest("POST", f.conn.Authority+"/"+f.conn.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.send(req)
}

// token is an access token of an app for Graph or Exchange.
func (f *fixture) token(client, audience string) string {
	f.Helper()
	key := client + audience
	if f.tokens[key] == "" {
		f.mu.Lock()
		secret := f.world.Apps[client].Secret
		f.mu.Unlock()
		a := f.tokenAnswer(client, secret, audience+"/.default openid offline_access profile")
		if a.status != 200 {
			f.Fatalf("token: %d %v", a.status, a.body)
		}
		f.tokens[key] = a.at("access_token")
	}
	return f.tokens[key]
}

// app adds an application with these permissions and returns its client id.
func (f *fixture) app(roles string, entra ...string) string {
	f.Helper()
	id := derived("test app", f.Name(), roles, strings.Join(entra, ","))
	f.AddApp(App{ClientID: id, Name: "test", Secret: "s", Roles: strings.Fields(roles), DirectoryRoles: entra})
	return id
}

// as calls Graph as an app; body is marshalled unless nil. Head is pairs of header names and
// values.
func (f *fixture) as(client, method, path string, body any, head ...string) answer {
	f.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			f.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	target := path
	if !strings.HasPrefix(path, "https://") {
		target = f.conn.Graph + path
	}
	req, err := http.NewRequest(method, target, in)
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token(client, graphAudience))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return f.send(req)
}

// graphs calls Graph as the default app.
func (f *fixture) call(method, path string, body any, head ...string) answer {
	f.Helper()
	return f.as(DefaultClientID, method, path, body, head...)
}

// filter escapes a $filter.
func where(filter string) string { return "$filter=" + url.QueryEscape(filter) }

// run runs a cmdlet as an app.
func (f *fixture) runAs(client, name string, parameters map[string]any, head ...string) answer {
	f.Helper()
	raw, err := json.Marshal(map[string]any{"CmdletInput": map[string]any{"CmdletName": name, "Parameters": parameters}})
	if err != nil {
		f.Fatal(err)
	}
	target := f.conn.Exchange + "/adminapi/beta/" + f.conn.TenantID + "/InvokeCommand"
	if len(head)%2 == 1 {
		target, head = head[0], head[1:]
	}
	req, err := http.NewRequest("POST", target, bytes.NewReader(raw))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token(client, exchangeAudience))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-AnchorMailbox", "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"+f.conn.TenantID)
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return f.send(req)
}

func (f *fixture) exec(name string, parameters map[string]any, head ...string) answer {
	f.Helper()
	return f.runAs(DefaultClientID, name, parameters, head...)
}

// detail is the text of a cmdlet's refusal: code|exception|text.
func (a answer) detail() string {
	e, _ := a.body["error"].(map[string]any)
	list, _ := e["details"].([]any)
	if len(list) == 0 {
		return fmt.Sprint(a.body)
	}
	m, _ := list[0].(map[string]any)
	return fmt.Sprint(m["message"])
}

func (f *fixture) user(name string) User {
	f.Helper()
	u, ok := f.Tenant.User(UserID(name + "@contoso.com"))
	if !ok {
		f.Fatalf("no user %s", name)
	}
	return u
}

func (f *fixture) want(a answer, status int, code string) {
	f.Helper()
	if a.status != status || code != "" && a.code() != code {
		f.Fatalf("got %d %v, want %d %s", a.status, a.body, status, code)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// known fails the test when something was asked that is not simulated.
func (f *fixture) known() {
	f.Helper()
	if u := f.Unknown(); len(u) > 0 {
		f.Errorf("not simulated: %v", u)
	}
}

func id(name string) string { return UserID(name + "@contoso.com") }

func TestEnvelope(t *testing.T) {
	f := setUp(t, Config{})
	a := f.call("GET", "/users/"+id("nobody"), nil, "client-request-id", "8f0a")
	f.want(a, 404, "Request_ResourceNotFound")
	equal(t, "client-request-id", a.header.Get("client-request-id"), "8f0a")
	equal(t, "inner client-request-id", a.at("error", "innerError", "client-request-id"), "8f0a")
	equal(t, "inner request-id", a.at("error", "innerError", "request-id"), a.header.Get("request-id"))
	equal(t, "inner date", a.at("error", "innerError", "date"), "2026-11-22T09:00:00")
	equal(t, "Date", a.header.Get("Date"), "Sun, 22 Nov 2026 09:00:00 GMT")
	equal(t, "resource unit", a.header.Get("x-ms-resource-unit"), "1")
	if a.header.Get("x-ms-ags-diagnostic") == "" || a.header.Get("Strict-Transport-Security") == "" {
		t.Errorf("headers are missing: %v", a.header)
	}
	f.Advance(time.Hour)
	equal(t, "Date an hour later", f.call("GET", "/organization", nil).header.Get("Date"), "Sun, 22 Nov 2026 10:00:00 GMT")
	f.known()
}

func TestGzipBodyAndAnswer(t *testing.T) {
	f := setUp(t, Config{})
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(`{"accountEnabled":false}`))
	_ = z.Close()
	req, _ := http.NewRequest("PATCH", f.conn.Graph+"/users/"+id("adele.vance"), &b)
	req.Header.Set("Authorization", "Bearer "+f.token(DefaultClientID, graphAudience))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	f.want(f.send(req), 204, "")
	equal(t, "accountEnabled", f.user("adele.vance").AccountEnabled, false)

	a := f.call("GET", "/organization", nil, "Accept-Encoding", "identity")
	equal(t, "identity encoding", a.header.Get("Content-Encoding"), "")
	req, _ = http.NewRequest("GET", f.conn.Graph+"/organization", nil)
	req.Header.Set("Authorization", "Bearer "+f.token(DefaultClientID, graphAudience))
	req.Header.Set("Accept-Encoding", "gzip") // set by hand, the client leaves the answer packed
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	equal(t, "encoding", res.Header.Get("Content-Encoding"), "gzip")
	equal(t, "protocol", res.Proto, "HTTP/2.0")

	req, _ = http.NewRequest("PATCH", f.conn.Graph+"/users/"+id("adele.vance"), strings.NewReader("no gzip"))
	req.Header.Set("Content-Encoding", "gzip")
	f.want(f.send(req), 400, "BadRequest")
}

func TestUnknownIsLoud(t *testing.T) {
	f := setUp(t, Config{})
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"GET", "/sites/root", nil, 501},
		{"POST", "/users/" + id("adele.vance") + "/revokeSignInSession", nil, 501},
		{"DELETE", "/groups/" + GroupID(GroupMarketing) + "/members/" + id("adele.vance"), nil, 501}, // without /$ref
		{"GET", "/users?$apply=x", nil, 501},
		{"GET", "/users/" + id("adele.vance") + "?$expand=memberOf", nil, 501},
		{"PATCH", "/users/" + id("adele.vance"), map[string]any{"signInActivity": "x"}, 501},
	} {
		before := len(f.Unknown())
		a := f.call(c.method, c.path, c.body)
		equal(t, c.path, a.status, c.status)
		equal(t, c.path+" counts", len(f.Unknown()), before+1)
	}
	equal(t, "title", f.user("adele.vance").JobTitle, "Retail Manager")
	req, _ := http.NewRequest("GET", f.conn.Authority+"/something/else", nil)
	f.want(f.send(req), 501, "NotImplemented")
}

// TestPermissions opens and closes every operation of the table.
func TestPermissions(t *testing.T) {
	f := setUp(t, Config{Users: 30})
	f.AddApp(App{ClientID: "00000000-0000-4000-8000-000000000000", Secret: "s"})
	adele, _ := f.Drive(id("patti.fernandez"))
	group := GroupID(GroupMarketing)
	for _, o := range operations {
		path := strings.NewReplacer("{drive}", adele.ID, "{item}", adele.Items[0].ID, "{member}", id("alex.wilber"), "{rule}", "none").Replace(o.template)
		subject := id("patti.fernandez")
		switch {
		case strings.HasPrefix(path, "/groups"):
			subject = group
		case strings.Contains(path, "roleDefinitions"):
			subject = directoryRoles[0].id
		}
		path = strings.ReplaceAll(path, "{id}", subject)
		path = strings.ReplaceAll(path, "/{collection}", "/phoneMethods")
		none := f.as("00000000-0000-4000-8000-000000000000", o.method, path, bodyFor(o.name()))
		equal(t, o.name()+" without permission", none.status, 403)
		for _, p := range o.allow {
			extra := ""
			if p == "User.EnableDisableAccount.All" {
				extra = " User.Read.All"
			}
			body := bodyFor(o.name())
			if p == "User-PasswordProfile.ReadWrite.All" {
				body = map[string]any{"passwordProfile": map[string]any{"password": "Nobody-Knows-1"}}
			}
			f.Edit(func(w *World) { // undo what the permission before did
				if u := w.Deleted[subject]; u != nil {
					delete(w.Deleted, subject)
					u.DeletedAt, u.UserPrincipalName = time.Time{}, "patti.fernandez@contoso.com"
					w.Users[subject] = u
				}
				if g := w.DeletedGroups[group]; g != nil {
					delete(w.DeletedGroups, group)
					w.Groups[group] = g
				}
				if g := w.Groups[group]; o.name() == "DELETE /groups/{id}/members/{member}/$ref" {
					g.Members = []string{id("alex.wilber")}
				}
			})
			a := f.as(f.app(p+extra), o.method, path, body)
			if a.status == 403 && !strings.HasPrefix(o.name(), "DELETE /directory") {
				t.Errorf("%s with %s: %v", o.name(), p, a.body)
			}
			if a.status >= 500 || a.code() == "BadRequest" && path != "/me" { // which is nobody's who is not signed in
				t.Errorf("%s with %s: %d %v", o.name(), p, a.status, a.body)
			}
		}
	}
	f.known()
}

func bodyFor(operation string) any {
	switch operation {
	case "POST /roleManagement/directory/roleEligibilityScheduleRequests":
		return map[string]any{"action": "adminRemove", "principalId": id("patti.fernandez"), "roleDefinitionId": directoryRoles[0].id, "directoryScopeId": "/"}
	case "PATCH /users/{id}", "PATCH /devices/{id}":
		return map[string]any{"accountEnabled": true}
	case "POST /users/{id}/getMemberGroups", "POST /users/{id}/getMemberObjects":
		return map[string]any{"securityEnabledOnly": false}
	case "PATCH /groups/{id}":
		return map[string]any{"description": "x"}
	case "POST /users/{id}/assignLicense":
		return map[string]any{"addLicenses": []any{}, "removeLicenses": []string{skuOfficeE3ID}}
	case "POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag":
		return map[string]any{"deviceTag": "x"}
	case "PATCH /users/{id}/mailboxSettings":
		return map[string]any{"automaticRepliesSetting": map[string]any{"status": "disabled"}}
	case "POST /users/{id}/mailFolders/inbox/messageRules":
		return map[string]any{"displayName": "x", "actions": map[string]any{"delete": true}}
	case "POST /drives/{drive}/items/{item}/children":
		return map[string]any{"name": "x", "folder": map[string]any{}, "@microsoft.graph.conflictBehavior": "rename"}
	case "POST /drives/{drive}/items/{item}/invite", "POST /drives/{drive}/root/invite":
		return map[string]any{"recipients": []any{map[string]any{"email": "alex.wilber@contoso.com"}}, "roles": []string{"read"}}
	case "PUT /users/{id}/manager/$ref", "POST /groups/{id}/members/$ref", "POST /groups/{id}/owners/$ref":
		return map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + id("nobody")}
	case "PATCH /subscriptions/{id}", "PATCH /users/{id}/mailFolders/inbox/messageRules/{rule}":
		return map[string]any{}
	case "POST /drives/{drive}/items/{item}/copy":
		return map[string]any{"name": "copy"}
	}
	return nil
}

func TestConcurrent(t *testing.T) {
	f := setUp(t, Config{Users: 60, Knobs: Knobs{ReadLag: time.Minute, ThrottleScale: 100}})
	f.token(DefaultClientID, graphAudience)
	f.token(DefaultClientID, exchangeAudience)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				f.call("GET", "/users?$top=20", nil)
				f.call("POST", "/users/"+id("adele.vance")+"/revokeSignInSessions", nil)
				f.exec("Set-Mailbox", map[string]any{"Identity": id("adele.vance"), "HiddenFromAddressListsEnabled": (i+n)%2 == 0})
				f.exec("Get-Mailbox", map[string]any{"ResultSize": "Unlimited"})
				f.Advance(time.Second)
				f.Edit(func(w *World) {
					w.Users[id("adele.vance")].ProxyAddresses = append(w.Users[id("adele.vance")].ProxyAddresses[:1], "smtp:x@contoso.com")
				})
				f.user("adele.vance")
			}
		})
	}
	wg.Wait()
	equal(t, "revocations", f.Requests()["POST /users/{id}/revokeSignInSessions"], 80)
}
