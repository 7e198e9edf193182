// Package events holds sample inputs. Those of [Files] are webhooks as an HR system sends them:
// they are what the demo posts and the tests read. One more for each function, named after it,
// is what AWS Lambda hands it: README.md here says how to run a function on its sample.
//
// The sample secret signs the webhooks and nothing else.
package events

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Secret is the sample signing secret: base64 of "leaver-sample-secret-not-for-production".
const Secret = "whsec_bGVhdmVyLXNhbXBsZS1zZWNyZXQtbm90LWZvci1wcm9kdWN0aW9u"

// Files are the webhooks, by file name.
//
//go:embed terminated-*.json cancelled.json invalid/*.json
var Files embed.FS

// Sign is the event of an HTTP API, payload format 2.0, that brings a webhook to intake: signed
// with the sample secret, at a time which intake takes for five minutes.
// Source: Amazon API Gateway, Working with AWS Lambda proxy integrations for HTTP APIs.
func Sign(body []byte, id string, now time.Time) ([]byte, error) {
	signer, err := standardwebhooks.NewWebhook(Secret)
	if err != nil {
		return nil, fmt.Errorf("the sample secret: %w", err)
	}
	signature, err := signer.Sign(id, now, body)
	if err != nil {
		return nil, fmt.Errorf("signing webhook %s: %w", id, err)
	}
	const path = "/webhooks/standard"
	return json.MarshalIndent(map[string]any{
		"version": "2.0", "routeKey": "POST " + path, "rawPath": path, "rawQueryString": "",
		"headers": map[string]string{
			"content-type": "application/json", "host": "intake.example", "webhook-id": id,
			"webhook-timestamp": strconv.FormatInt(now.Unix(), 10), "webhook-signature": signature,
		},
		"requestContext": map[string]any{
			"domainName": "intake.example", "routeKey": "POST " + path, "stage": "$default", "timeEpoch": now.UnixMilli(),
			"http": map[string]string{"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "sample"},
		},
		"body": string(body), "isBase64Encoded": false,
	}, "", "  ")
}
