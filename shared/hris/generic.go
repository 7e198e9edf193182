package hris

import (
	"errors"
	"time"

	"leaver/shared/hris/webhook"
)

// generic is any HMAC over any JSON, by declaration alone: for scripts, integration platforms, and
// the HR systems that have no file here.
var generic = vendor{
	name: "hmac", maxBody: 256 << 10,
	setup: []string{
		"the secret, and to sign as the declaration says",
		"the media type application/json",
	},
	validate: func(c Config) error {
		if c.Signature == nil {
			return errors.New("signature: say how the sender signs")
		}
		scheme := c.Signature.scheme()
		return errors.Join(scheme.Validate(), c.Map.validate())
	},
	verifier: func(c Config) (webhook.Verifier, error) { return c.Signature.scheme().With(c.Secrets) },
	read: func(c Config, v webhook.Verified) (Meaning, error) {
		body, err := parseDocument(v.Body())
		if err != nil {
			return Meaning{}, invalid("%w", err)
		}
		return c.Map.over(ownMap).read(c, v, body), nil
	},
}

// scheme is the declared signature with its tolerance.
func (s Signature) scheme() webhook.Signature {
	scheme := s.Signature
	scheme.Tolerance = time.Duration(s.Tolerance)
	return scheme
}
