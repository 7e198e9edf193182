package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// userSchema is what Graph shows of a user. Without $select only the defaults come back.
var userSchema = newSchema("user",
	"businessPhones displayName givenName id jobTitle mail mobilePhone officeLocation preferredLanguage surname userPrincipalName", append(keptFields(),
		field[User]{"id", func(_ *call, u *User) any { return u.ID }},
		field[User]{"userPrincipalName", func(_ *call, u *User) any { return u.UserPrincipalName }},
		field[User]{"displayName", func(_ *call, u *User) any { return text(u.DisplayName) }},
		field[User]{"givenName", func(_ *call, u *User) any { return text(u.GivenName) }},
		field[User]{"surname", func(_ *call, u *User) any { return text(u.Surname) }},
		field[User]{"mail", func(_ *call, u *User) any { return text(u.Mail) }},
		field[User]{"mailNickname", func(_ *call, u *User) any { return text(u.MailNickname) }},
		field[User]{"proxyAddresses", func(_ *call, u *User) any { return texts(u.ProxyAddresses) }},
		field[User]{"otherMails", func(_ *call, u *User) any { return texts(u.OtherMails) }},
		field[User]{"businessPhones", func(_ *call, u *User) any { return texts(u.BusinessPhones) }},
		field[User]{"mobilePhone", func(_ *call, u *User) any { return text(u.MobilePhone) }},
		field[User]{"jobTitle", func(_ *call, u *User) any { return text(u.JobTitle) }},
		field[User]{"department", func(_ *call, u *User) any { return text(u.Department) }},
		field[User]{"companyName", func(_ *call, u *User) any { return text(u.CompanyName) }},
		field[User]{"officeLocation", func(_ *call, u *User) any { return text(u.OfficeLocation) }},
		field[User]{"preferredLanguage", func(_ *call, u *User) any { return text(u.PreferredLanguage) }},
		field[User]{"usageLocation", func(_ *call, u *User) any { return text(u.UsageLocation) }},
		field[User]{"employeeId", func(_ *call, u *User) any { return text(u.EmployeeID) }},
		field[User]{"userType", func(_ *call, u *User) any { return u.UserType }},
		field[User]{"externalUserState", func(_ *call, u *User) any { return text(u.ExternalUserState) }},
		field[User]{"accountEnabled", func(_ *call, u *User) any { return u.AccountEnabled }},
		field[User]{"onPremisesSyncEnabled", func(_ *call, u *User) any { return flag(u.OnPremisesSyncEnabled) }},
		field[User]{"onPremisesDomainName", func(_ *call, u *User) any { return text(u.OnPremises.DomainName) }},
		field[User]{"onPremisesImmutableId", func(_ *call, u *User) any { return text(u.OnPremises.ImmutableID) }},
		field[User]{"onPremisesSecurityIdentifier", func(_ *call, u *User) any { return text(u.OnPremises.SecurityIdentifier) }},
		field[User]{"onPremisesSamAccountName", func(_ *call, u *User) any { return text(u.OnPremises.SamAccountName) }},
		field[User]{"onPremisesLastSyncDateTime", func(_ *call, u *User) any { return stamp(u.OnPremises.LastSync) }},
		field[User]{"createdDateTime", func(_ *call, u *User) any { return stamp(u.Created) }},
		field[User]{"deletedDateTime", func(_ *call, u *User) any { return stamp(u.DeletedAt) }},
		field[User]{"lastPasswordChangeDateTime", func(_ *call, u *User) any { return stamp(u.LastPasswordChange) }},
		field[User]{"signInSessionsValidFromDateTime", func(_ *call, u *User) any { return stamp(u.SessionsValidFrom) }},
		field[User]{"employeeLeaveDateTime", func(c *call, u *User) any {
			if !c.has(userLifeCycleRead) { // observed: 200 with the value silently empty
				return nil
			}
			return stamp(u.EmployeeLeave)
		}},
		field[User]{"onPremisesExtensionAttributes", func(_ *call, u *User) any {
			all := map[string]any{}
			for n := 1; n < len(u.Extensions); n++ {
				all[fmt.Sprintf("extensionAttribute%d", n)] = text(u.Extensions[n])
			}
			return all
		}},
		field[User]{"isManagementRestricted", func(_ *call, u *User) any {
			if !u.IsManagementRestricted {
				return nil
			}
			return true
		}},
		field[User]{"assignedLicenses", func(c *call, u *User) any { return assignedLicences(c, u) }},
		field[User]{"licenseAssignmentStates", func(c *call, u *User) any { return licenceStates(c, u) }},
	)...)

