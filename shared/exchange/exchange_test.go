package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	leaver = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
)

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

// serve makes a client of a server that answers as the handler does, and a context with a write guard.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *writeGuard, context.Context) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	c, err := New(fixedToken{}, srv.URL, "scope", tenant, srv.Client())
	if err != nil {
		t.Fatal(err)
	}
	w := &writeGuard{}
	return c, w, offboarding.WithWriteGuard(t.Context(), w)
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("request-id", "r1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestACommandGoesOutAsTheModuleOfMicrosoftSendsIt(t *testing.T) {
	c, w, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		want := map[string]string{
			"Authorization":   "Bearer token for scope",
			"X-Cmdletname":    "Set-Mailbox",
			"X-Anchormailbox": "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@" + tenant,
		}
		for k, v := range want {
			if r.Header.Get(k) != v {
				t.Errorf("%s: %q, want %q", k, r.Header.Get(k), v)
			}
		}
		if r.Method+" "+r.URL.Path != "POST /adminapi/beta/"+tenant+"/InvokeCommand" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		body, _ := io.ReadAll(r.Body)
		if want := `{"CmdletInput":{"CmdletName":"Set-Mailbox","Parameters":{"AccountDisabled":true,"Identity":"` + leaver + `"}}}`; string(body) != want {
			t.Errorf("body %s", body)
		}
		answer(200, `{"value":[]}`)(rw, r)
	})
	if err := c.CloseMailbox(ctx, leaver); err != nil {
		t.Fatal(err)
	}
	if want := []offboarding.Call{{Operation: "Set-Mailbox", Status: 200, RequestID: "r1"}}; !slices.Equal(w.notes, want) {
		t.Errorf("noted %v, want %v", w.notes, want)
	}
}

func TestB16NoWriteLeavesWithoutAWarrant(t *testing.T) {
	c, w, ctx := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	w.no = fmt.Errorf("no: %w", offboarding.ErrCancelled)
	for name, write := range map[string]func(context.Context, string) error{
		"CloseMailbox": c.CloseMailbox, "CloseProtocols": func(ctx context.Context, id string) error { return c.CloseProtocols(ctx, id) }, "ClearPhone": c.ClearPhone, "RemovePhone": c.RemovePhone,
		"BlockPhones": func(ctx context.Context, id string) error { return c.BlockPhones(ctx, id, []string{"x"}) },
	} {
		if err := write(ctx, leaver); err != w.no {
			t.Errorf("%s: %v", name, err)
		}
		var permanent *offboarding.PermanentError
		if err := write(t.Context(), leaver); !errors.As(err, &permanent) {
			t.Errorf("%s outside of a run: %v", name, err)
		}
	}
	if len(w.notes) > 0 {
		t.Errorf("noted %v", w.notes)
	}
}

func TestEveryPageIsAskedForWithTheSameCommand(t *testing.T) {
	var bodies []string
	c, w, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		page := map[string]any{"value": []int{len(bodies)}}
		if len(bodies) < 3 {
			page["@odata.nextLink"] = "https://" + r.Host + r.URL.Path + "?$skiptoken=" + strconv.Itoa(len(bodies))
		}
		_ = json.NewEncoder(rw).Encode(page)
	})
	rows, err := invoke[int](ctx, c, "Get-Mailbox", nil)
	if err != nil || !slices.Equal(rows, []int{1, 2, 3}) {
		t.Errorf("%v, %v", rows, err)
	}
	if bodies[0] != bodies[2] || len(w.notes) > 0 {
		t.Errorf("bodies %v, notes %v", bodies, w.notes)
	}
}

