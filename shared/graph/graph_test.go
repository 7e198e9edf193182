package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/offboarding"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	leaver = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	team   = "4d81ce71-486c-41e9-afc5-e41bf2d0722a"
	sku    = "c7df2760-2c81-4ef7-b578-5b5392b571df"
	date   = "Sun, 22 Nov 2026 09:00:00 GMT"
)

var asked = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

type fixedToken struct{ err error }

func (f fixedToken) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token for " + o.Scopes[0]}, f.err
}

type writeGuard struct {
	no    error
	notes []offboarding.Call
}

func (w *writeGuard) Allow(context.Context) error { return w.no }
func (w *writeGuard) Record(c offboarding.Call)   { w.notes = append(w.notes, c) }

// request is what the server saw.
type request struct{ method, target, body string }

type server struct {
	*Client
	guard *writeGuard
	mu    sync.Mutex
	seen  []request
}

// serve makes a client of a server that answers as the handler does, and a context with a write guard.
func serve(t *testing.T, h http.HandlerFunc) (*server, context.Context) {
	t.Helper()
	s := &server{guard: &writeGuard{}}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.seen = append(s.seen, request{r.Method, r.RequestURI, string(body)})
		s.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer token for scope" {
			t.Errorf("authorization: %q", r.Header.Get("Authorization"))
		}
		w.Header().Set("Date", date)
		w.Header().Set("request-id", "r1")
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	var err error
	if s.Client, err = New(fixedToken{}, srv.URL+"/v1.0", "scope", srv.Client()); err != nil {
		t.Fatal(err)
	}
	return s, offboarding.WithWriteGuard(t.Context(), s.guard)
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// writes are all methods that change the world, and what they send.
var everyWrite = map[string]struct {
	call      func(context.Context, *Client) error
	operation string
	sent      request
	status    int
	body      string
}{
	"SetPassword": {
		func(ctx context.Context, c *Client) error { return c.SetPassword(ctx, leaver, "s3cret") },
		"PATCH /users/{id}",
		request{"PATCH", "/v1.0/users/" + leaver, `{"passwordProfile":{"forceChangePasswordNextSignIn":true,"forceChangePasswordNextSignInWithMfa":false,"password":"s3cret"}}`}, 204, "",
	},
	"Disable": {
		func(ctx context.Context, c *Client) error { _, err := c.Disable(ctx, leaver); return err },
		"PATCH /users/{id}",
		request{"PATCH", "/v1.0/users/" + leaver, `{"accountEnabled":false}`}, 204, "",
	},
	"RemoveSharing": {
		func(ctx context.Context, c *Client) error { return c.RemoveSharing(ctx, "b!1", "01A", "p1") },
		"DELETE /drives/{id}/items/{id}/permissions/{id}",
		request{"DELETE", "/v1.0/drives/b!1/items/01A/permissions/p1", ""}, 204, "",
	},
	"LetRead": {
		func(ctx context.Context, c *Client) error { return c.LetRead(ctx, "b!1", "01A", leaver) },
		"POST /drives/{id}/items/{id}/invite",
		request{"POST", "/v1.0/drives/b!1/items/01A/invite", `{"recipients":[{"objectId":"` + leaver + `"}],"requireSignIn":true,"roles":["read"],"sendInvitation":false}`}, 200, `{"value":[{"id":"p1"}]}`,
	},
	"MakeFolder": {
		func(ctx context.Context, c *Client) error {
			_, err := c.MakeFolder(ctx, "b!1", "01R", "Files")
			return err
		},
		"POST /drives/{id}/items/{id}/children",
		request{"POST", "/v1.0/drives/b!1/items/01R/children", `{"@microsoft.graph.conflictBehavior":"fail","folder":{},"name":"Files"}`}, 201, `{"id":"01F"}`,
	},
	"RevokeSignInSessions": {
		func(ctx context.Context, c *Client) error { return c.RevokeSignInSessions(ctx, leaver) },
		"POST /users/{id}/revokeSignInSessions",
		request{"POST", "/v1.0/users/" + leaver + "/revokeSignInSessions", ""}, 200, `{"value":true}`,
	},
	"RemoveLicences": {
		func(ctx context.Context, c *Client) error { return c.RemoveLicences(ctx, leaver, []string{sku}) },
		"POST /users/{id}/assignLicense",
		request{"POST", "/v1.0/users/" + leaver + "/assignLicense", `{"addLicenses":[],"removeLicenses":["` + sku + `"]}`}, 200, `{"id":"` + leaver + `"}`,
	},
	"DeleteUser": {
		func(ctx context.Context, c *Client) error { return c.DeleteUser(ctx, leaver) },
		"DELETE /users/{id}",
		request{"DELETE", "/v1.0/users/" + leaver, ""}, 204, "",
	},
	"DisableDevice": {
		func(ctx context.Context, c *Client) error { return c.DisableDevice(ctx, leaver) },
		"PATCH /devices/{id}",
		request{"PATCH", "/v1.0/devices/" + leaver, `{"accountEnabled":false}`}, 204, "",
	},
	"Retire": {
		func(ctx context.Context, c *Client) error { return c.Retire(ctx, team) },
		"POST /deviceManagement/managedDevices/{id}/retire",
		request{"POST", "/v1.0/deviceManagement/managedDevices/" + team + "/retire", ""}, 204, "",
	},
	"WipeAppData": {
		func(ctx context.Context, c *Client) error { return c.WipeAppData(ctx, leaver, "a tag") },
		"POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag",
		request{"POST", "/v1.0/users/" + leaver + "/wipeManagedAppRegistrationsByDeviceTag", `{"deviceTag":"a tag"}`}, 204, "",
	},
	"LeaveGroup": {
		func(ctx context.Context, c *Client) error { return c.LeaveGroup(ctx, team, leaver) },
		"DELETE /groups/{id}/members/{id}/$ref",
		request{"DELETE", "/v1.0/groups/" + team + "/members/" + leaver + "/$ref", ""}, 204, "",
	},
}

