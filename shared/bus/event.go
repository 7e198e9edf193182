package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"
)

// Schema is the version of the messages written by this code. Older ones stay readable for
// a year; a newer one is ErrNewerSchema.
const Schema = 1

// The CloudEvents types of the messages.
const (
	TypeRequest = "leaver.request"
	TypeNotice  = "leaver.notice"
	TypeHint    = "leaver.hint"
	TypeStep    = "leaver.step"
)

// Errors of Decode functions.
var (
	// ErrMalformed: the body is not a message of ours, and never will be.
	ErrMalformed = errors.New("not a message of Leaver")
	// ErrNewerSchema: a newer version of Leaver wrote it.
	ErrNewerSchema = errors.New("the message has a newer schema version")
)

// Step is the message that moves one step of one case. It is no authority: it only says
// where to look in the ledger.
type Step struct {
	Tenant      string               `json:"tenant"`
	Case        string               `json:"case"`
	PlanVersion int                  `json:"planVersion"`
	Step        offboarding.StepName `json:"step"` // "termination" for all that start at once
	N           int                  `json:"n"`
	Leaver      string               `json:"leaver"` // object id
}

// ID is the message id: case/planVersion/step/n.
func (s Step) ID() string {
	return fmt.Sprintf("%s/%d/%s/%d", s.Case, s.PlanVersion, s.Step, s.N)
}

// Message is the step message to publish, visible at a time.
func (s Step) Message(at time.Time) (Message, error) {
	body, err := encode(TypeStep, s.ID(), s)
	return Message{ID: s.ID(), Entity: Topic, Subject: string(s.Step), Body: body, At: at}, err
}

// Request is the message that brings a request to the plan function.
type Request struct {
	offboarding.Request
	// Attempt counts from 1; each try has its own message.
	Attempt int `json:"attempt"`
}

// Message is the request message to publish, visible at a time. Its id holds the digest, so that of
// two contents with one id the broker keeps both, and the plan function sees that they differ.
func (r Request) Message(at time.Time) (Message, error) {
	id := fmt.Sprintf("%s/%d", r.ID, r.Attempt)
	if r.Digest != "" {
		id = fmt.Sprintf("%s/%s/%d", r.ID, r.Digest, r.Attempt)
	}
	body, err := encode(TypeRequest, id, r)
	return Message{ID: id, Entity: Queue, Body: body, At: at}, err
}

// Notice is the message that brings a notice to the plan function, which keeps it.
type Notice struct{ offboarding.Notice }

// Message is the notice message to publish.
func (n Notice) Message() (Message, error) {
	body, err := encode(TypeNotice, n.ID, n)
	return Message{ID: n.ID, Entity: Queue, Body: body}, err
}

// DecodeNotice reads a notice message. Errors: ErrMalformed, ErrNewerSchema.
func DecodeNotice(body []byte) (Notice, error) {
	var n Notice
	if err := decode(body, TypeNotice, &n); err != nil {
		return Notice{}, err
	}
	if !offboarding.IsRequestID(n.ID) || n.Source == "" || n.Reason == "" || n.ReceivedAt.IsZero() {
		return Notice{}, fmt.Errorf("%w: the id of a request, source, receivedAt and reason are needed", ErrMalformed)
	}
	return n, nil
}

// Hint is the message that brings a hint to the resolve function.
type Hint struct {
	offboarding.Hint
	// Attempt counts from 1; each try has its own message.
	Attempt int `json:"attempt"`
}

// Message is the hint message to publish, visible at a time.
func (h Hint) Message(at time.Time) (Message, error) {
	id := fmt.Sprintf("%s/%d", h.ID, h.Attempt)
	body, err := encode(TypeHint, id, h)
	return Message{ID: id, Entity: Hints, Body: body, At: at}, err
}

// DecodeHint reads a hint message. Errors: ErrMalformed, ErrNewerSchema.
func DecodeHint(body []byte) (Hint, error) {
	var h Hint
	if err := decode(body, TypeHint, &h); err != nil {
		return Hint{}, err
	}
	if h.ID == "" || h.Source == "" || h.ReceivedAt.IsZero() || h.Attempt < 1 {
		return Hint{}, fmt.Errorf("%w: id, source, receivedAt and attempt are needed", ErrMalformed)
	}
	return h, nil
}

// envelope is a CloudEvent 1.0 in JSON.
// Source: cloudevents/spec, formats/json-format.md.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Schema          int             `json:"schemaversion"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

func encode(kind, id string, data any) ([]byte, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encoding message %s: %w", id, err)
	}
	return json.Marshal(envelope{
		SpecVersion: "1.0", ID: id, Source: "leaver", Type: kind, Schema: Schema,
		DataContentType: "application/json", Data: raw,
	})
}

// DecodeStep reads a step message. Errors: ErrMalformed, ErrNewerSchema.
func DecodeStep(body []byte) (Step, error) {
	var s Step
	if err := decode(body, TypeStep, &s); err != nil {
		return Step{}, err
	}
	if s.Tenant == "" || s.Case == "" || s.Leaver == "" || s.Step == "" || s.PlanVersion < 1 || s.N < 1 {
		return Step{}, fmt.Errorf("%w: tenant, case, planVersion, step, n and leaver are needed", ErrMalformed)
	}
	return s, nil
}

// DecodeRequest reads a request message. Errors: ErrMalformed, ErrNewerSchema.
func DecodeRequest(body []byte) (Request, error) {
	var r Request
	if err := decode(body, TypeRequest, &r); err != nil {
		return Request{}, err
	}
	if err := r.Validate(); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if r.Attempt < 1 {
		return Request{}, fmt.Errorf("%w: attempt is needed", ErrMalformed)
	}
	return r, nil
}

func decode(body []byte, kind string, into any) error {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if e.SpecVersion != "1.0" || e.Type != kind {
		return fmt.Errorf("%w: a CloudEvent 1.0 of type %s is needed", ErrMalformed, kind)
	}
	if e.Schema > Schema {
		return fmt.Errorf("%w: %d, this version reads up to %d", ErrNewerSchema, e.Schema, Schema)
	}
	if err := json.NewDecoder(bytes.NewReader(e.Data)).Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
