package graph

import (
	"errors"
	"slices"
	"strings"
)

// lackedBeyond are the operations that only the worldwide cloud has, of those that this package calls, with
// all below them. lackedInChina are those that 21Vianet lacks as well.
//
// A call to one is not sent, and ends as if the cloud had refused it: in a batch it would cost the others
// nothing, alone it is a request for nothing. A test holds them to the table that is made of Microsoft's
// metadata, shared/simtenant/clouds.tsv; what a cloud lacks beyond its metadata its answers say.
// Source: microsoftgraph/msgraph-metadata, schemas/v1.0-Fairfax.csdl and v1.0-Mooncake.csdl.
var (
	lackedBeyond = []string{
		"/admin/teams", "/users/{}/authentication/externalAuthenticationMethods", exceptionOccurrences,
	}
	lackedInChina = append(slices.Clip(lackedBeyond),
		"/users/{}/authentication/methods",
		"/users/{}/authentication/emailMethods", "/users/{}/authentication/fido2Methods", "/users/{}/authentication/passwordMethods",
		"/users/{}/authentication/softwareOathMethods", "/users/{}/authentication/temporaryAccessPassMethods",
		"/users/{}/authentication/windowsHelloForBusinessMethods",
		"/users/{}/mailFolders/{}/messages/delta", "/users/{}/todo",
	)
)

// errAbsent ends a call to an operation that the cloud lacks.
var errAbsent = errors.New("no such operation in Microsoft's metadata of it")

// lacks reports whether the cloud lacks the operation of a path.
func (c *Client) lacks(path string) bool {
	var lacked []string
	switch c.Cloud().Name {
	case "usgov", "usgovdod":
		lacked = lackedBeyond
	case "china":
		lacked = lackedInChina
	}
	segments := strings.Split(path, "/")
	return slices.ContainsFunc(lacked, func(operation string) bool {
		its := strings.Split(operation, "/")
		return len(segments) >= len(its) && slices.EqualFunc(segments[:len(its)], its, func(is, want string) bool { return want == "{}" || is == want })
	})
}
