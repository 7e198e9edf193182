package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/events"
	"leaver/infra/resident"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
)

type upCommand struct {
	hosting
	Addr     string `default:"127.0.0.1:8080" help:"Address of the webhook intake."`
	Sources  string `type:"existingfile" help:"File of the sources of requests, YAML; LEAVER_SOURCES without it."`
	Console  string `placeholder:"127.0.0.1:8081" help:"Address of the console, where LEAVER_CONSOLE_CLIENT_ID or a simulated tenant lets people sign in."`
	Simulate bool   `xor:"tenant" help:"Serve a simulated tenant in this process."`

	Anchors string `placeholder:"DIR|URL" help:"Where the heads of the ledger are kept, out of reach of whoever writes it: a folder, s3://BUCKET or azblob://CONTAINER; LEAVER_ANCHORS without it."`

	Backup string `placeholder:"DIR|URL" help:"Where the ledger is copied to once a day: a folder, s3://BUCKET or azblob://CONTAINER; LEAVER_BACKUP without it."`

	Only  []string `help:"Serve these functions only, such as onpremises in a host inside of the network." placeholder:"NAME"`
	Check bool     `help:"Serve nothing: say what the service account of LEAVER_DIRECTORY may write, and exit 1 where something is missing."`

	Operator bool          `hidden:"" help:"It is leaver attach now."`
	Lock     time.Duration `hidden:"" default:"20s" help:"How long a message of the embedded bus and its step stay locked to a run that died."`
}

// Help implements kong.HelpProvider.
func (*upCommand) Help() string {
	return `The first line on stdout is JSON that says where the intake is; the log goes to stderr.

  leaver up --simulate
  leaver tenant > tenant.json & leaver up --tenant tenant.json
  LEAVER_TENANT_ID=… LEAVER_CLIENT_ID=… LEAVER_CLIENT_CERTIFICATE=file:cert.pem LEAVER_WEBHOOK_SECRETS=whsec_… leaver up --policy policy.yaml

Without --tenant and --simulate it works on the real tenant that the environment names. Secrets are separated by spaces. Instead of a certificate or LEAVER_CLIENT_SECRET, LEAVER_IDENTITY=managed or workload is the identity of the machine or the pod, and cli that of whoever ran az login. The names of Azure's SDKs (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH) are read where Leaver's own are not set.

With LEAVER_SERVICEBUS and LEAVER_TABLES it is on Azure Service Bus and Table Storage instead of the bus and ledger in its data directory, and may share them with other hosts and with the functions on AWS; leaver attach looks at what those do.`
}

// Validate refuses what was moved, and functions that there are not: a host of none would end at once and
// say nothing.
func (c *upCommand) Validate() error {
	if c.Operator {
		return errors.New("--operator: it is a command of its own now: leaver attach, with the same flags")
	}
	var names []string
	for _, f := range offboarding.Functions() {
		names = append(names, f.Name)
	}
	for _, name := range c.Only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("--only: there is no function %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// Run serves until it is interrupted. Its first line on stdout is JSON that says where.
func (c *upCommand) Run(on console) (err error) {
	if c.Check {
		return checkDirectories(on)
	}
	o, simulated, stopTenant, err := c.options(on)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTenant()) }()
	sources, err := c.sources(on, &o, simulated)
	if err != nil {
		return err
	}
	o.Only = c.Only
	if o.Proof, err = resident.ProofOf(on, on.environ, o.Tenant.TenantID, c.Anchors, o.Shared != nil); err != nil {
		return err
	}
	if o.Backup, err = resident.BackupOf(on.environ, c.Backup); err != nil {
		return err
	}
	if o.Elsewhere, err = resident.Elsewhere(on, on.environ); err != nil {
		return err
	}
	h, stop, err := c.open(on, o, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	says := map[string]string{"data": c.Data, "tenantId": o.Tenant.TenantID, "graph": o.Tenant.Graph}
	if !h.Serves(offboarding.FunctionIntake) {
		if err := json.NewEncoder(on.stdout).Encode(says); err != nil {
			return err
		}
		return h.Run(on)
	}
	stopIntake, address, err := h.ServeIntake(c.Addr, sources)
	if err != nil {
		return fmt.Errorf("webhooks cannot be taken on %s, choose another address with --addr: %w", c.Addr, err)
	}
	defer func() { err = errors.Join(err, stopIntake()) }()
	says["intake"] = address
	stopConsole, err := c.serveConsole(on, h, o.Tenant, says)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopConsole()) }()
	if err := json.NewEncoder(on.stdout).Encode(says); err != nil {
		return err
	}
	return h.Run(on)
}

// serveConsole serves the console, where people can sign in, and says where.
func (c *upCommand) serveConsole(on console, h *resident.Host, tenant identity.Tenant, says map[string]string) (stop func() error, err error) {
	declared, err := resident.DeclaredOf(on, on.environ, c.Sources, nil)
	if err != nil {
		return nil, err
	}
	configs := []hris.Config{hris.Standard("")}
	for _, d := range declared {
		configs = append(configs, d.Config)
	}
	at, is, err := resident.ConsoleOf(on, on.environ, tenant, configs)
	if err != nil || !is {
		return func() error { return nil }, err
	}
	at.Address = c.Console
	stop, says["console"], err = h.ServeConsole(on, at)
	if err != nil {
		return nil, fmt.Errorf("the console cannot be served on %s, choose another address with --console: %w", cmp.Or(c.Console, resident.ConsoleAddress), err)
	}
	return stop, nil
}

// sources are where requests come from; what else they declare goes to the options. The sample
// secret is public: it opens a simulated tenant only.
func (c *upCommand) sources(on console, o *resident.Options, simulated bool) (*hris.Sources, error) {
	secrets, err := resident.SecretsOf(on, on.environ)
	if err != nil {
		return nil, err
	}
	if secrets == "" && simulated {
		_, _ = fmt.Fprintln(on.stderr, `{"level":"WARN","msg":"the tenant is simulated: webhooks are verified with the sample secret of events/"}`)
		secrets = events.Secret
	}
	if !simulated && slices.Contains(strings.Fields(secrets), events.Secret) {
		return nil, errors.New("LEAVER_WEBHOOK_SECRETS: the secret of events/ is a sample, which everybody knows; make one of your own")
	}
	return resident.SourcesOf(on, on.environ, c.Sources, secrets, o)
}
