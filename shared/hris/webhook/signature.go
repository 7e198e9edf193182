package webhook

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature is how a sender signs: an HMAC over what Signed says, in a header. The zero value of
// a field is its default.
type Signature struct {
	Header    string        `yaml:"header" about:"of the signature"`
	Prefix    string        `yaml:"prefix" about:"in front of every signature, like sha256= or v1,"`
	Separator string        `yaml:"separator" about:"between several in one header; without it a header holds one"`
	Algorithm Algorithm     `yaml:"algorithm" about:"without it sha256"`
	Encoding  Encoding      `yaml:"encoding" about:"of the signature; without it hex"`
	Key       Key           `yaml:"key" about:"how a secret is written; without it utf8"`
	Signed    string        `yaml:"signed" about:"what is signed, of {method}, {id}, {timestamp} and {body}; without it {body}"`
	ID        string        `yaml:"id" about:"header of the id"`
	Timestamp string        `yaml:"timestamp" about:"header of the time"`
	Unit      Unit          `yaml:"unit" about:"of the timestamp; without it s"`
	Tolerance time.Duration `yaml:"-"` // of the timestamp, either way; default 5 min
}

// Algorithm is the hash of an HMAC.
type Algorithm string

// The algorithms.
const (
	SHA256 Algorithm = "sha256"
	SHA512 Algorithm = "sha512"
)

// Encoding is how a signature is written.
type Encoding string

// The encodings. Hex may be of either case, base64 with or without padding.
const (
	Hex       Encoding = "hex"
	Base64    Encoding = "base64"
	Base64URL Encoding = "base64url"
)

// Key is how a secret is written.
type Key string

// The ways to write a secret.
const (
	UTF8      Key = "utf8" // its text is the key
	KeyHex    Key = "hex"
	KeyBase64 Key = "base64"
	Whsec     Key = "whsec" // base64, with or without whsec_ in front, as Standard Webhooks writes it
)

// Unit is how a timestamp is written.
type Unit string

// The units.
const (
	Seconds      Unit = "s"
	Milliseconds Unit = "ms"
	RFC3339      Unit = "rfc3339"
	// SecondsOrRFC3339 is for a sender whose documents show one and whose webhooks the other.
	SecondsOrRFC3339 Unit = "s|rfc3339"
)

// usual is how far the clock of a sender may be off.
// Source: standard-webhooks, spec/standard-webhooks.md, Verifying webhook authenticity.
const usual = 5 * time.Minute

func (s Signature) withDefaults() Signature {
	s.Algorithm, s.Encoding, s.Key = cmp.Or(s.Algorithm, SHA256), cmp.Or(s.Encoding, Hex), cmp.Or(s.Key, UTF8)
	s.Unit, s.Signed, s.Tolerance = cmp.Or(s.Unit, Seconds), cmp.Or(s.Signed, "{body}"), cmp.Or(s.Tolerance, usual)
	return s
}

// placeholder is a part of Signed that is not to be taken as it is.
var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// Validate says what is wrong with a configured scheme: what it would let through unproved.
func (s Signature) Validate() error {
	s = s.withDefaults()
	switch {
	case s.Header == "":
		return errors.New("signature.header: name the header that holds the signature")
	case !strings.Contains(s.Signed, "{body}"):
		return errors.New("signature.signed: {body} is not in it, so anybody could send another body with the same signature")
	case s.Timestamp != "" && !strings.Contains(s.Signed, "{timestamp}"):
		return errors.New("signature.signed: {timestamp} is not in it; a time that is not signed proves nothing, so leave signature.timestamp out")
	case s.Timestamp == "" && strings.Contains(s.Signed, "{timestamp}"):
		return errors.New("signature.timestamp: name the header that {timestamp} stands for")
	case s.ID != "" && !strings.Contains(s.Signed, "{id}"):
		return errors.New("signature.signed: {id} is not in it; an id that is not signed is anybody's, so leave signature.id out")
	case s.ID == "" && strings.Contains(s.Signed, "{id}"):
		return errors.New("signature.id: name the header that {id} stands for")
	case s.Tolerance < 0:
		return errors.New("signature.tolerance: write a duration like 5m")
	}
	for _, p := range placeholder.FindAllString(s.Signed, -1) {
		if p != "{body}" && p != "{timestamp}" && p != "{id}" && p != "{method}" {
			return fmt.Errorf("signature.signed: there is no %s; it takes {method}, {id}, {timestamp} and {body}", p)
		}
	}
	for _, known := range []struct {
		field, value string
		among        []string
	}{
		{"algorithm", string(s.Algorithm), []string{string(SHA256), string(SHA512)}},
		{"encoding", string(s.Encoding), []string{string(Hex), string(Base64), string(Base64URL)}},
		{"key", string(s.Key), []string{string(UTF8), string(KeyHex), string(KeyBase64), string(Whsec)}},
		{"unit", string(s.Unit), []string{string(Seconds), string(Milliseconds), string(RFC3339), string(SecondsOrRFC3339)}},
	} {
		if !slices.Contains(known.among, known.value) {
			return fmt.Errorf("signature.%s: use %s", known.field, strings.Join(known.among, ", "))
		}
	}
	return nil
}

// With is the verifier of the scheme with the secrets, any of which proves a webhook. A secret that
// is not written as Key says is an error, which names it by its number.
func (s Signature) With(secrets []string) (Verifier, error) {
	s = s.withDefaults()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	v := &signed{Signature: s}
	for i, secret := range secrets {
		key, err := s.Key.decode(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d is not %w", i+1, err)
		}
		v.keys = append(v.keys, key)
	}
	return v, nil
}

