package report_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/report"
)

const tenant = "t-1"

// signedReport is one that the host of the tenant has made.
func signedReport(t *testing.T) report.Report {
	t.Helper()
	l := ledger.New(&ledgertest.Memory{}, time.Now, rand.Reader, ledgertest.Proof(tenant))
	r, err := made(t, departure(t)).Signed(t.Context(), l.SignReport)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checks is nil when a text, JSON or a page, is a report as it was made. Whoever checks it knows no tenant.
func checks(text string, keys ledger.Proof) (report.Checked, error) {
	keys.Tenant = ""
	return report.Check(strings.NewReader(text), keys)
}

// TestAReportOfAnotherVersionIsKnownByItsSignature: the files hold a report as another version of Leaver
// worded and drew it, which nobody can make again. By the key that signed it it is known all the same, and
// none of the copies that were tampered with is.
func TestAReportOfAnotherVersionIsKnownByItsSignature(t *testing.T) {
	t.Parallel()
	ours := ledgertest.Proof(tenant)
	for _, form := range []string{"json", "html"} {
		text, err := os.ReadFile(filepath.Join("testdata", "another-version."+form))
		if err != nil {
			t.Fatal(err)
		}
		whole := string(text)
		c, err := checks(whole, ours)
		if err != nil || c.Key != ours.Keys[0].ID || c.Leaver.UserPrincipalName != name {
			t.Errorf("the %s: signed by %q, of %q, %v; want it known by key %s", form, c.Key, c.Leaver.UserPrincipalName, err, ours.Keys[0].ID)
		}
		if v := (ledger.Proof{Keys: ours.Keys}).Verify(c.Evidence.Copy()); len(v.Problems) == 0 || v.Entries != len(c.Evidence.History) {
			t.Errorf("its entries, which nobody has signed, verify: %+v", v)
		}
		for who, keys := range map[string]ledger.Proof{"without a key": {}, "by another key": ledgertest.ProofBy(tenant, 7)} {
			if _, err := checks(whole, keys); !errors.Is(err, report.ErrAltered) || !strings.Contains(err.Error(), "another version of Leaver made it") {
				t.Errorf("the %s %s: got %v, want that its words are not this version's", form, who, err)
			}
		}
		for what, copy := range tamperedCopies(t, form, whole) {
			for who, keys := range map[string]ledger.Proof{"by the key": ours, "without a key": {}} {
				if _, err := checks(copy, keys); !errors.Is(err, report.ErrAltered) {
					t.Errorf("the %s with %s, %s: got %v, want that it was altered", form, what, who, err)
				}
			}
		}
	}
}

// tamperedCopies are ten of a signed report, each with one thing changed.
func tamperedCopies(t *testing.T, form, whole string) map[string]string {
	t.Helper()
	replaced := func(in, old, by string) string {
		t.Helper()
		if !strings.Contains(in, old) {
			t.Fatalf("it holds no %q to tamper with", old)
		}
		return strings.Replace(in, old, by, 1)
	}
	if form == "json" {
		return map[string]string{
			"another name":             replaced(whole, name, "alex.wilber@contoso.com"),
			"another state":            replaced(whole, `"state": "running"`, `"state": "complete"`),
			"a step as effective":      replaced(whole, `"state": "withheld"`, `"state": "effective"`),
			"an earlier lockout":       replaced(whole, `"lockedOutAt": "2026-11-22T09:00:00.42Z"`, `"lockedOutAt": "2026-11-22T09:00:00.02Z"`),
			"another signature":        replaced(whole, `"name": "Miriam Graham"`, `"name": "Nestor Wilke"`),
			"a risk less":              replaced(whole, "an access token lives on for up to an hour", "none"),
			"another request id":       replaced(whole, "000000000001", "000000000009"),
			"a key of a stranger's":    replaced(whole, `"form": `, `"extra": 1, "form": `),
			"something after its end":  replaced(whole, `"signature": {`, `"state": "complete", "signature": {`),
			"a signature of no letter": replaced(whole, `"value": "`, `"value": "A`),
		}
	}
	_, encoded, _ := strings.Cut(whole, "<!-- leaver:evidence ")
	encoded = strings.TrimSuffix(encoded, " -->\n")
	inside, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	carried := func(old, by string) string {
		changed := replaced(string(inside), old, by)
		return replaced(whole, encoded, base64.StdEncoding.EncodeToString([]byte(changed)))
	}
	return map[string]string{
		"a word of the page":                replaced(whole, "Miriam Graham", "Nestor Wilke"),
		"a style of the page":               replaced(whole, "</style>", "article:nth-of-type(2) { display: none } </style>"),
		"a script in the page":              replaced(whole, "</main>", "<script></script></main>"),
		"a row less":                        replaced(whole, "<tr>", "<tr hidden>"),
		"a page without its evidence":       whole[:strings.LastIndex(whole, "<!--")],
		"another name in what it carries":   carried(name, "alex.wilber@contoso.com"),
		"another page in what it carries":   carried(`"page":"`, `"page":"0`),
		"no signature in what it carries":   carried(`"signature":`, `"scribble":`),
		"a blank in what it carries":        replaced(whole, encoded, encoded+"\n"),
		"something after what it carries":   whole + "<p>and more</p>",
		"another case in what it carries":   carried(leaver+"-1", leaver+"-2"),
		"an earlier time of what it is for": carried(`"madeAt":"2026`, `"madeAt":"2025`),
	}
}

// TestAReportThatNobodySignedSaysSo on its page, and where its words are another version's: then that version
// alone can tell. One that is signed says neither.
func TestAReportThatNobodySignedSaysSo(t *testing.T) {
	t.Parallel()
	const says = "No key signed this page, because the ledger has no signer: only the version of Leaver that made it can say that"
	signed := signedReport(t)
	bare := made(t, departure(t))
	if page := asHTML(t, bare); !strings.Contains(page, says) {
		t.Error("the page does not say that nobody signed it")
	}
	if page := asHTML(t, signed); strings.Contains(page, "No key signed") {
		t.Error("the page of a signed report says that nobody signed it")
	}
	for form, text := range map[string]string{"JSON": asJSON(t, bare), "page": asHTML(t, bare)} {
		another := strings.Replace(text, "Miriam Graham", "Nestor Wilke", 1)
		if form == "JSON" {
			another = strings.Replace(text, `"state": "withheld"`, `"state": "effective"`, 1)
		}
		_, err := checks(another, ledgertest.Proof(tenant))
		if !errors.Is(err, report.ErrAltered) || !strings.Contains(err.Error(), "no key signed it") || !strings.Contains(err.Error(), "that version alone can tell") {
			t.Errorf("the %s in other words: got %v, want that only its own version can tell", form, err)
		}
	}
}

// TestASignedReportChecksWithoutItsKeyToo as long as this version makes the same of its evidence, and one
// whose signature somebody took off, too: every word still comes of the evidence.
func TestASignedReportChecksWithoutItsKeyToo(t *testing.T) {
	t.Parallel()
	r := signedReport(t)
	bare := r
	bare.Signature, bare.Page = nil, ""
	for what, tt := range map[string]struct {
		report.Report
		keys ledger.Proof
		by   string
	}{
		"by its key":            {r, ledgertest.Proof(tenant), ledgertest.Proof(tenant).Keys[0].ID},
		"by another key":        {r, ledgertest.ProofBy(tenant, 7), ""},
		"by no key":             {r, ledger.Proof{}, ""},
		"without its signature": {bare, ledgertest.Proof(tenant), ""},
	} {
		for form, text := range map[string]string{"JSON": asJSON(t, tt.Report), "page": asHTML(t, tt.Report)} {
			if c, err := checks(text, tt.keys); err != nil || c.Key != tt.by {
				t.Errorf("the %s %s: got key %q, %v; want key %q", form, what, c.Key, err, tt.by)
			}
		}
	}
	// Signed for another tenant, it proves nothing in this one.
	elsewhere := ledgertest.Proof("t-2")
	if _, err := report.Check(strings.NewReader(asJSON(t, r)), elsewhere); !errors.Is(err, report.ErrAltered) {
		t.Errorf("in another tenant: got %v, want that it is not this one's", err)
	}
	// A page is drawn by the version that signed it, or not at all.
	r.Page = strings.Repeat("0", 64)
	if err := report.WriteHTML(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("a page that was not signed is written: %v", err)
	}
}

// TestWhatIsNoReportIsSaid apart from what is an altered one.
func TestWhatIsNoReportIsSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                           report.ErrForeign,
		`{"id":"brakes"}`:            report.ErrForeign,
		"a,b,c":                      report.ErrForeign,
		`{"form":"leaver.report/2"}`: report.ErrAltered,
		"<html></html>":              report.ErrAltered,
	} {
		if _, err := checks(text, ledger.Proof{}); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}
