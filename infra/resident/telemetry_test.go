package resident_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/events"
	"leaver/infra/resident"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/telemetry/collectortest"
)

// opened is a host on the embedded bus that does not run yet.
func opened(t *testing.T, o resident.Options) (h *resident.Host, tenant *simtenant.Tenant) {
	t.Helper()
	tenant, err := simtenant.New(simtenant.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	at := server.Connection()
	o.Dir, o.Log = cmp.Or(o.Dir, t.TempDir()), slog.New(slog.DiscardHandler)
	o.Tenant = identity.Tenant{
		TenantID: at.TenantID, ClientID: at.ClientID, ClientSecret: at.ClientSecret,
		Graph: at.Graph, Authority: at.Authority, Exchange: at.Exchange, CAFile: at.CAFile,
	}
	h, err = resident.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h, tenant
}

// running is a host on the embedded bus, and where its webhooks go.
func running(t *testing.T, o resident.Options) (h *resident.Host, tenant *simtenant.Tenant, intake string) {
	t.Helper()
	h, tenant = opened(t, o)
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		t.Fatal(err)
	}
	stopIntake, intake, err := h.ServeIntake("127.0.0.1:0", sources)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	t.Cleanup(func() { _ = stopIntake(); stop(); <-served; _ = h.Close() })
	return h, tenant, intake
}

// leaves posts a signed webhook that somebody leaves.
func leaves(t *testing.T, intake, person, options string) {
	t.Helper()
	now := time.Now().UTC()
	body := `{"type":"employee.terminated","timestamp":"` + now.Format(time.RFC3339) + `","data":{"employee":{"userPrincipalName":"` + person + `"}` + options + `}}`
	id := "msg_" + uuid.NewString()
	signer, err := standardwebhooks.NewWebhook(events.Secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, intake+"/webhooks/standard", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("the webhook was answered %d", res.StatusCode)
	}
}

// complete waits for the end of a departure.
func complete(t *testing.T, h *resident.Host, person string) *offboarding.Case {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := h.Ledger.Latest(ctx, simtenant.UserID(person))
		if err == nil && c != nil && c.State(h.Now()) == offboarding.CaseComplete {
			return c
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the departure has not ended: %v, %v", c, err)
		}
	}
}

// TestADepartureIsOneTrace carries a whole departure on the embedded bus, with a collector.
func TestADepartureIsOneTrace(t *testing.T) {
	t.Parallel()
	collector := collectortest.New(t)
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.Requests = 0, offboarding.RequestsAny
	h, tenant, intake := running(t, resident.Options{Policy: policy, Telemetry: collector.URL})
	leaves(t, intake, adele, `,"options":{"mailbox":"none"}`)
	complete(t, h, adele)
	spans := ended(t, h, collector)
	for _, wrong := range collectortest.Connected(spans) {
		t.Error(wrong)
	}
	traces, steps, calls := map[string]bool{}, map[string]string{}, 0
	for _, s := range spans {
		traces[s.Trace] = true
		if step := s.Attributes["leaver.step"]; step != "" {
			steps[step] = s.Attributes["leaver.state"]
		}
		if _, is := s.Attributes["server.address"]; is {
			calls++
			if s.Attributes["http.response.header.request-id"] == "" {
				t.Errorf("the call %s has no request id: %v", s.Name, s.Attributes)
			}
		}
	}
	if len(traces) != 3 {
		t.Errorf("%d traces; want the departure's and one of each of the two gates", len(traces))
	}
	for _, step := range []string{"signout", "block", "delete"} {
		if steps[step] != string(offboarding.StateEffective) {
			t.Errorf("the trace says %q of %s; want effective", steps[step], step)
		}
	}
	if !slices.ContainsFunc(spans, func(s collectortest.Span) bool { return s.Name == "intake" && s.Parent == "" }) || calls < 15 {
		t.Errorf("%d calls to Microsoft, and no webhook at the root of it among %d spans", calls, len(spans))
	}
	if n, came := collector.Figure("leaver_verdicts_total"); !came || n < 10 {
		t.Errorf("%g verdicts came as a metric; want those of every step", n)
	}
	user, deleted := tenant.DeletedUser(simtenant.UserID(adele))
	if !deleted {
		t.Fatal("the account is not deleted")
	}
	text := strings.ToLower(collector.Text())
	for _, personal := range []string{user.DisplayName, user.UserPrincipalName, "adele", "vance", "contoso.com", "%24filter", "bearer"} {
		if strings.Contains(text, strings.ToLower(personal)) {
			t.Errorf("the spans hold %q", personal)
		}
	}
}

// ended is every span once the deletion's has come: the ledger says that a departure is complete
// before the message that completed it is settled and its span ends.
func ended(t *testing.T, h *resident.Host, collector *collectortest.Collector) []collectortest.Span {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		h.Telemetry.Flush(ctx)
		spans := collector.Spans()
		if slices.ContainsFunc(spans, func(s collectortest.Span) bool {
			return s.Attributes["leaver.step"] == string(offboarding.StepDelete) && s.Attributes["leaver.state"] == string(offboarding.StateEffective)
		}) && len(collectortest.Connected(spans)) == 0 {
			return spans
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return spans
		}
	}
}

// TestNoDepartureWaitsForItsCollector has one that takes nothing and never answers.
func TestNoDepartureWaitsForItsCollector(t *testing.T) {
	t.Parallel()
	hangs := collectortest.Hanging(t)
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.Requests = 0, offboarding.RequestsAny
	h, _, intake := running(t, resident.Options{Policy: policy, Telemetry: hangs})
	leaves(t, intake, adele, `,"options":{"mailbox":"none"}`)
	c := complete(t, h, adele)
	for _, step := range []offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock} {
		if after := c.Step(step).EffectiveAt.Sub(c.OpenedAt); after > 10*time.Second {
			t.Errorf("%s was effective after %s", step, after)
		}
	}
	began := time.Now()
	h.Telemetry.Flush(t.Context())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("sending took %s; it may take two seconds", took)
	}
}
