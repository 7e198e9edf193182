package aws_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

const (
	consoleURL = "https://leaver.contoso.com"
	consoleKey = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:leaver/console-AbCdEf"
	operates   = "miriam.graham@contoso.com"
)

// consoleEnviron is where people sign in to the console.
func consoleEnviron(client string) []string {
	return []string{"LEAVER_CONSOLE_URL=" + consoleURL, "LEAVER_CONSOLE_CLIENT_ID=" + client, "LEAVER_CONSOLE_KEY=" + consoleKey}
}

// visitor is a browser before the HTTP API, as far as cookies go.
type visitor struct {
	*testing.T
	console *function
	cookies map[string]string
}

// shown is what the HTTP API answers.
type shown struct {
	StatusCode int
	Headers    map[string]string
	Cookies    []string
	Body       string
}

// ask invokes the function with a request, as the HTTP API does.
func (v *visitor) ask(method, path string, form url.Values, headers map[string]string) shown {
	v.Helper()
	path, query, _ := strings.Cut(path, "?")
	all := map[string]string{"host": "leaver.contoso.com"}
	maps.Copy(all, headers)
	if form != nil {
		all["content-type"] = "application/x-www-form-urlencoded"
	}
	event := map[string]any{
		"version": "2.0", "routeKey": "ANY /console/{page+}", "rawPath": path, "rawQueryString": query, "headers": all, "body": form.Encode(),
		"requestContext": map[string]any{
			"domainName": "leaver.contoso.com", "stage": "$default", "http": map[string]any{"method": method, "path": path, "sourceIp": "192.0.2.1"},
		},
	}
	var cookies []string
	for name, value := range v.cookies {
		cookies = append(cookies, name+"="+value)
	}
	event["cookies"] = cookies
	payload, err := json.Marshal(event)
	if err != nil {
		v.Fatal(err)
	}
	raw, err := v.console.invoke(payload)
	if err != nil {
		v.Fatalf("%s %s: %v; %s", method, path, err, v.console.said())
	}
	var answer shown
	if err := json.Unmarshal(raw, &answer); err != nil {
		v.Fatal(err)
	}
	for _, text := range answer.Cookies {
		cookie, err := http.ParseSetCookie(text)
		if err != nil || !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || cookie.Path != "/" {
			v.Errorf("%s %s sets %q: %v", method, path, text, err)
			continue
		}
		if v.cookies[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
			delete(v.cookies, cookie.Name)
		}
	}
	return answer
}

// location is where an answer leads.
func (s shown) location() string { return s.Headers["Location"] }

// isLookedAfter looks at a departure through the console's binary as it is deployed: signed in with the word
// of AWS for its registration, and with its own rights on ledger, bus and key.
func (d *deployment) isLookedAfter(t *testing.T, c *offboarding.Case) {
	t.Helper()
	v := &visitor{t, d.functions[offboarding.FunctionConsole], map[string]string{}}
	if first := v.ask("GET", "/console/", nil, nil); first.StatusCode != http.StatusUnauthorized || strings.Contains(first.Body, leaver) {
		t.Errorf("whoever has not signed in: got %d", first.StatusCode)
	}
	v.signIn(d)
	page := v.ask("GET", "/console/cases/"+c.ID, nil, nil)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Body, "irvin.sayers<wbr>@contoso.com") || page.Headers["Cache-Control"] != "no-store" {
		t.Fatalf("the departure: got %d %s", page.StatusCode, page.Body)
	}
	found := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page.Body)
	if found == nil {
		t.Fatal("the page has no form")
	}
	frozen := func() bool {
		_, is, err := d.ledger.Freezing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	for name, each := range map[string]struct {
		token   string
		headers map[string]string
	}{"a forged token": {"forged", nil}, "another site": {found[1], map[string]string{"sec-fetch-site": "cross-site"}}} {
		refused := v.ask("POST", "/console/freeze", url.Values{"csrf": {each.token}, "reason": {"a test"}}, each.headers)
		if refused.StatusCode != http.StatusForbidden || frozen() {
			t.Errorf("%s: got %d, frozen %t", name, refused.StatusCode, frozen())
		}
	}
	if refused := v.ask("POST", "/console/cases/"+c.ID+"/approve", url.Values{"csrf": {found[1]}}, nil); refused.StatusCode != http.StatusForbidden {
		t.Errorf("an approval by whoever may not: got %d", refused.StatusCode)
	}
	done := v.ask("POST", "/console/freeze", url.Values{"csrf": {found[1]}, "reason": {"a test"}}, nil)
	if done.StatusCode != http.StatusSeeOther || !frozen() {
		t.Errorf("frozen by the page: got %d %s, frozen %t", done.StatusCode, done.Body, frozen())
	}
	if by, _, err := d.ledger.Freezing(t.Context()); err != nil || by.By.ID != simtenant.UserID(operates) {
		t.Errorf("frozen by %+v, %v; want %s, as the token says", by.By, err, operates)
	}
	if done := v.ask("POST", "/console/thaw", url.Values{"csrf": {found[1]}}, nil); done.StatusCode != http.StatusSeeOther || frozen() {
		t.Errorf("thawed by the page: got %d, frozen %t", done.StatusCode, frozen())
	}
	if said := v.console.said(); strings.Contains(said, "@contoso.com") {
		t.Errorf("the log names people: %s", said)
	}
}

// signIn goes through the sign-in page of the simulated tenant.
func (v *visitor) signIn(d *deployment) {
	v.Helper()
	d.tenant.EditIDTokens(func(claims map[string]any) { claims["roles"] = []string{"Leaver.Read", "Leaver.Operate"} })
	to := v.ask("GET", "/console/sign-in", nil, nil)
	at, err := url.Parse(to.location())
	if err != nil || to.StatusCode != http.StatusFound || !strings.HasPrefix(to.location(), d.reach.Authority) {
		v.Fatalf("the sign-in: got %d to %q, %v: %s", to.StatusCode, to.location(), err, to.Body)
	}
	if got := at.Query().Get("redirect_uri"); got != consoleURL+"/console/sign-in/done" || at.Query().Get("code_challenge_method") != "S256" {
		v.Errorf("the sign-in leads back to %s by %v", got, slices.Sorted(maps.Keys(at.Query())))
	}
	client := http.Client{Transport: d.browsing, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(v.Context(), http.MethodPost, at.String(), strings.NewReader(url.Values{"user": {operates}}.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	chosen, err := client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	_ = chosen.Body.Close()
	back, err := url.Parse(chosen.Header.Get("Location"))
	if err != nil || back.Host != "leaver.contoso.com" {
		v.Fatalf("Entra leads to %q, %v", chosen.Header.Get("Location"), err)
	}
	stranger := &visitor{v.T, v.console, map[string]string{}}
	if refused := stranger.ask("GET", back.RequestURI(), nil, nil); refused.StatusCode != http.StatusForbidden {
		v.Errorf("the way back in another browser: got %d", refused.StatusCode)
	}
	if in := v.ask("GET", back.RequestURI(), nil, nil); in.StatusCode != http.StatusSeeOther || in.location() != "/console/" {
		v.Fatalf("signed in: got %d to %q: %s; %s", in.StatusCode, in.location(), in.Body, v.console.said())
	}
}
