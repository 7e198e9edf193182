package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"leaver/events"
	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/operator"
	"leaver/infra/resident"
	"leaver/shared/config"
	"leaver/shared/embedded"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/simtenant"
)

type upCommand struct {
	Addr     string `default:"127.0.0.1:8080" help:"Address of the webhook intake."`
	Data     string `default:"${data}" help:"Data directory: bus, ledger and operator.json."`
	Tenant   string `xor:"tenant" type:"existingfile" help:"File with the JSON line that leaver tenant prints."`
	Simulate bool   `xor:"tenant" help:"Serve a simulated tenant in this process."`
	Policy   string `type:"existingfile" help:"Policy file, YAML."`
	Operator bool   `help:"Run no function and take no webhook: answer the other commands about departures that functions elsewhere carry."`

	Lock time.Duration `default:"20s" help:"How long a message of the embedded bus and its step stay locked to a run that died; on Service Bus the entity says it."`
}

// Help implements kong.HelpProvider.
func (*upCommand) Help() string {
	return `The first line on stdout is JSON that says where the intake is; the log goes to stderr.

  leaver up --simulate
  leaver tenant > tenant.json & leaver up --tenant tenant.json
  AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_CERTIFICATE_PATH=… LEAVER_WEBHOOK_SECRETS=whsec_… leaver up --policy policy.yaml

Without --tenant and --simulate it works on the real tenant that the environment names. Secrets are separated by spaces. Instead of a secret or a certificate, LEAVER_IDENTITY=managed or workload is the identity of the machine or the pod, and cli that of whoever ran az login.

With LEAVER_SERVICEBUS and LEAVER_TABLES it is on Azure Service Bus and Table Storage instead of the bus and ledger in its data directory, and may share them with other hosts and with the functions on AWS. For status, cancel, replay and sign-off of what those do:

  az login
  AZURE_TENANT_ID=… LEAVER_SERVICEBUS=NAME.servicebus.windows.net LEAVER_TABLES=https://ACCOUNT.table.core.windows.net leaver up --operator &
  leaver status

leaver plan needs --policy there, the same as the functions'.`
}

// secretsVariable holds the webhook secrets.
const secretsVariable = "LEAVER_WEBHOOK_SECRETS"

// Run serves until it is interrupted. Its first line on stdout is JSON that says where.
func (c *upCommand) Run(on console) (err error) {
	log := slog.New(slog.NewJSONHandler(on.stderr, nil))
	policy, err := config.LoadPolicy(c.Policy)
	if err != nil {
		return err
	}
	tenant, simulated, stopTenant, err := c.tenant(on)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTenant()) }()
	azure, err := resident.AzureOf(on.getenv)
	if err != nil {
		return err
	}
	if c.Operator && azure == nil {
		return errors.New("--operator: set LEAVER_SERVICEBUS and LEAVER_TABLES to where the functions have their bus and ledger; a host with its own needs no other to answer")
	}
	if azure != nil {
		if c.Simulate {
			return errors.New("--simulate: nobody in a simulated tenant is in the ledger that LEAVER_SERVICEBUS and LEAVER_TABLES name; unset them")
		}
		held, inUse := embedded.Hold(c.Data) // for operator.json: the commands find one host there
		if inUse != nil {
			return inUse
		}
		defer func() { err = errors.Join(err, held.Unlock()) }()
	}
	h, err := resident.Open(on, resident.Options{Dir: c.Data, Azure: azure, Tenant: tenant, Policy: policy, Lock: c.Lock, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	server := &operator.Server{Host: h, PolicyUnknown: c.Operator && c.Policy == ""}
	stopOperator, err := server.Serve(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopOperator()) }()
	says := map[string]string{"data": c.Data, "tenantId": tenant.TenantID, "graph": tenant.Graph}
	if c.Operator {
		if err := json.NewEncoder(on.stdout).Encode(says); err != nil {
			return err
		}
		<-on.Done()
		return nil
	}
	secrets := on.getenv(secretsVariable)
	if secrets == "" && simulated {
		log.Warn("the tenant is simulated: webhooks are verified with the sample secret of events/")
		secrets = events.Secret
	}
	sources, err := hris.New(hris.Standard(secrets))
	if err != nil {
		return fmt.Errorf("%s: %w", secretsVariable, err)
	}
	stopIntake, address, err := h.ServeIntake(c.Addr, sources)
	if err != nil {
		return fmt.Errorf("webhooks cannot be taken on %s, choose another address with --addr: %w", c.Addr, err)
	}
	defer func() { err = errors.Join(err, stopIntake()) }()
	says["intake"] = address
	if err := json.NewEncoder(on.stdout).Encode(says); err != nil {
		return err
	}
	return h.Run(on)
}

// tenant says which tenant to work on: the one of a file, a simulated one, or the real one
// that the environment names.
func (c *upCommand) tenant(on console) (_ identity.Tenant, simulated bool, stop func() error, err error) {
	none := func() error { return nil }
	switch {
	case c.Simulate:
		tenant, err := simtenant.New(simtenant.Config{})
		if err != nil {
			return identity.Tenant{}, false, none, err
		}
		server, err := tenant.Listen("127.0.0.1:0")
		if err != nil {
			return identity.Tenant{}, false, none, err
		}
		return demo.TenantOf(server.Connection()), true, server.Close, nil
	case c.Tenant != "":
		text, err := contents(on, c.Tenant)
		if err != nil {
			return identity.Tenant{}, false, none, err
		}
		tenant, err := identity.Parse(text)
		if err != nil {
			return identity.Tenant{}, false, none, fmt.Errorf("%s: %w", c.Tenant, err)
		}
		// Only a simulated tenant brings its own certificate authority.
		return tenant, tenant.CAFile != "", none, nil
	}
	tenant := identity.Tenant{
		TenantID: on.getenv("AZURE_TENANT_ID"), ClientID: on.getenv("AZURE_CLIENT_ID"),
		ClientSecret: on.getenv("AZURE_CLIENT_SECRET"), CertificateFile: on.getenv("AZURE_CLIENT_CERTIFICATE_PATH"),
		Cloud: on.getenv("LEAVER_CLOUD"),
	}
	proof := on.getenv("LEAVER_IDENTITY")
	if proof == "" && c.Operator && tenant.ClientID == "" {
		proof = "cli"
	}
	switch proof {
	case "":
	case "managed":
		tenant.Managed = true
	case "workload":
		tenant.Workload = true
	case "cli":
		tenant.AzureCLI = true
	default:
		return identity.Tenant{}, false, none, fmt.Errorf("LEAVER_IDENTITY is %q: put there managed, workload or cli, or leave it out for a secret or a certificate", proof)
	}
	if tenant.TenantID == "" || tenant.ClientID == "" && !tenant.AzureCLI {
		return identity.Tenant{}, false, none, errors.New("which tenant? set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or use --tenant or --simulate")
	}
	return tenant, false, none, nil
}

// contents are what stands in a file, which the tenant that was started just before may still have to
// write.
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