// keptFields are the properties that are kept and mean nothing.
func keptFields() []field[User] {
	var fields []field[User]
	for _, name := range keptProperties {
		fields = append(fields, field[User]{name, func(_ *call, u *User) any { return u.Attributes[name] }})
	}
	return fields
}

func (c *call) users() view[User]   { return view[User]{c.t, users} }
func (c *call) groups() view[Group] { return view[Group]{c.t, groups} }

// reading is the user of the path as a read finds it.
func (c *call) reading() (*User, *reply) {
	name := strings.ToLower(c.arg["id"])
	if u := c.users().get(name); u != nil {
		return u, nil
	}
	if list := c.users().under("userprincipalname:" + name); len(list) > 0 {
		return list[0], nil
	}
	r := c.notFound(c.arg["id"])
	return nil, &r
}

// writing is the user of the path as it is now; writes do not act on the past.
func (c *call) writing() (*User, *reply) {
	if u := c.t.world.Users[c.t.world.userID(c.arg["id"])]; u != nil {
		return u, nil
	}
	r := c.notFound(c.arg["id"])
	return nil, &r
}

// basicOnly refuses what User.ReadBasic.All does not open when the token holds nothing better.
func (c *call) basicOnly() *reply {
	if c.has("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All") {
		return nil
	}
	for name := range strings.SplitSeq(c.query.Get("$select"), ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.ContainsFunc(basicProperties, func(b string) bool { return strings.EqualFold(b, name) }) {
			r := c.insufficient()
			return &r
		}
	}
	return nil
}

func listUsers(c *call) reply {
	if bad := c.basicOnly(); bad != nil {
		return *bad
	}
	shape, bad := c.withManager(userSchema)
	if bad != nil {
		return *bad
	}
	return listView(c, c.users(), shape, directoryPage.of("users", false))
}

