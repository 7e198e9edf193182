package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"
)

// refused is a no before anything was sent, the write guard's above all; it passes through
// everything unchanged.
type refused struct{ error }

// problem is an error answer of Graph, without its text.
type problem struct {
	status    int
	codes     []string // from the outer, general one to the innermost, special one
	requestID string
	wait      time.Duration // that the answer asks for, where it does
	waits     bool
	whole     bool // of a batch, so that none of its requests was looked at
}

func newProblem(status int, header http.Header, body []byte, requestID string) *problem {
	p := &problem{status: status, codes: codesOf(body), requestID: requestID}
	p.wait, p.waits = retryafter.Of(header)
	return p
}

func (p *problem) Error() string {
	s := fmt.Sprintf("Graph answered %d", p.status)
	if len(p.codes) > 0 {
		s += " " + strings.Join(p.codes, "/")
	}
	if p.requestID != "" {
		s += " (request " + p.requestID + ")"
	}
	return s
}

// concurrent is the code of a 409 to whoever changes the directory at the same time as others: "wait briefly and
// retry". Sources: nais/azurerator issue 448; Azure/azure-cli issue 23081.
const concurrent = "Directory_ConcurrencyViolation"

// passing reports whether a later try may not meet it.
func (p *problem) passing() bool {
	return p.status == http.StatusTooManyRequests || p.status == http.StatusRequestTimeout || p.status >= 500 || slices.Contains(p.codes, concurrent)
}

// has reports whether an error is an answer of Graph with a code.
func has(err error, code string) bool {
	var p *problem
	return errors.As(err, &p) && slices.Contains(p.codes, code)
}

// unknown reports whether an error says that the cloud has no such operation.
// Source: Microsoft Graph, 400 BadRequest, Resource not found for the segment.
func unknown(err error) bool {
	var p *problem
	return errors.Is(err, errAbsent) || errors.As(err, &p) && p.status == http.StatusBadRequest && has(err, "BadRequest")
}

// codesOf reads the codes of an error body from the outside in. What does not look like a
// code is left out.
func codesOf(body []byte) []string {
	type level struct {
		Code  string          `json:"code"`
		Inner json.RawMessage `json:"innerError"` // also written innererror
	}
	var outer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return nil
	}
	var codes []string
	for at := outer.Error; len(at) > 0; {
		var l level
		if json.Unmarshal(at, &l) != nil {
			break
		}
		if isCode(l.Code) && !slices.Contains(codes, l.Code) {
			codes = append(codes, l.Code)
		}
		at = l.Inner
	}
	return codes
}

func isCode(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' {
			return false
		}
	}
	return s != ""
}

// classify says in the domain's words what an error means for a later try, by status and code
// and never by text:
//
//   - 404 wraps offboarding.ErrNotFound, and so does a role that is to be removed and is not there;
//   - 410 wraps offboarding.ErrResyncRequired;
//   - 429, 408, every 5xx and a violation of concurrency are transient, throttled when the answer says until when;
//   - 401 (the token is renewed), an expired page token (the listing begins again),
//     and whatever never became an answer, are transient;
//   - everything else is permanent, and so is what the cloud lacks;
//   - what the write guard or the credential says stays what it is.
func classify(doing string, err error) error {
	var no refused
	if errors.As(err, &no) {
		if errors.Is(no.error, offboarding.ErrRehearsed) {
			return fmt.Errorf("%s: %w", doing, offboarding.ErrRehearsed) // which is what would be done
		}
		return no.error
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // its text holds the address, and that may hold a name
	}
	var p *problem
	switch {
	case errors.Is(err, errAbsent):
		return offboarding.Permanent(fmt.Errorf("%s: %w", doing, err))
	case !errors.As(err, &p):
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = fmt.Errorf("%s: %w", doing, p)
	switch {
	case p.status == http.StatusNotFound, slices.Contains(p.codes, "RoleAssignmentDoesNotExist"):
		return fmt.Errorf("%w: %w", offboarding.ErrNotFound, err)
	case p.status == http.StatusGone:
		return fmt.Errorf("%w: %w", offboarding.ErrResyncRequired, err)
	case p.waits && p.passing():
		return offboarding.Throttled(p.wait, err)
	case p.passing(), p.status == http.StatusUnauthorized, slices.Contains(p.codes, "Directory_ExpiredPageToken"):
		return err
	}
	return offboarding.Permanent(err)
}
