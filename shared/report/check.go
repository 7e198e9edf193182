package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"leaver/shared/ledger"
)

// Errors of Check.
var (
	// ErrForeign: what was read is no report.
	ErrForeign = errors.New("it is no report")
	// ErrAltered: nothing shows that a report is as it was made.
	ErrAltered = errors.New("the report is not as it was made")
)

// maxReport bounds a report that is read, in bytes.
const maxReport = 64 << 20

// Checked is a report that is as it was made.
type Checked struct {
	Report
	// Key is the id of the key that signed it; empty where no key that counts did, and this version made
	// every word again from the evidence instead.
	Key string
}

// Check reads a report, JSON or HTML, and says whether it is as it was made: by its signature, where the
// proof counts the key, whichever version made it and whatever words that had; else by making it again
// from the evidence that it carries, which goes as long as this version has the same words. Whether the
// evidence itself is the ledger's, [ledger.Proof.Verify] of its Copy tells. Errors: ErrForeign, ErrAltered,
// and ledger.ErrUnreadable where the chain is broken.
func Check(in io.Reader, proof ledger.Proof) (Checked, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxReport+1))
	switch {
	case err != nil:
		return Checked{}, err
	case len(text) > maxReport:
		return Checked{}, altered("it is longer than any report")
	}
	var page []byte // without its last comment; nil of JSON
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		if page, text, err = opened(text); err != nil {
			return Checked{}, err
		}
	}
	var claimed Report
	if err := json.Unmarshal(text, &claimed); err != nil || claimed.Form == "" {
		return Checked{}, ErrForeign
	}
	if claimed.Form != Form {
		return Checked{}, altered("its form is %q, and this version reads %s", claimed.Form, Form)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return Checked{}, altered("%w", err)
	}
	if proof.Tenant == "" {
		proof.Tenant = claimed.Tenant
	}
	key, err := proof.ReportSigner(claimed.Case, compact.Bytes())
	switch {
	case err == nil:
		err = signed(claimed, page)
	case errors.Is(err, ledger.ErrUnsigned), errors.Is(err, ledger.ErrOtherKey):
		err = madeAgain(claimed, compact.Bytes(), page)
	default:
		err = altered("%w", err)
	}
	if err != nil {
		return Checked{}, err
	}
	return Checked{claimed, key}, nil
}

func altered(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrAltered, fmt.Errorf(format, args...))
}

// signed is nil when a report whose signature is right carries the evidence that it speaks of, and its
// page is the one that was signed with it.
func signed(r Report, page []byte) error {
	c, _, err := r.Evidence.Fold()
	switch {
	case err != nil:
		return altered("%w", err)
	case c.ID != r.Case, c.Hash != r.Head:
		return altered("its evidence is of something else")
	case page != nil && digest(page) != r.Page:
		return altered("the page is not the one that was signed with the evidence")
	}
	return nil
}

// Why the words of a report are not this version's, where a key signed it and where none did.
var (
	errOtherWords    = errors.New("it says something else than this version makes of its evidence: it was altered, or another version of Leaver made it, and then the key that signed it can tell (LEAVER_LEDGER_KEYS)")
	errOthersUnknown = errors.New("no key signed it, and it says something else than this version makes of its evidence: it was altered, or another version of Leaver made it, and then that version alone can tell")
)

// madeAgain is nil when this version makes the same report, word by word, of the evidence.
func madeAgain(claimed Report, compact, page []byte) error {
	r, err := Of(claimed.Evidence, claimed.MadeAt)
	if err != nil {
		return altered("%w", err)
	}
	r.Page, r.Signature = claimed.Page, claimed.Signature
	again, err := json.Marshal(r)
	if err != nil {
		return err
	}
	why := errOtherWords
	if len(claimed.Signature) == 0 {
		why = errOthersUnknown
	}
	if !bytes.Equal(again, compact) {
		return altered("%w", why)
	}
	if page == nil && r.Page == "" {
		return nil
	}
	drawn, err := draw(r, r.Page != "")
	if err != nil {
		return err
	}
	if page != nil && !bytes.Equal(drawn, page) || r.Page != "" && digest(drawn) != r.Page {
		return altered("%w", why)
	}
	return nil
}

// digest is the SHA-256 of a page without its last comment, hex.
func digest(page []byte) string {
	sum := sha256.Sum256(page)
	return hex.EncodeToString(sum[:])
}

// The report itself stands in the last comment of its page.
const (
	evidenceBegins = "<!-- leaver:evidence "
	evidenceEnds   = " -->\n"
)

// opened takes a page apart: into what is shown, and the report that its last comment holds.
func opened(whole []byte) (page, text []byte, err error) {
	page, rest, found := bytes.Cut(whole, []byte(evidenceBegins))
	encoded, ends := bytes.CutSuffix(rest, []byte(evidenceEnds))
	if !found || !ends {
		return nil, nil, altered("the page does not end with its evidence")
	}
	text, err = base64.StdEncoding.Strict().DecodeString(string(encoded))
	if err != nil || base64.StdEncoding.EncodeToString(text) != string(encoded) {
		return nil, nil, altered("the evidence of the page cannot be read")
	}
	return page, text, nil
}

// WriteJSON writes a report as JSON, laid out for people.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
