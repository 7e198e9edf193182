package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// roleSyncAccounts is the template of the role by which Entra Connect writes.
// Source: Microsoft Entra, built-in roles, Directory Synchronization Accounts.
const roleSyncAccounts = "d29b2b05-8046-44ba-8758-1e26182fcf32"

// EnabledBy finds in the directory's audit log who enabled an account last, after a time.
// offboarding.ErrNotFound when the log shows nobody, which it takes some minutes to. Permission:
// AuditLog.Read.All, and Directory.Read.All to tell the synchronisation from a person.
func (c *Client) EnabledBy(ctx context.Context, user string, after time.Time) (offboarding.Initiator, error) {
	entry, _, err := ask(ctx, "read who enabled", []string{user}, func(ctx context.Context) (models.DirectoryAuditable, error) {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET, "{+baseurl}/auditLogs/directoryAudits{?%24filter,%24top}", map[string]string{})
		info.Headers.TryAdd("Accept", "application/json")
		info.QueryParameters["%24filter"] = "activityDisplayName eq 'Enable account' and targetResources/any(t:t/id eq " + quoted(user) + ")"
		info.QueryParameters["%24top"] = "10"
		page, err := c.adapter.Send(ctx, info, models.CreateDirectoryAuditCollectionResponseFromDiscriminatorValue, failures)
		if err != nil {
			return nil, err
		}
		audits, ok := page.(models.DirectoryAuditCollectionResponseable)
		if !ok {
			return nil, errNothing
		}
		var newest models.DirectoryAuditable
		for _, a := range audits.GetValue() {
			if at := value(a.GetActivityDateTime()); !at.Before(after) && (newest == nil || at.After(value(newest.GetActivityDateTime()))) {
				newest = a
			}
		}
		if newest == nil {
			return nil, fmt.Errorf("nobody is on the audit log: %w", offboarding.ErrNotFound)
		}
		return newest, nil
	})
	if err != nil {
		return offboarding.Initiator{}, err
	}
	by := offboarding.Initiator{At: value(entry.GetActivityDateTime())}
	who := entry.GetInitiatedBy()
	if who == nil || who.GetUser() == nil || value(who.GetUser().GetId()) == "" {
		return by, nil // an application
	}
	by.User = value(who.GetUser().GetId())
	by.Synchronisation, err = c.synchronises(ctx, by.User)
	if errors.Is(err, offboarding.ErrNotFound) {
		err = nil
	}
	return by, err
}

// synchronises reports whether a user is the account of Entra Connect.
func (c *Client) synchronises(ctx context.Context, user string) (bool, error) {
	is, _, err := ask(ctx, "read the roles of", []string{user}, func(ctx context.Context) (bool, error) {
		query := selectMemberships()
		query.QueryParameters.Select = []string{"id", "displayName", "roleTemplateId"}
		page, err := c.users().ByUserId(user).TransitiveMemberOf().Get(ctx, query)
		if err != nil {
			return false, err
		}
		memberships, err := c.members(ctx, page)
		for _, m := range memberships {
			if role, ok := m.(models.DirectoryRoleable); ok && value(role.GetRoleTemplateId()) == roleSyncAccounts {
				return true, nil
			}
		}
		return false, err
	})
	return is, err
}
