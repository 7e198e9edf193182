package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

// SentMail is a message that was taken to be sent.
type SentMail struct {
	App           string // client id
	From          string // object id of the mailbox's owner
	To            []string
	Subject, Text string
	Header        map[string]string
}

// mailPerMinute is how many messages a mailbox may send.
// Source: Exchange Online limits, Sending limits.
const mailPerMinute = 30

// sendMail is open to an application by the permission Mail.Send, to every mailbox, or by a role of
// Exchange to the mailboxes of its scope: then the token shows nothing of it. The two are added.
// Source: Exchange Online, Role Based Access Control for Applications.
func sendMail(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	if !c.has("Mail.Send") && !slices.Contains(c.app.SendsAs, u.ID) {
		return c.fail(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	}
	if !usable(c.t.world.Mailboxes[u.ID]) {
		return c.fail(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
	}
	if bad := c.only(c.body, "message", "saveToSentItems"); bad != nil {
		return *bad
	}
	message, _ := c.body["message"].(map[string]any)
	if bad := c.only(message, "subject", "body", "toRecipients", "internetMessageHeaders"); bad != nil {
		return *bad
	}
	m := SentMail{App: c.app.ClientID, From: u.ID, Header: map[string]string{}}
	m.Subject, _ = str(message, "subject")
	body, _ := message["body"].(map[string]any)
	m.Text, _ = str(body, "content")
	for _, each := range objectsIn(message["toRecipients"]) {
		address, _ := each["emailAddress"].(map[string]any)
		to, _ := str(address, "address")
		m.To = append(m.To, to)
	}
	for _, each := range objectsIn(message["internetMessageHeaders"]) {
		name, _ := str(each, "name")
		value, _ := str(each, "value")
		if !strings.HasPrefix(strings.ToLower(name), "x-") {
			return c.fail(http.StatusBadRequest, "InvalidInternetMessageHeader", "The internet message header name '%s' should start with 'x-' or 'X-'.", name)
		}
		m.Header[name] = value
	}
	if len(m.To) == 0 || slices.Contains(m.To, "") {
		return c.fail(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient isn't valid., Recipient isn't resolved.")
	}
	c.t.world.Sent = append(c.t.world.Sent, m)
	return reply{status: http.StatusAccepted}
}

// objectsIn are the objects in a list.
func objectsIn(list any) []map[string]any {
	var all []map[string]any
	items, _ := list.([]any)
	for _, each := range items {
		if o, is := each.(map[string]any); is {
			all = append(all, o)
		}
	}
	return all
}
