package assembly

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/bus"
	"leaver/shared/environment"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

// rotation is how soon a new webhook secret is known to a function that runs already.
const rotation = 5 * time.Minute

// Intake is what intake is made of: nothing of Microsoft 365, and nothing of the ledger.
type Intake struct {
	Bus     bus.Publisher
	Sources *hris.Sources
	Now     func() time.Time
	Log     *slog.Logger
	// Metrics go to CloudWatch.
	Metrics *lambda.Metrics
}

// RunIntake makes intake and serves the requests of an HTTP API with the handler that build
// returns; it does not return. The handler is built again when the webhook secrets are read
// again.
func RunIntake(build func(Intake) http.Handler) {
	log := logger()
	lambda.Start(log, func(ctx context.Context) (lambda.Handler, error) {
		c, err := environment.Read[environment.Intake](os.Environ())
		if err != nil {
			return nil, err
		}
		aws, err := lambda.AWS(ctx)
		if err != nil {
			return nil, err
		}
		fetch := lambda.Stored(aws)
		tenant, err := TenantOf(ctx, c.Identity, fetch, identity.FederatedByAWS(aws))
		if err != nil {
			return nil, err
		}
		as, err := connect(tenant)
		if err != nil {
			return nil, err
		}
		metrics, exporter, err := telemetryOf(ctx, offboarding.FunctionIntake, c.Telemetry, log)
		if err != nil {
			return nil, err
		}
		waker, open, err := wakerOf(ctx, "", c.Bus, c.Wake, as, fetch, lambda.NewInvoke(aws), exporter, log)
		if err != nil {
			return nil, err
		}
		sources, err := sourcesOf(ctx, c, fetch)
		if err != nil {
			return nil, err
		}
		in := Intake{Bus: waker, Sources: sources, Now: time.Now, Log: log, Metrics: metrics}
		served := func() lambda.Handler {
			return lambda.HTTP(exporter.Served(offboarding.FunctionIntake, build(in)), waker.Flush)
		}
		handler, read := served(), in.Now()
		refreshed := lambda.HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
			if in.Now().Sub(read) > rotation {
				read = in.Now()
				if sources, err := sourcesOf(ctx, c, fetch); err == nil {
					in.Sources = sources
					handler = served()
				} else {
					log.Warn("webhook secrets not read again; those known are used on", "error", err)
				}
			}
			return handler.Invoke(ctx, payload)
		})
		own := examined(refreshed, ownDoctor(offboarding.FunctionIntake, waker).ExamineOwn, metrics, log)
		return flushed(metrics.Measured(offboarding.FunctionIntake, lambda.Reconnecting(own, in.Now, open)), exporter), nil
	})
}

// sourcesOf are the sources of requests that the environment declares.
func sourcesOf(ctx context.Context, c environment.Intake, fetch environment.Fetch) (*hris.Sources, error) {
	secrets, err := c.Webhooks.Secrets.Read(ctx, fetch)
	if err != nil {
		return nil, fmt.Errorf("LEAVER_WEBHOOK_SECRETS: %w", err)
	}
	file, err := c.Sources.Read(ctx, fetch)
	if err != nil {
		return nil, err
	}
	sources, err := hris.Load(ctx, []byte(file), secrets, Stored(fetch))
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES, LEAVER_WEBHOOK_SECRETS: %w", err)
	}
	return sources, nil
}

// Stored reads what a declaration of sources only names.
func Stored(fetch environment.Fetch) hris.Read {
	return func(ctx context.Context, place string) (string, error) {
		return environment.Source(place).Read(ctx, fetch)
	}
}

// Stored reads what the policy only names, such as the secrets of channels.
func (f *Function) Stored() func(context.Context, string) (string, error) { return Stored(f.fetch) }

// TenantGraph is Microsoft Graph as a source of requests, as graph.New would take it.
func TenantGraph(cred azcore.TokenCredential, baseURL, scope string, client *http.Client) *hris.Tenant {
	return &hris.Tenant{URL: baseURL, Transport: client.Transport, Token: func(ctx context.Context) (string, error) {
		token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		return token.Token, err
	}}
}

// declared is the declaration of the sources.
func (f *Function) declared(ctx context.Context) (string, error) {
	c, err := environment.Read[environment.Sources](os.Environ())
	if err != nil {
		return "", err
	}
	return c.Read(ctx, f.fetch)
}

// SourceLimits are those of plan.Planner.
func (f *Function) SourceLimits(ctx context.Context) (map[string]int, error) {
	file, err := f.declared(ctx)
	if err != nil {
		return nil, err
	}
	limits, err := hris.LimitsOf([]byte(file))
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	return limits, nil
}

// Readers are the HR systems that the function asks.
func (f *Function) Readers(ctx context.Context) (map[string]hris.Readable, error) {
	file, err := f.declared(ctx)
	if err != nil {
		return nil, err
	}
	readers, err := hris.LoadReaders(ctx, []byte(file), Stored(f.fetch), hris.Access{Now: f.Now, Tenant: TenantGraph(f.Graph())})
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	return readers, nil
}
