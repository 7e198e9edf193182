package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

// lacking are the operations that national clouds do not have, by the beginning of their path: none of
// them is in the metadata of that cloud.
// Source: Microsoft Graph, the CSDL of graph.microsoft.us and of microsoftgraph.chinacloudapi.cn.
var lacking = map[string][]string{
	"usgov": {"/admin/teams/telephoneNumberManagement"},
	"china": {"/admin/teams/telephoneNumberManagement", "/users/{id}/authentication/methods", "/users/{id}/mailFolders/inbox/messageRules"},
}

// inChina are the collections of authentication methods that 21Vianet has.
var inChina = []string{"microsoftAuthenticatorMethods", "phoneMethods", "platformCredentialMethods"}

// absent is the answer to an operation that the cloud of the tenant does not have.
func (c *call) absent() (reply, bool) {
	cloud := c.t.world.Cloud
	lacks := slices.ContainsFunc(lacking[cloud], func(path string) bool { return strings.HasPrefix(c.op.template, path) })
	collection, given := c.arg["collection"]
	if given {
		lacks = cloud == "china" && !slices.Contains(inChina, collection) || cloud != "" && collection == "externalAuthenticationMethods"
	}
	if !lacks {
		return reply{}, false
	}
	segment := orElse(collection, c.op.template[strings.LastIndexByte(c.op.template, '/')+1:])
	return c.fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", segment), true
}
