package simtenant

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// signing is a browser and a client that sign people in.
type signing struct {
	*testing.T
	tenant *Tenant
	ask    url.Values
}

func (s signing) send(method, path string, form url.Values) *http.Response {
	s.Helper()
	r := httptest.NewRequest(method, "https://login.contoso.com/"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.tenant.ServeHTTP(w, r)
	return w.Result()
}

func newSigning(t *testing.T) signing {
	t.Helper()
	tenant, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("verifier"))
	return signing{t, tenant, url.Values{
		"client_id": {DefaultConsoleID}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"}, "nonce": {"n"},
		"redirect_uri": {"http://127.0.0.1:4711/console/sign-in/done"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}}
}

// code signs somebody in.
func (s signing) code(user string) string {
	s.Helper()
	form := url.Values{"user": {user}}
	answer := s.send(http.MethodPost, DefaultTenantID+"/oauth2/v2.0/authorize?"+s.ask.Encode(), form)
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || answer.StatusCode != http.StatusFound || to.Query().Get("state") != "s" {
		s.Fatalf("signing in: got %d to %q", answer.StatusCode, to)
	}
	return to.Query().Get("code")
}

// redeem exchanges a code.
func (s signing) redeem(change url.Values) (status int, body struct {
	Token string `json:"id_token"`
	Codes []int  `json:"error_codes"`
}) {
	s.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {DefaultConsoleID}, "redirect_uri": s.ask["redirect_uri"], "code_verifier": {"verifier"}}
	for name, value := range change {
		form[name] = value
	}
	answer := s.send(http.MethodPost, DefaultTenantID+"/oauth2/v2.0/token", form)
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, body
}

func TestPeopleSignInWithTheRolesOfTheirSeed(t *testing.T) {
	s := newSigning(t)
	for upn, want := range map[string][]string{
		"nestor.wilke@contoso.com": {"Leaver.Read", "Leaver.Operate", "Leaver.Approve"}, "joni.sherman@contoso.com": {"Leaver.Read", "Leaver.Approve"},
		"adele.vance@contoso.com": nil,
	} {
		status, body := s.redeem(url.Values{"code": {s.code(upn)}})
		var claims struct {
			jwt.RegisteredClaims
			OID   string   `json:"oid"`
			Nonce string   `json:"nonce"`
			Roles []string `json:"roles"`
		}
		if _, err := jwt.ParseWithClaims(body.Token, &claims, func(*jwt.Token) (any, error) {
			key, _, err := s.tenant.idKey()
			return key.Public(), err
		}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("https://login.contoso.com/"+DefaultTenantID+"/v2.0"), jwt.WithAudience(DefaultConsoleID)); err != nil {
			t.Fatalf("%s: %d, %v", upn, status, err)
		}
		if claims.OID != UserID(upn) || claims.Nonce != "n" || !slices.Equal(claims.Roles, want) {
			t.Errorf("%s: got %+v, want roles %v", upn, claims, want)
		}
	}
}

func TestWhatEntraRefusesOfASignIn(t *testing.T) {
	s := newSigning(t)
	if _, body := s.redeem(url.Values{"code": {s.code("nestor.wilke@contoso.com")}, "code_verifier": {"another"}}); !slices.Equal(body.Codes, []int{501481}) {
		t.Errorf("another verifier: got %v", body.Codes)
	}
	code := s.code("nestor.wilke@contoso.com")
	if _, body := s.redeem(url.Values{"code": {code}, "redirect_uri": {"http://127.0.0.1:4711/console/other"}}); !slices.Equal(body.Codes, []int{50011}) {
		t.Errorf("another redirect: got %v", body.Codes)
	}
	if status, _ := s.redeem(url.Values{"code": {code}}); status != http.StatusOK {
		t.Errorf("the first time: got %d", status)
	}
	if _, body := s.redeem(url.Values{"code": {code}}); !slices.Equal(body.Codes, []int{54005}) {
		t.Errorf("the second time: got %v", body.Codes)
	}
	for name, change := range map[string]struct {
		ask  url.Values
		want string
	}{
		"an application nobody knows":  {url.Values{"client_id": {"11111111-1111-4111-8111-111111111111"}}, "AADSTS700016"},
		"a redirect nobody registered": {url.Values{"redirect_uri": {"https://evil.example/console/sign-in/done"}}, "AADSTS50011"},
		"no challenge":                 {url.Values{"code_challenge": {""}}, "AADSTS501491"},
		"a disabled account":           {url.Values{"user": {"reception@contoso.com"}}, "AADSTS50057"},
		"nobody":                       {url.Values{"user": {"nobody@contoso.com"}}, "AADSTS50034"},
	} {
		ask := url.Values{}
		for n, v := range s.ask {
			ask[n] = v
		}
		for n, v := range change.ask {
			ask[n] = v
		}
		answer := s.send(http.MethodGet, DefaultTenantID+"/oauth2/v2.0/authorize?"+ask.Encode(), nil)
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), change.want) || answer.Header.Get("Location") != "" {
			t.Errorf("%s: got %d %s, want %s and no redirect", name, answer.StatusCode, text, change.want)
		}
	}
}
