package simtenant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SyncAccount is the user principal name of the account by which Entra Connect writes, once it has.
const SyncAccount = "sync_aadc01@contoso.com"

// AuditEntry is one line of the directory's audit log.
type AuditEntry struct {
	At       time.Time
	Activity string // activityDisplayName, such as "Enable account"
	User     string // object id of who did it; "" when an application did
	App      string // client id of the application that did it
	Target   string // object id
}

const (
	enableAccount  = "Enable account"
	disableAccount = "Disable account"
)

// setEnabled changes accountEnabled and says in the audit log who did.
func (t *Tenant) setEnabled(u *User, on bool, at time.Time, by AuditEntry) {
	if u.AccountEnabled == on {
		return
	}
	u.AccountEnabled = on
	by.At, by.Activity, by.Target = at, disableAccount, u.ID
	if on {
		by.Activity = enableAccount
	}
	t.world.index.audit[by.Target] = append(t.world.index.audit[by.Target], len(t.world.Audit))
	t.world.Audit = append(t.world.Audit, by)
}

// EnableAccount lets a person enable an account, by object ids.
func (t *Tenant) EnableAccount(user, by string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	if u := t.world.Users[user]; u != nil {
		t.before(kindUser, user, t.clock())
		t.setEnabled(u, true, t.clock(), AuditEntry{User: by})
	}
}

// syncDirectory writes the state of the on-premises directory when it is time for it.
func (t *Tenant) syncDirectory(now time.Time) {
	w := t.world
	if w.DirectorySyncEvery <= 0 {
		return
	}
	if w.directorySynced.IsZero() {
		w.directorySynced = now
	}
	last := lastSync(w.directorySynced, w.DirectorySyncEvery, false, now)
	if !last.After(w.directorySynced) {
		return
	}
	w.directorySynced = last
	account := UserID(SyncAccount)
	by := AuditEntry{User: account}
	if w.SyncAsApplication {
		by = AuditEntry{App: SyncApp}
	} else if w.Users[account] == nil {
		t.before(kindUser, account, now)
		w.Users[account] = &User{ID: account, UserPrincipalName: SyncAccount, DisplayName: "On-Premises Directory Synchronization Service Account", UserType: "Member", AccountEnabled: true, Created: now}
		w.RoleAssignments = append(w.RoleAssignments, RoleAssignment{ID: derived("roleAssignment", account), Principal: account, Role: roleSyncAccounts})
	}
	for _, id := range slices.Clone(w.under(kindUser, "has:drift")) {
		u := w.Users[id]
		t.before(kindUser, u.ID, last)
		t.setEnabled(u, !u.OnPremisesDisabled, last, by)
		u.OnPremises.LastSync = last
	}
	for _, id := range slices.Clone(w.under(kindMailbox, "has:drift")) {
		t.convertBack(id, last)
	}
	// Computers that Active Directory masters come back as they are there: azure-docs PR 35963.
	for _, id := range slices.Clone(w.under(kindDevice, "has:drift")) {
		t.before(kindDevice, id, last)
		w.Devices[id].AccountEnabled = !w.Devices[id].OnPremisesDisabled
	}
	t.refresh()
}

// provisioned says that an Exchange on premises has made the mailbox as a user's: whatever it was made here, it
// becomes that again with the next synchronisation. One that was migrated, or that is shared on premises too,
// stays as it is.
// Sources: Exchange, Shared mailboxes are unexpectedly converted to user mailboxes after directory synchronization
// (KB 2710029); Shared mailbox in Exchange Online is unexpectedly disconnected.
func (m *Mailbox) provisioned() bool {
	return strings.Contains(m.RemoteRecipientType, "ProvisionMailbox") && !strings.Contains(m.RemoteRecipientType, "SharedMailbox")
}

