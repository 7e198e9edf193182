package hris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

var heardAt = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// said is what a verified webhook of a vendor means, in a line.
func said(t testing.TB, name, event, body string) string {
	t.Helper()
	v, err := vendorOf(name)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Name: "hr", Vendor: name, Zone: "Europe/Berlin"}
	verifier, err := webhook.Secret{Header: "X"}.With([]string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier.Verify(webhook.Arrival{Method: http.MethodPost, Header: http.Header{"X": {"s"}}, Event: event, Body: []byte(body), At: heardAt})
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.read(c, verified)
	var all []string
	for _, h := range m.Hints {
		all = append(all, "hint "+h.Event+" of "+h.Person)
	}
	for _, r := range m.Requests {
		all = append(all, "request "+string(r.Kind))
	}
	for range m.Notices {
		all = append(all, "task")
	}
	for _, name := range m.Ignored {
		all = append(all, "nothing: "+name)
	}
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, "refused")
	}
	return strings.Join(all, "; ")
}

// meaning is what a webhook of a vendor becomes.
type meaning struct{ name, event, body, want string }

// meanings holds the webhooks of a vendor against what becomes of them: a hint, a task for a person,
// or nothing. No vendor whose word has to be read back makes a request.
func meanings(t *testing.T, vendor string, all []meaning) {
	t.Helper()
	for _, m := range all {
		if got := said(t, vendor, m.event, m.body); got != m.want {
			t.Errorf("%s: got %s, want %s", m.name, got, m.want)
		}
	}
}

// recipe is a wrong way to sign. The signature is put where the vendor has its own.
type recipe struct {
	webhook.Signature
	body string // what is signed in place of what is sent
}

// wrongRecipes signs a webhook of a vendor with the right secret, as integrations in public
// repositories do it: none of it proves anything. The right recipe, which is the vendor's own where its
// secret is no signature, does.
func wrongRecipes(t *testing.T, vendor, secret string, right webhook.Signature, wrong map[string]recipe) {
	t.Helper()
	const body = `{"type":"employee.updated", "a":1}`
	source, err := newSource(Config{Name: "hr", Vendor: vendor, Zone: "Europe/Berlin", Secrets: []string{secret}, API: API{URL: "https://hr.example"}})
	if err != nil {
		t.Fatal(err)
	}
	receives := func(name string, by recipe) (Meaning, error) {
		a := Arrival{Method: http.MethodPost, Header: http.Header{}, Query: url.Values{}, Body: []byte(body), At: heardAt}
		a.Header.Set(right.Timestamp, strconv.FormatInt(heardAt.Unix(), 10))
		a.Header.Set(right.ID, "msg_1")
		over := a
		if by.body != "" {
			over.Body = []byte(by.body)
		}
		by.ID, by.Timestamp = right.ID, right.Timestamp
		signature, err := by.Sign(secret, over)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a.Header.Set(by.Header, signature)
		return source.Receive(a)
	}
	if _, err := receives("the right one", recipe{Signature: right}); right.Header != "" && errors.Is(err, ErrUnauthorized) {
		t.Errorf("the right recipe: %v", err)
	}
	for name, by := range wrong {
		if m, err := receives(name, by); !errors.Is(err, ErrUnauthorized) || len(m.Hints)+len(m.Notices) > 0 {
			t.Errorf("%s: got %+v, %v; want it unauthorized", name, m, err)
		}
	}
}

// delivery is how a vendor sends again what is not taken, and gives up.
type delivery struct {
	failing, refused int // how often it is sent that is answered 500, and 400
	within           time.Duration
	disabled         bool // nothing is told afterwards
}

