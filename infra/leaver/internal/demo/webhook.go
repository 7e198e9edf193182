package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/events"
	"leaver/shared/offboarding"
)

// sample is a sample webhook, happening now.
func sample(file string, now time.Time) ([]byte, error) {
	text, err := events.Files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("events/%s: %w", file, err)
	}
	body["timestamp"] = now.UTC().Format(time.RFC3339Nano)
	return json.Marshal(body)
}

// postSample posts a sample webhook as the HR system would: happening now, and signed.
func postSample(ctx context.Context, intake, file string, now time.Time) error {
	body, err := sample(file, now)
	if err != nil {
		return err
	}
	status, err := PostSigned(ctx, intake, "msg_"+uuid.NewString(), body)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("intake answered events/%s with %d", file, status)
	}
	return err
}

// PostTermination posts a webhook for a person and returns the status of the answer.
func PostTermination(ctx context.Context, intake, person string, now time.Time) (int, error) {
	body, err := json.Marshal(map[string]any{
		"type": "employee.terminated", "timestamp": now.UTC().Format(time.RFC3339Nano),
		"data": map[string]any{"employee": offboarding.Employee{UserPrincipalName: person}},
	})
	if err != nil {
		return 0, err
	}
	return PostSigned(ctx, intake, "msg_"+uuid.NewString(), body)
}

// PostSigned posts a webhook with the sample secret's signature and returns the status of the
// answer.
func PostSigned(ctx context.Context, intake, id string, body []byte) (int, error) {
	signer, err := standardwebhooks.NewWebhook(events.Secret)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, intake+"/webhooks/standard", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
