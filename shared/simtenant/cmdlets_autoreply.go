package simtenant

import "time"

// autoReplyStates and autoReplyAudiences translate Exchange's words into Graph's.
var (
	autoReplyStates    = map[string]string{"Disabled": "disabled", "Enabled": "alwaysEnabled", "Scheduled": "scheduled"}
	autoReplyAudiences = map[string]string{"None": "none", "Known": "contactsOnly", "All": "all"}
)

func reversed(m map[string]string, value string) string {
	for k, v := range m {
		if v == value {
			return k
		}
	}
	return value
}

func getAutoReply(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", true)
	if bad != nil {
		return nil, bad
	}
	a := m.AutoReply
	return []object{{
		"Identity": m.Alias, "MailboxOwnerId": m.Alias, "AutoReplyState": reversed(autoReplyStates, a.Status), "ExternalAudience": reversed(autoReplyAudiences, a.Audience),
		"InternalMessage": a.Internal, "ExternalMessage": a.External, "StartTime": moment(a.Start), "EndTime": moment(a.End),
	}}, nil
}

func setAutoReply(c *invocation) ([]object, *failure) {
	m, bad := c.named("Identity", false)
	if bad != nil {
		return nil, bad
	}
	return c.change(m, func(after *Mailbox) *failure {
		a := &after.AutoReply
		for name, choice := range map[string]struct {
			to    *string
			words map[string]string
		}{"AutoReplyState": {&a.Status, autoReplyStates}, "ExternalAudience": {&a.Audience, autoReplyAudiences}, "InternalMessage": {&a.Internal, nil}, "ExternalMessage": {&a.External, nil}} {
			v, given, bad := c.text(name)
			if bad != nil {
				return bad
			}
			if !given {
				continue
			}
			if choice.words != nil {
				if choice.words[v] == "" {
					return badValue(name, v)
				}
				v = choice.words[v]
			}
			*choice.to = v
		}
		for name, to := range map[string]*time.Time{"StartTime": &a.Start, "EndTime": &a.End} {
			v, given, bad := c.text(name)
			if bad != nil {
				return bad
			}
			if given {
				t, err := time.Parse(time.RFC3339, v)
				if err != nil {
					return badValue(name, v)
				}
				*to = t
			}
		}
		return nil
	})
}
