package notices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/shared/offboarding"
)

// post sends JSON to an address, which may hold a secret and stands in no error.
type post struct {
	name, to string
	client   *http.Client
}

func (p post) send(ctx context.Context, body []byte, header http.Header) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to, bytes.NewReader(body))
	if err != nil {
		return offboarding.Permanent(fmt.Errorf("channel %s: its address cannot be used", p.name))
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "leaver")
	res, err := p.client.Do(r)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) { // it says the whole address
			err = where.Err
		}
		return fmt.Errorf("channel %s: %w", p.name, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, biggestAnswer))
	_ = res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refusal(p.name, res)
	}
	return nil
}

// webhook is an outgoing Standard Webhook: its id is that of the announcement, at every try the same,
// so that its receiver knows it again; its timestamp is that of the try.
// Source: standard-webhooks, spec/standard-webhooks.md.
type webhook struct {
	post
	signer *standardwebhooks.Webhook
	now    func() time.Time
}

func newWebhook(p post, secret string, now func() time.Time) (Sender, error) {
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("channel %s, secret: what stands there is not whsec_ and base64", p.name)
	}
	return webhook{p, signer, now}, nil
}

// told is what a webhook says of one announcement: ids, and nobody's name.
type told struct {
	ID       string                `json:"id"`
	At       time.Time             `json:"at"`
	Case     string                `json:"case,omitempty"`
	Request  string                `json:"request,omitempty"`
	Leaver   string                `json:"leaver,omitempty"` // object id
	Step     offboarding.StepName  `json:"step,omitempty"`
	State    offboarding.StepState `json:"state,omitempty"`
	Rule     string                `json:"rule,omitempty"`
	Title    string                `json:"title"`
	Text     string                `json:"text,omitempty"`
	Type     string                `json:"type,omitempty"` // the command that goes on
	Playbook string                `json:"playbook,omitempty"`
	URL      string                `json:"url,omitempty"` // of the console's page about it
}

func toldOf(a offboarding.Announcement) told {
	return told{a.ID, a.At.UTC(), a.Case, a.Request, a.Leaver, a.Step, a.State, a.Rule.Name, a.Title, a.Text, a.Type, a.Playbook, a.URL}
}

// Send implements [Sender].
func (w webhook) Send(ctx context.Context, a offboarding.Announcement) error {
	kind := "departure." + string(a.Event)
	var data any = toldOf(a)
	if len(a.Several) > 0 {
		all := make([]told, len(a.Several))
		for i, each := range a.Several {
			all[i] = toldOf(each)
		}
		kind, data = "departure.digest", map[string]any{"notices": all}
	}
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": a.At.UTC(), "data": data})
	if err != nil {
		return offboarding.Permanent(err)
	}
	at := w.now()
	signature, err := w.signer.Sign(a.ID, at, body)
	if err != nil {
		return offboarding.Permanent(err)
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, a.ID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return w.send(ctx, body, header)
}
