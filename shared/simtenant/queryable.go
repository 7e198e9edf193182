package simtenant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// edmOf is the type of the property at a path of a type, as OData calls it.
func edmOf(typ, path string) string {
	if strings.HasSuffix(path, "/$count") {
		return "Edm.Int64"
	}
	name := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:]) // "" of an element of a collection of texts
	return orElse(orElse(typed[strings.ToLower(typ)+"."+name], typed[name]), "Edm.String")
}

// edmOfLiteral is the type of a value in a filter; "" when it is a name, or null, which goes with every type.
func edmOfLiteral(value any) string {
	switch v := value.(type) {
	case string:
		return "Edm.String"
	case bool:
		return "Edm.Boolean"
	case unquoted:
		if _, err := uuid.Parse(string(v)); err == nil {
			return "Edm.Guid"
		}
		if _, err := strconv.ParseFloat(string(v), 64); err == nil {
			return "Edm.Int32"
		}
		for _, form := range []string{time.RFC3339, time.DateOnly} {
			if _, err := time.Parse(form, string(v)); err == nil {
				return "Edm.DateTimeOffset"
			}
		}
	}
	return ""
}

// operators are what OData's library calls them in its refusals.
var operators = map[string]string{"ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual", "lt": "LessThan", "le": "LessThanOrEqual"}

// mistyped says which value of a filter over a type is not written as the property's type: a text without quotes, or a
// GUID, a moment, a number or true in quotes. "" when all are.
// Sources: microsoftgraph/msgraph-sdk-dotnet#2306; microsoftgraph/microsoft-graph-docs#3044 and #10665.
func (f *filter) mistyped(typ string) string {
	var why string
	f.each(func(path string, leaf *filter) {
		want := edmOf(typ, path)
		for _, value := range append(slices.Clone(leaf.list), leaf.value) {
			have := edmOfLiteral(value)
			number := have == "Edm.Int32" && want == "Edm.Int64"
			switch name, isName := value.(unquoted); {
			case value == nil || have == want || number:
			case isName && have == "":
				why = fmt.Sprintf("Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, typ)
			default:
				why = fmt.Sprintf("A binary operator with incompatible types was detected. Found operand types '%s' and '%s' for operator kind '%s'.", want, have, orElse(operators[leaf.op], "Equal"))
			}
		}
	})
	return why
}

// How Entra filters and sorts, by type. Sources: Microsoft Graph, Advanced query capabilities on Microsoft Entra ID
// objects (the tables of both); resource type user (what has no "Supports $filter").
var (
	filteredInAdvancedQueries = map[string][]string{"user": strings.Fields(`
		companyName employeeHireDate employeeType mobilePhone officeLocation onPremisesExtensionAttributes onPremisesImmutableId
		onPremisesLastSyncDateTime onPremisesSamAccountName passwordPolicies postalCode preferredLanguage showInAddressList
		streetAddress`)}
	notFiltered = map[string][]string{"user": strings.Fields(`
		isManagementRestricted lastPasswordChangeDateTime licenseAssignmentStates onPremisesDomainName
		signInSessionsValidFromDateTime`)}
	filteredByEnding = strings.Fields("mail otherMails proxyAddresses userPrincipalName")

	sortedByDefault = map[string][]string{
		"user": {"displayName", "userPrincipalName"}, "group": {"displayName"}, "device": nil, "application": nil, "servicePrincipal": nil, "administrativeUnit": nil,
	}
	sortedInAdvancedQueries = map[string][]string{
		"user": {"createdDateTime", "deletedDateTime"}, "group": {"deletedDateTime"},
		"device":      {"approximateLastSignInDateTime", "createdDateTime", "deletedDateTime", "displayName"},
		"application": {"createdDateTime", "deletedDateTime", "displayName"}, "servicePrincipal": {"createdDateTime", "deletedDateTime", "displayName"},
		"administrativeUnit": {"createdDateTime", "deletedDateTime", "displayName"},
	}
)

// among says that a name is one of a list, however it is spelt.
func among(list []string, name string) bool {
	return slices.ContainsFunc(list, func(known string) bool { return strings.EqualFold(known, name) })
}

// sortable says that Entra sorts a type by a property; what the tables do not name, the tenant sorts by all there is.
func sortable(typ, name string, advanced bool) bool {
	known, is := sortedByDefault[typ]
	return !is || among(known, name) || advanced && among(sortedInAdvancedQueries[typ], name)
}

// unsupported says why Entra does not answer a filter over a type: never, or not without an advanced query, which takes
// ConsistencyLevel: eventual and $count=true. "" when it does.
// Sources: as above; microsoftgraph/microsoft-graph-docs#13583, #14451; microsoft-graph-docs-contrib#9135, #3562.
func (f *filter) unsupported(typ string, advanced bool) string {
	var why string
	if f.negates() && !advanced {
		why = "Unsupported Query."
	}
	f.each(func(path string, leaf *filter) {
		name, _, _ := strings.Cut(path, "/")
		toNull := leaf.op == "eq" && leaf.value == nil
		counts := strings.HasSuffix(path, "/$count")
		switch {
		case leaf.op == "contains":
			why = "Unsupported property filter clause operator 'Contains'."
		case among(notFiltered[typ], name), leaf.op == "endswith" && !among(filteredByEnding, name),
			!advanced && (leaf.op == "ne" || leaf.op == "endswith" || toNull || counts || among(filteredInAdvancedQueries[typ], name)):
			why = fmt.Sprintf("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", name, strings.ToUpper(typ[:1])+typ[1:])
		}
	})
	return why
}

// negates says that there is a not in a filter.
func (f *filter) negates() bool {
	return f != nil && (f.op == "not" || f.left.negates() || f.right.negates())
}