// decode is the key that a secret means; its error says how a secret is written and repeats none.
func (k Key) decode(secret string) (key []byte, err error) {
	switch k {
	case KeyHex:
		if key, err = hex.DecodeString(secret); err != nil {
			err = errors.New("hex")
		}
	case KeyBase64, Whsec:
		if k == Whsec {
			secret = strings.TrimPrefix(secret, "whsec_")
		}
		if key, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(secret, "=")); err != nil {
			err = errors.New("base64")
			if k == Whsec {
				err = errors.New("whsec_ followed by base64")
			}
		}
	default:
		key = []byte(secret)
	}
	return key, err
}

// Bytes is how many bytes a secret has that is written so; 0 when it is not written so.
func (k Key) Bytes(secret string) int {
	key, err := k.decode(secret)
	if err != nil {
		return 0
	}
	return len(key)
}

// Sign is the value of the header that Signature asks for, for tests and simulated senders. What the
// scheme signs of the arrival has to be there; the timestamp is read from its header.
func (s Signature) Sign(secret string, a Arrival) (string, error) {
	s = s.withDefaults()
	key, err := s.Key.decode(secret)
	if err != nil {
		return "", fmt.Errorf("the secret is not %w", err)
	}
	sum := s.mac(key, a)
	switch s.Encoding {
	case Base64:
		return s.Prefix + base64.StdEncoding.EncodeToString(sum), nil
	case Base64URL:
		return s.Prefix + base64.URLEncoding.EncodeToString(sum), nil
	}
	return s.Prefix + hex.EncodeToString(sum), nil
}

type signed struct {
	Signature
	keys [][]byte
}

// Verify implements Verifier.
func (s *signed) Verify(a Arrival) (Verified, error) {
	var id string
	if s.ID != "" {
		var err error
		if id, err = one(a.Header, s.ID); err != nil {
			return Verified{}, err
		}
	}
	if s.Timestamp != "" {
		stamp, err := one(a.Header, s.Timestamp)
		if err != nil {
			return Verified{}, err
		}
		at, err := s.Unit.parse(stamp)
		if err != nil {
			return Verified{}, unverified("%s is not %w", strings.ToLower(s.Timestamp), err)
		}
		if age := a.At.Sub(at); age > s.Tolerance || age < -s.Tolerance {
			return Verified{}, unverified("%s is more than %s off; check the sender's clock and sign each try anew", strings.ToLower(s.Timestamp), s.Tolerance)
		}
	}
	if a.Header.Get(s.Header) == "" {
		return Verified{}, unverified("send a signature in the header %s", strings.ToLower(s.Header))
	}
	matches, candidates := false, s.candidates(a.Header)
	for _, key := range s.keys {
		want := s.mac(key, a)
		for _, got := range candidates {
			matches = hmac.Equal(got, want) || matches
		}
	}
	if !matches {
		return Verified{}, unverified("no signature matches; check the secret, and that the raw body is what was signed")
	}
	return Verified{arrival: a, id: id}, nil
}

// candidates are the signatures of the header, decoded, that have the length of one.
func (s *signed) candidates(h http.Header) [][]byte {
	var all [][]byte
	for _, value := range h.Values(s.Header) {
		parts := []string{value}
		if s.Separator != "" {
			parts = strings.Split(value, s.Separator)
		}
		for _, part := range parts {
			text, ours := strings.CutPrefix(strings.TrimSpace(part), s.Prefix)
			if !ours {
				continue
			}
			if sum, err := s.Encoding.decode(text); err == nil && len(sum) == s.hash()().Size() {
				all = append(all, sum)
			}
		}
	}
	return all
}

func (e Encoding) decode(text string) ([]byte, error) {
	text = strings.TrimRight(text, "=")
	switch e {
	case Base64:
		return base64.RawStdEncoding.DecodeString(text)
	case Base64URL:
		return base64.RawURLEncoding.DecodeString(text)
	}
	return hex.DecodeString(text)
}

func (s Signature) hash() func() hash.Hash {
	if s.Algorithm == SHA512 {
		return sha512.New
	}
	return sha256.New
}

// mac is the HMAC over what Signed says.
func (s Signature) mac(key []byte, a Arrival) []byte {
	h := hmac.New(s.hash(), key)
	from := 0
	for _, at := range placeholder.FindAllStringIndex(s.Signed, -1) {
		h.Write([]byte(s.Signed[from:at[0]]))
		switch s.Signed[at[0]:at[1]] {
		case "{body}":
			h.Write(a.Body)
		case "{timestamp}":
			h.Write([]byte(a.Header.Get(s.Timestamp)))
		case "{id}":
			h.Write([]byte(a.Header.Get(s.ID)))
		case "{method}":
			h.Write([]byte(a.Method))
		}
		from = at[1]
	}
	h.Write([]byte(s.Signed[from:]))
	return h.Sum(nil)
}

// parse reads a timestamp; its error says how one is written.
func (u Unit) parse(stamp string) (time.Time, error) {
	if u == RFC3339 || u == SecondsOrRFC3339 {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
			if at, err := time.Parse(layout, stamp); err == nil {
				return at, nil
			}
		}
		if u == RFC3339 {
			return time.Time{}, errors.New("a time like 2026-11-22T09:00:00Z")
		}
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	switch {
	case err != nil && u == Milliseconds:
		return time.Time{}, errors.New("a number of milliseconds")
	case err != nil:
		return time.Time{}, errors.New("a number of seconds")
	case u == Milliseconds:
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}
