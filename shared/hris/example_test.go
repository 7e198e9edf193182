package hris_test

import (
	"fmt"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/shared/hris"
)

// A source is declared with its secret. What comes in means something only once it is verified:
// here a request, for another vendor a hint that the HR system is asked about.
func Example() {
	const secret = "whsec_ZXhhbXBsZS1zZWNyZXQtb2YtdGhlLWRvY3MtMTIzNDU2"
	sources, err := hris.New(hris.Standard(secret))
	check(err)
	source, _ := sources.Source("standard")

	at := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	body := []byte(`{"type":"employee.terminated","timestamp":"2026-11-30T08:00:00Z","data":{"employee":{"userPrincipalName":"adele.vance@contoso.com"},"leavingTime":"2026-11-30T17:00:00+01:00"}}`)
	signer, err := standardwebhooks.NewWebhook(secret)
	check(err)
	signature, err := signer.Sign("msg_1", at, body)
	check(err)
	header := http.Header{}
	header.Set("webhook-id", "msg_1")
	header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	header.Set("webhook-signature", signature)

	meaning, err := source.Receive(hris.Arrival{Method: http.MethodPost, Header: header, Body: body, At: at})
	check(err)
	for _, r := range meaning.Requests {
		fmt.Println(r.Kind, "at", r.LeavingTime.UTC().Format(time.RFC3339))
	}
	body[2]++
	_, err = source.Receive(hris.Arrival{Method: http.MethodPost, Header: header, Body: body, At: at})
	fmt.Println(err)
	// Output:
	// termination at 2026-11-30T16:00:00Z
	// the webhook could not be verified: no signature matches; check the secret, and that the raw body is what was signed
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
