package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"strings"
)

// Secret is a secret that the sender shows with every webhook, in a header or in the query. Whoever
// sees one webhook can send any, so what it brings is read back wherever it can be.
type Secret struct {
	Header string // whose whole value it is
	Bearer bool   // the header Authorization: Bearer SECRET, instead of Header
	Query  string // a parameter, instead of the header or beside it
}

// With is the verifier of the scheme with the secrets, any of which proves a webhook.
func (s Secret) With(secrets []string) (Verifier, error) {
	return &shown{Secret: s, secrets: secrets}, nil
}

type shown struct {
	Secret
	secrets []string
}

// Verify implements Verifier.
func (s *shown) Verify(a Arrival) (Verified, error) {
	var got []string
	if s.Header != "" {
		got = append(got, a.Header.Values(s.Header)...)
	}
	if s.Bearer {
		for _, value := range a.Header.Values("Authorization") {
			if scheme, token, found := strings.Cut(value, " "); found && strings.EqualFold(scheme, "Bearer") {
				got = append(got, strings.TrimSpace(token))
			}
		}
	}
	if s.Query != "" {
		got = append(got, a.Query[s.Query]...)
	}
	if len(got) != 1 {
		return Verified{}, unverified("send the secret once, %s", s.where())
	}
	if !equalsOne(s.secrets, got[0]) {
		return Verified{}, unverified("the secret is not one of this source's")
	}
	return Verified{arrival: a}, nil
}

func (s Secret) where() string {
	var places []string
	if s.Bearer {
		places = append(places, "in the header authorization, as a bearer token")
	}
	if s.Header != "" {
		places = append(places, "in the header "+strings.ToLower(s.Header))
	}
	if s.Query != "" {
		places = append(places, "in the query parameter "+s.Query)
	}
	return strings.Join(places, ", or ")
}

// Member is a secret that stands in the body, in every object of a list. Nothing but the secret is
// read before it is compared.
type Member struct{ List, Name string }

// With is the verifier of the scheme with the secrets, any of which proves an object.
func (m Member) With(secrets []string) (Verifier, error) {
	return &member{Member: m, secrets: secrets}, nil
}

type member struct {
	Member
	secrets []string
}

// Verify implements Verifier. One object without the secret and the whole webhook is nobody's.
func (m *member) Verify(a Arrival) (Verified, error) {
	var body map[string]json.RawMessage
	var list []map[string]json.RawMessage
	if json.Unmarshal(a.Body, &body) != nil || json.Unmarshal(body[m.List], &list) != nil || len(list) == 0 {
		return Verified{}, unverified("the body is not an object with a list %s", m.List)
	}
	for _, object := range list {
		var got string
		if json.Unmarshal(object[m.Name], &got) != nil || !equalsOne(m.secrets, got) {
			return Verified{}, unverified("%s is not one of this source's secrets", m.Name)
		}
	}
	return Verified{arrival: a}, nil
}

// equalsOne compares with every secret, in a time that says nothing about any of them.
func equalsOne(secrets []string, got string) bool {
	is, sum := 0, sha256.Sum256([]byte(got))
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret))
		is |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return is == 1
}
