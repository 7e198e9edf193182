// Package hris takes requests in from HR systems. A [Source] is one of them as the installation
// declares it, with an endpoint of its own; how its kind of HR system signs, what its webhooks say
// and what it expects to be answered stands in one file per vendor, and all of them in one table.
//
// A mapping decides nothing: it only says what the HR system said. It is handed a
// webhook.Verified, which the verifier alone can make.
package hris

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

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

// vendor is one kind of HR system.
type vendor struct {
	name string // as a declaration names it
	// media are the media types of its webhooks; none is application/json alone.
	media []string
	// maxBody is the largest body of a webhook, in bytes; 0 is MaxBody.
	maxBody int64
	// verifier proves its webhooks by the secrets of the declaration, which are not empty.
	verifier func(Config) (webhook.Verifier, error)
	// read says what a verified webhook means. Its error is ErrInvalid.
	read func(*Source, webhook.Verified) (Meaning, error)
}

// vendors is every kind of HR system there is.
var vendors = []vendor{standard}

// Config declares one source.
type Config struct {
	Name   string
	Vendor string
	// Secrets prove the webhooks of the source; any does, so that they can be rotated without a
	// gap. The newest comes first.
	Secrets []string
}

// Standard declares the source that exists without a declaration: /webhooks/standard, with the
// secrets separated by spaces.
func Standard(secrets string) Config {
	return Config{Name: standard.name, Vendor: standard.name, Secrets: strings.Fields(secrets)}
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

// Source is one declared HR system.
type Source struct {
	Config
	vendor   vendor
	verifier webhook.Verifier
}

func newSource(c Config) (*Source, error) {
	at := slices.IndexFunc(vendors, func(v vendor) bool { return v.name == c.Vendor })
	if at < 0 {
		return nil, fmt.Errorf("there is no vendor %q", c.Vendor)
	}
	if len(c.Secrets) == 0 {
		return nil, errors.New("it has no secret, and without one anybody could send its webhooks")
	}
	verifier, err := vendors[at].verifier(c)
	if err != nil {
		return nil, err
	}
	return &Source{Config: c, vendor: vendors[at], verifier: verifier}, nil
}

// Origin is what the requests of the source say they came by.
func (s *Source) Origin() string { return "webhooks/" + s.Name }

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
func (s *Source) Methods() []string { return []string{http.MethodPost} }

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

// Meaning is what a webhook says.
type Meaning struct {
	Requests []offboarding.Request
}

// Receive proves a webhook and says what it means. Errors: ErrUnauthorized, ErrInvalid.
func (s *Source) Receive(a Arrival) (Meaning, error) {
	verified, err := s.verifier.Verify(a)
	if err != nil {
		return Meaning{}, err
	}
	return s.vendor.read(s, verified)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
