package simtenant

import (
	"slices"
	"time"
)

// OnPremises is what Entra says of the account of an on-premises directory from which a user is
// synchronised.
// Source: Microsoft Graph, resource type user, the properties onPremises….
type OnPremises struct {
	DomainName         string
	ImmutableID        string
	SecurityIdentifier string
	SamAccountName     string
	LastSync           time.Time
	version            string // of the account as it was synchronised last
}

// OnPremisesState is what an on-premises directory says of one account.
type OnPremisesState struct {
	Version     string // changes with every write (uSNChanged): what is as it was is not synchronised
	Enabled     bool
	PasswordSet time.Time // synchronised as a hash
	Hidden      bool      // msExchHideFromAddressLists
	Mail        bool      // mailNickname is set, without which no attribute of Exchange is carried
	Groups      []string  // SIDs
}

// Synchronise carries what a real on-premises directory says into the tenant, as one cycle of
// Entra Connect does: read answers for one account by its source anchor, and false when it is gone
// or out of scope, which deletes the user. Attributes of Exchange are carried of accounts with a
// mailNickname only: Microsoft Entra Connect, the rule In from AD - User Exchange.
// Source: Microsoft Entra, recover-from-deletions.
func (t *Tenant) Synchronise(read func(anchor string) (OnPremisesState, bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	now := t.clock()
	t.world.directorySynced = now
	for _, u := range t.world.Users {
		if !u.Synced() || u.OnPremises.ImmutableID == "" {
			continue
		}
		is, found := read(u.OnPremises.ImmutableID)
		if !found {
			t.softDelete(u, now)
			continue
		}
		t.convertBack(u.ID, now)
		if is.Version == u.OnPremises.version {
			continue
		}
		t.before(kindUser, u.ID, now)
		u.OnPremises.version = is.Version
		u.OnPremisesDisabled = !is.Enabled
		t.setEnabled(u, is.Enabled, now, AuditEntry{User: UserID(SyncAccount)})
		if set := is.PasswordSet.Truncate(time.Second); set.After(u.LastPasswordChange) {
			u.LastPasswordChange, u.PasswordChanges = set, u.PasswordChanges+1
		}
		if m := t.world.Mailboxes[u.ID]; m != nil && is.Mail {
			t.before(kindMailbox, u.ID, now)
			m.Hidden = is.Hidden
		}
		for _, g := range t.world.Groups {
			if g.OnPremisesSID != "" && !slices.Contains(is.Groups, g.OnPremisesSID) && slices.Contains(g.Members, u.ID) {
				t.dropMember(g, u.ID)
			}
		}
		u.OnPremises.LastSync = now.Truncate(time.Second)
	}
}
