package exchange

import (
	"context"
	"strings"

	"leaver/shared/offboarding"
)

// ForwardingOutside reads what may keep mail from being forwarded out of the organisation
// (Get-HostedOutboundSpamFilterPolicy, Get-HostedOutboundSpamFilterRule, Get-RemoteDomain). In use
// are the default policy and those that an enabled rule applies.
func (c *Client) ForwardingOutside(ctx context.Context) (offboarding.ForwardingOutside, error) {
	out := offboarding.ForwardingOutside{Modes: map[string]string{}, Domains: map[string]bool{}}
	policies, err := invoke[struct {
		Name               string
		IsDefault          bool
		AutoForwardingMode string
	}](ctx, c, "Get-HostedOutboundSpamFilterPolicy", map[string]any{})
	if err != nil {
		return out, err
	}
	rules, err := invoke[struct{ HostedOutboundSpamFilterPolicy, State string }](ctx, c, "Get-HostedOutboundSpamFilterRule", map[string]any{})
	if err != nil {
		return out, err
	}
	applied := map[string]bool{}
	for _, r := range rules {
		applied[r.HostedOutboundSpamFilterPolicy] = r.State == "Enabled"
	}
	for _, p := range policies {
		if p.IsDefault || applied[p.Name] {
			out.Modes[p.Name] = p.AutoForwardingMode
		}
	}
	domains, err := invoke[struct {
		DomainName         string
		AutoForwardEnabled bool
	}](ctx, c, "Get-RemoteDomain", map[string]any{})
	for _, d := range domains {
		out.Domains[strings.ToLower(d.DomainName)] = d.AutoForwardEnabled
	}
	return out, err
}
