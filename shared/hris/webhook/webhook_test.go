package webhook_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

// The schemes of the public vectors.
var (
	standard = webhook.Signature{
		Header: "webhook-signature", Prefix: "v1,", Separator: " ", Encoding: webhook.Base64, Key: webhook.Whsec,
		Signed: "{id}.{timestamp}.{body}", ID: "webhook-id", Timestamp: "webhook-timestamp",
	}
	finch = webhook.Signature{
		Header: "finch-signature", Prefix: "v1,", Separator: " ", Encoding: webhook.Base64, Key: webhook.KeyBase64,
		Signed: "{id}.{timestamp}.{body}", ID: "finch-event-id", Timestamp: "finch-timestamp",
	}
	bamboohr = webhook.Signature{Header: "X-BambooHR-Signature", Signed: "{body}{timestamp}", Timestamp: "X-BambooHR-Timestamp", Unit: webhook.SecondsOrRFC3339}
	hibob    = webhook.Signature{Header: "Bob-Signature", Algorithm: webhook.SHA512, Encoding: webhook.Base64}
	gusto    = webhook.Signature{Header: "X-Gusto-Signature"}
	merge    = webhook.Signature{Header: "X-Merge-Webhook-Signature", Encoding: webhook.Base64URL}
	deel     = webhook.Signature{Header: "x-deel-signature", Signed: "{method}{body}"}
	github   = webhook.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}
	slack    = webhook.Signature{Header: "X-Slack-Signature", Prefix: "v0=", Signed: "v0:{timestamp}:{body}", Timestamp: "X-Slack-Request-Timestamp"}
)

