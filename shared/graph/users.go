package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"leaver/shared/offboarding"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// selectUser asks for what an offboarding.User holds.
const selectUser = "$select=id,userPrincipalName,mail,proxyAddresses,employeeId,userType,externalUserState,createdDateTime,department,companyName,accountEnabled,isManagementRestricted,onPremisesSyncEnabled," +
	"onPremisesDomainName,onPremisesImmutableId,onPremisesSecurityIdentifier,onPremisesSamAccountName,onPremisesLastSyncDateTime," +
	"lastPasswordChangeDateTime,signInSessionsValidFromDateTime,assignedLicenses,licenseAssignmentStates"

// user is what Graph says of a user.
type user struct{ models.Userable }

func (u *user) UnmarshalJSON(text []byte) error {
	return parse(text, models.CreateUserFromDiscriminatorValue, &u.Userable)
}

// domain translates a user. An account whose state is not shown counts as enabled, so that
// nothing is taken for done that nobody saw.
func (u user) domain(at time.Time) offboarding.User {
	out := offboarding.User{
		ID:                    value(u.GetId()),
		UserPrincipalName:     value(u.GetUserPrincipalName()),
		Mail:                  value(u.GetMail()),
		EmployeeID:            value(u.GetEmployeeId()),
		UserType:              value(u.GetUserType()),
		ExternalUserState:     value(u.GetExternalUserState()),
		Created:               value(u.GetCreatedDateTime()),
		Deleted:               value(u.GetDeletedDateTime()),
		Department:            value(u.GetDepartment()),
		CompanyName:           value(u.GetCompanyName()),
		AccountEnabled:        u.GetAccountEnabled() == nil || *u.GetAccountEnabled(),
		Restricted:            value(u.GetIsManagementRestricted()),
		OnPremisesSyncEnabled: value(u.GetOnPremisesSyncEnabled()),
		OnPremises: offboarding.OnPremisesIdentity{
			Domain: value(u.GetOnPremisesDomainName()), Anchor: value(u.GetOnPremisesImmutableId()),
			SID: value(u.GetOnPremisesSecurityIdentifier()), SamAccountName: value(u.GetOnPremisesSamAccountName()),
		},
		OnPremisesLastSync: value(u.GetOnPremisesLastSyncDateTime()),
		LastPasswordChange: value(u.GetLastPasswordChangeDateTime()),
		SessionsValidFrom:  value(u.GetSignInSessionsValidFromDateTime()),
		AsOf:               at,
	}
	out.Addresses = addresses(u.GetProxyAddresses())
	explained := map[string]bool{}
	for _, l := range u.GetLicenseAssignmentStates() {
		sku := value(l.GetSkuId()).String()
		explained[sku] = true
		licence := offboarding.Licence{SKU: sku, AssignedByGroup: value(l.GetAssignedByGroup()), State: value(l.GetState()), Error: value(l.GetError())}
		var off []string
		for _, plan := range l.GetDisabledPlans() {
			off = append(off, plan.String())
		}
		licence.DisabledPlans = strings.Join(off, " ")
		out.Licences = append(out.Licences, licence)
	}
	for _, l := range u.GetAssignedLicenses() { // what the states have not caught up with
		if sku := value(l.GetSkuId()).String(); !explained[sku] {
			out.Licences = append(out.Licences, offboarding.Licence{SKU: sku})
		}
	}
	return out
}

// addresses are the mail addresses among proxy addresses.
func addresses(proxies []string) []string {
	var out []string
	for _, a := range proxies {
		if scheme, address, ok := strings.Cut(a, ":"); ok && strings.EqualFold(scheme, "smtp") {
			out = append(out, address)
		}
	}
	return out
}

// EnabledMembers counts the accounts of the organisation's own people that are enabled: guests do not
// count.
func (c *Client) EnabledMembers(ctx context.Context) (int, error) {
	one := call{
		doing: "counting the enabled members", path: "/users", eventual: true, budget: budgetDirectory,
		query: "$select=id&$top=1&$count=true&" + where("accountEnabled eq true and userType eq 'Member'"),
	}
	counted, err := get[struct {
		Count *int `json:"@odata.count"`
	}](ctx, c, one)
	if err != nil {
		return 0, err
	}
	if counted.Count == nil {
		return 0, fmt.Errorf("%s: %w", one.what(), errNothing)
	}
	return *counted.Count, nil
}

