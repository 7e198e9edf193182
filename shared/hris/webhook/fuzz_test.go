package webhook_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
)

// FuzzVerify sends anything to every scheme: nothing verifies whose sender does not know the secret.
func FuzzVerify(f *testing.F) {
	var verifiers []webhook.Verifier
	for _, s := range []interface {
		With([]string) (webhook.Verifier, error)
	}{
		standard, bamboohr, hibob, gusto, merge, deel, github, slack, webhook.Secret{Header: "Authorization"}, webhook.Secret{Bearer: true, Query: "access_token"}, webhook.Member{List: "value", Name: "clientState"},
	} {
		v, err := s.With([]string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
		if err != nil {
			f.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	f.Add("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "1614265330", "msg_1", `{"value":[{"clientState":"x"}]}`, "POST")
	f.Add("v1, v1,= sha256=", "2021-02-25T15:02:10+0000", "", `{"value":[{}]}`, "")
	f.Add("Bearer ", "9223372036854775807", "\x00", `{"value":[]}`, "GET")
	f.Add("v0=", "-1", "{body}", `[`, "{id}")
	f.Fuzz(func(t *testing.T, signature, stamp, id, body, method string) {
		a := webhook.Arrival{Method: method, Header: http.Header{}, Query: url.Values{"access_token": {signature}}, Body: []byte(body), At: time.Unix(1614265330, 0)}
		for _, name := range []string{"webhook-signature", "X-BambooHR-Signature", "Bob-Signature", "X-Gusto-Signature", "X-Merge-Webhook-Signature", "x-deel-signature", "X-Hub-Signature-256", "X-Slack-Signature", "Authorization"} {
			a.Header.Set(name, signature)
		}
		for _, name := range []string{"webhook-timestamp", "X-BambooHR-Timestamp", "X-Slack-Request-Timestamp"} {
			a.Header.Set(name, stamp)
		}
		a.Header.Set("webhook-id", id)
		for i, v := range verifiers {
			if _, err := v.Verify(a); err == nil {
				t.Errorf("scheme %d is proved by %q, %q, %q, %q", i, signature, stamp, id, body)
			}
		}
	})
}