func TestAWriteIsNotRepeatedForANextPage(t *testing.T) {
	calls := 0
	c, _, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		calls++
		answer(200, `{"value":[],"@odata.nextLink":"https://`+r.Host+r.URL.Path+`?$skiptoken=x"}`)(rw, r)
	})
	if err := c.CloseMailbox(ctx, leaver); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestARedirectToExchangeCarriesTheCommandOn(t *testing.T) {
	for _, status := range []int{302, 307} {
		var queries []string
		c, w, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); r.Method != http.MethodPost || !strings.Contains(string(body), "Set-Mailbox") || r.Header.Get("Authorization") == "" {
				t.Errorf("%s %s", r.Method, body)
			}
			if queries = append(queries, r.URL.RawQuery); len(queries) == 1 {
				rw.Header().Set("Location", r.URL.Path+"?region=EUR")
				rw.WriteHeader(status)
				return
			}
			answer(200, `{"value":[]}`)(rw, r)
		})
		if err := c.CloseMailbox(ctx, leaver); err != nil || !slices.Equal(queries, []string{"", "region=EUR"}) || len(w.notes) != 2 {
			t.Errorf("%d: %v, %v, %v", status, queries, w.notes, err)
		}
	}
}

func TestAnEndlessRedirectEnds(t *testing.T) {
	c, _, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", r.URL.Path)
		rw.WriteHeader(http.StatusTemporaryRedirect)
	})
	if err := c.CloseMailbox(ctx, leaver); err == nil {
		t.Error("no error")
	}
}

func TestTheTokenGoesToExchangeOnly(t *testing.T) {
	for _, test := range []struct {
		base, to, want string
	}{
		{"https://outlook.office365.com", "/adminapi/x", "https://outlook.office365.com/adminapi/x"},
		{"https://outlook.office365.com", "https://outlook.office365.com:446/adminapi/x", "https://outlook.office365.com/adminapi/x"},
		{"https://outlook.office365.com", "https://eur01.outlook.office365.com/adminapi/x", "https://eur01.outlook.office365.com/adminapi/x"},
		{"https://outlook-dod.office365.us", "https://region.office365.us/x", "https://region.office365.us/x"},
		{"https://outlook.office365.com", "http://outlook.office365.com/adminapi/x", ""},
		{"https://outlook.office365.com", "https://outlook.office365.com:8443/x", ""},
		{"https://outlook.office365.com", "https://outlook.office365.com.evil.example/x", ""},
		{"https://outlook.office365.com", "https://eviloffice365.com/x", ""},
		{"https://outlook.office365.com", "https://user@evil.example/x", ""},
		{"https://outlook.office365.com", "", ""},
		{"https://outlook.office365.com", "https://[", ""},
		{"https://127.0.0.1:4430", "https://127.0.0.1:4430/x", "https://127.0.0.1:4430/x"},
		{"https://127.0.0.1:4430", "https://127.0.0.1:4431/x", ""},
		{"https://127.0.0.1", "https://evil.0.0.1/x", ""},
		{"https://localhost", "https://evil.localhost/x", ""},
	} {
		c, err := New(fixedToken{}, test.base, "scope", tenant, http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.inside(c.endpoint, test.to)
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%s sends on to %s", test.base, got)
		case test.want != "" && (err != nil || got.String() != test.want):
			t.Errorf("%s to %s: %v, %v", test.base, test.to, got, err)
		}
	}
}

const notFound = `{"error":{"code":"NotFound","message":"Error executing cmdlet","details":[{"code":"Context","target":"","message":"Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|The operation couldn't be performed because object 'adele@contoso.com' couldn't be found."}]}}`

func errorBody(code, detail string) string {
	text, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": "about adele@contoso.com", "details": []any{map[string]any{"message": detail}}}})
	return string(text)
}

