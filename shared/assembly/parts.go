package assembly

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"leaver/shared/bus/servicebus"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger/aztables"
	"leaver/shared/worker/lambda"
)

// logger writes lines of JSON, as CloudWatch reads them.
func logger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stderr, nil)) }

// connect is the identity of a function, ready to be used. Graph and exchange replace the
// addresses of the cloud.
func connect(ctx context.Context, c environment.Identity, graph, exchange string, fetch environment.Fetch, federated func(context.Context) (string, error)) (identity.Connection, error) {
	t := identity.Tenant{
		TenantID: c.TenantID, ClientID: c.ClientID, Cloud: c.Cloud,
		Graph: graph, Exchange: exchange, Authority: c.Authority, CAFile: c.CAFile,
	}
	switch c.Proof {
	case environment.ProofAWS:
		t.Assertion = federated
	case environment.ProofManaged:
		t.Managed = true
	case environment.ProofWorkload:
		t.Workload = true
	case environment.ProofCertificate:
		text, err := c.Certificate.Read(ctx, fetch)
		if err != nil {
			return identity.Connection{}, fmt.Errorf("LEAVER_CLIENT_CERTIFICATE: %w", err)
		}
		t.Certificate = []byte(text)
	case environment.ProofSecret:
		text, err := c.Secret.Read(ctx, fetch)
		if err != nil {
			return identity.Connection{}, fmt.Errorf("LEAVER_CLIENT_SECRET: %w", err)
		}
		t.ClientSecret = text
	}
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
func wakerOf(ctx context.Context, self string, c environment.Bus, wake environment.Wake, as identity.Connection, fetch environment.Fetch, invoke lambda.Invoke, log *slog.Logger) (*lambda.Waker, func() error, error) {
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
		waker.Bus = opened
		return nil
	}
	return waker, open, nil
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
