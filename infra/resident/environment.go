package resident

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"leaver/shared/activedirectory"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/environment"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
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

// SourcesOf are the sources of requests that the environment declares, or a file instead, and the HR
// systems that are asked. Secrets are those of /webhooks/standard.
func SourcesOf(ctx context.Context, environ []string, file, secrets string) (*hris.Sources, map[string]hris.Readable, error) {
	c, err := environment.Read[environment.Sources](environ)
	if err != nil {
		return nil, nil, err
	}
	if file != "" {
		c.File = environment.Source("file:" + file)
	}
	text, err := c.Read(ctx, elsewhere)
	if err != nil {
		return nil, nil, err
	}
	sources, err := hris.Load(ctx, []byte(text), secrets, assembly.Stored(elsewhere))
	if err != nil {
		return nil, nil, fmt.Errorf("LEAVER_SOURCES, LEAVER_WEBHOOK_SECRETS: %w", err)
	}
	readers, err := hris.LoadReaders(ctx, []byte(text), assembly.Stored(elsewhere), nil, time.Now)
	if err != nil {
		return nil, nil, fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	return sources, readers, nil
}
