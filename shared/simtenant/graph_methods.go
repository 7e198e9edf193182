package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

// AuthenticationMethod is a way to sign in, beside the password, which everybody has.
type AuthenticationMethod struct {
	ID      string
	Type    string // phone, fido2, microsoftAuthenticator, …: its collection without "Methods"
	Default bool   // what the user is asked for first
}

// passwordMethodID is the id that every user's password has as an authentication method.
const passwordMethodID = "28c10230-6103-485e-b985-444c60001490"

func listMethods(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	shape := methodSchema(u)
	var items []item
	for _, m := range append([]AuthenticationMethod{{ID: passwordMethodID, Type: "password"}}, u.Methods...) {
		i := shape.item(c, m.ID, &m)
		i.typ = m.Type + "AuthenticationMethod"
		items = append(items, i)
	}
	return c.list(items, directoryPage.of("authenticationMethods", true), shape)
}

func methodSchema(u *User) *schema[AuthenticationMethod] {
	return newSchema("authenticationMethod", "",
		field[AuthenticationMethod]{"id", func(_ *call, m *AuthenticationMethod) any { return m.ID }},
		field[AuthenticationMethod]{"createdDateTime", func(*call, *AuthenticationMethod) any { return stamp(u.Created) }},
	)
}

// listMethodsOf lists the methods of one type, which says of none of them what it is.
func listMethodsOf(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	kind, isCollection := strings.CutSuffix(c.arg["collection"], "Methods")
	if !isCollection || kind == "" || kind == "password" {
		return c.fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", c.arg["collection"])
	}
	shape := methodSchema(u)
	var items []item
	for _, m := range u.Methods {
		if m.Type == kind {
			items = append(items, shape.item(c, m.ID, &m))
		}
	}
	return c.list(items, directoryPage.of(c.arg["collection"], false), shape)
}

// listPasskeys is listMethodsOf of the one type whose listing takes a permission of its own: that of all
// authentication methods does not do. Source: Microsoft Graph, permissions reference,
// UserAuthMethod-Passkey.Read.All.
func listPasskeys(c *call) reply {
	c.arg["collection"] = "fido2Methods"
	return listMethodsOf(c)
}

// deleteMethod refuses the default one while there are others. Observed; see the contract.
func deleteMethod(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	kind, isCollection := strings.CutSuffix(c.arg["collection"], "Methods")
	i := slices.IndexFunc(u.Methods, func(m AuthenticationMethod) bool { return m.ID == c.arg["method"] && m.Type == kind })
	switch {
	case kind == "password" || !isCollection:
		return c.fail(http.StatusMethodNotAllowed, "methodNotAllowed", "The HTTP method is not supported for this resource.")
	case i < 0:
		return c.fail(http.StatusNotFound, "resourceNotFound", "The requested resource could not be found.")
	case u.Methods[i].Default && len(u.Methods) > 1:
		return c.fail(http.StatusBadRequest, "badRequest", "Cannot delete default method with other methods configured. Please change default method before deletion.")
	}
	c.t.before(kindUser, u.ID, c.now)
	u.Methods = slices.Delete(slices.Clone(u.Methods), i, i+1)
	return noContent
}