// delivers holds the simulated vendor against its pages, which its file or its reports name.
func delivers(t *testing.T, vendor string, want delivery) {
	t.Helper()
	for status, tries := range map[int]int{http.StatusInternalServerError: want.failing, http.StatusBadRequest: want.refused} {
		now := heardAt
		hr, err := simhr.New(vendor, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		hr.Silent = true
		hr.Hire(simhr.Person{ID: "4711"})
		hr.Hire(simhr.Person{ID: "4712"})
		hr.Silent = false
		day := offboarding.DateOf(heardAt)
		hr.Dismiss("4711", day, day)
		hr.TakeEffect("4711") // of those who tell nothing before
		refuses := transport(func(*http.Request) *http.Response {
			w := httptest.NewRecorder()
			w.WriteHeader(status)
			return w.Result()
		})
		for range 10 * 24 * 60 {
			if _, err := hr.Send(t.Context(), &http.Client{Transport: refuses}, "https://hooks.example"); err != nil {
				t.Fatal(err)
			}
			if len(hr.Lost()) > 0 {
				break
			}
			now = now.Add(time.Minute)
		}
		lost, took := hr.Lost(), now.Sub(heardAt)
		if len(lost) == 0 || lost[0].Tries != tries || status >= 500 && (took > want.within || took < want.within/2) {
			t.Errorf("answered %d: got %d lost after %s, want one after %d tries and %s at most", status, len(lost), took, tries, want.within)
			continue
		}
		hr.TakeEffect("4712")
		hr.Dismiss("4712", day, day)
		if told := hr.Waiting() > 0; told == want.disabled {
			t.Errorf("answered %d, after it gave up: it tells something: %t", status, told)
		}
	}
}

// TestVendorsThatGiveUpAreNotRefused: what each is answered that cannot be used or is not proved.
func TestVendorsThatGiveUpAreNotRefused(t *testing.T) {
	t.Parallel()
	for vendor, want := range map[string][2]int{
		"standard": {422, 401}, "hmac": {202, 401}, "okta": {200, 503}, "bamboohr": {202, 503}, "hibob": {202, 401}, "deel": {202, 401}, "factorial": {202, 401}, "eventgrid": {200, 401},
	} {
		v, err := vendorOf(vendor)
		if err != nil {
			t.Fatal(err)
		}
		s := &Source{vendor: v}
		if got := [2]int{s.Unusable(), s.Unverified()}; got != want {
			t.Errorf("%s: got %v, want %v", vendor, got, want)
		}
	}
}

func TestPingsAndTokensAreAnsweredAndMeanNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		vendor, body string
		status       int
	}{
		{"hibob", `Ping test`, 200}, {"hibob", `"Ping test"`, 200}, {"hibob", `{"text":"Ping test"}`, 200}, {"hibob", `{"type":"employee.left"}`, 0},
		{"gusto", `{"verification_token":"0b7e"}`, 202}, {"gusto", `{"verification_token":"0b7e","event_type":"employee.terminated"}`, 0}, {"gusto", `{"uuid":"1"}`, 0},
	} {
		v, err := vendorOf(tt.vendor)
		if err != nil {
			t.Fatal(err)
		}
		answer, is := v.handshake(Config{}, Arrival{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tt.body)})
		if is != (tt.status != 0) || is && answer.Status != tt.status {
			t.Errorf("%s %s: got %d, %t; want %d", tt.vendor, tt.body, answer.Status, is, tt.status)
		}
	}
}

// TestADateThatIsStillThereOfSomebodyWhoIsBack says nothing once it is over, where the record says that
// the person is here.
func TestADateThatIsStillThereOfSomebodyWhoIsBack(t *testing.T) {
	t.Parallel()
	bob := `{"/root/id":{"value":"4711"},"/internal/lifecycleStatus":{"value":"employed"},"/internal/terminationDate":{"value":"DAY"}}`
	answers(t, "hibob", "stays", always(strings.Replace(bob, "DAY", "2026-11-15", 1)))
	answers(t, "hibob", "leaves until 2026-11-30", always(strings.Replace(bob, "DAY", "2026-11-30", 1)))
	answers(t, "factorial", "stays", always(`{"active":true,"is_terminating":false,"terminated_on":"2024-10-06"}`))
	answers(t, "factorial", "leaves 2024-10-06", always(`{"active":false,"is_terminating":false,"terminated_on":"2024-10-06"}`))
	answers(t, "workday", "stays", workdayDates("1", "<Termination_Date>2026-11-15</Termination_Date>"))
	answers(t, "bamboohr", "unclear", bamboo(`{"status":"Active","terminationDate":"2026-11-15"}`, "403 "))
}

