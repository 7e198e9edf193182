package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leaver/shared/offboarding"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// auditEntry is what the directory's audit log says of one activity.
type auditEntry struct{ models.DirectoryAuditable }

func (a *auditEntry) UnmarshalJSON(text []byte) error {
	return parse(text, models.CreateDirectoryAuditFromDiscriminatorValue, &a.DirectoryAuditable)
}

// EnabledBy finds in the directory's audit log who enabled an account last, after a time.
// offboarding.ErrNotFound when the log shows nobody, which it takes some minutes to. Permission:
// AuditLog.Read.All, and to tell the synchronisation from others RoleManagement.Read.Directory where it
// signs in as a user and Application.Read.All where it does as an application.
func (c *Client) EnabledBy(ctx context.Context, user string, after time.Time) (offboarding.Initiator, error) {
	reading := call{
		doing: "reading who enabled user", objects: []string{user}, path: "/auditLogs/directoryAudits", budget: budgetAudit,
		query: where("activityDisplayName eq 'Enable account' and targetResources/any(t:t/id eq "+quoted(user)+")") + "&$top=10",
	}
	log, err := get[page[auditEntry]](ctx, c, reading)
	if err == nil && log.Value == nil {
		err = fmt.Errorf("%s: %w", reading.what(), errNothing)
	}
	if err != nil {
		return offboarding.Initiator{}, err
	}
	var newest auditEntry
	for _, a := range *log.Value {
		if at := value(a.GetActivityDateTime()); !at.Before(after) && (newest.DirectoryAuditable == nil || at.After(value(newest.GetActivityDateTime()))) {
			newest = a
		}
	}
	if newest.DirectoryAuditable == nil {
		return offboarding.Initiator{}, fmt.Errorf("%s: nobody is on the audit log: %w", reading.what(), offboarding.ErrNotFound)
	}
	by := offboarding.Initiator{At: value(newest.GetActivityDateTime())}
	who := newest.GetInitiatedBy()
	if who == nil {
		return by, nil
	}
	if who.GetUser() == nil || value(who.GetUser().GetId()) == "" {
		if app := who.GetApp(); app != nil && value(app.GetServicePrincipalId()) != "" {
			by.Synchronisation, err = c.isConnect(ctx, value(app.GetServicePrincipalId()))
		}
		return by, err
	}
	by.User = value(who.GetUser().GetId())
	by.Synchronisation, err = c.synchronises(ctx, by.User)
	if errors.Is(err, offboarding.ErrNotFound) {
		err = nil
	}
	return by, err
}