const (
	bambooKey  = "123b929362d51613054f71e5e5d4bf2c"
	bambooBody = `{"employees":[{"changedFields":["First name"],"fields":{"Employee #":{"value":"300"},"First name":{"value":"Tefi"},"Last name":{"value":"Adams"}},"id":"5"}]}`
	slackBody  = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

// TestEveryPublicVectorVerifiesAndEveryWrongRecipeFails holds the verifier to signatures that
// others have published, and to what public code gets wrong about them.
func TestEveryPublicVectorVerifiesAndEveryWrongRecipeFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		scheme    webhook.Signature
		secret    string
		id, stamp string
		body      string
		signature string
		fails     map[string]string
	}{
		{
			"Standard Webhooks (standard-webhooks, libraries/go/webhook_test.go)", standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			map[string]string{"another signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="},
		},
		{
			"Svix (svix-webhooks, rust/src/webhooks.rs)", standard, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
			"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "1649367553", `{"email":"test@example.com","username":"test_user"}`, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
			map[string]string{"another signature": "v1,R3PTzyfHASBKHH98a7yexTwaJ4yNIcGhFQc1yuN+BPU="},
		},
		{
			"Finch (finch-api-go, webhook_test.go)", finch, "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH",
			"msg_2Lh9KRb0pzN4LePd3XiA4v12Axj", "1676312382", `{"company_id":"720be419-0293-4d32-a707-32179b0827ab"}`, "v1,m7y0TV2C+hlHxU42wCieApTSTaA8/047OAplBqxIV/s=",
			nil,
		},
		{
			"BambooHR (fusebit, bamboohr-connector/test)", bamboohr, bambooKey, "", "1658248023", bambooBody,
			"56491dd9c2b352bc5f4fc627159aae20ddff9c8cb19f239a6de6771dc5310bac",
			map[string]string{
				"ts.body":        "b82e3631621ab57b6ed4faaa713a2b19725da40950663c02699ee277baa8dd21",
				"ts+body":        "0cf28251afd42290c328e253dc0386846a2c30d446f0799fa700575c04ad1ff6",
				"body alone":     "2235ed25eccc47b8f47eeb97b2313f0bc592665ff819600deda414bdceed5988",
				"the key as hex": "e0e0bbecec151674bc1eddc93a2fb019c594618a9f8ca7e8f01850b2efa959c1",
			},
		},
		{
			"HMAC-SHA512 of the body (convoy, pkg/verifier/verifier_test.go), HiBob's recipe", hibob, "Convoy", "", "", "Test Payload Body",
			"gzBjgvU2HTU1HW3kWZjyO1L0C8+Wvv5OkvE3wPG/SnEZOIsjjY+dUCrHfm8aiEmkd4JyZn7YjVMMrIBQvR/uLQ==",
			map[string]string{"hex": "83306382f5361d35351d6de45998f23b52f40bcf96befe4e92f137c0f1bf4a7119388b238d8f9d502ac77e6f1a8849a4778272667ed88d530cac8050bd1fee2d"},
		},
		{
			"HMAC-SHA256 of the body (GitHub, Validating webhook deliveries), Gusto's recipe", gusto, "It's a Secret to Everybody", "", "", "Hello, World!",
			"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
			map[string]string{"base64": "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=", "Deel's": "e6b886296a6cab24661690e0d65eb1f460b50535abb79f904c508c2e79ed7f24"},
		},
		{
			"the same, as GitHub sends it", github, "It's a Secret to Everybody", "", "", "Hello, World!",
			"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
			map[string]string{"without the prefix": "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		},
		{
			"the same in base64url with padding, as Merge writes it", merge, "It's a Secret to Everybody", "", "", "Hello, World!",
			"dXEH6g6yUJ_CESIczphLijdXC211hsIsRvQ3nIsEPhc=", nil,
		},
		{
			"the same without, as Kombo writes it", merge, "It's a Secret to Everybody", "", "", "Hello, World!",
			"dXEH6g6yUJ_CESIczphLijdXC211hsIsRvQ3nIsEPhc", nil,
		},
		{
			"POST and the body, as Deel signs", deel, "It's a Secret to Everybody", "", "", "Hello, World!",
			"e6b886296a6cab24661690e0d65eb1f460b50535abb79f904c508c2e79ed7f24",
			map[string]string{
				"the body alone": "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
				"with a prefix":  "sha256=e6b886296a6cab24661690e0d65eb1f460b50535abb79f904c508c2e79ed7f24",
			},
		},
		{
			"Slack (Verifying requests from Slack)", slack, "8f742231b10e8888abcd99yyyzzz85a5", "", "1531420618", slackBody,
			"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", nil,
		},
		{
			"RFC 4231, test case 2", gusto, "Jefe", "", "", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", nil,
		},
		{
			"RFC 4231, test case 2, SHA-512", webhook.Signature{Header: "X", Algorithm: webhook.SHA512}, "Jefe", "", "", "what do ya want for nothing?",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			verifier, err := tt.scheme.With([]string{tt.secret})
			if err != nil {
				t.Fatal(err)
			}
			arrival := func(signature string) webhook.Arrival {
				a := webhook.Arrival{Method: http.MethodPost, Header: http.Header{}, Body: []byte(tt.body), At: time.Now()}
				a.Header.Set(tt.scheme.Header, signature)
				if tt.id != "" {
					a.Header.Set(tt.scheme.ID, tt.id)
				}
				if tt.stamp != "" {
					a.Header.Set(tt.scheme.Timestamp, tt.stamp)
					seconds, err := strconv.ParseInt(tt.stamp, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					a.At = time.Unix(seconds, 0)
				}
				return a
			}
			v, err := verifier.Verify(arrival(tt.signature))
			if err != nil || v.ID() != tt.id || string(v.Body()) != tt.body {
				t.Errorf("got id %q, %v; want %q verified", v.ID(), err, tt.id)
			}
			for recipe, signature := range tt.fails {
				if _, err := verifier.Verify(arrival(signature)); !errors.Is(err, webhook.ErrUnverified) {
					t.Errorf("%s: got %v, want it refused", recipe, err)
				}
			}
			other := arrival(tt.signature)
			other.Body = []byte(tt.body + " ")
			if _, err := verifier.Verify(other); !errors.Is(err, webhook.ErrUnverified) {
				t.Errorf("another body: got %v, want it refused", err)
			}
			if signature, err := tt.scheme.Sign(tt.secret, arrival("")); err != nil || signature != tt.signature && signature != tt.signature+"=" {
				t.Errorf("signing again: got %s, %v; want %s", signature, err, tt.signature)
			}
		})
	}
}

const now = 1795348800

func signedBy(t *testing.T, scheme webhook.Signature, secret string, change func(http.Header)) webhook.Arrival {
	t.Helper()
	a := webhook.Arrival{Method: http.MethodPost, Header: http.Header{}, Body: []byte(`{"b":1,"a":2}`), At: time.Unix(now, 0)}
	a.Header.Set("webhook-id", "msg_1")
	a.Header.Set("webhook-timestamp", strconv.Itoa(now))
	signature, err := scheme.Sign(secret, a)
	if err != nil {
		t.Fatal(err)
	}
	a.Header.Set(scheme.Header, signature)
	if change != nil {
		change(a.Header)
	}
	return a
}

func TestWhatASignatureMayLookLike(t *testing.T) {
	t.Parallel()
	secret := func(word string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(word)) }
	first, second := secret("the first secret of the source"), secret("the second secret of the source")
	verifier, err := standard.With([]string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		secret string
		change func(http.Header)
		ok     bool
	}{
		"the newest secret":        {first, nil, true},
		"an older secret":          {second, nil, true},
		"nobody's secret":          {secret("a secret of somebody else, long"), nil, false},
		"one of several":           {first, func(h http.Header) { h.Set("webhook-signature", "v1,AAAA v1a,BBBB "+h.Get("webhook-signature")) }, true},
		"one of several headers":   {first, func(h http.Header) { h.Add("webhook-signature", "v1,AAAA") }, true},
		"another version of it":    {first, func(h http.Header) { h.Set("webhook-signature", "v2"+h.Get("webhook-signature")[2:]) }, false},
		"nothing":                  {first, func(h http.Header) { h.Del("webhook-signature") }, false},
		"an empty one":             {first, func(h http.Header) { h.Set("webhook-signature", "") }, false},
		"one cut off":              {first, func(h http.Header) { h.Set("webhook-signature", h.Get("webhook-signature")[:20]) }, false},
		"another id":               {first, func(h http.Header) { h.Set("webhook-id", "msg_2") }, false},
		"two ids":                  {first, func(h http.Header) { h.Add("webhook-id", "msg_2") }, false},
		"no id":                    {first, func(h http.Header) { h.Del("webhook-id") }, false},
		"two times":                {first, func(h http.Header) { h.Add("webhook-timestamp", strconv.Itoa(now)) }, false},
		"no time":                  {first, func(h http.Header) { h.Del("webhook-timestamp") }, false},
		"a time that is no number": {first, func(h http.Header) { h.Set("webhook-timestamp", "now") }, false},
		"another time":             {first, func(h http.Header) { h.Set("webhook-timestamp", strconv.Itoa(now+1)) }, false},
	} {
		v, err := verifier.Verify(signedBy(t, standard, tt.secret, tt.change))
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, webhook.ErrUnverified) {
			t.Errorf("%s: got %q, %v; want it verified: %t", name, v.ID(), err, tt.ok)
		}
	}
	for off, ok := range map[time.Duration]bool{
		299 * time.Second: true, -299 * time.Second: true, 301 * time.Second: false, -301 * time.Second: false,
	} {
		a := signedBy(t, standard, first, nil)
		a.At = a.At.Add(off)
		if _, err := verifier.Verify(a); ok != (err == nil) {
			t.Errorf("%s off: got %v, want it verified: %t", off, err, ok)
		}
	}
}

