package hris

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// standard is Standard Webhooks with Leaver's own payload.
// Source: standard-webhooks, spec/standard-webhooks.md.
var standard = vendor{
	name: "standard",
	verifier: func(c Config) (webhook.Verifier, error) {
		for i, secret := range c.Secrets {
			if n := webhook.Whsec.Bytes(secret); n > 0 && n < leastSecret {
				return nil, fmt.Errorf("secret %d has fewer than %d bytes", i+1, leastSecret)
			}
		}
		return standardSignature.With(c.Secrets)
	},
	read: func(s *Source, v webhook.Verified) (Meaning, error) {
		r, err := parseStandard(s.Origin(), v)
		if err != nil {
			return Meaning{}, err
		}
		return Meaning{Requests: []offboarding.Request{r}}, nil
	},
}

var standardSignature = webhook.Signature{
	Header: "webhook-signature", Prefix: "v1,", Separator: " ", Encoding: webhook.Base64, Key: webhook.Whsec,
	Signed: "{id}.{timestamp}.{body}", ID: "webhook-id", Timestamp: "webhook-timestamp", Tolerance: tolerance,
}

// leastSecret is the least number of bytes of a secret that signs.
// Source: standard-webhooks, spec/standard-webhooks.md, Signature scheme.
const leastSecret = 24

// tolerance is how far the timestamp of a webhook may be from our clock, either way.
// Source: standard-webhooks, spec/standard-webhooks.md, Verifying webhook authenticity.
const tolerance = 5 * time.Minute

// SourceStandard is the origin of the requests that /webhooks/standard takes.
const SourceStandard = "webhooks/standard"

// Vouched is the request of a body as /webhooks/standard takes it, which nobody signed: an operator
// hands it in. Errors: ErrInvalid.
func Vouched(id string, body []byte, at time.Time) (offboarding.Request, error) {
	return parseStandard(SourceStandard, webhook.Vouched(id, body, at))
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

// parseStandard maps a verified webhook to a request of an origin. Its errors are ErrInvalid, name
// the field and repeat no value.
func parseStandard(origin string, v webhook.Verified) (offboarding.Request, error) {
	body, receivedAt := v.Body(), v.At()
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
		ID:          offboarding.RequestID(origin, strings.Join([]string{v.ID(), p.Type, field, who}, "\x00")),
		Source:      origin,
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

// ambiguous is where the next value of the decoder has an object with one key twice, in whichever
// case; 0 when it has none. encoding/json would take the last of them, or make one
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
			return out, invalid("data.options.forwardFor: write it like 30d, 12h or 90m, or unlimited")
		}
		out.ForwardFor = &d
	}
	return out, nil
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