// TestACredentialGoesNowhereElse: no redirect is followed, and plain http is for this machine alone.
func TestACredentialGoesNowhereElse(t *testing.T) {
	t.Parallel()
	asked := false
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer thief.Close()
	api := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusFound))
	defer api.Close()
	c := Config{Name: "bob", Vendor: "hibob", Zone: "Europe/Berlin", Secrets: []string{"x"}, API: API{URL: api.URL, User: "u", Secret: "p"}}
	readers, err := NewReaders([]Config{c}, Access{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readers["bob"].Person(t.Context(), "../../v1/company"); err == nil || asked || strings.Contains(err.Error(), "company") {
		t.Errorf("got %v, asked elsewhere: %t; want an error that names nobody", err, asked)
	}
	for address, ok := range map[string]bool{
		"https://api.hibob.com": true, "http://127.0.0.1:8080": true, "http://localhost": true, "http://api.hibob.com": false, "http://127.0.0.1.evil.example": false,
		"https://user:p@api.hibob.com": false, "https://api.hibob.com?x=1": false, "file:///etc/passwd": false, "": false,
	} {
		if err := safe(address); ok != (err == nil) {
			t.Errorf("%q: got %v, want it safe: %t", address, err, ok)
		}
	}
}

func TestACheckSaysWhatWorks(t *testing.T) {
	t.Parallel()
	c := Config{Name: "bob", Vendor: "hibob", Zone: "Europe/Berlin", Secrets: []string{"short"}, API: API{URL: "http://127.0.0.1:1", User: "u", Secret: "p"}}
	readers, err := NewReaders([]Config{c}, Access{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	got := c.Check(ctx, readers["bob"], heardAt)
	if len(got) != 3 || got[0].OK || got[1].OK || got[2].OK {
		t.Errorf("got %+v, want everything wrong", got)
	}
	for _, v := range vendors {
		if len(v.setup) == 0 {
			t.Errorf("%s: nobody is told how to set it up", v.name)
		}
	}
	if setup := c.Setup(); !strings.HasSuffix(setup[0], "/webhooks/bob") {
		t.Errorf("got %q, want the address first", setup)
	}
}

// outAtTheEndOf expects that whoever leaves by 30 November by a vendor's word is out when that day ends
// in Berlin.
func outAtTheEndOf(t *testing.T, vendor string, said script) {
	t.Helper()
	r := scripted(t, vendor, said)
	request, err := r.Request(says(t, r, "leaves 2026-11-30"), 1, heardAt)
	if want := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC); err != nil || !request.LeavingTime.Equal(want) {
		t.Errorf("got the leaving time %s, %v; want %s", request.LeavingTime, err, want)
	}
}

// asked are the vendors that are asked over APIs of their own.
func asked() (all []string) {
	for _, v := range vendors {
		if v.reader != nil && !v.tenant {
			all = append(all, v.name)
		}
	}
	return all
}

// TestACheckOfEveryVendor finds nothing wrong where nothing is, says which credential is refused, and
// mistakes nobody for somebody.
func TestACheckOfEveryVendor(t *testing.T) {
	t.Parallel()
	for _, vendor := range asked() {
		hr, r, source := simulated(t, vendor, 3)
		if source != nil {
			r.Config = source.Config
		}
		hr.Dismiss("4711", dayOf(t, "2026-11-30"), offboarding.Date{})
		findings := r.Check(t.Context(), r.Reader, heardAt)
		for _, f := range findings {
			if !f.OK {
				t.Errorf("%s: got %+v, want nothing wrong", vendor, f)
			}
		}
		if last := findings[len(findings)-1].Says; strings.HasPrefix(last, "0 words and 0 people") {
			t.Errorf("%s: got %q, want somebody listed", vendor, last)
		}
		hr.Refusing = true
		for _, f := range r.Check(t.Context(), r.Reader, heardAt) {
			if f.What != "secrets" && (f.OK || !strings.Contains(f.Says, "api.secret")) {
				t.Errorf("%s, which refuses: got %+v, want it said what to renew", vendor, f)
			}
		}
	}
}

// TestEveryVendorHasItsFiles: tests of its own, what goes wrong with it elsewhere, a simulated system,
// and a short page whose declaration can be pasted as it stands.
func TestEveryVendorHasItsFiles(t *testing.T) {
	t.Parallel()
	for _, vendor := range asked() {
		for _, file := range []string{vendor + "_test.go", "reports_" + vendor + "_test.go", "../simhr/" + vendor + ".go"} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", vendor, err)
			}
		}
		page, err := os.ReadFile(strings.ToUpper(vendor) + ".md")
		if err != nil {
			t.Errorf("%s: %v", vendor, err)
			continue
		}
		if lines := strings.Count(string(page), "\n"); lines > 60 {
			t.Errorf("%s: got %d lines, want 60 at most", vendor, lines)
		}
		for _, part := range []string{"vendor: " + vendor, "leaver sources check", "reports/" + vendor + ".md", "**What is done with it.**", "**Limits**"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s: the page lacks %q", vendor, part)
			}
		}
		for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
			pasted(t, vendor, block[1])
		}
	}
}