// getMe: an application is nobody who is signed in.
// Source: Microsoft Graph, Get user: /me is not supported with application permissions.
func getMe(c *call) reply {
	return c.fail(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
}

func getUser(c *call) reply {
	if bad := c.basicOnly(); bad != nil {
		return *bad
	}
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape, bad := c.withManager(userSchema)
	if bad != nil {
		return *bad
	}
	return c.entity("users", shape.item(c, u.ID, u), false, shape)
}

// onPremises is the refusal of a change to what another directory masters.
func (c *call) onPremises() reply {
	return c.badRequest("Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.")
}

// Who may change what of a user, by the permissions that an application has.

func mayPatch(has func(...string) bool) bool {
	return has("User.ReadWrite.All", "Directory.ReadWrite.All")
}

func mayEnable(has func(...string) bool) bool {
	return mayPatch(has) || has("User.EnableDisableAccount.All") && has("User.Read.All")
}

func maySetPassword(has func(...string) bool) bool {
	return mayPatch(has) || has("User-PasswordProfile.ReadWrite.All")
}

// patchUser changes a user. accountEnabled and passwordProfile have permissions of their own; to
// disable an account takes the right to read users as well.
func patchUser(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	c.spelt("user")
	enabled, hasEnabled := c.body["accountEnabled"]
	_, hasProfile := c.body["passwordProfile"]
	others := slices.DeleteFunc(keys(c.body), func(name string) bool {
		return name == "accountEnabled" || name == "passwordProfile" || annotation(name)
	})
	if !hasEnabled && !hasProfile && len(others) == 0 {
		return c.badRequest("No properties to update were specified.")
	}
	if hasEnabled && !mayEnable(c.has) || hasProfile && !maySetPassword(c.has) || len(others) > 0 && !mayPatch(c.has) {
		return c.insufficient()
	}
	touchy := slices.ContainsFunc(keys(c.body), func(name string) bool { return slices.Contains(sensitive, name) })
	if u.IsManagementRestricted || touchy && !c.t.world.mayActOn(c.app, u.ID) {
		return c.insufficient()
	}
	if u.Synced() && (hasProfile || len(others) > 0 || !c.t.world.SyncedWritable) {
		return c.onPremises()
	}
	on, ok := enabled.(bool)
	if hasEnabled && !ok {
		return c.badRequest("Invalid value specified for property 'accountEnabled' of resource 'User'.")
	}
	if hasProfile {
		if bad := c.password(); bad != nil {
			return *bad
		}
	}
	after := u.clone()
	if bad := c.fill(after); bad != nil {
		return *bad
	}
	c.t.before(kindUser, u.ID, c.now)
	c.t.before(kindMailbox, u.ID, c.now)
	*u = *after
	if hasEnabled {
		c.t.setEnabled(u, on, c.now, AuditEntry{App: c.app.ClientID})
	}
	if profile, _ := c.body["passwordProfile"].(map[string]any); profile["password"] != nil {
		u.PasswordChanges++
		u.LastPasswordChange = c.now.Truncate(time.Second)
		u.SessionsValidFrom = u.LastPasswordChange
	}
	return noContent
}

// characterKinds counts the kinds of characters in a password, of which Entra wants three of four.
func characterKinds(s string) int {
	n := 0
	for _, set := range []func(r rune) bool{
		func(r rune) bool { return 'a' <= r && r <= 'z' },
		func(r rune) bool { return 'A' <= r && r <= 'Z' },
		func(r rune) bool { return '0' <= r && r <= '9' },
		func(r rune) bool {
			return r < '0' || '9' < r && r < 'A' || 'Z' < r && r < 'a' || r > 'z'
		},
	} {
		if strings.ContainsFunc(s, set) {
			n++
		}
	}
	return n
}

func revokeSessions(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	c.t.before(kindUser, u.ID, c.now)
	if !u.external() { // who signs in through their home tenant: 200, and nothing happens
		u.SessionsValidFrom = c.now.Truncate(time.Second)
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.base() + "/$metadata#Edm.Boolean", "value": true}}
}

func getManager(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	m := c.users().get(u.ManagerID)
	if m == nil {
		return c.notFound("manager")
	}
	return c.entity("directoryObjects", userSchema.item(c, m.ID, m), true, userSchema)
}

func deleteUser(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	if u.IsManagementRestricted || !c.t.world.mayActOn(c.app, u.ID) {
		return c.insufficient()
	}
	if u.Synced() {
		return c.onPremises()
	}
	c.t.softDelete(u, c.now)
	return noContent
}

// softDelete moves a user to the deleted items.
func (t *Tenant) softDelete(u *User, now time.Time) {
	w := t.world
	t.before(kindUser, u.ID, now)
	t.before(kindDeleted, u.ID, now)
	t.before(kindMailbox, u.ID, now)
	delete(w.Users, u.ID)
	gone := u.clone() // a read under the lag may still hold the live one
	gone.DeletedAt = now.Truncate(time.Second)
	gone.UserPrincipalName = strings.ReplaceAll(u.ID, "-", "") + u.UserPrincipalName
	w.Deleted[u.ID] = gone
	if d := w.Drives[u.ID]; d != nil {
		d.GoneAt = now
	}
	w.reconcile(u.ID, now)
}

