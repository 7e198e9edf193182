package simtenant

import "strings"

func getOrganizationConfig(c *invocation) ([]object, *failure) {
	return []object{{"Identity": c.t.world.Domain, "Name": c.t.world.Domain, "DisplayName": c.t.world.Company, "InPlaceHolds": texts(c.t.world.Organization.InPlaceHolds)}}, nil
}

// getOutboundPolicy is the one policy there is. AutoForwardingMode Automatic means Off.
// Source: Microsoft Defender for Office 365, Configure outbound spam policies: automatic forwarding.
func getOutboundPolicy(c *invocation) ([]object, *failure) {
	if identity, given, bad := c.text("Identity"); bad != nil || given && !strings.EqualFold(identity, "Default") {
		return nil, noObject(identity)
	}
	return []object{{"Identity": "Default", "Name": "Default", "IsDefault": true, "AutoForwardingMode": c.t.world.Organization.AutoForwardingMode}}, nil
}

// getOutboundRules: the default policy has none, and there is no other.
func getOutboundRules(*invocation) ([]object, *failure) { return nil, nil }

func getRemoteDomain(c *invocation) ([]object, *failure) {
	identity, given, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, d := range c.t.world.Organization.RemoteDomains {
		if !given || strings.EqualFold(identity, d.Name) {
			out = append(out, object{"Identity": d.Name, "Name": d.Name, "DomainName": d.DomainName, "AutoForwardEnabled": d.AutoForwardEnabled, "AutoReplyEnabled": d.AutoReplyEnabled})
		}
	}
	if given && out == nil {
		return nil, noObject(identity)
	}
	return out, nil
}

// getTransportRule shows people by their addresses, in the property by which a rule means them.
// Source: Exchange PowerShell, Get-TransportRule and New-TransportRule.
func getTransportRule(c *invocation) ([]object, *failure) {
	identity, given, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	state, stated, bad := c.text("State")
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, r := range c.t.world.Organization.TransportRules {
		is := "Enabled"
		if r.Disabled {
			is = "Disabled"
		}
		if stated && !strings.EqualFold(state, is) || given && !strings.EqualFold(identity, r.GUID) && !strings.EqualFold(identity, r.Name) {
			continue
		}
		rule := object{"Identity": r.Name, "Name": r.Name, "Guid": r.GUID, "State": is, "Mode": "Enforce", "From": nil, "SentTo": nil, "RedirectMessageTo": nil}
		for property, addresses := range r.Names {
			rule[property] = addresses
		}
		out = append(out, rule)
	}
	if given && out == nil {
		return nil, noObject(identity)
	}
	return c.limit(out)
}
