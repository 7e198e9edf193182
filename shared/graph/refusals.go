package graph

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// Portal is where a person looks at what this client's cloud holds.
func (c *Client) Portal() offboarding.Portal { return c.Cloud().Portal }

// Cloud is the one whose Graph the client asks.
// Source: Microsoft Graph, National cloud deployments.
func (c *Client) Cloud() offboarding.Cloud {
	at, err := url.Parse(c.base)
	if err != nil {
		return offboarding.CloudOf("")
	}
	return offboarding.CloudOf(map[string]string{
		"graph.microsoft.us": "usgov", "dod-graph.microsoft.us": "usgovdod", "microsoftgraph.chinacloudapi.cn": "china",
	}[at.Hostname()])
}

// causes are what is likely behind a refusal, by its code; an empty code is any other of that status. What to
// type once it is mended, the worker says.
// Sources: Microsoft Graph, error responses; Microsoft Entra, Restricted management administrative
// units, and Protected actions; SharePoint, Manage lock status for sites.
var causes = []struct {
	status int
	code   string
	cause  string
}{
	{http.StatusForbidden, "Authorization_RequestDenied", "likely this function's application lacks a permission or a role (leaver doctor says which), or the object has an administrator role, is in a restricted management administrative unit, or is behind a protected action"},
	{http.StatusForbidden, "notAllowed", "likely the site is locked or archived (SharePoint admin center, Active sites)"},
	{http.StatusForbidden, "accessDenied", "likely a missing permission (leaver doctor says which), or a site that is locked or keeps applications out (SharePoint admin center)"},
	{http.StatusForbidden, "ErrorAccessDenied", "likely Exchange lets this function's application into the mailboxes of a group alone (Get-ApplicationAccessPolicy; Get-ManagementScope), which leavers leave: let it into all of them, or by what a leaver keeps"},
	{http.StatusForbidden, "", "likely this function's application lacks a permission or a role: leaver doctor says which"},
	{http.StatusLocked, "", "likely the site is locked (SharePoint admin center, Active sites)"},
	{http.StatusConflict, "", "likely somebody changes the same thing, or it is there already: look at it"},
	{http.StatusInsufficientStorage, "", "likely the target has no room: raise its quota, or empty it"},
	{http.StatusBadRequest, "", "Microsoft does not take this for this object as it is: look at it"},
}

// cause is the likely one of a refusal; empty where nothing is known.
func (p *problem) cause() string {
	for _, c := range causes {
		if c.status == p.status && (c.code == "" || slices.Contains(p.codes, c.code)) {
			return c.cause
		}
	}
	return ""
}

// explain says what an error means for a later try (see [classify]), and adds where a person can look at its
// object, because what passes may also last: also where nothing was answered, or nothing that can be read. To a
// refusal it adds what is likely behind it. What was never sent, is not there or is explained already stays as it is.
func (c *Client) explain(one call, err error) error {
	var no refused
	var p *problem
	var already *explained
	if errors.As(err, &already) {
		return err
	}
	said := classify(one.what(), err)
	switch {
	case errors.As(err, &no) || errors.Is(err, errAbsent) || errors.Is(said, offboarding.ErrNotFound):
		return said
	case !offboarding.IsPermanent(said):
		return &explained{said, one.where(c.Portal()), ""}
	case errors.As(err, &p):
		return offboarding.Permanent(&explained{said, one.where(c.Portal()), p.cause()})
	}
	return said
}

// unread is explain for an answer that cannot be used; its error says what was being done.
func (c *Client) unread(one call, err error) error {
	if where := one.where(c.Portal()); where != "" {
		return &explained{err, where, ""}
	}
	return err
}

// explained is an error answer with what a person has to know about it.
type explained struct {
	error
	where, cause string
}

func (e *explained) Error() string {
	text := e.error.Error()
	for _, more := range []string{e.cause, e.where} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

func (e *explained) Unwrap() error { return e.error }

// where is where a person looks at the first object that the call is about, its page or the command that
// shows it; empty when there is none.
func (c call) where(p offboarding.Portal) string {
	if len(c.objects) == 0 {
		return ""
	}
	id := c.objects[0]
	switch {
	case strings.HasPrefix(c.path, "/users/{}/authentication/"):
		return p.Methods(id)
	case strings.HasPrefix(c.path, "/applications/"): // its page goes by the appId
		return "Get-MgApplication -ApplicationId " + id + " shows it"
	case strings.HasPrefix(c.path, "/servicePrincipals/"):
		return p.EnterpriseApp(id, "")
	case strings.HasPrefix(c.path, "/directory/deletedItems/"):
		return p.DeletedUsers()
	}
	for prefix, page := range map[string]func(string) string{
		"/users/": p.User, "/groups/": p.Group, "/devices/": p.Device, "/deviceManagement/managedDevices/": p.ManagedDevice,
		// A right is found on the page of whoever has it.
		roleEligibilityRequests: p.Roles, roleAssignments: p.Roles, "/oauth2PermissionGrants/": p.User,
	} {
		if strings.HasPrefix(c.path, prefix) {
			return page(id)
		}
	}
	return ""
}
