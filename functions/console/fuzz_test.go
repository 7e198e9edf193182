package console

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

// FuzzCookies sends any cookie: nobody is anybody by one that this console did not seal, nor by one that it
// sealed for something else.
func FuzzCookies(f *testing.F) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	at, err := url.Parse("https://leaver.contoso.com")
	if err != nil {
		f.Fatal(err)
	}
	// Every process that fuzzes has a key of its own, so that the cookies of another are forged to it.
	c, err := newCookies([]byte(rand.Text() + rand.Text())[:keySize], at, func() time.Time { return now })
	if err != nil {
		f.Fatal(err)
	}
	sealed := func(of string, what any) string {
		w := httptest.NewRecorder()
		if err := c.set(w, of, time.Hour, what); err != nil {
			f.Fatal(err)
		}
		return w.Result().Cookies()[0].Value
	}
	who := session{Person: offboarding.Person{ID: "87d349ed-44d7-43e1-9a83-5f2406dee5bd", Name: "Miriam Graham"}, Roles: []role{roleOperate}, CSRF: "c", Since: now.Unix()}
	own, other := sealed(cookieSession, who), sealed(cookieSignIn+"-0123", signingIn{State: "s", To: Base + "/"})
	f.Add(own)
	f.Add(other)
	f.Add(strings.Replace(own, ".", ". ", 1))
	f.Add("eyJhbGciOiJub25lIn0." + strings.Repeat(".", 3))
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiemlwIjoiREVGIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, Base+"/", nil)
		r.Header.Set("Cookie", c.name(cookieSession)+"="+value)
		if who, is := c.session(r); is && !strings.Contains(value, own) {
			t.Errorf("%q is a session of %+v", value, who)
		}
		var begun signingIn
		r.Header.Set("Cookie", c.name(cookieSignIn+"-0123")+"="+value)
		if c.get(r, cookieSignIn+"-0123", &begun) && !strings.Contains(value, other) {
			t.Errorf("%q is a sign-in", value)
		}
	})
}

// FuzzForms sends any form and any query: what is asked for is a request that says itself, or a word what is
// wrong, and nobody is led out of the console.
func FuzzForms(f *testing.F) {
	f.Add("who=adele.vance%40contoso.com&time=2026-11-30&zone=Europe%2FBerlin&mailbox=forward&forwardFor=30d", "/console/cases/x")
	f.Add("who=&time=2026-11-30T17:00&zone=Local&forwardFor=-1h", "//evil.example/console/")
	f.Add("who=%00&time=9999-12-31T23:59&zone=../../etc/passwd", "/console/sign-in/again")
	f.Add("%zz=1&who=E4711;since=x", "/console/\\evil.example")
	f.Add("who=req-0123456789abcdef01234567&departures=9999999999999999999&until=0000-00-00T00:00", "https://evil.example")
	f.Fuzz(func(t *testing.T, form, to string) {
		r := httptest.NewRequest(http.MethodPost, Base+"/plan", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.ParseForm() == nil {
			w, ask, err := wished(r)
			if err == nil && (w.Who == "" || ask.Employee == (offboarding.Employee{})) {
				t.Errorf("of nobody: %+v", ask)
			}
			if err != nil && err.Error() == "" {
				t.Error("wrong without a word")
			}
			_, _ = moment(field(r, "until"), time.UTC)
		}
		led := localPath(to)
		target, err := url.Parse(led)
		if err != nil || target.Host != "" || target.Scheme != "" || !strings.HasPrefix(led, Base+"/") || strings.ContainsAny(led, "\\\r\n") {
			t.Errorf("%q leads to %q", to, led)
		}
	})
}