func TestErrorsAreClassifiedByStatusAndException(t *testing.T) {
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
		{"an object that is not there", 404, notFound, "", missing},
		{"an address that is not there", 404, "<html>adele@contoso.com</html>", "", permanent},
		{"not found without an exception", 404, errorBody("NotFound", "couldn't be found"), "", permanent},
		{"a parameter the role lacks", 400, errorBody("BadRequest", "E|System.Management.Automation.ParameterBindingException|no parameter"), "", permanent},
		{"a role the application lacks", 401, errorBody("Unauthorized", ""), "", permanent},
		{"a token of another cloud", 401, "", "", transient},
		{"forbidden", 403, errorBody("Forbidden", ""), "", permanent},
		{"too many requests until then", 429, errorBody("TooManyRequests", ""), "7", throttled},
		{"too many requests", 429, "", "", transient},
		{"unavailable until then", 503, "", "7", throttled},
		{"a gateway in between", 502, "<html>", "", transient},
		{"timed out", 504, "", "", transient},
		{"an overloaded directory", 400, errorBody("BadRequest", "E|Microsoft.Exchange.DCOverloadedException|busy"), "", transient},
		{"storage in trouble", 500, errorBody("InternalError", "E|Microsoft.Exchange.Data.Storage.StorageTransientException|busy"), "", transient},
		{"a text that only looks like it", 400, errorBody("BadRequest", "E|System.Exception|ManagementObjectNotFoundException"), "", permanent},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, w, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
				if test.after != "" {
					rw.Header().Set("Retry-After", test.after)
				}
				answer(test.status, test.body)(rw, r)
			})
			err := c.CloseMailbox(ctx, leaver)
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
			if got != test.want {
				t.Errorf("%s, want %s: %v", got, test.want, err)
			}
			if s := err.Error(); !strings.Contains(s, leaver) || !strings.Contains(s, "Set-Mailbox") || !strings.Contains(s, "r1") || strings.Contains(s, "adele") {
				t.Errorf("it says %q", s)
			}
			if len(w.notes) != 1 || w.notes[0].Status != test.status {
				t.Errorf("noted %v", w.notes)
			}
		})
	}
}

func TestARefusedTokenIsTransient(t *testing.T) {
	c, _, ctx := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("WWW-Authenticate", `Bearer realm="", error="invalid_token", error_description="expired"`)
		answer(401, errorBody("Unauthorized", ""))(rw, r)
	})
	var p *offboarding.PermanentError
	if err := c.CloseMailbox(ctx, leaver); err == nil || errors.As(err, &p) {
		t.Error(err)
	}
}

func TestWhatNeverBecameAnAnswerIsTransient(t *testing.T) {
	c, w, ctx := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	err := c.CloseMailbox(ctx, leaver)
	var p *offboarding.PermanentError
	var u *url.Error
	if err == nil || errors.As(err, &p) || errors.As(err, &u) || len(w.notes) > 0 {
		t.Errorf("%v, noted %v", err, w.notes)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.CloseMailbox(done, leaver); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	c.cred = fixedToken{offboarding.Permanent(errors.New("no token"))}
	if err := c.CloseMailbox(ctx, leaver); !errors.As(err, &p) {
		t.Errorf("without a token: %v", err)
	}
}

func TestAnAnswerWithoutEndIsRefused(t *testing.T) {
	c, _, ctx := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(make([]byte, biggestAnswer+1))
	})
	var p *offboarding.PermanentError
	if err := c.CloseMailbox(ctx, leaver); !errors.As(err, &p) {
		t.Error(err)
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add(404, "", notFound)
	f.Add(400, "Microsoft.X", errorBody("BadRequest", "a|b.c|adele@contoso.com"))
	f.Add(500, "", `{"error":{"code":"a@b","details":[{}]}}`)
	f.Add(500, "||", `{"error":{"details":[{"message":"||"}]}}`)
	f.Fuzz(func(t *testing.T, status int, exception, body string) {
		p := newProblem(status, http.Header{"X-Exceptiontype": {exception}}, []byte(body))
		if text := p.code + p.exception; strings.ContainsAny(text, "@|. \n'\"") {
			t.Errorf("free text in %q", text)
		}
		if classify("x", p) == nil {
			t.Error("an error became none")
		}
	})
}
