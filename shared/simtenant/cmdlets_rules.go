package simtenant

import (
	"fmt"
	"strings"
)

func (c *invocation) showRule(m *Mailbox, r InboxRule) object {
	addresses := func(key string) any {
		list, _ := r.Actions[key].([]any)
		out := []string{}
		for _, x := range list {
			e, _ := x.(map[string]any)
			e, _ = e["emailAddress"].(map[string]any)
			name, _ := str(e, "name")
			address, _ := str(e, "address")
			out = append(out, fmt.Sprintf("\"%s\" [SMTP:%s]", name, address))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	stop, _ := r.Actions["stopProcessingRules"].(bool)
	return object{
		"Identity": m.Alias + `\` + r.ID, "RuleIdentity": r.ID, "Name": r.Name, "Enabled": r.Enabled, "Priority": r.Sequence, "MailboxOwnerId": m.Alias,
		"ForwardTo": addresses("forwardTo"), "RedirectTo": addresses("redirectTo"), "ForwardAsAttachmentTo": addresses("forwardAsAttachmentTo"), "StopProcessingRules": stop, "InError": false,
	}
}

// rules are the mailbox and the inbox rule that Mailbox and Identity name; Identity alone may carry
// both ("alias\rule").
func (c *invocation) rules(reading bool) (*Mailbox, string, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, "", bad
	}
	box, rule, both := strings.Cut(identity, `\`)
	if !both {
		box, rule = "", identity
	}
	if _, given := c.args["Mailbox"]; !given {
		c.args["Mailbox"] = box
	}
	m, bad := c.named("Mailbox", reading)
	return m, rule, bad
}

func getInboxRule(c *invocation) ([]object, *failure) {
	m, id, bad := c.rules(true)
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, r := range m.Rules {
		if id == "" || r.ID == id || r.Name == id {
			out = append(out, c.showRule(m, r))
		}
	}
	if id != "" && out == nil {
		return nil, noObject(id)
	}
	return out, nil
}

func disableInboxRule(c *invocation) ([]object, *failure) { return c.switchRule(false) }

func enableInboxRule(c *invocation) ([]object, *failure) { return c.switchRule(true) }

func (c *invocation) switchRule(on bool) ([]object, *failure) {
	m, id, bad := c.rules(false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		for i := range after.Rules {
			if after.Rules[i].ID == id || after.Rules[i].Name == id {
				after.Rules[i].Enabled = on
				return nil
			}
		}
		return noObject(id)
	})
}
