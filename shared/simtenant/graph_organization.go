package simtenant

var organizationSchema = newSchema("organization", "",
	field[World]{"id", func(_ *call, w *World) any { return w.TenantID }},
	field[World]{"displayName", func(_ *call, w *World) any { return w.Company }},
	field[World]{"tenantType", func(*call, *World) any { return "AAD" }},
	field[World]{"countryLetterCode", func(*call, *World) any { return "DE" }},
	field[World]{"onPremisesSyncEnabled", func(_ *call, w *World) any {
		return len(w.index.synced) > 0
	}},
	field[World]{"verifiedDomains", func(_ *call, w *World) any {
		return []any{map[string]any{"name": w.Domain, "isDefault": true, "isInitial": false, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline"}}
	}},
)

func getOrganization(c *call) reply {
	w := c.t.world
	return c.list([]item{organizationSchema.item(c, w.TenantID, w)}, page{set: "organization", size: 100, most: 999}, organizationSchema)
}
