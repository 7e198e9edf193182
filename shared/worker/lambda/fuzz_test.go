package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/worker/lambda"
)

// taking is a bus that takes everything.
type taking struct{ bus.Bus }

func (taking) Publish(context.Context, bus.Message) (bool, error)          { return false, nil }
func (taking) Resubmit(context.Context, string, string, bus.Message) error { return nil }

// FuzzHTTP feeds anything to the function that faces the internet: it answers or refuses, and
// never breaks.
func FuzzHTTP(f *testing.F) {
	handler := lambda.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}), func() {})
	f.Add([]byte(`{"version":"2.0","rawPath":"/webhooks/standard","body":"e30=","isBase64Encoded":true,"headers":{"a":"b"},"requestContext":{"http":{"method":"POST"},"domainName":"x"}}`))
	f.Add([]byte(`{"rawPath":"\u0000","requestContext":{"http":{"method":" "}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		answer, err := handler.Invoke(t.Context(), payload)
		if err == nil && !json.Valid(answer) {
			t.Errorf("%q", answer)
		}
	})
}

// FuzzQueue invokes a queue function with any payload: every message that it brings is settled or put on the bus.
func FuzzQueue(f *testing.F) {
	f.Add([]byte(`{"messages":[{"specversion":"1.0","id":"c-1/1/signout/1","data":{"step":"signout"}}]}`))
	f.Add([]byte(`{"messages":[null,7,"x",[],{"id":7,"data":[]}],"due":"2026-11-22T09:00:00Z"}`))
	f.Add([]byte(`{"messages":{}}`))
	f.Add([]byte(`{"due":"tomorrow"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var brings struct {
			Messages []json.RawMessage
			Due      time.Time
		}
		readable := json.Unmarshal(payload, &brings) == nil
		if readable && len(brings.Messages) == 0 || len(brings.Messages) > 100 || len(payload) == 0 {
			return // it drains the subscription
		}
		waker := &lambda.Waker{Bus: taking{}, Self: "signout", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		q := &lambda.Queue{Subscription: "signout", Bus: waker, Now: time.Now, Log: slog.New(slog.DiscardHandler), Handle: func(ctx context.Context, d bus.Delivery) error {
			if len(d.ID())%2 == 0 {
				return errors.New("not settled")
			}
			return d.Complete(ctx)
		}}
		raw, err := q.Invoke(t.Context(), payload)
		if !readable {
			if err == nil {
				t.Error("what cannot be read is taken")
			}
			return
		}
		var outcomes []lambda.Outcome
		if err != nil || json.Unmarshal(raw, &outcomes) != nil || len(outcomes) != len(brings.Messages) {
			t.Errorf("%d messages, outcomes %s, %v", len(brings.Messages), raw, err)
		}
	})
}
