package hris

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ErrNoEnrolment: the vendor shows its secret on a page, or takes one of ours.
var ErrNoEnrolment = errors.New("this vendor needs no enrolment: its secret stands on its page, or is yours to choose")

// Enrolment takes the secret of a source whose vendor posts it to the endpoint, unsigned, so that
// anybody could: only while an operator waits for it, and never in the function that faces the
// internet. It is the handler of the endpoint meanwhile.
type Enrolment struct {
	config Config
	offers chan string
}

// Enrol begins an enrolment; ErrNoEnrolment where the vendor has none.
func (c Config) Enrol() (*Enrolment, error) {
	if c.Vendor != gusto.name {
		return nil, ErrNoEnrolment
	}
	return &Enrolment{config: c, offers: make(chan string, 64)}, nil
}

// ServeHTTP takes the tokens that are offered, to be shown to the vendor one by one.
func (e *Enrolment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 512))
	body, parsed := parseDocument(text)
	token := body.at("/verification_token").text()
	if err != nil || parsed != nil || r.Method != http.MethodPost || token == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case e.offers <- token:
	default: // nobody posts so many but a stranger
	}
	w.WriteHeader(http.StatusAccepted)
}

// Subscribe subscribes the address at the vendor with the system access token of the organisation's
// application,
// waits for what the vendor posts, and shows it to the vendor: what that accepts is the secret. A
// token that somebody else posted is not accepted.
// Source: docs.gusto.com, embedded-payroll/reference, put-v1-verify-webhook-subscription-uuid.
func (e *Enrolment) Subscribe(ctx context.Context, transport http.RoundTripper, organisation, address string) (secret string, err error) {
	base, err := url.Parse(e.config.API.URL)
	if err != nil {
		return "", errors.New("api.url cannot be read")
	}
	ask := &client{
		base: base, about: e.config.Name, now: time.Now, http: &http.Client{Transport: transport, Timeout: patience},
		sign: func(r *http.Request) {
			bearer(organisation)(r)
			r.Header.Set("X-Gusto-API-Version", gustoVersion)
		},
	}
	made, _, err := ask.ask(ctx, "subscribing", http.MethodPost, "/v1/webhook_subscriptions", nil, map[string]any{"url": address, "subscription_types": []string{"Employee"}}, nil)
	if err != nil {
		return "", err
	}
	id := made.at("/uuid").text()
	if id == "" {
		return "", fmt.Errorf("subscribing: %s answers without a uuid", e.config.Name)
	}
	for {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("nobody posted a token that %s accepts; does %s lead here? %w", e.config.Name, address, context.Cause(ctx))
		case token := <-e.offers:
			_, _, err := ask.ask(ctx, "verifying the subscription", http.MethodPut, "/v1/webhook_subscriptions/"+url.PathEscape(id)+"/verify", nil, map[string]any{"verification_token": token}, nil)
			if err == nil {
				return token, nil
			}
		}
	}
}
