package hris

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Finding is one thing that a check of a source found out.
type Finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"` // what it found, or how to mend it; shows no secret
}

// Check says whether a declared source works: its secrets, and its read API where it has one. Both
// have to be read; the reader, nil where there is none, is made by [NewReaders].
func (c Config) Check(ctx context.Context, reader Reader, now time.Time) []Finding {
	v, err := vendorOf(c.Vendor)
	if err != nil {
		return []Finding{{What: "declaration", Says: err.Error()}}
	}
	var all []Finding
	found := func(what string, err error, says string) {
		if err != nil {
			says = err.Error()
		}
		all = append(all, Finding{What: what, OK: err == nil, Says: says})
	}
	if v.verifier != nil && !(v.optional && len(c.Secrets) == 0) {
		_, err = newSource(c)
		found("secrets", err, fmt.Sprintf("%d can be used; every one of them proves a webhook", len(c.Secrets)))
	}
	if reader == nil {
		return all
	}
	// That nobody is not shown proves that the credential is let in.
	word, err := reader.Person(ctx, cmp.Or(v.nobody, "0"))
	found("reading a person", err, "the HR system answers")
	if err == nil && word.Unclear == "" && !word.Leaving.IsZero() {
		all[len(all)-1] = Finding{What: "reading a person", Says: "the HR system shows somebody who leaves under an id that nobody has: check api.url"}
	}
	list, err := reader.Leavers(ctx, now.Add(-lookBack))
	says := fmt.Sprintf("%d words and %d people to ask about", len(list.Words), len(list.Ask))
	unclear := map[string]int{}
	for _, w := range list.Words {
		if w.Unclear != "" {
			unclear[w.Unclear]++
		}
	}
	for why, n := range unclear {
		says += fmt.Sprintf("; %d unclear: %s", n, why)
	}
	found("listing who leaves", err, says)
	all[len(all)-1].OK = err == nil && (len(unclear) == 0 || len(unclear) < len(list.Words))
	return all
}

// nobodysUUID is an id that nobody has, where ids are UUIDs.
const nobodysUUID = "00000000-0000-4000-8000-000000000000"

// CheckEndpoint says whether the endpoint of the source answers where the declaration says that it is
// seen from outside: the handshake of its vendor where it has one, and else that it is there. Nothing
// comes of it, and no alarm. It finds nothing out where there is no endpoint, or nobody says where.
func (c Config) CheckEndpoint(ctx context.Context, transport http.RoundTripper) []Finding {
	v, err := vendorOf(c.Vendor)
	if err != nil || v.verifier == nil || c.public == "" {
		return nil
	}
	probe, want := Arrival{Method: http.MethodGet}, Answer{Status: http.StatusMethodNotAllowed}
	what, says := "endpoint", "it is there"
	if v.probe != nil {
		probe = *v.probe
		want, _ = v.handshake(c, probe)
		what, says = "handshake", "it is answered as the vendor expects"
	}
	if err := c.probe(ctx, transport, probe, want); err != nil {
		return []Finding{{What: what, Says: err.Error()}}
	}
	return []Finding{{What: what, OK: true, Says: says}}
}

func (c Config) probe(ctx context.Context, transport http.RoundTripper, probe Arrival, want Answer) error {
	address := c.Address()
	if len(probe.Query) > 0 {
		address += "?" + probe.Query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, probe.Method, address, bytes.NewReader(probe.Body))
	if err != nil {
		return errors.New("public: write it like https://hooks.contoso.com")
	}
	r.Header = probe.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	client := &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("public: nobody answers there: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	switch {
	case err != nil:
		return fmt.Errorf("public: the answer cannot be read: %w", err)
	case answer.StatusCode == http.StatusNotFound:
		return errors.New("public: what answers there knows no source of this name; give it the same file of sources")
	case answer.StatusCode != want.Status || want.Body != "" && string(body) != want.Body:
		return fmt.Errorf("public: what answers there is not this source: it said %d, and the vendor expects %d", answer.StatusCode, want.Status)
	}
	return nil
}

// Address is where the endpoint of the source is seen from outside; empty where nobody says.
func (c Config) Address() string {
	if c.public == "" {
		return ""
	}
	return strings.TrimSuffix(c.public, "/") + "/" + c.Origin()
}

// lookBack is how far a check looks for people who leave.
const lookBack = 72 * time.Hour

// Setup is what the vendor's own page has to be told, a line each. Public is where the endpoints are
// seen from outside.
func (c Config) Setup() []string {
	v, err := vendorOf(c.Vendor)
	if err != nil {
		return nil
	}
	var all []string
	if v.verifier != nil {
		all = append(all, "the address "+cmp.Or(c.Address(), "https://YOUR-HOST/"+c.Origin()))
	}
	return append(all, v.setup...)
}