// deletedSchema is userSchema as directory/deletedItems shows it.
var deletedSchema = func() *schema[User] {
	s := *userSchema
	s.defaults = append(slices.Clone(s.defaults), "deletedDateTime")
	return &s
}()

// deleted is what directory/deletedItems shows.
func (c *call) deleted() view[User] { return view[User]{c.t, deletedUsers} }

func getDeleted(c *call) reply {
	u := c.deleted().get(strings.ToLower(c.arg["id"]))
	if u == nil {
		return c.notFound(c.arg["id"])
	}
	return c.entity("directoryObjects", deletedSchema.item(c, u.ID, u), true, deletedSchema)
}

// listDeletedUsers lists by a cast, which plain is no advanced query; with a filter it is.
func listDeletedUsers(c *call) reply {
	return listView(c, c.deleted(), deletedSchema, directoryPage.of("users", false))
}

func restoreUser(c *call) reply {
	w := c.t.world
	u := w.Deleted[strings.ToLower(c.arg["id"])]
	if g := w.DeletedGroups[strings.ToLower(c.arg["id"])]; g != nil && c.has("Group.ReadWrite.All") {
		return c.restoreGroup(g)
	}
	if u == nil {
		return c.notFound(c.arg["id"])
	}
	if bad := c.only(c.body, "autoReconcileProxyConflict", "newUserPrincipalName"); bad != nil {
		return *bad
	}
	if !w.mayActOn(c.app, u.ID) {
		return c.insufficient()
	}
	upn := strings.TrimPrefix(u.UserPrincipalName, strings.ReplaceAll(u.ID, "-", ""))
	if wanted, ok := str(c.body, "newUserPrincipalName"); ok {
		upn = wanted
	}
	if w.userID(upn) != "" {
		return c.badRequest("Another object with the same value for property userPrincipalName already exists.")
	}
	kept, taken := w.freeAddresses(u)
	if reconcile, _ := c.body["autoReconcileProxyConflict"].(bool); len(taken) > 0 && !reconcile {
		return c.badRequest("Another object with the same value for property proxyAddresses already exists.")
	}
	c.t.before(kindUser, u.ID, c.now)
	c.t.before(kindDeleted, u.ID, c.now)
	c.t.before(kindMailbox, u.ID, c.now)
	delete(w.Deleted, u.ID)
	back := u.clone()
	back.ProxyAddresses = kept
	back.DeletedAt, back.UserPrincipalName = time.Time{}, upn
	w.Users[u.ID] = back
	if d := w.Drives[u.ID]; d != nil {
		d.GoneAt = time.Time{}
	}
	w.reconcile(u.ID, c.now)
	body := userSchema.item(c, u.ID, back).render(nil, true)
	body["@odata.context"] = c.base() + "/$metadata#directoryObjects/$entity"
	return reply{status: http.StatusOK, body: body}
}

// freeAddresses are the proxy addresses of a deleted user that nobody else has, and those that somebody
// has by now, who keeps them. Source: Microsoft Graph, Restore deleted item, autoReconcileProxyConflict.
func (w *World) freeAddresses(u *User) (free, taken []string) {
	for _, address := range u.ProxyAddresses {
		_, bare, _ := strings.Cut(address, ":")
		used := false
		for _, other := range w.Users {
			used = used || slices.ContainsFunc(other.ProxyAddresses, func(theirs string) bool {
				_, mine, _ := strings.Cut(theirs, ":")
				return strings.EqualFold(mine, bare)
			})
		}
		if used {
			taken = append(taken, address)
		} else {
			free = append(free, address)
		}
	}
	return free, taken
}

// purgeUser refuses: Microsoft does not let an application delete a user for good. The 30 days do
// it.
func purgeUser(c *call) reply {
	if c.t.world.Deleted[strings.ToLower(c.arg["id"])] == nil {
		return c.notFound(c.arg["id"])
	}
	return c.insufficient()
}
