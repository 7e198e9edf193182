package assembly

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"leaver/shared/bus/servicebus"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/telemetry"
	"leaver/shared/worker/lambda"
)

// logger writes lines of JSON, as CloudWatch reads them.
func logger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stderr, nil)) }

// TenantOf is the tenant of an identity. Federated gives the word of AWS; nil where the process is
// not on AWS.
func TenantOf(ctx context.Context, c environment.Identity, fetch environment.Fetch, federated func(context.Context) (string, error)) (identity.Tenant, error) {
	t := identity.Tenant{TenantID: c.TenantID, ClientID: c.ClientID, Cloud: c.Cloud, Authority: c.Authority, CAFile: c.CAFile}
	switch c.Proof {
	case environment.ProofAWS:
		if federated == nil {
			return t, errors.New("LEAVER_IDENTITY: this host is not on AWS: set it to managed, workload or cli, or set LEAVER_CLIENT_SECRET or LEAVER_CLIENT_CERTIFICATE")
		}
		t.Assertion = federated
	case environment.ProofManaged:
		t.Managed = true
	case environment.ProofWorkload:
		t.Workload = true
	case environment.ProofCLI:
		t.AzureCLI = true
	case environment.ProofCertificate:
		text, err := c.Certificate.Read(ctx, fetch)
		if err != nil {
			return t, fmt.Errorf("LEAVER_CLIENT_CERTIFICATE: %w", err)
		}
		t.Certificate = []byte(text)
	case environment.ProofSecret:
		text, err := c.Secret.Read(ctx, fetch)
		if err != nil {
			return t, fmt.Errorf("LEAVER_CLIENT_SECRET: %w", err)
		}
		t.ClientSecret = text
	}
	return t, nil
}

// connect is a tenant, ready to be called.
func connect(t identity.Tenant) (identity.Connection, error) {
	connection, err := t.Connect(nil)
	if err != nil {
		return identity.Connection{}, fmt.Errorf("LEAVER_CLOUD, LEAVER_IDENTITY and what belongs to them: %w", err)
	}
	return connection, nil
}

// BusOptions say where the bus is and who asks.
func BusOptions(ctx context.Context, c environment.Bus, as identity.Connection, fetch environment.Fetch) (servicebus.Options, error) {
	options := servicebus.Options{Namespace: c.Namespace, Credential: as.Credential}
	if c.Connection != "" {
		connection, err := c.Connection.Read(ctx, fetch)
		if err != nil {
			return servicebus.Options{}, fmt.Errorf("LEAVER_SERVICEBUS_CONNECTION: %w", err)
		}
		options = servicebus.Options{ConnectionString: connection}
	}
	if transport, is := as.HTTP.Transport.(*http.Transport); is {
		// Not the very same: net/http adds its protocols to it.
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: transport.TLSClientConfig.RootCAs}
	}
	return options, nil
}

// wakerOf is the bus of a function, and what connects it.
func wakerOf(ctx context.Context, self string, c environment.Bus, wake environment.Wake, as identity.Connection, fetch environment.Fetch, invoke lambda.Invoke, exporter *telemetry.Exporter, log *slog.Logger) (*lambda.Waker, func() error, error) {
	options, err := BusOptions(ctx, c, as, fetch)
	if err != nil {
		return nil, nil, err
	}
	waker := &lambda.Waker{Prefix: wake.Prefix, Self: self, Now: time.Now, Log: log}
	if wake.Prefix != "" {
		waker.Invoke = invoke
	}
	open := func() error {
		opened, err := servicebus.Open(options)
		if err != nil {
			return fmt.Errorf("LEAVER_SERVICEBUS: %w", err)
		}
		if old := waker.Bus; old != nil {
			go func() { _ = old.Close() }() // nobody may be there to say goodbye to
		}
		waker.Bus = exporter.Bus(opened)
		return nil
	}
	return waker, open, nil
}

// telemetryOf are the metrics of a function, and what sends them and its traces; nil where there is no
// collector.
func telemetryOf(ctx context.Context, function string, c environment.Telemetry, log *slog.Logger) (*lambda.Metrics, *telemetry.Exporter, error) {
	metrics := &lambda.Metrics{Out: os.Stdout, Now: time.Now, Also: telemetry.New()}
	if c.Endpoint == "" {
		return metrics, nil, nil
	}
	exporter, err := telemetry.Export(ctx, telemetry.Settings{Endpoint: c.Endpoint, Service: "leaver-" + function, Metrics: metrics.Also, Log: log})
	return metrics, exporter, err
}

// flushed is a handler after which what an exporter has is sent: Lambda freezes the process then.
func flushed(h lambda.Handler, exporter *telemetry.Exporter) lambda.Handler {
	if exporter == nil {
		return h
	}
	return lambda.HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		defer exporter.Flush(ctx)
		return h.Invoke(ctx, payload)
	})
}

// Store is that of the ledger.
func Store(ctx context.Context, c environment.Ledger, as identity.Connection, fetch environment.Fetch) (*aztables.Store, error) {
	var store *aztables.Store
	var err error
	if c.Connection == "" {
		store, err = aztables.Open(c.Endpoint, as.Credential, as.HTTP)
	} else {
		var connection string
		if connection, err = c.Connection.Read(ctx, fetch); err == nil {
			store, err = aztables.OpenConnectionString(connection, as.HTTP)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("LEAVER_TABLES: %w", err)
	}
	return store, nil
}

// ProofOf is by whose signatures the ledger of a tenant counts.
func ProofOf(ctx context.Context, c environment.Signatures, tenant string, fetch environment.Fetch) (ledger.Proof, error) {
	text, err := c.Keys.Read(ctx, fetch)
	if err != nil {
		return ledger.Proof{}, fmt.Errorf("LEAVER_LEDGER_KEYS: %w", err)
	}
	keys, err := ledger.ParseKeys(text)
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("set it to %s", environment.About[environment.Signatures]("LEAVER_LEDGER_KEYS"))
	}
	if err != nil {
		return ledger.Proof{}, fmt.Errorf("LEAVER_LEDGER_KEYS: %w", err)
	}
	return ledger.Proof{Tenant: tenant, Keys: keys}, nil
}

// signerOf is the key that the environment names to sign by; nil where it names none.
func signerOf(ctx context.Context, open func(ctx context.Context, arn string) (ledger.Signer, error)) (ledger.Signer, error) {
	at, err := environment.Read[environment.Signer](os.Environ())
	if err != nil || at.Key == "" {
		return nil, err
	}
	signer, err := open(ctx, string(at.Key))
	if err != nil {
		return nil, fmt.Errorf("LEAVER_LEDGER_SIGNER: %w", err)
	}
	return signer, nil
}