func readUser(id string) call {
	return call{doing: "reading user", objects: []string{id}, path: "/users/{}", query: selectUser, budget: budgetDirectory}
}

func (c *Client) user(ctx context.Context, one call) (offboarding.User, error) {
	a, err := c.send(ctx, one)
	if err != nil {
		return offboarding.User{}, err
	}
	u, err := decode[user](a)
	if err != nil {
		return offboarding.User{}, err
	}
	return u.domain(a.at), nil
}

// User reads a user. Permission: User.Read.All. A user who is not there, or deleted, is
// offboarding.ErrNotFound.
func (c *Client) User(ctx context.Context, id string) (offboarding.User, error) {
	return c.user(ctx, readUser(id))
}

// UserAndRoles reads a user and the directory roles in one round trip, as [Client.User] and
// [Client.DirectoryRoles] do one by one, and says which of the roles are privileged.
func (c *Client) UserAndRoles(ctx context.Context, id string) (offboarding.User, []string, error) {
	memberships := readMemberships(id)
	answers, errs := c.batch(ctx, readUser(id), memberships)
	if err := firstOf(errs); err != nil {
		return offboarding.User{}, nil, err
	}
	u, err := decode[user](answers[0])
	if err != nil {
		return offboarding.User{}, nil, err
	}
	all, err := rest[directoryObject](ctx, c, memberships, answers[1])
	if err != nil {
		return offboarding.User{}, nil, err
	}
	read := u.domain(answers[0].at)
	for _, m := range all {
		if name := privilegedRoles[strings.ToLower(m.RoleTemplateID)]; m.Type == typeRole && name != "" {
			read.Privileged = append(read.Privileged, name)
		}
	}
	return read, rolesIn(all), nil
}

// UserIn reads a user as [Client.User] does and, of at most 20 groups, those that they are in, as
// [Client.MemberGroups] does, in one round trip.
func (c *Client) UserIn(ctx context.Context, id string, groups []string) (offboarding.User, []string, error) {
	if len(groups) == 0 {
		u, err := c.User(ctx, id)
		return u, nil, err
	}
	memberships := checkGroups(id, groups)
	answers, errs := c.batch(ctx, readUser(id), memberships)
	if err := firstOf(errs); err != nil {
		return offboarding.User{}, nil, err
	}
	u, err := decode[user](answers[0])
	if err != nil {
		return offboarding.User{}, nil, err
	}
	in, err := rest[string](ctx, c, memberships, answers[1])
	return u.domain(answers[0].at), in, err
}

// enough is when Find stops: more than one is already too many.
const enough = 3

// Find looks the employee up by the one field that names them and returns whoever fits
// exactly: nobody, one, or several, of which it lists no more than a few. A mail address is
// also looked up among the proxy addresses. Permission: User.Read.All.
func (c *Client) Find(ctx context.Context, who offboarding.Employee) ([]offboarding.User, error) {
	field, key := who.Key()
	switch field {
	case "id":
		u, err := c.User(ctx, key)
		return found(u, err, strings.EqualFold(u.ID, key))
	case "userPrincipalName":
		u, err := c.user(ctx, call{doing: "finding a user by userPrincipalName", path: "/users/" + url.PathEscape(key), query: selectUser, budget: budgetDirectory})
		return found(u, err, strings.EqualFold(u.UserPrincipalName, key) || strings.EqualFold(u.ID, key))
	case "mail", "employeeId":
		return c.filter(ctx, field, condition(who))
	case who.Extension.String(): // answered to an advanced query alone
		return c.filter(ctx, field, condition(who), "$count=true")
	}
	return nil, offboarding.Permanent(errors.New("finding a user: the employee is not named"))
}

// condition is how a filter says who has the first name of an employee. Entra puts the object id before
// the userPrincipalName of whom it has deleted, so that it is looked for by its end.
func condition(who offboarding.Employee) string {
	switch field, key := who.Key(); field {
	case "userPrincipalName":
		return "endsWith(userPrincipalName," + quoted(key) + ")"
	case "mail":
		return fmt.Sprintf("mail eq %s or proxyAddresses/any(p:p eq %s)", quoted(key), quoted("smtp:"+key))
	case who.Extension.String():
		return "onPremisesExtensionAttributes/" + field + " eq " + quoted(key)
	default:
		return field + " eq " + quoted(key)
	}
}

