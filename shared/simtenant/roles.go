package simtenant

import "slices"

// weight is how hard an admin role protects its holder.
type weight int

const (
	plainUser       weight = iota // no admin, or one that any app may act on
	limitedAdmin                  // User Administrator and above may act on the holder
	privilegedAdmin               // only Privileged Authentication Administrator and Global Administrator may
)

type directoryRole struct {
	id, name string
	weight   weight
}

// roleSyncAccounts is the role of the account by which Entra Connect writes.
const roleSyncAccounts = "d29b2b05-8046-44ba-8758-1e26182fcf32"

// directoryRoles are Entra's built-in roles, with Microsoft's template ids.
// The weights follow "Who can perform sensitive actions" in the Graph documentation of users.
var directoryRoles = []directoryRole{
	{"62e90394-69f5-4237-9190-012177145e10", "Global Administrator", privilegedAdmin},
	{"7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator", privilegedAdmin},
	{"e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator", privilegedAdmin},
	{"194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator", privilegedAdmin},
	{"29232cdf-9323-42fd-ade2-1d097af3e4de", "Exchange Administrator", privilegedAdmin},
	{"f28a1f50-f6e7-4571-818b-6a12f2af6b6c", "SharePoint Administrator", privilegedAdmin},
	{"fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator", limitedAdmin},
	{"c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator", limitedAdmin},
	{"729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator", limitedAdmin},
	{"31392ffb-586c-42d1-9346-e59415a2cc4e", "Exchange Recipient Administrator", limitedAdmin},
	{"f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader", limitedAdmin},
	{roleSyncAccounts, "Directory Synchronization Accounts", privilegedAdmin},
	{"88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers", plainUser},
	{"95e79109-95c0-4d8e-aee3-d01accf2d47b", "Guest Inviter", plainUser},
	{"790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b", "Message Center Reader", plainUser},
	{"4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader", plainUser},
}

func roleByName(name string) *directoryRole {
	i := slices.IndexFunc(directoryRoles, func(r directoryRole) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	return &directoryRoles[i]
}

func roleByID(id string) *directoryRole {
	i := slices.IndexFunc(directoryRoles, func(r directoryRole) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	return &directoryRoles[i]
}

// protection is the heaviest role the user holds directly or through a role-assignable group.
// Members and owners of such a group are always privileged: whoever resets their password gets what
// the group may.
func (w *World) protection(userID string) weight {
	heaviest := plainUser
	for _, a := range w.RoleAssignments {
		if r := roleByID(a.Role); a.Principal == userID && r != nil {
			heaviest = max(heaviest, r.weight)
		}
	}
	for _, g := range w.holding(userID) {
		if g.AssignableToRole {
			return privilegedAdmin
		}
	}
	for _, id := range w.under(kindGroup, "owner:"+userID) {
		if w.Groups[id].AssignableToRole {
			return privilegedAdmin
		}
	}
	return heaviest
}

// mayActOn says whether the app's own Entra roles suffice for a sensitive action on the user.
func (w *World) mayActOn(a *App, userID string) bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(a.DirectoryRoles, func(r string) bool { return slices.Contains(names, r) })
	}
	switch w.protection(userID) {
	case plainUser:
		return true
	case limitedAdmin:
		return has("User Administrator", "Privileged Authentication Administrator", "Global Administrator")
	default:
		return has("Privileged Authentication Administrator", "Global Administrator")
	}
}
