package main

import (
	"encoding/json"
	"errors"

	"leaver/infra/resident"
	"leaver/shared/environment"
	"leaver/shared/identity"
)

type attachCommand struct{ hosting }

// Help implements kong.HelpProvider.
func (*attachCommand) Help() string {
	return `It runs no function and takes no webhook: it answers status, cancel, replay, sign-off and the others about what the functions on AWS, or hosts elsewhere, carry. The first line on stdout is JSON.

  az login
  LEAVER_TENANT_ID=… LEAVER_SERVICEBUS=NAME.servicebus.windows.net LEAVER_TABLES=https://ACCOUNT.table.core.windows.net leaver attach &
  leaver status
  leaver attach --tenant tenant.json --policy policy.yaml

Without an application in the environment it has the rights of whoever ran az login. leaver plan needs --policy there, the same as the functions'. With LEAVER_BACKUP, leaver status says when the last copy of the ledger is too old.`
}

// Run answers the operator until it is interrupted.
func (c *attachCommand) Run(on console) (err error) {
	shared, err := resident.SharedOf(on.environ)
	if err != nil {
		return err
	}
	if shared == nil {
		return errors.New("set LEAVER_SERVICEBUS and LEAVER_TABLES to where the functions have their bus and ledger; a host with its own needs no other to answer")
	}
	tenant, err := c.tenant(on)
	if err != nil {
		return err
	}
	proof, err := resident.ProofOf(on, on.environ, tenant.TenantID, "", true)
	if err != nil {
		return err
	}
	copies, err := resident.BackupOf(on.environ, "")
	if err != nil {
		return err
	}
	_, stop, err := c.open(on, resident.Options{Shared: shared, Tenant: tenant, Proof: proof, Backup: copies}, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := json.NewEncoder(on.stdout).Encode(map[string]string{"data": c.Data, "tenantId": tenant.TenantID, "graph": tenant.Graph}); err != nil {
		return err
	}
	<-on.Done()
	return nil
}

// tenant is that of the file, or of the environment: there as the person who ran az login, where no
// application is named.
func (c *attachCommand) tenant(on console) (identity.Tenant, error) {
	if c.Tenant != "" {
		tenant, _, err := tenantOfFile(on, c.Tenant)
		return tenant, err
	}
	environ := on.environ
	if i, err := environment.Read[environment.Identity](environ); err != nil && i.ClientID == "" && i.Proof == environment.ProofAWS {
		environ = append(environ[:len(environ):len(environ)], "LEAVER_IDENTITY="+string(environment.ProofCLI))
	}
	return resident.TenantOf(on, environ)
}
