package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"leaver/shared/offboarding"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/directory"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// userProperties are what an offboarding.User holds.
var userProperties = []string{
	"id", "userPrincipalName", "mail", "proxyAddresses", "userType", "createdDateTime", "department", "companyName", "accountEnabled", "onPremisesSyncEnabled", "lastPasswordChangeDateTime",
	"signInSessionsValidFromDateTime", "assignedLicenses", "licenseAssignmentStates",
}

func selectUser() *users.UserItemRequestBuilderGetRequestConfiguration {
	return &users.UserItemRequestBuilderGetRequestConfiguration{QueryParameters: &users.UserItemRequestBuilderGetQueryParameters{Select: userProperties}}
}

// users is a new builder each time: sending a request writes into the builder it came from.
func (c *Client) users() *users.UsersRequestBuilder {
	return users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter)
}

// User reads a user. Permission: User.Read.All. A user who is not there, or deleted, is
// offboarding.ErrNotFound.
func (c *Client) User(ctx context.Context, id string) (offboarding.User, error) {
	u, at, err := ask(ctx, "read user", []string{id}, func(ctx context.Context) (models.Userable, error) {
		return c.users().ByUserId(id).Get(ctx, selectUser())
	})
	if err != nil {
		return offboarding.User{}, err
	}
	return asUser(u, at), nil
}

// UserAndRoles reads a user and the directory roles in one round trip, as [Client.User] and
// [Client.DirectoryRoles] do one by one.
func (c *Client) UserAndRoles(ctx context.Context, id string) (offboarding.User, []string, error) {
	type both struct {
		user  models.Userable
		roles []string
	}
	b, at, err := ask(ctx, "read user and roles of", []string{id}, func(ctx context.Context) (b both, err error) {
		user, err := c.users().ByUserId(id).ToGetRequestInformation(ctx, selectUser())
		if err != nil {
			return b, err
		}
		memberships, err := c.users().ByUserId(id).TransitiveMemberOf().ToGetRequestInformation(ctx, selectMemberships())
		if err != nil {
			return b, err
		}
		answers, err := c.batch(ctx, user, memberships)
		if err != nil {
			return b, err
		}
		if b.user, err = object[models.Userable](answers[0], models.CreateUserFromDiscriminatorValue); err != nil {
			return b, err
		}
		page, err := object[models.DirectoryObjectCollectionResponseable](answers[1], models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue)
		if err != nil {
			return b, err
		}
		b.roles, err = c.rolesFrom(ctx, page)
		return b, err
	})
	if err != nil {
		return offboarding.User{}, nil, err
	}
	return asUser(b.user, at), b.roles, nil
}