func TestHexMayBeOfEitherCase(t *testing.T) {
	t.Parallel()
	verifier, err := gusto.With([]string{"Jefe"})
	if err != nil {
		t.Fatal(err)
	}
	a := webhook.Arrival{Header: http.Header{}, Body: []byte("what do ya want for nothing?")}
	a.Header.Set("X-Gusto-Signature", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843")
	if _, err := verifier.Verify(a); err != nil {
		t.Error(err)
	}
}

func TestTimestampsAreReadInTheirUnit(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for stamp, unit := range map[string]webhook.Unit{
		strconv.FormatInt(at.Unix(), 10): webhook.Seconds, strconv.FormatInt(at.UnixMilli(), 10): webhook.Milliseconds,
		"2026-11-22T10:00:00+01:00": webhook.RFC3339, "2026-11-22T09:00:00+0000": webhook.SecondsOrRFC3339, "1795338000": webhook.SecondsOrRFC3339,
	} {
		scheme := webhook.Signature{Header: "X-S", Signed: "{timestamp}.{body}", Timestamp: "X-T", Unit: unit, Tolerance: time.Second}
		verifier, err := scheme.With([]string{"Jefe"})
		if err != nil {
			t.Fatal(err)
		}
		a := webhook.Arrival{Header: http.Header{}, Body: []byte("{}"), At: at}
		a.Header.Set("X-T", stamp)
		signature, err := scheme.Sign("Jefe", a)
		if err != nil {
			t.Fatal(err)
		}
		a.Header.Set("X-S", signature)
		if _, err := verifier.Verify(a); err != nil {
			t.Errorf("%s as %s: %v", stamp, unit, err)
		}
	}
}

func TestASchemeThatProvesTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	for name, scheme := range map[string]webhook.Signature{
		"no header":                    {},
		"no body":                      {Header: "X", Signed: "{timestamp}", Timestamp: "T"},
		"a time that is not signed":    {Header: "X", Timestamp: "T"},
		"an id that is not signed":     {Header: "X", ID: "I"},
		"a time without a header":      {Header: "X", Signed: "{timestamp}{body}"},
		"an id without a header":       {Header: "X", Signed: "{id}{body}"},
		"an unknown part":              {Header: "X", Signed: "{url}{body}"},
		"a hash that is broken":        {Header: "X", Algorithm: "sha1"},
		"an unknown encoding":          {Header: "X", Encoding: "base32"},
		"an unknown way to write keys": {Header: "X", Key: "pem"},
		"an unknown unit":              {Header: "X", Signed: "{timestamp}{body}", Timestamp: "T", Unit: "min"},
	} {
		if _, err := scheme.With([]string{"Jefe"}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	if _, err := standard.With([]string{"whsec_!!!"}); err == nil || err.Error() != "secret 1 is not whsec_ followed by base64" {
		t.Errorf("a secret that is no base64: got %v", err)
	}
}

func TestASecretThatIsShown(t *testing.T) {
	t.Parallel()
	const secret, old = "a secret of 32 letters, or longer", "the secret before, of 32 letters."
	header := func(name string, values ...string) webhook.Arrival {
		return webhook.Arrival{Header: http.Header{http.CanonicalHeaderKey(name): values}, Query: url.Values{}}
	}
	query := func(name string, values ...string) webhook.Arrival {
		return webhook.Arrival{Header: http.Header{}, Query: url.Values{name: values}}
	}
	body := func(text string) webhook.Arrival { return webhook.Arrival{Header: http.Header{}, Body: []byte(text)} }
	challenge, bearer, code := webhook.Secret{Header: "x-factorial-wh-challenge"}, webhook.Secret{Bearer: true, Query: "access_token"}, webhook.Secret{Query: "code"}
	state := webhook.Member{List: "value", Name: "clientState"}
	for _, tt := range []struct {
		name   string
		scheme interface {
			With([]string) (webhook.Verifier, error)
		}
		arrival webhook.Arrival
		ok      bool
	}{
		{"a header", challenge, header("x-factorial-wh-challenge", secret), true},
		{"the one before", challenge, header("x-factorial-wh-challenge", old), true},
		{"a wrong one", challenge, header("x-factorial-wh-challenge", secret+"x"), false},
		{"a part of it", challenge, header("x-factorial-wh-challenge", secret[:10]), false},
		{"nothing", challenge, header("x-other", secret), false},
		{"an empty one", challenge, header("x-factorial-wh-challenge", ""), false},
		{"a right and a wrong one", challenge, header("x-factorial-wh-challenge", "guess", secret), false},
		{"a bearer token", bearer, header("Authorization", "bearer "+secret), true},
		{"a bearer token in the query", bearer, query("access_token", secret), true},
		{"a token of another scheme", bearer, header("Authorization", "Basic "+secret), false},
		{"a parameter", code, query("code", secret), true},
		{"a wrong parameter", code, query("code", "guess"), false},
		{"two parameters", code, query("code", "guess", secret), false},
		{"a member", state, body(`{"value":[{"clientState":"` + secret + `"},{"clientState":"` + old + `"}]}`), true},
		{"a member that is missing once", state, body(`{"value":[{"clientState":"` + secret + `"},{}]}`), false},
		{"a member that is wrong once", state, body(`{"value":[{"clientState":"` + secret + `"},{"clientState":"guess"}]}`), false},
		{"a member by another case", state, body(`{"value":[{"ClientState":"` + secret + `"}]}`), false},
		{"no list", state, body(`{"value":[]}`), false},
		{"no JSON", state, body(`validationToken`), false},
	} {
		verifier, err := tt.scheme.With([]string{secret, old})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(tt.arrival); tt.ok != (err == nil) || err != nil && !errors.Is(err, webhook.ErrUnverified) {
			t.Errorf("%s: got %v, want it verified: %t", tt.name, err, tt.ok)
		}
	}
}
