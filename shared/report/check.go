package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrAltered: a report says something else than its own evidence.
var ErrAltered = errors.New("the report was altered")

// maxReport bounds a report that is read, in bytes.
const maxReport = 64 << 20

// Check reads a report, JSON or HTML, and makes it again from the evidence that it carries: every word
// of it must come of that. Whether the evidence itself is the ledger's, its signatures and anchors tell.
// Errors: ErrAltered, and ledger.ErrUnreadable where the chain is broken.
func Check(in io.Reader) (Report, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxReport+1))
	switch {
	case err != nil:
		return Report{}, err
	case len(text) > maxReport:
		return Report{}, fmt.Errorf("%w: it is longer than any report", ErrAltered)
	}
	if page := bytes.TrimSpace(text); bytes.HasPrefix(page, []byte("<")) {
		return checkPage(text)
	}
	r, err := checkJSON(text)
	if err != nil {
		return Report{}, err
	}
	var made, again, given bytes.Buffer
	if err := WriteJSON(&made, r); err != nil {
		return Report{}, err
	}
	if err := errors.Join(json.Compact(&given, text), json.Compact(&again, made.Bytes())); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrAltered, err)
	}
	if !bytes.Equal(again.Bytes(), given.Bytes()) {
		return Report{}, fmt.Errorf("%w: it says something else than its evidence", ErrAltered)
	}
	return r, nil
}

// checkJSON makes the report again that a text claims to be.
func checkJSON(text []byte) (Report, error) {
	var claimed Report
	if err := json.Unmarshal(text, &claimed); err != nil {
		return Report{}, fmt.Errorf("%w: it is not JSON of a report: %w", ErrAltered, err)
	}
	if claimed.Form != Form {
		return Report{}, fmt.Errorf("%w: its form is %q, and this version reads %s", ErrAltered, claimed.Form, Form)
	}
	r, err := Of(claimed.Evidence, claimed.MadeAt)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrAltered, err)
	}
	return r, nil
}

// The evidence of a page stands in its last comment.
const (
	evidenceBegins = "<!-- leaver:evidence "
	evidenceEnds   = " -->"
)

// checkPage makes a page again from the report that its last comment holds.
func checkPage(page []byte) (Report, error) {
	_, rest, found := bytes.Cut(page, []byte(evidenceBegins))
	encoded, _, ends := bytes.Cut(rest, []byte(evidenceEnds))
	if !found || !ends {
		return Report{}, fmt.Errorf("%w: the page holds no evidence", ErrAltered)
	}
	text, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil {
		return Report{}, fmt.Errorf("%w: the evidence of the page cannot be read: %w", ErrAltered, err)
	}
	r, err := checkJSON(text)
	if err != nil {
		return Report{}, err
	}
	var again bytes.Buffer
	if err := WriteHTML(&again, r); err != nil {
		return Report{}, err
	}
	if !bytes.Equal(again.Bytes(), page) {
		return Report{}, fmt.Errorf("%w: the page says something else than its evidence", ErrAltered)
	}
	return r, nil
}

// WriteJSON writes a report as JSON, laid out for people.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