// asUser translates a user. An account whose state is not shown counts as enabled, so that
// nothing is taken for done that nobody saw.
func asUser(u models.Userable, at time.Time) offboarding.User {
	out := offboarding.User{
		ID:                    value(u.GetId()),
		UserPrincipalName:     value(u.GetUserPrincipalName()),
		Mail:                  value(u.GetMail()),
		UserType:              value(u.GetUserType()),
		Created:               value(u.GetCreatedDateTime()),
		Department:            value(u.GetDepartment()),
		CompanyName:           value(u.GetCompanyName()),
		AccountEnabled:        u.GetAccountEnabled() == nil || *u.GetAccountEnabled(),
		OnPremisesSyncEnabled: value(u.GetOnPremisesSyncEnabled()),
		LastPasswordChange:    value(u.GetLastPasswordChangeDateTime()),
		SessionsValidFrom:     value(u.GetSignInSessionsValidFromDateTime()),
		AsOf:                  at,
	}
	for _, a := range u.GetProxyAddresses() {
		if scheme, address, ok := strings.Cut(a, ":"); ok && strings.EqualFold(scheme, "smtp") {
			out.Addresses = append(out.Addresses, address)
		}
	}
	explained := map[string]bool{}
	for _, l := range u.GetLicenseAssignmentStates() {
		sku := value(l.GetSkuId()).String()
		explained[sku] = true
		out.Licences = append(out.Licences, offboarding.Licence{SKU: sku, AssignedByGroup: value(l.GetAssignedByGroup()), Error: value(l.GetError())})
	}
	for _, l := range u.GetAssignedLicenses() { // what the states have not caught up with
		if sku := value(l.GetSkuId()).String(); !explained[sku] {
			out.Licences = append(out.Licences, offboarding.Licence{SKU: sku})
		}
	}
	return out
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
		u, at, err := ask(ctx, "find a user by userPrincipalName", nil, func(ctx context.Context) (models.Userable, error) {
			return c.users().ByUserId(key).Get(ctx, selectUser())
		})
		if err != nil {
			return found(offboarding.User{}, err, false)
		}
		user := asUser(u, at)
		return found(user, nil, strings.EqualFold(user.UserPrincipalName, key) || strings.EqualFold(user.ID, key))
	case "mail":
		return c.filter(ctx, field, fmt.Sprintf("mail eq %s or proxyAddresses/any(p:p eq %s)", quoted(key), quoted("smtp:"+key)))
	case "employeeId":
		return c.filter(ctx, field, "employeeId eq "+quoted(key))
	}
	return nil, offboarding.Permanent(errors.New("find a user: the employee is not named"))
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

