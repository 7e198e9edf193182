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
	vendor vendor
	posted chan document
}

// Enrol begins an enrolment; ErrNoEnrolment where the vendor has none.
func (c Config) Enrol() (*Enrolment, error) {
	v, err := vendorOf(c.Vendor)
	switch {
	case err != nil:
		return nil, err
	case v.enrol == nil:
		return nil, ErrNoEnrolment
	}
	return &Enrolment{config: c, vendor: v, posted: make(chan document, 64)}, nil
}

// ServeHTTP takes what is posted, to be shown to the vendor one by one.
func (e *Enrolment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 512))
	body, parsed := parseDocument(text)
	if err != nil || parsed != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case e.posted <- body:
	default: // nobody posts so many but a stranger
	}
	w.WriteHeader(http.StatusAccepted)
}

// Subscribe subscribes the address at the vendor with the credential of the organisation's
// application, waits for what the vendor posts, and shows it to the vendor: what that accepts is the
// secret.
func (e *Enrolment) Subscribe(ctx context.Context, transport http.RoundTripper, organisation, address string) (secret string, err error) {
	base, err := url.Parse(e.config.API.URL)
	if err != nil {
		return "", errors.New("api.url cannot be read")
	}
	ask := &client{
		base: base, about: e.config.Name, now: time.Now, http: &http.Client{Transport: transport, Timeout: patience}, sign: bearer(organisation),
	}
	secret, err = e.vendor.enrol(ctx, ask, address, e.posted)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("nobody posted what %s accepts; does %s lead here? %w", e.config.Name, address, context.Cause(ctx))
	}
	return secret, err
}
