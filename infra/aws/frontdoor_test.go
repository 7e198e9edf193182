package aws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
)

// The secrets of the HR system, where the roles of intake and of resolve may read them.
const (
	hrSecretARN     = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:leaver/webhooks/bob-AbCdEf"
	hrCredentialARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:leaver/hr/bob-AbCdEf"
)

// front is the HTTP API before intake, for whoever sends webhooks.
func (d *deployment) front(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{}
		for name := range r.Header {
			headers[name] = r.Header.Get(name)
		}
		event, err := json.Marshal(map[string]any{
			"version": "2.0", "routeKey": "ANY /webhooks/{source+}", "rawPath": r.URL.Path, "rawQueryString": r.URL.RawQuery, "headers": headers, "body": string(body),
			"requestContext": map[string]any{"http": map[string]any{"method": r.Method, "path": r.URL.Path, "sourceIp": "192.0.2.1"}},
		})
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		raw, err := d.functions["intake"].invoke(event)
		var answer struct {
			StatusCode int
			Body       string
		}
		if err != nil || json.Unmarshal(raw, &answer) != nil {
			w.WriteHeader(http.StatusBadGateway) // as the API answers for a function that died
			return
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.WriteString(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestARequestAndAHintReachTheLockedOutAccount: one departure is told whole, the other one by a hint,
// with its secrets in Secrets Manager. Intake is killed when its message is on the bus; resolve at each
// of its calls: when the HR system is asked, when its request is on the bus, when its word is in the
// ledger, and when it settles. Both accounts are locked out, once.
func TestARequestAndAHintReachTheLockedOutAccount(t *testing.T) {
	t.Parallel()
	hr, err := simhr.New("hibob", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var d *deployment
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.mustDie(write{"resolve", toHR}) {
			d.functions["resolve"].kill()
			return
		}
		hr.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	sources := fmt.Sprintf("sources: [{name: bob, vendor: hibob, zone: Europe/Berlin, secrets: [%q], api: {url: %q, user: %s, secret: %q}}]",
		hrSecretARN, api.URL, hr.User, hrCredentialARN)
	d = deployWith(t, 0, map[string]string{samples["SourcesArn"]: sources, hrSecretARN: hr.Secret, hrCredentialARN: hr.Credential})
	d.die(write{"intake", toBus}, write{"resolve", toHR}, write{"resolve", toBus}, write{"resolve", toLedger}, write{"resolve", toSettle})
	front := d.front(t)
	hr.Hire(simhr.Person{ID: "4711", Mail: heldLeaver})
	hr.Dismiss("4711", offboarding.DateOf(time.Now().AddDate(0, 0, -2)), offboarding.Date{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go d.schedule(ctx, 5*time.Second)
	for hr.Waiting() > 0 { // who is told 502 sends again, after a minute: that much time there is not
		taken, err := hr.Send(t.Context(), front.Client(), front.URL+"/webhooks/bob")
		if err != nil || len(hr.Lost()) > 0 {
			t.Fatalf("got %d lost, %v", len(hr.Lost()), err)
		}
		if len(taken) == 0 {
			hr.Hurry()
		}
	}
	d.post(t, "msg_1", leaves(leaver, ""))
	lockout := []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock}
	for _, who := range []string{leaver, heldLeaver} {
		d.await(t, simtenant.UserID(who), "locked out", func(c *offboarding.Case) bool {
			return !slices.ContainsFunc(lockout, func(s offboarding.StepName) bool { return c.Step(s).State != offboarding.StateEffective })
		})
	}
	d.await(t, simtenant.UserID(heldLeaver), "settled by resolve", func(*offboarding.Case) bool { return d.mayLive("resolve") }) // what it was killed at, it did
	for _, who := range []string{leaver, heldLeaver} {
		id := simtenant.UserID(who)
		user, lives := d.tenant.User(id)
		if !lives { // the grace is short
			user, _ = d.tenant.DeletedUser(id)
		}
		c, err := d.ledger.Latest(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if n := d.tenant.PasswordChanges(id); user.AccountEnabled || n != 1 || len(c.Requests) != 1 {
			t.Errorf("%s: enabled %t, %d changes of the password, %d requests; want out, by one request", who, user.AccountEnabled, n, len(c.Requests))
		}
	}
	requests, _, err := d.ledger.Requests(t.Context())
	if err != nil || len(requests) != 2 {
		t.Errorf("got %d requests, %v; want two", len(requests), err)
	}
	d.died(t)
	if n := d.deadLetters(t); n > 0 {
		t.Errorf("%d messages are parked", n)
	}
	if len(d.account.unknown) > 0 {
		t.Errorf("AWS was asked for %v", d.account.unknown)
	}
}
