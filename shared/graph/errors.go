package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

// refused is the write guard's no; it passes through everything unchanged.
type refused struct{ error }

// errNothing is a success without the object that was asked for.
var errNothing = errors.New("graph answered with nothing")

// problem is an error answer of Graph, without its text.
type problem struct {
	status    int
	codes     []string // from the outer, general one to the innermost, special one
	requestID string
	retry     string // Retry-After
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
//   - 429 and every 5xx are transient, throttled when the answer says until when;
//   - 408, 401 (the token is renewed), an expired page token (the listing begins again),
//     and whatever never became an answer, are transient;
//   - everything else is permanent;
//   - what the write guard or the credential says stays what it is.
func classify(doing string, err error) error {
	var no refused
	if errors.As(err, &no) {
		return no.error
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // its text holds the address, and that may hold a name
	}
	var p *problem
	if !errors.As(err, &p) {
		if p = problemOf(err); p == nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	err = fmt.Errorf("%s: %w", doing, p)
	switch {
	case p.status == http.StatusNotFound, slices.Contains(p.codes, "RoleAssignmentDoesNotExist"):
		return fmt.Errorf("%w: %w", offboarding.ErrNotFound, err)
	case p.status == http.StatusGone:
		return fmt.Errorf("%w: %w", offboarding.ErrResyncRequired, err)
	case p.status == http.StatusTooManyRequests, p.status >= 500:
		if d, ok := retryAfter(p.retry, time.Now()); ok {
			return offboarding.Throttled(d, err)
		}
		return err
	case p.status == http.StatusRequestTimeout, p.status == http.StatusUnauthorized, slices.Contains(p.codes, "Directory_ExpiredPageToken"):
		return err
	}
	return offboarding.Permanent(err)
}

// problemOf reads an error of the SDK; nil when it is no answer of Graph.
func problemOf(err error) *problem {
	var api abstractions.ApiErrorable
	if !errors.As(err, &api) {
		return nil
	}
	p := &problem{status: api.GetStatusCode()}
	if h := api.GetResponseHeaders(); h != nil {
		p.requestID = strings.Join(h.Get("request-id"), " ")
		p.retry = strings.Join(h.Get("Retry-After"), " ")
	}
	var odata *odataerrors.ODataError // never call its Error: it panics when there is no message
	if errors.As(err, &odata) && odata.GetErrorEscaped() != nil {
		if codes := value(odata.GetErrorEscaped().GetCode()); codes != "" {
			p.codes = strings.Split(codes, "/")
		}
	}
	return p
}

// retryAfter reads the header of that name, seconds or a date, up to the longest.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longest), true
	}
	return 0, false
}