func (c *Client) filter(ctx context.Context, field, filter string) ([]offboarding.User, error) {
	var all []models.Userable
	at, err := tell(ctx, "find a user by "+field, nil, func(ctx context.Context) error {
		page, err := c.users().Get(ctx, &users.UsersRequestBuilderGetRequestConfiguration{QueryParameters: &users.UsersRequestBuilderGetQueryParameters{
			Filter: &filter, Select: userProperties, Top: pointer[int32](enough),
		}})
		for ; err == nil && page != nil; page, err = c.users().WithUrl(*page.GetOdataNextLink()).Get(ctx, nil) {
			all = append(all, page.GetValue()...)
			if len(all) >= enough || value(page.GetOdataNextLink()) == "" {
				return nil
			}
		}
		if err == nil {
			err = errNothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []offboarding.User
	for _, u := range all {
		out = append(out, asUser(u, at))
	}
	return out, nil
}

// quoted is a string literal of OData.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Manager reads whom the user reports to; offboarding.ErrNotFound when nobody. Permission:
// User.Read.All.
func (c *Client) Manager(ctx context.Context, id string) (offboarding.User, error) {
	m, at, err := ask(ctx, "read manager of", []string{id}, func(ctx context.Context) (models.DirectoryObjectable, error) {
		return c.users().ByUserId(id).Manager().Get(ctx, &users.ItemManagerRequestBuilderGetRequestConfiguration{QueryParameters: &users.ItemManagerRequestBuilderGetQueryParameters{
			Select: []string{"id", "userPrincipalName", "mail", "userType", "accountEnabled"},
		}})
	})
	if err != nil {
		return offboarding.User{}, err
	}
	u, ok := m.(models.Userable)
	if !ok { // an organisational contact
		return offboarding.User{}, fmt.Errorf("read manager of %s: not a user: %w", id, offboarding.ErrNotFound)
	}
	return asUser(u, at), nil
}

// SetPassword sets a password that has to be changed at the next sign-in. Each call really
// changes it. Permission:
// User-PasswordProfile.ReadWrite.All, and an Entra role where the user holds one (B10).
func (c *Client) SetPassword(ctx context.Context, id, password string) error {
	profile := models.NewPasswordProfile()
	profile.SetPassword(&password)
	profile.SetForceChangePasswordNextSignIn(pointer(true))
	profile.SetForceChangePasswordNextSignInWithMfa(pointer(false))
	body := models.NewUser()
	body.SetPasswordProfile(profile)
	_, err := c.patchUser(ctx, "set the password of", id, body)
	return err
}

// Disable blocks the sign-in of the user, and returns the tenant's time of the answer. Repeating
// it changes nothing. Permission:
// User.EnableDisableAccount.All and User.Read.All, and an Entra role where the user holds one
// (B10). A user mastered on-premises is refused: permanent.
func (c *Client) Disable(ctx context.Context, id string) (time.Time, error) {
	body := models.NewUser()
	body.SetAccountEnabled(pointer(false))
	return c.patchUser(ctx, "disable user", id, body)
}

func (c *Client) patchUser(ctx context.Context, doing, id string, body models.Userable) (time.Time, error) {
	return tell(ctx, doing, []string{id}, func(ctx context.Context) error {
		_, err := c.users().ByUserId(id).Patch(ctx, body, nil)
		return err
	})
}

// RevokeSignInSessions makes every session and refresh token of the user invalid, which takes
// Entra up to some minutes. It does not reach
// guests, who sign in elsewhere. Permission: User.RevokeSessions.All.
func (c *Client) RevokeSignInSessions(ctx context.Context, id string) error {
	_, err := tell(ctx, "revoke the sessions of", []string{id}, func(ctx context.Context) error {
		done, err := c.users().ByUserId(id).RevokeSignInSessions().PostAsRevokeSignInSessionsPostResponse(ctx, nil)
		if err == nil && (done == nil || !value(done.GetValue())) {
			err = errors.New("not confirmed by Graph")
		}
		return err
	})
	return err
}

// RemoveLicences takes directly assigned licences from the user, by skuId. Permission:
// LicenseAssignment.ReadWrite.All. An inherited licence, or one that the user does not hold,
// is refused: permanent.
func (c *Client) RemoveLicences(ctx context.Context, id string, skus []string) error {
	var remove []uuid.UUID
	for _, s := range skus {
		sku, err := uuid.Parse(s)
		if err != nil {
			return offboarding.Permanent(fmt.Errorf("remove licences of %s: %q is not a skuId", id, s))
		}
		remove = append(remove, sku)
	}
	body := users.NewItemAssignLicensePostRequestBody()
	body.SetAddLicenses([]models.AssignedLicenseable{}) // nil leaves the property out, which Graph refuses
	body.SetRemoveLicenses(remove)
	_, err := tell(ctx, "remove licences of", []string{id}, func(ctx context.Context) error {
		_, err := c.users().ByUserId(id).AssignLicense().Post(ctx, body, nil)
		return err
	})
	return err
}

// DeleteUser moves the user to the deleted items, from where they can be restored for 30 days.
// A user who is not there is offboarding.ErrNotFound. Permission: User.DeleteRestore.All, and
// an Entra role where the user holds one (B10).
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	_, err := tell(ctx, "delete user", []string{id}, func(ctx context.Context) error {
		return c.users().ByUserId(id).Delete(ctx, nil)
	})
	return err
}

// DeletedUser reads when a user among the deleted items was deleted; offboarding.ErrNotFound
// when the user is not among them. Permission: User.Read.All.
func (c *Client) DeletedUser(ctx context.Context, id string) (time.Time, error) {
	o, _, err := ask(ctx, "read deleted user", []string{id}, func(ctx context.Context) (models.DirectoryObjectable, error) {
		return directory.NewDeletedItemsRequestBuilderInternal(map[string]string{}, c.adapter).ByDirectoryObjectId(id).Get(ctx,
			&directory.DeletedItemsDirectoryObjectItemRequestBuilderGetRequestConfiguration{
				QueryParameters: &directory.DeletedItemsDirectoryObjectItemRequestBuilderGetQueryParameters{Select: []string{"id", "deletedDateTime"}},
			})
	})
	if err != nil {
		return time.Time{}, err
	}
	return value(o.GetDeletedDateTime()), nil
}
