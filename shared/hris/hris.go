// Package hris takes requests in from HR systems. A [Source] is one of them as the installation
// declares it, with an endpoint of its own; how its kind of HR system signs, what its webhooks say
// and what it expects to be answered stands in one file per vendor, and all of them in one table.
//
// A mapping decides nothing: it only says what the HR system said. It is handed a
// webhook.Verified, which the verifier alone can make. What a webhook says is a request where the
// HR system tells all that is needed, and a hint where it has to be asked: a [Reader] does that,
// with a credential that the function which faces the internet does not have.
package hris

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// Errors of a Source.
var (
	// ErrUnauthorized: the webhook is not, or not any more, from somebody who knows a secret.
	ErrUnauthorized = webhook.ErrUnverified
	// ErrInvalid: the body does not say what is needed; the error says what to fix and repeats no
	// value.
	ErrInvalid = errors.New("the webhook cannot be used")
)

// vendor is one kind of HR system. What is zero is as with most of them.
type vendor struct {
	name string // as a declaration names it

	// media are the media types of its webhooks; none is application/json alone.
	media []string
	// methods beside POST that its handshake takes.
	methods []string
	// maxBody is the largest body of a webhook, in bytes; 0 is MaxBody.
	maxBody int64
	// leastSecret is the least number of bytes of a secret; 0 is 24.
	leastSecret int
	// key is how a secret is written; by default its text is the key.
	key webhook.Key
	// accepted is what a webhook that was taken is answered with; 0 is 202.
	accepted int
	// unusable is what a proved webhook is answered with that cannot be used; 0 is as if it could be,
	// because it was kept, and a vendor that is refused gives up on the endpoint.
	unusable int
	// unverified is what a webhook is answered with that proves nothing; 0 is 401. A vendor that never
	// tries again after a 4xx is told 503, so that a secret can be put right.
	unverified int
	// dated says that its dates come without a time, so that the source needs a zone.
	dated bool

	// optional says that its webhooks are a shortcut: without a secret it is only read.
	optional bool
	// tenant says that it is the tenant itself, which is read by the application of whoever asks.
	tenant bool

	// setup is what the vendor's own page has to be told beside the address, a line each.
	setup []string
	// validate says what is wrong with a declaration of this vendor; nil needs nothing special.
	validate func(Config) error
	// verifier proves its webhooks by the secrets of the declaration, which are not empty.
	verifier func(Config) (webhook.Verifier, error)
	// handshake answers what is asked before the first event. Nothing of it is proved, so all that it
	// makes is an answer; false when the arrival is none.
	handshake func(Config, Arrival) (Answer, bool)
	// probe is what it asks then, for a check of the endpoint; nil where there is no handshake.
	probe *Arrival
	// enrol gets the secret of a vendor that posts it to the endpoint, unsigned: it is told what was
	// posted there meanwhile, and returns what the vendor accepts. nil where the secret stands on a page.
	enrol func(ctx context.Context, ask *client, address string, posted <-chan document) (secret string, err error)
	// read says what a verified webhook means. Its error is ErrInvalid, about the whole of it.
	read func(Config, webhook.Verified) (Meaning, error)
	// immediate are the events after which somebody who leaves is out at once, whatever the date.
	immediate []string
	// pace is the least time between two reads; 0 is a quarter of a second.
	pace time.Duration
	// nobody is an id that no employee has; empty is 0.
	nobody string
	// reader asks the HR system; nil where a webhook says all there is to know.
	reader func(Config, *client) Reader
}

// Vendors are the names of all kinds of HR system.
func Vendors() []string {
	var names []string
	for _, v := range vendors {
		names = append(names, v.name)
	}
	return names
}

func vendorOf(name string) (vendor, error) {
	for _, v := range vendors {
		if v.name == name {
			return v, nil
		}
	}
	return vendor{}, fmt.Errorf("vendor: there is no %q; use one of %s", name, strings.Join(Vendors(), ", "))
}

// Sources are those of an installation.
type Sources struct{ byName map[string]*Source }

// New makes the declared sources. One without a secret, or with a secret that is too easy to
// guess, is an error that names it and shows no secret.
func New(declared ...Config) (*Sources, error) {
	all := &Sources{byName: map[string]*Source{}}
	for _, c := range declared {
		if all.byName[c.Name] != nil {
			return nil, fmt.Errorf("two sources are named %s", c.Name)
		}
		if v, err := vendorOf(c.Vendor); err == nil && (v.verifier == nil || v.optional && len(c.Secrets) == 0) {
			continue // it sends nothing, and is only read
		}
		source, err := newSource(c)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		all.byName[c.Name] = source
	}
	return all, nil
}