// pasted declares a vendor as its page does.
func pasted(t *testing.T, vendor, declaration string) {
	t.Helper()
	d, err := Parse([]byte("sources:\n" + declaration))
	if err != nil || len(d.Sources) != 1 || d.Sources[0].Vendor != vendor {
		t.Errorf("%s: its page declares %+v, %v; want one source of it", vendor, d.Sources, err)
		return
	}
	secret := func(context.Context, string) (string, error) {
		return "YSBzZWNyZXQgb2YgMzIgbGV0dGVycywgb3IgbG9uZ2Vy", nil
	}
	if _, err := Load(t.Context(), []byte("sources:\n"+declaration), "", secret); err != nil {
		t.Errorf("%s: %v", vendor, err)
	}
	if readers, err := LoadReaders(t.Context(), []byte("sources:\n"+declaration), secret, Access{Now: time.Now}); err != nil || len(readers) != 1 {
		t.Errorf("%s: got %d readers, %v; want one", vendor, len(readers), err)
	}
}

// TestACredentialThatOthersRenewIsTakenFromItsPlace: without a restart, and not asked for while it serves.
func TestACredentialThatOthersRenewIsTakenFromItsPlace(t *testing.T) {
	for _, v := range vendors {
		if v.reader != nil && !v.tenant {
			t.Run(v.name, func(t *testing.T) { renewed(t, v.name) })
		}
	}
}

