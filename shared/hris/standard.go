// Package hris verifies the webhooks of HR systems and maps them to requests, one file per
// vendor. A mapping decides nothing: it only says what the HR system said.
package hris

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/shared/offboarding"
)

// Errors of Verify and Parse.
var (
	// ErrUnauthorized: the webhook is not, or not any more, from somebody who knows a secret.
	ErrUnauthorized = errors.New("the webhook could not be verified")
	// ErrInvalid: the body does not say what is needed; the error says what to fix.
	ErrInvalid = errors.New("the webhook cannot be used")
)

// tolerance is how far the timestamp of a webhook may be from our clock, either way.
// Source: standard-webhooks, spec/standard-webhooks.md, Verifying webhook authenticity.
const tolerance = 5 * time.Minute

// Standard reads Standard Webhooks (https://www.standardwebhooks.com) with Leaver's own
// payload, of the endpoint /webhooks/standard.
type Standard struct {
	secrets []*standardwebhooks.Webhook
}

// SourceStandard is the source of the requests that Standard makes.
const SourceStandard = "webhooks/standard"

// NewStandard takes the signing secrets, separated by spaces ("whsec_…" each): any of them
// verifies, so that they can be rotated without a gap. A secret under 24 bytes is refused.
func NewStandard(secrets string) (*Standard, error) {
	s := &Standard{}
	for i, secret := range strings.Fields(secrets) {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, fmt.Errorf("webhook secret %d is not whsec_ followed by base64", i+1)
		}
		if len(strings.TrimPrefix(secret, "whsec_"))*3/4 < 24 {
			return nil, fmt.Errorf("webhook secret %d has fewer than 24 bytes", i+1)
		}
		s.secrets = append(s.secrets, w)
	}
	if len(s.secrets) == 0 {
		return nil, errors.New("there is no webhook secret; set LEAVER_WEBHOOK_SECRETS")
	}
	return s, nil
}

// Verify checks the signature of the raw body and the age of the webhook at a time; the
// comparison takes constant time. It returns the webhook's id, or ErrUnauthorized with what
// was wrong.
func (s *Standard) Verify(header http.Header, body []byte, now time.Time) (id string, err error) {
	id = header.Get(standardwebhooks.HeaderWebhookID)
	stamp := header.Get(standardwebhooks.HeaderWebhookTimestamp)
	if id == "" || stamp == "" || header.Get(standardwebhooks.HeaderWebhookSignature) == "" {
		return "", fmt.Errorf("%w: send the headers webhook-id, webhook-timestamp and webhook-signature", ErrUnauthorized)
	}
	// The library reads the wall clock for this; ours is passed in.
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%w: webhook-timestamp is not a number of seconds", ErrUnauthorized)
	}
	age := now.Sub(time.Unix(seconds, 0))
	if age > tolerance || age < -tolerance {
		return "", fmt.Errorf("%w: webhook-timestamp is more than %s off; check the sender's clock and sign each try anew", ErrUnauthorized, tolerance)
	}
	for _, secret := range s.secrets {
		if err = secret.VerifyIgnoringTimestamp(body, header); err == nil {
			return id, nil
		}
	}
	return "", fmt.Errorf("%w: no signature matches; check the secret, and that the raw body is what was signed", ErrUnauthorized)
}

// payload is the body of the webhook. Unknown keys are refused inside options, which are
// ours, and ignored elsewhere, where they are the HR system's.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Employee    offboarding.Employee `json:"employee"`
		LeavingTime *time.Time           `json:"leavingTime"`
		Options     json.RawMessage      `json:"options"`
	} `json:"data"`
}

type options struct {
	Mailbox    string `json:"mailbox"`
	ForwardFor string `json:"forwardFor"`
	ForwardTo  string `json:"forwardTo"`
}

// The webhook types that Leaver takes.
const (
	typeTerminated = "employee.terminated"
	typeCancelled  = "employee.termination_cancelled"
)

