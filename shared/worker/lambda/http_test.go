package lambda_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	sample "leaver/events"
	"leaver/functions/intake"
	"leaver/shared/hris"
	"leaver/shared/worker/lambda"
	"leaver/shared/worker/steptest"
)

// webhook is a signed webhook as an HTTP API hands it to a function.
func webhook(t *testing.T, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(sample.Secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign("msg_1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /webhooks/standard", RawPath: "/webhooks/standard", Body: body,
		Headers: map[string]string{
			"content-type": "application/json", "webhook-id": "msg_1", "webhook-timestamp": strconv.FormatInt(now.Unix(), 10), "webhook-signature": signature,
		},
	}
	e.RequestContext.DomainName, e.RequestContext.Stage = "abc123.execute-api.eu-west-1.amazonaws.com", "$default"
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = http.MethodPost, "192.0.2.1"
	return e
}

// TestIntakeBehindAnHTTPAPI serves the same handler as the resident host.
func TestIntakeBehindAnHTTPAPI(t *testing.T) {
	h := steptest.New(t)
	sources, err := hris.New(hris.Standard(sample.Secret))
	if err != nil {
		t.Fatal(err)
	}
	in := &intake.Intake{Sources: sources, Bus: h.Bus, Now: time.Now, Log: h.Logger()}
	after := 0
	handler := lambda.HTTP(in.Handler(), func() { after++ })
	const body = `{"type":"employee.terminated","timestamp":"2026-11-22T09:00:00Z","data":{"employee":{"userPrincipalName":"adele.vance@contoso.com"}}}`
	for name, tt := range map[string]struct {
		change func(*events.APIGatewayV2HTTPRequest)
		status int
	}{
		"plain": {func(*events.APIGatewayV2HTTPRequest) {}, 202},
		"base64": {func(e *events.APIGatewayV2HTTPRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
		}, 202},
		"a named stage": {func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Stage, e.RawPath = "prod", "/prod"+e.RawPath
		}, 202},
		"another body":   {func(e *events.APIGatewayV2HTTPRequest) { e.Body += " " }, 401},
		"another path":   {func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/" }, 404},
		"another method": {func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = http.MethodGet }, 405},
		"health": {func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.HTTP.Method, e.RawPath, e.Body = http.MethodGet, "/healthz", ""
		}, 200},
	} {
		e := webhook(t, body)
		tt.change(&e)
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := handler.Invoke(t.Context(), payload)
		var answer events.APIGatewayV2HTTPResponse
		if err != nil || json.Unmarshal(raw, &answer) != nil || answer.StatusCode != tt.status {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
		if tt.status == 202 && (!strings.Contains(answer.Body, `"request"`) || answer.Headers["Content-Type"] != "application/json") {
			t.Errorf("%s: %+v", name, answer)
		}
	}
	if after != 7 {
		t.Errorf("after was called %d times", after)
	}
	if messages := h.Bus.Messages(); len(messages) != 1 { // the same webhook three times
		t.Errorf("%+v", messages)
	}
	for _, payload := range []string{"x", `{"body":"%","isBase64Encoded":true}`, `{"rawPath":"%zz"}`} {
		if _, err := handler.Invoke(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s was taken", payload)
		}
	}
}

func TestAnAnswerThatIsNotText(t *testing.T) {
	handler := lambda.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte{0xff, 0xfe})
		_, _ = io.WriteString(w, r.URL.RawQuery+" "+r.Header.Get("Cookie"))
	}), func() {})
	raw, err := handler.Invoke(t.Context(), []byte(`{"rawPath":"/x","rawQueryString":"a=1&b=2","cookies":["c=3","d=4"],"requestContext":{"http":{"method":"GET"},"domainName":"x.example"}}`))
	var answer events.APIGatewayV2HTTPResponse
	if err != nil || json.Unmarshal(raw, &answer) != nil {
		t.Fatal(err)
	}
	body, err := base64.StdEncoding.DecodeString(answer.Body)
	if err != nil || !answer.IsBase64Encoded || answer.StatusCode != http.StatusTeapot || len(answer.Cookies) != 2 || !bytes.HasSuffix(body, []byte("a=1&b=2 c=3; d=4")) {
		t.Errorf("%+v %q, %v", answer, body, err)
	}
}