// renewed reads a simulated system while another credential is put into the place of its own.
func renewed(t *testing.T, vendor string) {
	t.Helper()
	hr, _, _ := simulated(t, vendor, 1)
	stands, looked := "an old one", 0
	declaration := fmt.Sprintf("sources:\n- {name: hr, vendor: %s, zone: Europe/Berlin, secrets: [s], every: 15m, api: {url: 'https://hr.example', user: '%s', secret: 'file:token'}}\n", vendor, hr.User)
	if !hr.Sends() {
		declaration = strings.Replace(declaration, "secrets: [s], ", "", 1)
	}
	readers, err := LoadReaders(t.Context(), []byte(declaration), func(context.Context, string) (string, error) {
		looked++
		return stands, nil
	}, Access{Now: func() time.Time { return heardAt }, Unpaced: true, Transport: transport(func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		hr.ServeHTTP(w, r)
		return w.Result()
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readers["hr"].Person(t.Context(), "4711"); !errors.Is(err, errCredential) {
		t.Fatalf("with an old credential: %v; want it refused", err)
	}
	stands = hr.Credential
	for range 2 {
		if _, err := readers["hr"].Person(t.Context(), "4711"); err != nil {
			t.Errorf("with the new one in its place: %v", err)
		}
	}
	if _, err := readers["hr"].Leavers(t.Context(), heardAt); err != nil {
		t.Errorf("the list, with the new one: %v", err)
	}
	if looked != 3 { // at the start, and after each refusal
		t.Errorf("looked for it %d times, want 3", looked)
	}
}

func FuzzVendors(f *testing.F) {
	for _, body := range []string{
		`{"type":"employee.updated","data":{"employeeId":"4711"}}`, `{"employees":[{"id":"5"}]}`, `{"event_type":"employee.terminated","entity_type":"Employee","entity_uuid":"3f5e"}`,
		`{"id":1180,"terminated_on":null}`, `{"event_name":"employment.updated","payload":{}}`, `{"data":{"meta":{"event_type":"contract.terminated"},"resource":[{}]}}`, `[]`, `null`,
	} {
		f.Add(body, "terminate")
	}
	f.Fuzz(func(t *testing.T, body, event string) {
		for _, v := range vendors {
			if v.read != nil {
				if got := said(t, v.name, event, body); strings.Contains(got, "request") && v.reader != nil {
					t.Errorf("%s makes a request by itself: %s", v.name, got)
				}
			}
		}
	})
}

// FuzzReaders reads whatever an HR system may answer.
func FuzzReaders(f *testing.F) {
	f.Add(`{"id":"4711","terminated_on":"2026-11-30","active":true}`)
	f.Add(`{"_data":[{"termination":{"last_working_date":"2026-11-27"}}]}`)
	f.Add(`[{"date":"2026-11-30","employmentStatus":"Terminated"}]`)
	f.Add(`{"responses":[{"individual_id":"4711","code":200,"body":{"end_date":null,"is_active":true}}]}`)
	f.Add(`{"employees":[{"/root/id":{"value":"1"},"internal":{"terminationDate":"9999-12-31"}}]}`)
	f.Add(`<Envelope><Body><Get_Workers_Response><Response_Data><Worker/></Response_Data></Get_Workers_Response></Body></Envelope>`)
	f.Add(`{"id":"4711","employeeLeaveDateTime":"2026-11-30T00:00:00Z","value":[{"id":"4711","employeeLeaveDateTime":null}]}`)
	f.Add(`{"data":{"employments":[{"termination_last_day":"2026-11-30","timezone":"Mars/Base"}]}}`)
	f.Add(`{"data":[{"id":"4711","active":true,"is_terminating":null,"terminated_on":"2026-11-30"}],"meta":{"has_next_page":true,"end_cursor":"x"},"page":{"total_rows":9}}`)
	f.Add(`{"resource":{"type":"Company","uuid":"c"},"paging":{"count":-1},"individuals":[{"id":""}],"_data":[null],"_meta":{"links":{"next":{"href":":"}}}}`)
	f.Add(`{"values":[{"status":"terminated","effectiveDate":null}],"employees":[],"access_token":"t"}`)
	f.Add(`<Envelope><Body><Fault><faultcode>SOAP-ENV:Client.authenticationError</faultcode></Fault></Body></Envelope>`)
	f.Fuzz(func(t *testing.T, answer string) {
		transport := always(answer)
		for _, v := range vendors {
			if v.reader == nil {
				continue
			}
			c := Config{Name: "hr", Vendor: v.name, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: "u", Secret: "p"}}
			tenant := &Tenant{URL: "https://graph.example/v1.0", Transport: transport, Token: func(context.Context) (string, error) {
				return "e30.eyJyb2xlcyI6WyJVc2VyLUxpZmVDeWNsZUluZm8uUmVhZC5BbGwiXX0.x", nil // {"roles":["User-LifeCycleInfo.Read.All"]}
			}}
			readers, err := NewReaders([]Config{c}, Access{Transport: transport, Now: func() time.Time { return heardAt }, Tenant: tenant, Unpaced: true})
			if err != nil {
				t.Fatal(err)
			}
			if word, err := readers["hr"].Person(t.Context(), "4711"); err == nil && word.Unclear == "" {
				if r, err := readers["hr"].Request(word, 1, heardAt); err == nil && r.Validate() != nil {
					t.Errorf("%s: a request that is not valid: %v", v.name, r.Validate())
				}
			}
			_, _ = readers["hr"].Leavers(t.Context(), heardAt)
		}
	})
}

// manyUpdated are notifications of so many users.
func manyUpdated(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-%012d"}}`, i))
	}
	return strings.Join(all, ",")
}