// FindDeleted returns who is among the deleted users, and can be restored, and has every name of the
// employee. Permission: User.Read.All. Sources: Microsoft Graph, List deletedItems; Microsoft Forms, Transfer
// ownership of a form, which filters by mail; microsoftgraph/msgraph-sdk-powershell issue 2256.
func (c *Client) FindDeleted(ctx context.Context, who offboarding.Employee) ([]offboarding.User, error) {
	var all []string
	for _, by := range who.ByEachName() {
		all = append(all, "("+condition(by)+")")
	}
	var out []offboarding.User
	for page, err := range pages[user](ctx, c, call{
		doing: "finding a deleted user", path: "/directory/deletedItems/microsoft.graph.user", budget: budgetDirectory, eventual: true,
		query: where(strings.Join(all, " and ")) + "&$select=id,deletedDateTime,userPrincipalName,userType,externalUserState,onPremisesSyncEnabled&$count=true",
	}) {
		if err != nil {
			return nil, err
		}
		for _, u := range *page.Value {
			gone := u.domain(page.at)
			gone.UserPrincipalName = strings.TrimPrefix(gone.UserPrincipalName, strings.ReplaceAll(gone.ID, "-", ""))
			if who.UserPrincipalName == "" || strings.EqualFold(gone.UserPrincipalName, who.UserPrincipalName) {
				out = append(out, gone)
			}
		}
	}
	return out, nil
}

func found(u offboarding.User, err error, fits bool) ([]offboarding.User, error) {
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !fits:
		return nil, nil
	}
	return []offboarding.User{u}, nil
}

func (c *Client) filter(ctx context.Context, field, condition string, advanced ...string) ([]offboarding.User, error) {
	var out []offboarding.User
	for page, err := range pages[user](ctx, c, call{
		doing: "finding a user by " + field, path: "/users", query: strings.Join(append([]string{where(condition), selectUser, fmt.Sprintf("$top=%d", enough)}, advanced...), "&"),
		budget: budgetDirectory, eventual: len(advanced) > 0,
	}) {
		if err != nil {
			return nil, err
		}
		for _, u := range *page.Value {
			out = append(out, u.domain(page.at))
		}
		if len(out) >= enough {
			break
		}
	}
	return out, nil
}

// Manager reads whom the user reports to; offboarding.ErrNotFound when nobody. Permission:
// User.Read.All.
func (c *Client) Manager(ctx context.Context, id string) (offboarding.User, error) {
	a, err := c.send(ctx, call{
		doing: "reading the manager of", objects: []string{id}, path: "/users/{}/manager", query: "$select=id,userPrincipalName,mail,userType,externalUserState,accountEnabled",
		budget: budgetDirectory,
	})
	if err != nil {
		return offboarding.User{}, err
	}
	u, err := decode[user](a)
	if err != nil {
		return offboarding.User{}, err
	}
	if value(u.GetOdataType()) != typeUser { // an organisational contact
		return offboarding.User{}, fmt.Errorf("%s: not a user: %w", a.what, offboarding.ErrNotFound)
	}
	return u.domain(a.at), nil
}

// MailboxPurpose is what the user's mailbox in Exchange Online is for: user, linked, shared, room,
// equipment or others. Whoever has none there is offboarding.ErrNotFound. Permission:
// MailboxSettings.Read. Source: Microsoft Graph, mailboxSettings: userPurpose.
func (c *Client) MailboxPurpose(ctx context.Context, id string) (string, error) {
	settings, err := get[struct{ UserPurpose string }](ctx, c, call{
		doing: "reading what the mailbox is for of user", objects: []string{id}, path: "/users/{}/mailboxSettings", query: "$select=userPurpose", budget: budgetMailbox,
	})
	return settings.UserPurpose, err
}

