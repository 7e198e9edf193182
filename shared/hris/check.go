package hris

import (
	"context"
	"fmt"
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
	if v.verifier != nil {
		_, err = newSource(c)
		found("secrets", err, fmt.Sprintf("%d can be used; every one of them proves a webhook", len(c.Secrets)))
	}
	if reader == nil {
		return all
	}
	// Nobody has this id: that it is not shown proves that the credential is let in.
	word, err := reader.Person(ctx, "0")
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
		public := c.public
		if public == "" {
			public = "https://YOUR-HOST"
		}
		all = append(all, "the address "+strings.TrimSuffix(public, "/")+"/"+c.Origin())
	}
	return append(all, v.setup...)
}
