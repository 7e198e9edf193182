package notices_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/shared/notices"
	"leaver/shared/offboarding"
)

// Public reports of notices that did not come, each tried here.

// TestACardIsMeasuredAsTeamsMeasuresIt: a card of 24,453 bytes was taken by the workflow with 202 and refused
// behind it as one of 28,897: it is handed on as a text within JSON. Digests of every length stay below what
// is taken, counted so, and no shorter than they have to be.
// Reports: MicrosoftDocs/msteams-docs#11274, #6659; elementary-data/elementary#2164.
func TestACardIsMeasuredAsTeamsMeasuresIt(t *testing.T) {
	t.Parallel()
	const most = 28672
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	s, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: server.URL, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	largest := 0
	for n := 1; n < 400; n += 13 {
		digest := offboarding.Announcement{ID: "ntc_1", Title: fmt.Sprintf("Leaver: %d notices", n)}
		for range n {
			digest.Several = append(digest.Several, offboarding.Announcement{Title: `Locked out "at once"`, Who: "adele.vance@contoso.com", Case: "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1"})
		}
		if err := s.Send(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, got); err != nil {
			t.Fatal(err)
		}
		within, err := json.Marshal(compact.String())
		if err != nil {
			t.Fatal(err)
		}
		if len(within) > most+2 { // its own two quotation marks
			t.Errorf("a digest of %d: %d bytes sent, %d as Teams counts, want at most %d", n, len(got), len(within), most)
		}
		largest = max(largest, len(within))
		if left := n - strings.Count(string(got), "adele.vance"); left > 0 && !strings.Contains(string(got), fmt.Sprintf("and %d more", left)) {
			t.Errorf("a digest of %d leaves out %d and does not say so", n, left)
		}
	}
	if largest < most/2 {
		t.Errorf("no digest was larger than %d; want some that use what Teams takes", largest)
	}
}

// TestAConnectorIsRefusedAtTheStart: what was posted to one stopped coming when Microsoft retired them, and
// whoever still had its address was not told.
// Reports: Skitionek/notify-microsoft-teams#89, containrrr/shoutrrr#446, MicrosoftDocs/msteams-docs#12662.
func TestAConnectorIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"https://contoso.webhook.office.com/webhookb2/hidden@hidden/IncomingWebhook/hidden/hidden",
		"https://outlook.office.com/webhook/hidden/IncomingWebhook/hidden",
		"https://outlook.office365.com/webhook/hidden",
	} {
		_, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: at})
		if err == nil || !strings.Contains(err.Error(), "workflow") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v; want an error that says what to make instead, and no address", err)
		}
	}
}

// TestAWorkflowIsKnownByNoHost: others took only the addresses that they knew, and refused those that
// Microsoft gave out from 2025 on. The signature in an address gets there as it was.
// Reports: uptrace/uptrace#545, atc0005/send2teams#723, wazuh/wazuh#32795, PostHog/posthog#41202.
func TestAWorkflowIsKnownByNoHost(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"https://0123456789abcdef.ae.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/0123/triggers/manual/paths/invoke/?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc",
		"https://prod-28.westeurope.logic.azure.com:443/workflows/0123/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc",
		"https://workflows.contoso.com/teams",
	} {
		if _, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: at}); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	const query = "api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-b_c%2Bd"
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	s, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: server.URL + "/invoke?" + query, Private: true})
	if err == nil {
		err = s.Send(t.Context(), locked)
	}
	if err != nil || asked != query {
		t.Errorf("the workflow was asked with %q, %v; want %q", asked, err, query)
	}
}

// TestEveryTryIsSignedAnewUnderTheSameID: a retry hours later was refused for its old timestamp, came without
// its signature, or under another id, so that it was taken for a second notice.
// Reports: better-auth/better-auth#8844, sandbaseai/sandbase-harness#313, documenso/documenso#3204.
func TestEveryTryIsSignedAnewUnderTheSameID(t *testing.T) {
	t.Parallel()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var ids, bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := r.Header.Get("webhook-id")
		ids, bodies = append(ids, id), append(bodies, string(body))
		if got, want := r.Header.Get("webhook-timestamp"), fmt.Sprint(now.Unix()); got != want {
			t.Errorf("the timestamp is %s, want that of the try: %s", got, want)
		}
		if want, err := signer.Sign(id, now, body); err != nil || r.Header.Get("webhook-signature") != want {
			t.Errorf("the signature is %q, want %q, %v", r.Header.Get("webhook-signature"), want, err)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	c := webhook(server.URL, true)
	c.Name = "test"
	s, err := notices.Open(t.Context(), c, notices.Options{Read: func(_ context.Context, place string) (string, error) { return place, nil }, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Send(t.Context(), locked); err == nil {
			t.Error("503 was taken for success")
		}
		now = now.Add(5 * time.Hour)
	}
	if len(ids) != 3 || ids[0] != locked.ID || ids[1] != ids[0] || ids[2] != ids[0] || bodies[1] != bodies[0] || bodies[2] != bodies[0] {
		t.Errorf("tried as %q with %q; want the same id and the same body three times", ids, bodies)
	}
}
