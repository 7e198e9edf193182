package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"
)

// refused is the write guard's no; it passes through everything unchanged.
type refused struct{ error }

// problem is an error answer of Exchange, without its text, which names people.
type problem struct {
	status    int
	code      string // "NotFound", "BadRequest", …
	exception string // without its namespace: "ManagementObjectNotFoundException"
	requestID string
	wait      time.Duration // that the answer asks for, where it does
	waits     bool
	badToken  bool // WWW-Authenticate says that the token, not its owner, was refused
}

func (p *problem) Error() string {
	s := fmt.Sprintf("Exchange answered %d", p.status)
	for _, more := range []string{p.code, p.exception} {
		if more != "" {
			s += " " + more
		}
	}
	if p.requestID != "" {
		s += " (request " + p.requestID + ")"
	}
	return s
}

// newProblem reads an error answer. The first detail's message is "id|exception type|text",
// or something else altogether; the header X-ExceptionType helps then.
func newProblem(status int, header http.Header, raw []byte) *problem {
	p := &problem{
		status: status, requestID: header.Get("request-id"),
		badToken: strings.Contains(header.Get("WWW-Authenticate"), `error="invalid_token"`),
	}
	p.wait, p.waits = retryafter.Of(header)
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Details []struct {
				Message string `json:"message"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return p
	}
	p.code = identifier(body.Error.Code)
	p.exception = identifier(header.Get("X-ExceptionType"))
	if d := body.Error.Details; len(d) > 0 {
		if part := strings.SplitN(d[0].Message, "|", 3); len(part) == 3 && identifier(part[1]) != "" {
			p.exception = identifier(part[1])
		}
	}
	return p
}

// identifier is the last part of a dotted name, or nothing when the text is no such name: so
// that no free text, which may hold an address, gets into an error.
func identifier(s string) string {
	s = s[strings.LastIndexByte(s, '.')+1:]
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return s
}

// passing are exceptions that a later try may not meet, whatever their status.
// Source: Exchange Online Management module.
var passing = map[string]bool{
	"DCOverloadedException":            true,
	"SuitabilityDirectoryException":    true,
	"ServerInMMException":              true,
	"ADServerSettingsChangedException": true,
	"StorageTransientException":        true,
}

// classify says in the domain's words what an error means for a later try. It decides by
// status, code and exception type, never by text.
//
// Only the exception says that an object is not there: a bare 404 may as well be a wrong
// address, and "there is no mailbox" lets an account be deleted. A 401 about the token is
// transient, because tokens are renewed, and so is one that names no code, which Microsoft's own module tries
// again; any other is about a missing role.
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
		err = sent.Err
	}
	var p *problem
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = fmt.Errorf("%s: %w", doing, err)
	switch {
	case p.exception == "ManagementObjectNotFoundException":
		return fmt.Errorf("%w: %w", offboarding.ErrNotFound, err)
	case p.status == http.StatusTooManyRequests, p.status >= 500, passing[p.exception]:
		if p.waits {
			return offboarding.Throttled(p.wait, err)
		}
		return err
	case p.status == http.StatusRequestTimeout, p.status == http.StatusUnauthorized && (p.badToken || p.code == ""):
		return err
	}
	return offboarding.Permanent(err)
}
