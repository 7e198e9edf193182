package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// licenceErrors are the texts of assignLicense; of what is no GUID that of yaegashi/msgraph.go#14 and
// KelvinTegelaar/CIPP#682.
const (
	errNoChange      = "No license changes provided. At least one license to add or remove must be specified."
	errInherited     = "User license is inherited from a group membership and it cannot be removed directly from the user."
	errNotAssigned   = "User does not have a corresponding license."
	errMissing       = "One or more parameters of the operation 'assignLicense' are missing from the request payload. The missing parameters are: %s."
	errNoSeats       = "Subscription with SKU %s does not have any available licenses."
	errNoGUID        = "Cannot convert a primitive value to the expected type 'Edm.Guid'. See the inner exception for more details."
	errNoCompanySKU  = "License %s does not correspond to a valid company License."
	errDependency    = "License assignment failed because service plan %s depends on the service plan(s) %s"
	errUsageLocation = "License assignment cannot be done for user with invalid usage location."
)

func assignedLicences(c *call, u *User) any {
	out := []any{}
	listed := map[string]bool{}
	for _, l := range c.t.world.licencesOf(u, c.t.holding(u.ID)) {
		if !listed[l.SKU] {
			listed[l.SKU] = true
			out = append(out, map[string]any{"skuId": l.SKU, "disabledPlans": texts(l.DisabledPlans)})
		}
	}
	return out
}

func licenceStates(c *call, u *User) any {
	out := []any{}
	for _, l := range c.t.world.licencesOf(u, c.t.holding(u.ID)) {
		out = append(out, map[string]any{"skuId": l.SKU, "disabledPlans": texts(l.DisabledPlans), "assignedByGroup": text(l.Group), "state": orElse(l.State, "Active"), "error": orElse(l.Error, "None"), "lastUpdatedDateTime": stamp(l.Since)})
	}
	return out
}

func assignLicense(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	var missing []string
	for _, p := range []string{"addLicenses", "removeLicenses"} {
		if _, ok := c.body[p].([]any); !ok {
			missing = append(missing, p)
		}
	}
	if missing != nil {
		return c.badRequest(errMissing, strings.Join(missing, ", "))
	}
	if bad := c.only(c.body, "addLicenses", "removeLicenses"); bad != nil {
		return *bad
	}
	add := c.body["addLicenses"].([]any)
	remove, err := asStrings(c.body["removeLicenses"])
	if err != nil {
		return c.badRequest("Invalid value specified for parameter 'removeLicenses': %v.", err)
	}
	if len(add)+len(remove) == 0 {
		return c.badRequest(errNoChange)
	}
	w := c.t.world
	after := u.clone()
	notOne := func(id string) bool { _, err := uuid.Parse(id); return err != nil }
	if slices.ContainsFunc(remove, notOne) || slices.ContainsFunc(add, func(x any) bool {
		m, _ := x.(map[string]any)
		id, _ := str(m, "skuId")
		return notOne(id)
	}) {
		return c.badRequest(errNoGUID)
	}
	for _, sku := range remove {
		i := slices.IndexFunc(after.Licences, func(l Licence) bool { return strings.EqualFold(l.SKU, sku) })
		if i < 0 {
			if slices.ContainsFunc(w.licencesOf(u, w.holding(u.ID)), func(l Licence) bool { return strings.EqualFold(l.SKU, sku) }) {
				return c.badRequest(errInherited)
			}
			return c.badRequest(errNotAssigned)
		}
		after.Licences = slices.Delete(after.Licences, i, i+1)
	}
	for _, x := range add {
		m, _ := x.(map[string]any)
		id, _ := str(m, "skuId")
		sku := w.sku(id)
		if sku == nil {
			return c.badRequest(errNoCompanySKU, id)
		}
		if u.UsageLocation == "" {
			return c.badRequest(errUsageLocation)
		}
		var disabled []string
		if m["disabledPlans"] != nil {
			if disabled, err = asStrings(m["disabledPlans"]); err != nil {
				return c.badRequest("Invalid value specified for property 'disabledPlans': %v.", err)
			}
		}
		holds := func(l Licence) bool { return l.SKU == sku.ID }
		if !slices.ContainsFunc(w.licencesOf(u, w.holding(u.ID)), holds) && w.taken(sku.ID) >= sku.Seats {
			return c.badRequest(errNoSeats, sku.ID)
		}
		after.Licences = append(slices.DeleteFunc(after.Licences, holds), Licence{SKU: sku.ID, DisabledPlans: disabled, Since: c.now.Truncate(time.Second)})
	}
	if plan, missing := w.unsupported(after); plan != nil {
		return c.badRequest(errDependency, plan.ID, strings.Join(missing, ", "))
	}
	c.t.before(kindUser, u.ID, c.now)
	c.t.before(kindMailbox, u.ID, c.now)
	*u = *after
	w.reconcile(u.ID, c.now)
	body := userSchema.item(c, u.ID, u).render(nil, false)
	body["@odata.context"] = c.context("users", nil, true)
	return reply{status: http.StatusOK, body: body}
}