// SetPassword sets a password that has to be changed at the next sign-in. Each call really
// changes it. Permission: User-PasswordProfile.ReadWrite.All, and an Entra role where the user
// holds one (B10).
func (c *Client) SetPassword(ctx context.Context, id, password string) error {
	_, err := c.write(ctx, call{
		doing: "setting the password of user", objects: []string{id}, method: http.MethodPatch, path: "/users/{}", budget: budgetDirectory,
		body: map[string]any{"passwordProfile": map[string]any{
			"password": password, "forceChangePasswordNextSignIn": true, "forceChangePasswordNextSignInWithMfa": false,
		}},
	})
	return err
}

// Disable blocks the sign-in of the user, and returns the tenant's time of the answer. Repeating
// it changes nothing. Permission: User.EnableDisableAccount.All and User.Read.All, and an Entra
// role where the user holds one (B10). A user mastered on-premises is refused: permanent.
func (c *Client) Disable(ctx context.Context, id string) (time.Time, error) {
	a, err := c.write(ctx, call{
		doing: "disabling user", objects: []string{id}, method: http.MethodPatch, path: "/users/{}", body: disabled, budget: budgetDirectory,
	})
	return a.at, err
}

// Enable lets the user sign in again. Permissions and refusals are those of [Client.Disable].
func (c *Client) Enable(ctx context.Context, id string) error {
	_, err := c.write(ctx, call{
		doing: "enabling user", objects: []string{id}, method: http.MethodPatch, path: "/users/{}", body: enabled, budget: budgetDirectory,
	})
	return err
}

// What an account, or a device, is patched with that shall sign in no more, or again.
var disabled, enabled = map[string]bool{"accountEnabled": false}, map[string]bool{"accountEnabled": true}

// RevokeSignInSessions makes every session and refresh token of the user invalid, which takes
// Entra up to some minutes. It does not reach whoever signs in elsewhere ([offboarding.User.External]).
// Permission: User.RevokeSessions.All.
func (c *Client) RevokeSignInSessions(ctx context.Context, id string) error {
	a, err := c.write(ctx, call{doing: "revoking the sessions of user", objects: []string{id}, path: "/users/{}/revokeSignInSessions", budget: budgetDirectory})
	if err != nil {
		return err
	}
	done, err := decode[struct{ Value bool }](a)
	if err == nil && !done.Value {
		err = fmt.Errorf("%s: not confirmed by Graph", a.what)
	}
	return err
}

// DeleteUser moves the user to the deleted items, from where they can be restored for 30 days.
// A user who is not there is offboarding.ErrNotFound. Permission: User.DeleteRestore.All, and
// an Entra role where the user holds one (B10).
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	_, err := c.write(ctx, call{doing: "deleting user", objects: []string{id}, method: http.MethodDelete, path: "/users/{}", budget: budgetDirectory})
	return err
}

// DeletedUser reads a user among the deleted items; offboarding.ErrNotFound when the user is not
// among them. Permission: User.Read.All.
func (c *Client) DeletedUser(ctx context.Context, id string) (offboarding.DeletedUser, error) {
	o, err := get[struct {
		DeletedDateTime   time.Time
		AccountEnabled    bool
		UserPrincipalName string
		ProxyAddresses    []string
	}](ctx, c, call{
		doing: "reading deleted user", objects: []string{id}, path: "/directory/deletedItems/{}/microsoft.graph.user",
		query: "$select=id,deletedDateTime,accountEnabled,userPrincipalName,proxyAddresses", budget: budgetDirectory,
	})
	return offboarding.DeletedUser{
		At: o.DeletedDateTime, Enabled: o.AccountEnabled, Addresses: addresses(o.ProxyAddresses),
		UserPrincipalName: strings.TrimPrefix(o.UserPrincipalName, strings.ReplaceAll(id, "-", "")),
	}, err
}

// RestoreUser takes a user out of the deleted items, with everything that they had when they were
// deleted. One who is not among them is offboarding.ErrNotFound; one whose name somebody else has by
// now is refused: permanent. Permission: User.DeleteRestore.All, and an Entra role where the user
// holds one (B10). Source: Microsoft Graph, Restore deleted item.
func (c *Client) RestoreUser(ctx context.Context, id string) error {
	_, err := c.write(ctx, call{doing: "restoring user", objects: []string{id}, path: "/directory/deletedItems/{}/restore", budget: budgetDirectory})
	return err
}