// Source is the source of that name; false when none is declared.
func (s *Sources) Source(name string) (*Source, bool) {
	source, known := s.byName[name]
	return source, known
}

// Arrival is a webhook as it came in: nothing of it is proved.
type Arrival = webhook.Arrival

// Answer is what a sender is answered that asks for something.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Source is one declared HR system, as far as its webhooks go.
type Source struct {
	Config
	vendor   vendor
	verifier webhook.Verifier
}

func newSource(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	v, err := vendorOf(c.Vendor)
	if err != nil {
		return nil, err
	}
	least := 24
	if v.leastSecret > 0 {
		least = v.leastSecret
	}
	key := v.key
	if c.Signature != nil {
		key = c.Signature.Key
	}
	for i, secret := range c.Secrets {
		// A secret that is not written as it should be is the verifier's to refuse.
		if n := key.Bytes(secret); n > 0 && n < least || strings.TrimSpace(secret) == "" {
			return nil, fmt.Errorf("secret %d has fewer than %d bytes", i+1, least)
		}
	}
	if len(c.Secrets) == 0 {
		return nil, errors.New("it has no secret, and without one anybody could send its webhooks")
	}
	verifier, err := v.verifier(c)
	if err != nil {
		return nil, err
	}
	return &Source{Config: c, vendor: v, verifier: verifier}, nil
}

// MaxBody is the largest body of a webhook, in bytes, where the vendor needs no larger one.
const MaxBody = 64 << 10

// MaxBody is the largest body that the source takes, in bytes.
func (s *Source) MaxBody() int64 {
	if s.vendor.maxBody > 0 {
		return s.vendor.maxBody
	}
	return MaxBody
}

// Methods are those that the source takes.
func (s *Source) Methods() []string { return append([]string{http.MethodPost}, s.vendor.methods...) }

// Media are the media types that the source takes.
func (s *Source) Media() []string {
	if s.vendor.media != nil {
		return s.vendor.media
	}
	return []string{"application/json"}
}

// TakesMedia reports whether the source takes a body of a Content-Type.
func (s *Source) TakesMedia(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains(s.Media(), media)
}

// Accepted is the status of the answer to a webhook that was taken.
func (s *Source) Accepted() int { return status(s.vendor.accepted, http.StatusAccepted) }

// Unusable is the status of the answer to a proved webhook that cannot be used.
func (s *Source) Unusable() int { return status(s.vendor.unusable, s.Accepted()) }

// Unverified is the status of the answer to a webhook that proves nothing.
func (s *Source) Unverified() int { return status(s.vendor.unverified, http.StatusUnauthorized) }

func status(own, usual int) int {
	if own != 0 {
		return own
	}
	return usual
}

// Handshake answers what a vendor asks before its first event; false when the arrival is no such
// question. Nothing of it is proved, and nothing comes of it but the answer.
func (s *Source) Handshake(a Arrival) (Answer, bool) {
	if s.vendor.handshake == nil {
		return Answer{}, false
	}
	return s.vendor.handshake(s.Config, a)
}

// Meaning is what a webhook says. All of it may be empty: about somebody who does not leave.
type Meaning struct {
	Requests []offboarding.Request
	Hints    []offboarding.Hint
	// Notices are what cannot be used, or what only a person can decide.
	Notices []offboarding.Notice
	// Ignored are the names of events that mean nothing to Leaver.
	Ignored []string
	// Answer is what the sender asks for that it has proved itself; nil for the usual one.
	Answer *Answer
}

// Receive proves a webhook and says what it means. Errors: ErrUnauthorized; ErrInvalid, beside
// which the meaning is a notice of it.
func (s *Source) Receive(a Arrival) (Meaning, error) {
	verified, err := s.verifier.Verify(a)
	if err != nil {
		return Meaning{}, err
	}
	meaning, err := s.vendor.read(s.Config, verified)
	if err != nil {
		return Meaning{Notices: []offboarding.Notice{s.notice(verified, event{}, err)}}, err
	}
	return meaning, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// tolerance is how far the timestamp of a webhook may be from our clock, either way.
// Source: standard-webhooks, spec/standard-webhooks.md, Verifying webhook authenticity.
const tolerance = 5 * time.Minute