// unsupported is a plan of a user's licences that depends on plans of which the user would have none,
// and what they are called. Source: Microsoft Graph, assignLicense; gdocs PR 3167.
func (w *World) unsupported(u *User) (*ServicePlan, []string) {
	have := map[string]bool{}
	all := w.licencesOf(u, w.holding(u.ID))
	each := func(do func(*ServicePlan)) {
		for _, l := range all {
			if s := w.sku(l.SKU); s != nil && l.State != "Error" {
				for i := range s.Plans {
					if !slices.Contains(l.DisabledPlans, s.Plans[i].ID) {
						do(&s.Plans[i])
					}
				}
			}
		}
	}
	each(func(p *ServicePlan) { have[p.Name] = true })
	var lacking *ServicePlan
	each(func(p *ServicePlan) {
		if len(p.DependsOn) > 0 && !slices.ContainsFunc(p.DependsOn, func(name string) bool { return have[name] }) {
			lacking = p
		}
	})
	if lacking == nil {
		return nil, nil
	}
	return lacking, lacking.DependsOn
}

func plans(s *SKU) []any {
	out := []any{}
	for _, p := range s.Plans {
		out = append(out, map[string]any{"servicePlanId": p.ID, "servicePlanName": p.Name, "provisioningStatus": "Success", "appliesTo": "User"})
	}
	return out
}

var licenceDetailSchema = newSchema("licenseDetails", "",
	field[SKU]{"id", func(c *call, s *SKU) any { return licenceDetailID(c.arg["id"], s.ID) }},
	field[SKU]{"skuId", func(_ *call, s *SKU) any { return s.ID }},
	field[SKU]{"skuPartNumber", func(_ *call, s *SKU) any { return s.PartNumber }},
	field[SKU]{"servicePlans", func(_ *call, s *SKU) any { return plans(s) }},
)

func licenceDetailID(user, sku string) string { return derived("licenseDetails", user, sku) }

func listLicenseDetails(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	listed := map[string]bool{}
	for _, l := range c.t.world.licencesOf(u, c.t.holding(u.ID)) {
		if s := c.t.world.sku(l.SKU); s != nil && !listed[s.ID] {
			listed[s.ID] = true
			items = append(items, licenceDetailSchema.item(c, licenceDetailID(c.arg["id"], s.ID), s))
		}
	}
	return c.list(items, directoryPage.of(fmt.Sprintf("users('%s')/licenseDetails", u.ID), false), licenceDetailSchema)
}

var skuSchema = newSchema("subscribedSku", "",
	field[SKU]{"id", func(c *call, s *SKU) any { return c.t.world.TenantID + "_" + s.ID }},
	field[SKU]{"skuId", func(_ *call, s *SKU) any { return s.ID }},
	field[SKU]{"skuPartNumber", func(_ *call, s *SKU) any { return s.PartNumber }},
	field[SKU]{"capabilityStatus", func(*call, *SKU) any { return "Enabled" }},
	field[SKU]{"appliesTo", func(*call, *SKU) any { return "User" }},
	field[SKU]{"consumedUnits", func(c *call, s *SKU) any {
		if s := seen(c.t, kindSeats, strings.ToLower(s.ID), c.t.world.index.seats); s != nil {
			return s.taken
		}
		return 0
	}},
	field[SKU]{"prepaidUnits", func(_ *call, s *SKU) any {
		return map[string]any{"enabled": s.Seats, "suspended": 0, "warning": 0, "lockedOut": 0}
	}},
	field[SKU]{"servicePlans", func(_ *call, s *SKU) any { return plans(s) }},
)

func listSKUs(c *call) reply {
	var items []item
	for _, s := range c.t.world.SKUs {
		items = append(items, skuSchema.item(c, s.ID, s))
	}
	return c.list(items, page{set: "subscribedSkus", size: 999, most: 999}, skuSchema)
}
