package simtenant

var organizationSchema = newSchema("organization", "",
	field[World]{"id", func(_ *call, w *World) any { return w.TenantID }},
	field[World]{"displayName", func(_ *call, w *World) any { return w.Company }},
	field[World]{"tenantType", func(*call, *World) any { return "AAD" }},
	field[World]{"countryLetterCode", func(*call, *World) any { return "DE" }},
	field[World]{"onPremisesSyncEnabled", func(c *call, w *World) any {
		if !c.has(organizationRead...) || len(w.index.synced) == 0 {
			return nil
		}
		return true
	}},
	field[World]{"onPremisesLastSyncDateTime", func(c *call, w *World) any {
		if !c.has(organizationRead...) || w.directorySynced.IsZero() {
			return nil
		}
		return stamp(w.directorySynced)
	}},
	field[World]{"verifiedDomains", func(_ *call, w *World) any {
		return []any{map[string]any{"name": w.Domain, "isDefault": true, "isInitial": false, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline"}}
	}},
)

// organizationRead are the permissions that show all of the organisation: User.Read.All shows its id,
// its name and its domains.
// Source: Microsoft Graph, List organizations, permissions.
var organizationRead = perms("Organization.Read.All Organization.ReadWrite.All Directory.Read.All Directory.ReadWrite.All")

func getOrganization(c *call) reply {
	w := c.t.world
	return c.list([]item{organizationSchema.item(c, w.TenantID, w)}, page{set: "organization", size: 100, most: 999}, organizationSchema)
}