func TestAWriteIsSentOnceAndNoted(t *testing.T) {
	for name, test := range everyWrite {
		t.Run(name, func(t *testing.T) {
			s, ctx := serve(t, respond(test.status, test.body))
			if err := test.call(ctx, s.Client); err != nil {
				t.Fatal(err)
			}
			if len(s.seen) != 1 || s.seen[0].method != test.sent.method || s.seen[0].target != test.sent.target || !sameJSON(s.seen[0].body, test.sent.body) {
				t.Errorf("sent %v", s.seen)
			}
			if want := []offboarding.Call{{Operation: test.operation, Status: test.status, RequestID: "r1"}}; !slices.Equal(s.guard.notes, want) {
				t.Errorf("noted %v, want %v", s.guard.notes, want)
			}
		})
	}
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

func TestB16NoWriteLeavesWithoutAWarrant(t *testing.T) {
	for name, test := range everyWrite {
		t.Run(name, func(t *testing.T) {
			s, ctx := serve(t, respond(test.status, test.body))
			s.guard.no = fmt.Errorf("no: %w", offboarding.ErrCancelled)
			if err := test.call(ctx, s.Client); err != s.guard.no {
				t.Errorf("cancelled: %v", err)
			}
			var p *offboarding.PermanentError
			if err := test.call(t.Context(), s.Client); !errors.As(err, &p) {
				t.Errorf("outside of a run: %v", err)
			}
			if len(s.seen) > 0 || len(s.guard.notes) > 0 {
				t.Errorf("sent %v, noted %v", s.seen, s.guard.notes)
			}
		})
	}
}

func TestABatchWritesWhenOneOfItsRequestsDoes(t *testing.T) {
	read, question, write := call{}, call{body: 1}, call{method: "DELETE"}
	for name, test := range map[string]struct {
		calls []call
		want  bool
	}{
		"a read": {[]call{read}, false}, "a question that is put as a POST": {[]call{question}, false}, "a write": {[]call{write}, true},
		"reads": {[]call{read, question}, false}, "reads and a write": {[]call{read, question, write}, true},
	} {
		if got := (&outgoing{calls: test.calls}).writes(); got != test.want {
			t.Errorf("%s: writes = %t, want %t", name, got, test.want)
		}
	}
}

func TestEvidenceNamesNobody(t *testing.T) {
	for path, want := range map[string]string{
		"/users/" + leaver:                             "/users/{id}",
		"/users/adele@contoso.com":                     "/users/{id}",
		"/groups/x-1/members/y-2/$ref":                 "/groups/{id}/members/{id}/$ref",
		"/directory/deletedItems/microsoft.graph.user": "/directory/deletedItems/microsoft.graph.user",
		"/$batch": "/$batch",
	} {
		if got := template(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestB15NobodyIsAddressedByName(t *testing.T) {
	s, ctx := serve(t, respond(204, ""))
	for _, id := range []string{"", "adele@contoso.com", "me", "{" + leaver + "}", leaver + "/x"} {
		_, _, errRoles := s.UserAndRoles(ctx, id)
		_, errDisable := s.Disable(ctx, id)
		for _, err := range []error{s.DeleteUser(ctx, id), s.LeaveGroup(ctx, team, id), s.LeaveGroup(ctx, id, leaver), s.LeaveGroups(ctx, leaver, []string{team, id})[0], errDisable, s.DisableDevice(ctx, id), s.Retire(ctx, id), s.WipeAppData(ctx, id, "tag"), errRoles} {
			var p *offboarding.PermanentError
			if !errors.As(err, &p) || strings.Contains(err.Error(), "adele") {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if len(s.seen) > 0 {
		t.Errorf("sent %v", s.seen)
	}
}

const problemBody = `{"error":{"code":"%s","message":"about adele@contoso.com","innerError":{"request-id":"x","innererror":{"code":"%s","message":"adele"}}}}`

func TestErrorsAreClassifiedByStatusAndCode(t *testing.T) {
	const (
		missing   = "missing"
		throttled = "throttled"
		transient = "transient"
		permanent = "permanent"
	)
	for _, test := range []struct {
		name        string
		status      int
		body, after string
		want        string
	}{
		{"nobody there", 404, fmt.Sprintf(problemBody, "Request_ResourceNotFound", "x"), "", missing},
		{"too many requests until then", 429, fmt.Sprintf(problemBody, "TooManyRequests", "429"), "7", throttled},
		{"too many requests", 429, "", "", transient},
		{"unavailable until then", 503, "<html>adele</html>", "7", throttled},
		{"timed out until then", 504, "{}", "7", throttled},
		{"a gateway in between", 502, "<html>adele</html>", "", transient},
		{"an error inside", 500, `{"error":{}}`, "", transient},
		{"no answer in time", 408, "", "", transient},
		{"an expired token", 401, fmt.Sprintf(problemBody, "InvalidAuthenticationToken", "x"), "", transient},
		{"no permission", 403, fmt.Sprintf(problemBody, "Authorization_RequestDenied", "x"), "", permanent},
		{"mastered elsewhere", 400, fmt.Sprintf(problemBody, "Request_BadRequest", "x"), "", permanent},
		{"an expired page", 400, fmt.Sprintf(problemBody, "BadRequest", "Directory_ExpiredPageToken"), "", transient},
		{"a conflict", 409, "null", "", permanent},
		{"a conflict with others who write now", 409, fmt.Sprintf(problemBody, "Directory_ConcurrencyViolation", "x"), "", transient},
		{"a conflict with others until then", 409, fmt.Sprintf(problemBody, "Directory_ConcurrencyViolation", "x"), "7", throttled},
		{"a redirect", 302, "", "", transient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				if strings.HasPrefix(test.body, "<") {
					w.Header().Set("Content-Type", "text/html")
				}
				respond(test.status, test.body)(w, r)
			})
			_, err := s.Disable(ctx, leaver)
			got := transient
			var p *offboarding.PermanentError
			var th *offboarding.ThrottledError
			switch {
			case errors.Is(err, offboarding.ErrNotFound):
				got = missing
			case errors.As(err, &p):
				got = permanent
			case errors.As(err, &th):
				if got = throttled; th.Delay != 7*time.Second {
					t.Errorf("delay %s", th.Delay)
				}
			}
			if err == nil || got != test.want {
				t.Fatalf("%s, want %s: %v", got, test.want, err)
			}
			text := err.Error()
			if !strings.Contains(text, "disabling user "+leaver) || strings.Contains(text, "adele") || !strings.Contains(text, fmt.Sprint(test.status)) {
				t.Errorf("it says %q", text)
			}
			if len(s.seen) != 1 || len(s.guard.notes) != 1 || s.guard.notes[0].Status != test.status {
				t.Errorf("sent %v, noted %v", s.seen, s.guard.notes)
			}
		})
	}
}

func TestAnErrorShowsTheInnermostCodeAndTheRequest(t *testing.T) {
	s, ctx := serve(t, respond(403, fmt.Sprintf(problemBody, "accessDenied", "Authorization_RequestDenied")))
	_, err := s.User(ctx, leaver)
	if want := "reading user " + leaver + ": Graph answered 403 accessDenied/Authorization_RequestDenied (request r1); likely "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), s.Portal().User(leaver)) {
		t.Errorf("%v", err)
	}
}

func TestWhatNeverBecameAnAnswerIsTransient(t *testing.T) {
	s, ctx := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	var p *offboarding.PermanentError
	var u *url.Error
	_, err := s.Disable(ctx, leaver)
	if err == nil || errors.As(err, &p) || errors.As(err, &u) || len(s.guard.notes) > 0 || len(s.seen) != 1 {
		t.Errorf("%v, sent %v, noted %v", err, s.seen, s.guard.notes)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Disable(done, leaver); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	if _, err := s.Disable(late, leaver); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too late: %v", err)
	}
}

func TestAVerdictOfTheCredentialStaysWhatItIs(t *testing.T) {
	srv := httptest.NewTLSServer(respond(200, ""))
	defer srv.Close()
	c, err := New(fixedToken{offboarding.Permanent(errors.New("no token"))}, srv.URL, "scope", srv.Client())
	if err != nil {
		t.Fatal(err)
	}
	var p *offboarding.PermanentError
	if _, err := c.User(t.Context(), leaver); !errors.As(err, &p) {
		t.Error(err)
	}
}

func TestASuccessWithoutAnObjectIsAnError(t *testing.T) {
	s, ctx := serve(t, respond(200, ""))
	if u, err := s.User(ctx, leaver); err == nil {
		t.Errorf("%+v", u)
	}
	if err := s.RevokeSignInSessions(ctx, leaver); err == nil {
		t.Error("revoke was taken for confirmed")
	}
	if _, _, err := s.UserAndRoles(ctx, leaver); err == nil {
		t.Error("a batch was taken for answered")
	}
	if d, err := s.Drive(ctx, leaver); err == nil {
		t.Errorf("%+v", d)
	}
}

func TestAUserIsReadAsTheTenantShowsIt(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"id":"`+leaver+`","userPrincipalName":"a@c.com","mail":null,"userType":"Member","accountEnabled":false,"onPremisesSyncEnabled":null,
		"lastPasswordChangeDateTime":"2026-01-02T03:04:05Z","signInSessionsValidFromDateTime":"2026-01-02T03:04:06Z",
		"assignedLicenses":[{"disabledPlans":[],"skuId":"`+sku+`"},{"disabledPlans":[],"skuId":"`+team+`"}],
		"licenseAssignmentStates":[{"skuId":"`+sku+`","assignedByGroup":"`+team+`","error":"None"}]}`))
	u, err := s.User(ctx, leaver)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if u.ID != leaver || u.UserPrincipalName != "a@c.com" || u.AccountEnabled || u.OnPremisesSyncEnabled || u.UserType != "Member" ||
		!u.LastPasswordChange.Equal(at) || !u.SessionsValidFrom.Equal(at.Add(time.Second)) || !u.AsOf.Equal(asked) {
		t.Errorf("%+v", u)
	}
	if want := []offboarding.Licence{{SKU: sku, AssignedByGroup: team, Error: "None"}, {SKU: team}}; !slices.Equal(u.Licences, want) {
		t.Errorf("licences %v", u.Licences)
	}
	if want := "/v1.0/users/" + leaver + "?" + selectUser; s.seen[0].target != want {
		t.Errorf("asked %s", s.seen[0].target)
	}
}

func TestAnAccountWhoseStateIsNotShownIsNotTakenForDisabled(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"id":"`+leaver+`"}`))
	if u, err := s.User(ctx, leaver); err != nil || !u.AccountEnabled {
		t.Errorf("%+v, %v", u, err)
	}
}

// batch answers the requests of a batch by their address.
func batch(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/$batch") {
			_, _ = io.WriteString(w, answers[r.URL.RequestURI()])
			return
		}
		var in struct{ Requests []batchRequest }
		_ = json.NewDecoder(r.Body).Decode(&in)
		var out []string
		for _, q := range slices.Backward(in.Requests) {
			for address, body := range answers {
				if strings.HasPrefix(q.URL, address) {
					out = append(out, fmt.Sprintf(`{"id":%q,%s}`, q.ID, body))
				}
			}
		}
		_, _ = io.WriteString(w, `{"responses":[`+strings.Join(out, ",")+`]}`)
	}
}

type batchRequest struct{ ID, Method, URL string }