// convertBack makes a shared mailbox a user's again, which needs a licence.
func (t *Tenant) convertBack(owner string, at time.Time) {
	w := t.world
	u, m := w.Users[owner], w.Mailboxes[owner]
	if u == nil || !u.Synced() || m == nil || m.Type != "SharedMailbox" || !m.provisioned() {
		return
	}
	t.before(kindMailbox, owner, at)
	m.Type = "UserMailbox"
	w.reconcile(owner, at)
}

var auditSchema = newSchema("directoryAudit", "",
	field[AuditEntry]{"id", func(_ *call, e *AuditEntry) any {
		return "Directory_" + derived("audit", e.Target, e.At.String(), e.Activity)
	}},
	field[AuditEntry]{"category", func(*call, *AuditEntry) any { return "UserManagement" }},
	field[AuditEntry]{"correlationId", func(_ *call, e *AuditEntry) any { return derived("audit", e.Target, e.At.String()) }},
	field[AuditEntry]{"result", func(*call, *AuditEntry) any { return "success" }},
	field[AuditEntry]{"resultReason", func(*call, *AuditEntry) any { return "" }},
	field[AuditEntry]{"activityDisplayName", func(_ *call, e *AuditEntry) any { return e.Activity }},
	field[AuditEntry]{"activityDateTime", func(_ *call, e *AuditEntry) any { return stamp(e.At) }},
	field[AuditEntry]{"loggedByService", func(*call, *AuditEntry) any { return "Core Directory" }},
	field[AuditEntry]{"operationType", func(*call, *AuditEntry) any { return "Update" }},
	field[AuditEntry]{"initiatedBy", func(c *call, e *AuditEntry) any {
		if e.User == "" {
			return map[string]any{"user": nil, "app": map[string]any{"appId": e.App, "displayName": c.t.appName(e.App), "servicePrincipalId": servicePrincipalID(e.App), "servicePrincipalName": nil}}
		}
		var name any
		if u := c.users().get(e.User); u != nil {
			name = u.UserPrincipalName
		}
		return map[string]any{"app": nil, "user": map[string]any{"id": e.User, "displayName": nil, "userPrincipalName": name, "ipAddress": nil}}
	}},
	field[AuditEntry]{"targetResources", func(_ *call, e *AuditEntry) any {
		return []any{map[string]any{"id": e.Target, "displayName": nil, "type": "User", "groupType": nil, "userPrincipalName": nil, "modifiedProperties": []any{}}}
	}},
	field[AuditEntry]{"additionalDetails", func(*call, *AuditEntry) any { return []any{} }},
)

func (t *Tenant) appName(clientID string) any {
	if clientID == SyncApp {
		return syncAppName
	}
	if a := t.world.Apps[clientID]; a != nil {
		return text(a.Name)
	}
	return nil
}

// listAudits answers the newest entries first. A filter by a target looks at its entries only.
func listAudits(c *call) reply {
	name := func(i int) string { return fmt.Sprintf("%09d", 1e8-i) }
	all := func(entries []int) []string {
		ids := make([]string, 0, len(entries))
		for _, i := range slices.Backward(entries) {
			ids = append(ids, name(i))
		}
		return ids
	}
	w := c.t.world
	from := source{
		ids: func() []string {
			entries := make([]int, len(w.Audit))
			for i := range entries {
				entries[i] = i
			}
			return all(entries)
		},
		item: func(_ int, id string) (item, bool) {
			i, err := strconv.Atoi(id)
			return auditSchema.item(c, id, &w.Audit[1e8-i]), err == nil
		},
		narrow: func(f *filter) ([]string, bool) {
			keys, ok := f.keys([]string{"targetresources/id"})
			var entries []int
			for _, k := range keys {
				entries = append(entries, w.index.audit[strings.TrimPrefix(k, "targetresources/id:")]...)
			}
			slices.Sort(entries)
			return all(entries), ok
		},
	}
	return c.listFrom(from, page{set: "auditLogs/directoryAudits", size: 1000, most: 1000}, auditSchema)
}
