package hris

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// standard is Standard Webhooks with Leaver's own payload.
// Source: standard-webhooks, spec/standard-webhooks.md.
var standard = vendor{
	name: nameStandard, key: webhook.Whsec, unusable: http.StatusUnprocessableEntity,
	setup: []string{
		"events employee.terminated and employee.termination_cancelled, signed as Standard Webhooks",
		"the signing secret, whsec_ and base64",
	},
	verifier: func(c Config) (webhook.Verifier, error) { return standardSignature.With(c.Secrets) },
	read: func(c Config, v webhook.Verified) (Meaning, error) {
		r, err := parseStandard(c, v)
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

// SourceStandard is the origin of the requests that /webhooks/standard takes.
const SourceStandard = "webhooks/standard"

// Vouched is the request of a body as /webhooks/standard takes it, which nobody signed: an operator
// hands it in. Errors: ErrInvalid.
func Vouched(id string, body []byte, at time.Time) (offboarding.Request, error) {
	return parseStandard(Standard(""), webhook.Vouched(id, body, at))
}

// payload is the body of the webhook. Unknown keys are refused inside options, which are
// ours, and ignored elsewhere, where they are the HR system's.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Employee        offboarding.Employee `json:"employee"`
		LeavingTime     *time.Time           `json:"leavingTime"`
		LeavingDate     string               `json:"leavingDate"`
		EndOfEmployment string               `json:"endOfEmployment"`
		Zone            string               `json:"zone"`
		Options         json.RawMessage      `json:"options"`
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

// parseStandard maps a verified webhook to a request. Its errors are ErrInvalid, name the field and
// repeat no value.
func parseStandard(c Config, v webhook.Verified) (offboarding.Request, error) {
	body := v.Body()
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return offboarding.Request{}, invalid("%s", explainJSON(err))
	}
	if at := ambiguous(json.NewDecoder(bytes.NewReader(body))); at > 0 {
		return offboarding.Request{}, invalid("a key stands in one object twice, or in upper and in lower case (byte %d); send each once", at)
	}
	e := event{id: v.ID(), name: p.Type, raw: body, at: p.Timestamp, employee: p.Data.Employee, leaving: Leaving{Zone: p.Data.Zone}}
	switch p.Type {
	case typeTerminated:
		e.kind = offboarding.Termination
	case typeCancelled:
		e.kind = offboarding.Cancellation
	default:
		return offboarding.Request{}, invalid("type: send %s or %s, and unsubscribe this endpoint from all others", typeTerminated, typeCancelled)
	}
	if p.Timestamp.IsZero() {
		return offboarding.Request{}, invalid("timestamp: say when it happened, like 2026-11-22T09:00:00Z")
	}
	if p.Data.LeavingTime != nil {
		if e.leaving.Time = *p.Data.LeavingTime; e.leaving.Time.IsZero() {
			return offboarding.Request{}, invalid("data.leavingTime: leave it out for now, or send the moment")
		}
	}
	for _, day := range []struct {
		field, text string
		into        *offboarding.Date
	}{{"leavingDate", p.Data.LeavingDate, &e.leaving.LastDay}, {"endOfEmployment", p.Data.EndOfEmployment, &e.leaving.EndOfEmployment}} {
		if day.text == "" {
			continue
		}
		var err error
		if *day.into, err = parseDay(day.text); err != nil || day.into.IsZero() {
			return offboarding.Request{}, invalid("data.%s: write a day like 2026-11-30, or leave it out", day.field)
		}
	}
	r, err := c.request(e, v.At())
	if err != nil {
		return offboarding.Request{}, err
	}
	if len(p.Data.Options) > 0 {
		if r.Options, err = parseOptions(p.Data.Options); err != nil {
			return offboarding.Request{}, err
		}
	}
	return r, nil
}

// ambiguous is where the next value of the decoder has an object with one key twice, in whichever
// case; 0 when it has none. encoding/json would take the last of them, or make one person out of
// two.
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
	out := offboarding.Options{ForwardTo: strings.TrimSpace(o.ForwardTo)}
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

// explainJSON says what is wrong with a JSON body without repeating any of its values, nor a key
// that is none of ours: senders put values there, too.
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
		return "it holds an unknown key"
	}
	return "the body cannot be read as JSON"
}
