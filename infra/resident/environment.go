package resident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"leaver/functions/onpremises"
	"leaver/shared/activedirectory"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/environment"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// elsewhere fetches nothing: the ARNs of the environment are read on AWS alone.
func elsewhere(context.Context, string) (string, error) {
	return "", errors.New("this host is not on AWS: give the value, or file:PATH")
}

// TenantOf is the tenant that the environment names, as the application that it names.
func TenantOf(ctx context.Context, environ []string) (identity.Tenant, error) {
	c, err := environment.Read[environment.Tenant](environ)
	if err != nil {
		return identity.Tenant{}, err
	}
	tenant, err := assembly.TenantOf(ctx, c.Identity, elsewhere, nil)
	tenant.Graph, tenant.Exchange = c.Graph.URL, c.Exchange.URL
	return tenant, err
}

// SharedOf is the bus and the ledger that the environment names, which a host may share with other
// hosts and with the functions on AWS; nil when it names none.
func SharedOf(environ []string) (*environment.Host, error) {
	if !environment.Given[environment.Host](environ) {
		return nil, nil
	}
	at, err := environment.Read[environment.Host](environ)
	return &at, err
}

// PolicyOf is the policy of a file, or of the environment when file is empty; false when neither
// says anything, and it is the default policy.
func PolicyOf(ctx context.Context, file string, environ []string) (policy offboarding.Policy, given bool, err error) {
	switch {
	case file != "":
		policy, err = config.LoadPolicy(file)
		return policy, true, err
	case !environment.Given[environment.Policy](environ):
		return offboarding.DefaultPolicy(), false, nil
	}
	c, err := environment.Read[environment.Policy](environ)
	if err != nil {
		return offboarding.Policy{}, false, err
	}
	text, err := c.Text.Read(ctx, elsewhere)
	if err == nil {
		policy, err = config.ParsePolicy([]byte(text))
	}
	if err != nil {
		return offboarding.Policy{}, false, fmt.Errorf("LEAVER_POLICY: %w", err)
	}
	return policy, true, nil
}

// DirectoriesOf are the on-premises Active Directories that the environment names; nil when it names
// none.
func DirectoriesOf(ctx context.Context, environ []string) ([]activedirectory.Domain, error) {
	if !environment.Given[environment.Directory](environ) {
		return nil, nil
	}
	c, err := environment.Read[environment.Directory](environ)
	if err != nil {
		return nil, err
	}
	text, err := c.Text.Read(ctx, elsewhere)
	if err != nil {
		return nil, fmt.Errorf("LEAVER_DIRECTORY: %w", err)
	}
	domains, err := activedirectory.Parse([]byte(text), func(place string) (string, error) {
		if name, isVariable := strings.CutPrefix(place, "env:"); isVariable {
			for _, line := range environ {
				if value, found := strings.CutPrefix(line, name+"="); found {
					return value, nil
				}
			}
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		return environment.Source(place).Read(ctx, elsewhere)
	})
	if err != nil {
		return nil, fmt.Errorf("LEAVER_DIRECTORY: %w", err)
	}
	return domains, nil
}

// Elsewhere makes the steps of other vendors than Microsoft's cloud, those that the environment names.
func Elsewhere(ctx context.Context, environ []string) (map[offboarding.StepName]worker.Step, error) {
	domains, err := DirectoriesOf(ctx, environ)
	if err != nil || len(domains) == 0 {
		return nil, err
	}
	directories, err := activedirectory.New(domains)
	if err != nil {
		return nil, fmt.Errorf("LEAVER_DIRECTORY: %w", err)
	}
	return map[offboarding.StepName]worker.Step{offboarding.StepOnpremises: Onpremises(directories)}, nil
}

// Onpremises makes the step that runs inside, where the directories can be reached.
func Onpremises(directories *activedirectory.Client) worker.Step {
	open := func(ctx context.Context, domain, preferred string) (onpremises.Directory, error) {
		return directories.Open(ctx, domain, preferred)
	}
	return onpremises.New(open, rand.Reader)
}

// SecretsOf are the webhook secrets of the environment; empty when it has none.
func SecretsOf(ctx context.Context, environ []string) (string, error) {
	if !environment.Given[environment.Webhooks](environ) {
		return "", nil
	}
	c, err := environment.Read[environment.Webhooks](environ)
	if err != nil {
		return "", err
	}
	secrets, err := c.Secrets.Read(ctx, elsewhere)
	if err != nil {
		return "", fmt.Errorf("LEAVER_WEBHOOK_SECRETS: %w", err)
	}
	return secrets, nil
}

// Stored reads a value that stands at a place: env:NAME, file:PATH, or the value itself.
func Stored(ctx context.Context, place string) (string, error) {
	return assembly.Stored(elsewhere)(ctx, place)
}

// Declared is a declared source as an operator checks it.
type Declared struct {
	hris.Config
	Reader hris.Reader // nil where nothing is read
	Unread error       // of its secrets, or of its credential; then neither is there
}

// DeclaredOf are the sources that a file declares, or that of the environment, each with its secrets
// and its credential as far as they can be read. Tenant is where entra is asked; nil = nowhere.
func DeclaredOf(ctx context.Context, environ []string, file string, tenant *hris.Tenant) ([]Declared, error) {
	text, err := sourcesFile(ctx, environ, file)
	if err != nil {
		return nil, err
	}
	d, err := hris.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	var all []Declared
	for _, c := range d.Sources {
		one := hris.Declaration{Public: d.Public, Sources: []hris.Config{c}}
		unread := errors.Join(one.ReadSecrets(ctx, Stored), one.ReadCredentials(ctx, Stored))
		declared := Declared{Config: one.Sources[0], Unread: unread}
		if unread == nil {
			readers, err := hris.NewReaders(one.Sources, hris.Access{Now: time.Now, Tenant: tenant})
			if err != nil {
				declared.Unread = err
			} else if reader, is := readers[c.Name]; is {
				declared.Reader = reader.Reader
			}
		}
		all = append(all, declared)
	}
	return all, nil
}

// sourcesFile is the text of a file of sources, or of that of the environment.
func sourcesFile(ctx context.Context, environ []string, file string) (string, error) {
	c, err := environment.Read[environment.Sources](environ)
	if err != nil {
		return "", err
	}
	if file != "" {
		c.File = environment.Source("file:" + file)
	}
	return c.Read(ctx, elsewhere)
}

// GraphOf is the Microsoft Graph of a tenant, as a source of requests.
func GraphOf(tenant identity.Tenant) (*hris.Tenant, error) {
	connection, err := tenant.Connect(nil)
	if err != nil {
		return nil, err
	}
	return assembly.TenantGraph(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP), nil
}

// SourcesOf are the sources of requests that the environment declares, or a file instead; the HR
// systems that are asked and the limits go to the options. Secrets are those of /webhooks/standard.
func SourcesOf(ctx context.Context, environ []string, file, secrets string, o *Options) (*hris.Sources, error) {
	text, err := sourcesFile(ctx, environ, file)
	if err != nil {
		return nil, err
	}
	sources, err := hris.Load(ctx, []byte(text), secrets, Stored)
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES, LEAVER_WEBHOOK_SECRETS: %w", err)
	}
	tenant, err := GraphOf(o.Tenant)
	if err != nil {
		return nil, err
	}
	o.Readers, err = hris.LoadReaders(ctx, []byte(text), Stored, hris.Access{Now: time.Now, Tenant: tenant})
	if err == nil {
		o.SourceLimits, err = hris.LimitsOf([]byte(text))
	}
	if err != nil {
		return nil, fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	return sources, nil
}
