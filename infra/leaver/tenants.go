package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/resident"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/simtenant"
)

// options say which tenant to work on, and on which bus and ledger.
func (c *upCommand) options(on console) (o resident.Options, simulated bool, stop func() error, err error) {
	o.Lock, stop = c.Lock, func() error { return nil }
	work, err := environment.Read[environment.Concurrency](on.environ)
	if err != nil {
		return o, false, stop, err
	}
	o.Concurrency = work.Messages
	if o.Shared, err = resident.SharedOf(on.environ); err != nil {
		return o, false, stop, err
	}
	switch {
	case c.Simulate && o.Shared != nil:
		err = errors.New("--simulate: nobody in a simulated tenant is in the ledger that LEAVER_SERVICEBUS and LEAVER_TABLES name; unset them")
	case c.Simulate:
		simulated = true
		o.Tenant, stop, err = simulatedTenant()
	case c.Tenant != "":
		o.Tenant, simulated, err = tenantOfFile(on, c.Tenant)
	default:
		if o.Tenant, err = resident.TenantOf(on, on.environ); err != nil {
			err = fmt.Errorf("which tenant? use --tenant or --simulate, or name one in the environment:\n%w", err)
		}
	}
	return o, simulated, stop, err
}

// simulatedTenant serves a simulated tenant in this process.
func simulatedTenant() (identity.Tenant, func() error, error) {
	none := func() error { return nil }
	tenant, err := simtenant.New(simtenant.Config{})
	if err != nil {
		return identity.Tenant{}, none, err
	}
	server, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		return identity.Tenant{}, none, err
	}
	if err := server.ServeSignIn(); err != nil {
		return identity.Tenant{}, none, errors.Join(err, server.Close())
	}
	return demo.TenantOf(server.Connection()), server.Close, nil
}

// tenantOfFile is the tenant of a file, and whether it is the simulated one. A certificate authority
// of its own makes none simulated: whoever inspects TLS on the way to Microsoft has one too.
func tenantOfFile(ctx context.Context, file string) (tenant identity.Tenant, simulated bool, err error) {
	text, err := contents(ctx, file)
	if err != nil {
		return identity.Tenant{}, false, err
	}
	if tenant, err = identity.Parse(text); err != nil {
		return identity.Tenant{}, false, fmt.Errorf("%s: %w", file, err)
	}
	return tenant, tenant.TenantID == simtenant.DefaultTenantID && tenant.Graph != "" && tenant.Authority != "", nil
}

// contents are what stands in a file, which the tenant that was started just before may still have
// to write.
func contents(ctx context.Context, file string) ([]byte, error) {
	const patience = 10 * time.Second
	ctx, stop := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s is still empty after %s: leaver tenant writes its line there", file, patience))
	defer stop()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 0 {
			return text, err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