// Parse maps a verified body, received at a time, to a request. Its errors are ErrInvalid, name
// the field and repeat no value.
func (s *Standard) Parse(webhookID string, body []byte, receivedAt time.Time) (offboarding.Request, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return offboarding.Request{}, invalid("%s", explainJSON(err))
	}
	if at := ambiguous(json.NewDecoder(bytes.NewReader(body))); at > 0 {
		return offboarding.Request{}, invalid("a key stands in one object twice, or in upper and in lower case (byte %d); send each once", at)
	}
	field, who := p.Data.Employee.Key()
	r := offboarding.Request{
		// Of a sender who gives two events the same id, neither may pass for the other.
		ID:          offboarding.RequestID(SourceStandard, strings.Join([]string{webhookID, p.Type, field, who}, "\x00")),
		Source:      SourceStandard,
		EventTime:   earlier(p.Timestamp, receivedAt.Add(tolerance)),
		ReceivedAt:  receivedAt.UTC(),
		LeavingTime: receivedAt.UTC(),
		Employee:    p.Data.Employee,
	}
	switch p.Type {
	case typeTerminated:
		r.Kind = offboarding.Termination
	case typeCancelled:
		r.Kind = offboarding.Cancellation
	default:
		return offboarding.Request{}, invalid("type: send %s or %s, and unsubscribe this endpoint from all others", typeTerminated, typeCancelled)
	}
	if p.Timestamp.IsZero() {
		return offboarding.Request{}, invalid("timestamp: say when it happened, like 2026-11-22T09:00:00Z")
	}
	if field == "" {
		return offboarding.Request{}, invalid("data.employee: name the person by id, userPrincipalName, mail or employeeId")
	}
	if p.Data.LeavingTime != nil && r.Kind == offboarding.Termination {
		r.LeavingTime = *p.Data.LeavingTime
	}
	if len(p.Data.Options) > 0 {
		var err error
		if r.Options, err = parseOptions(p.Data.Options); err != nil {
			return offboarding.Request{}, err
		}
	}
	if err := r.Validate(); err != nil {
		return offboarding.Request{}, invalid("%s", err)
	}
	return r, nil
}

// earlier of two times. An event cannot happen after it was told: one that says so would stand
// before every cancellation that comes until then.
func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// ambiguous is where the next value of the decoder has an object with one key twice, by regard
// for case or not; 0 when it has none. encoding/json would take the last of them, or make one
// person out of two.
func ambiguous(d *json.Decoder) (at int64) {
	token, _ := d.Token()
	open, nested := token.(json.Delim)
	if !nested {
		return 0
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, _ := d.Token()
			name, _ := key.(string)
			name = strings.ToLower(strings.ToUpper(name)) // some letters have two lower cases
			if seen[name] {
				return d.InputOffset()
			}
			seen[name] = true
		}
		if at := ambiguous(d); at > 0 {
			return at
		}
	}
	_, _ = d.Token()
	return 0
}

func parseOptions(raw []byte) (offboarding.Options, error) {
	var o options
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return offboarding.Options{}, invalid("data.options: %s; it takes mailbox, forwardFor and forwardTo", explainJSON(err))
	}
	out := offboarding.Options{ForwardTo: o.ForwardTo}
	if o.Mailbox != "" {
		h, err := offboarding.ParseHandling(o.Mailbox)
		if err != nil {
			return out, invalid("data.options.mailbox: use forward, shared, hold or none")
		}
		out.Mailbox = h
	}
	if o.ForwardFor != "" {
		d, err := offboarding.ParseDuration(o.ForwardFor)
		if err != nil {
			return out, invalid("data.options.forwardFor: write it like 720h or 30m, or unlimited")
		}
		out.ForwardFor = &d
	}
	return out, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// explainJSON says what is wrong with a JSON body without repeating any of its values.
func explainJSON(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var when *time.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON (byte %d)", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: a %s cannot be read here", kind.Field, kind.Value)
	case errors.As(err, &when):
		return "a time is not written like 2026-11-22T09:00:00Z"
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return "the body cannot be read as JSON"
}
