package graph

import (
	"context"
	"strings"

	"leaver/shared/offboarding"
)

// privilegedRoles are the built-in roles that Microsoft calls privileged, by template id, and their
// names. Graph's v1.0 does not show which they are (isPrivileged is beta's).
// Source: Microsoft Entra, built-in roles, those with the label PRIVILEGED.
var privilegedRoles = map[string]string{
	"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
	"cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
	"c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
	"25a516ed-2fa0-40ea-a2d0-12923a21473a": "Authentication Extensibility Administrator",
	"aaf43236-0c0d-4d5f-883a-6955382ac081": "B2C IEF Keyset Administrator",
	"158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
	"7698a772-787b-4ac8-901f-60d6b08affd2": "Cloud Device Administrator",
	"b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
	roleSyncAccounts:                       "Directory Synchronization Accounts",
	"9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
	"8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
	"be2f45a1-457d-42af-a067-6ec1fa63bc45": "External Identity Provider Administrator",
	offboarding.GlobalAdministrator:        "Global Administrator",
	"f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
	"729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
	"8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
	"3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
	"59d46f88-662b-457b-bceb-5c3809e5908f": "Lifecycle Workflows Administrator",
	"4ba39ca4-527c-499a-b93d-d9b492c50246": "Partner Tier1 Support",
	"e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
	"966707d0-3269-4727-9be2-8c3a10f19b9d": "Password Administrator",
	"7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
	"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
	"194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
	"5f2222b1-57c3-48ba-8ad5-d4759f1fde6f": "Security Operator",
	"5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
	"fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}

// Privileged lists who holds a privileged directory role, active or eligible, by name or through a
// group, whatever its scope: by object id, in lower case, in words. A tenant without Privileged Identity
// Management has no eligible roles. Permissions: RoleManagement.Read.Directory, and
// GroupMember.Read.All for the members of groups.
func (c *Client) Privileged(ctx context.Context) (map[string]string, error) {
	calls := []call{
		{doing: "listing role assignments", path: roleAssignments, budget: budgetRoles},
		{doing: "listing eligible roles", path: roleEligibilities, budget: budgetRoles},
	}
	answers, errs := c.batch(ctx, calls...)
	unmanaged := has(errs[1], "AadPremiumLicenseRequired")
	if unmanaged {
		errs[1] = nil
	}
	if err := firstOf(errs); err != nil {
		return nil, err
	}
	held := map[string]string{}
	for i, how := range []string{"holds the role ", "is eligible for the role "} {
		if i == 1 && unmanaged {
			continue
		}
		all, err := rest[roleAssignment](ctx, c, calls[i], answers[i])
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if name := privilegedRoles[strings.ToLower(a.RoleDefinitionID)]; name != "" && a.Status != "Revoked" && held[strings.ToLower(a.PrincipalID)] == "" {
				held[strings.ToLower(a.PrincipalID)] = how + name
			}
		}
	}
	return held, c.throughGroups(ctx, held)
}

// throughGroups adds the members of the groups among the holders.
func (c *Client) throughGroups(ctx context.Context, held map[string]string) error {
	groups, err := list[directoryObject](ctx, c, call{
		doing: "listing role-assignable groups", path: "/groups", query: where("isAssignableToRole eq true") + "&$select=id", budget: budgetDirectory,
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		how := held[strings.ToLower(g.ID)]
		if how == "" {
			continue
		}
		members, err := c.membersOf(ctx, g.ID)
		if err != nil {
			return err
		}
		for _, m := range members {
			if held[strings.ToLower(m.ID)] == "" {
				held[strings.ToLower(m.ID)] = how + " through a group"
			}
		}
	}
	return nil
}
