package graph

import (
	"context"

	"leaver/shared/offboarding"
)

// SendMail sends a message in plain text from the mailbox of an object id, which Graph takes and delivers
// later. Sent twice it comes twice. There must be no consent to Mail.Send, by which an application sends as
// everybody: the right to one mailbox is a role of Exchange with a scope. Addresses are those of the
// recipients; id is the notice's, and a header of the message, to find it by.
// Sources: Microsoft Graph, user: sendMail; Exchange Online, Role Based Access Control for Applications.
func (c *Client) SendMail(ctx context.Context, from string, addresses []string, subject, text, id string) error {
	type address struct {
		EmailAddress map[string]string `json:"emailAddress"`
	}
	to := make([]address, len(addresses))
	for i, a := range addresses {
		to[i].EmailAddress = map[string]string{"address": a}
	}
	_, err := c.write(offboarding.WithWriteGuard(ctx, mailing{}), call{
		doing: "sending mail as", objects: []string{from}, path: "/users/{}/sendMail", budget: budgetMailbox,
		body: map[string]any{
			"saveToSentItems": false,
			"message": map[string]any{
				"subject": subject, "body": map[string]string{"contentType": "Text", "content": text}, "toRecipients": to,
				"internetMessageHeaders": []map[string]string{{"name": "x-leaver-notice", "value": id}},
			},
		},
	})
	return err
}

// mailing lets a message out: it changes nothing of a departure, and also a frozen installation says so.
type mailing struct{}

func (mailing) Allow(context.Context) error { return nil }
func (mailing) Record(offboarding.Call)     {}

// Address is the address of a person's mailbox; empty where there is none. Permission: User.Read.All.
func (c *Client) Address(ctx context.Context, id string) (string, error) {
	u, err := c.User(ctx, id)
	return u.Mail, err
}
