// Package webhook tells a webhook of somebody who knows a secret from all others. There is one
// verifier, told by a table how a sender signs: [Signature] for what is signed, [Secret] and
// [Member] for senders that only show a secret.
//
// An [Arrival] is what came in. A [Verified] webhook is made by a [Verifier] and by nothing else,
// so whoever asks for one cannot be handed bytes that nobody has proved.
package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrUnverified: the webhook is not, or not any more, from somebody who knows a secret. The error
// says what is wrong, and repeats nothing of the webhook.
var ErrUnverified = errors.New("the webhook could not be verified")

// Arrival is a webhook as it came in: nothing of it is proved.
type Arrival struct {
	Method string
	Header http.Header
	Query  url.Values
	Event  string // what the path says behind the name of the source
	Body   []byte // as it was sent, before anything reads it
	At     time.Time
}

// Verifier proves arrivals.
type Verifier interface {
	// Verify returns the webhook when it proves that its sender knows a secret, else
	// ErrUnverified. Secrets are compared in constant time.
	Verify(a Arrival) (Verified, error)
}

// Verified is a webhook whose sender knows a secret.
type Verified struct {
	arrival Arrival
	id      string
}

// ID is the id that the sender gave the webhook and signed; empty where the scheme has none.
func (v Verified) ID() string { return v.id }

// Body is the body as it was sent.
func (v Verified) Body() []byte { return v.arrival.Body }

// Header is a header of the webhook. A [Signature] covers none of them.
func (v Verified) Header(name string) string { return v.arrival.Header.Get(name) }

// Event is what the path says behind the name of the source.
func (v Verified) Event() string { return v.arrival.Event }

// At is when it came in.
func (v Verified) At() time.Time { return v.arrival.At }

// Digest is short for the body: two bodies with one digest are the same.
func (v Verified) Digest() string { return Digest(v.arrival.Body) }

// Digest is short for some bytes.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Vouched is a webhook that nobody signed, but an operator handed in who is known otherwise.
func Vouched(id string, body []byte, at time.Time) Verified {
	return Verified{arrival: Arrival{Body: body, At: at}, id: id}
}

// one is the value of a header that has to be there once: of several, the one that is signed and
// the one that is read could differ.
func one(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", unverified("send the header %s", strings.ToLower(name))
	case len(values) > 1:
		return "", unverified("send the header %s once", strings.ToLower(name))
	default:
		return values[0], nil
	}
}

func unverified(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnverified}, args...)...)
}
