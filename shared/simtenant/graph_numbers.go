package simtenant

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// TelephoneNumber is a number of Teams assigned to a user.
type TelephoneNumber struct {
	Number    string
	Type      string    // directRouting, callingPlan, operatorConnect
	ReleaseAt time.Time // it has been asked to be taken away, which shows then
}

type numberAssignment struct {
	TelephoneNumber
	user string
}

var numberSchema = newSchema("teamsAdministration.numberAssignment", "",
	field[numberAssignment]{"id", func(_ *call, n *numberAssignment) any {
		return base64.StdEncoding.EncodeToString([]byte("number|" + n.Number))
	}},
	field[numberAssignment]{"telephoneNumber", func(_ *call, n *numberAssignment) any { return n.Number }},
	field[numberAssignment]{"numberType", func(_ *call, n *numberAssignment) any { return n.Type }},
	field[numberAssignment]{"activationState", func(*call, *numberAssignment) any { return "activated" }},
	field[numberAssignment]{"assignmentStatus", func(*call, *numberAssignment) any { return "userAssigned" }},
	field[numberAssignment]{"assignmentCategory", func(*call, *numberAssignment) any { return "primary" }},
	field[numberAssignment]{"assignmentTargetId", func(_ *call, n *numberAssignment) any { return n.user }},
)

func listNumbers(c *call) reply {
	var items []item
	for _, u := range c.users().under("has:numbers") {
		for _, n := range u.Numbers {
			items = append(items, numberSchema.item(c, n.Number, &numberAssignment{n, u.ID}))
		}
	}
	return c.list(items, page{set: "admin/teams/telephoneNumberManagement/numberAssignments", size: 100, most: 999}, numberSchema)
}

// unassignNumber takes an order, which is carried out after the delay.
func unassignNumber(c *call) reply {
	if bad := c.only(c.body, "telephoneNumber", "numberType"); bad != nil {
		return *bad
	}
	number, _ := str(c.body, "telephoneNumber")
	kind, _ := str(c.body, "numberType")
	for _, id := range c.t.world.under(kindUser, key("number:", number)) {
		u := c.t.world.Users[id]
		i := slices.IndexFunc(u.Numbers, func(n TelephoneNumber) bool { return n.Number == number && strings.EqualFold(n.Type, kind) })
		if i < 0 {
			continue
		}
		c.t.before(kindUser, u.ID, c.now)
		u.Numbers = slices.Clone(u.Numbers)
		if u.Numbers[i].ReleaseAt.IsZero() {
			u.Numbers[i].ReleaseAt = c.now.Add(c.t.world.NumberDelay)
		}
		c.t.settle()
		return reply{status: http.StatusAccepted, header: map[string]string{
			"Location": c.base() + "/admin/teams/telephoneNumberManagement/operations('" + base64.RawURLEncoding.EncodeToString([]byte("Unassignment|"+c.requestID)) + "')",
		}}
	}
	return c.badRequest("The telephone number is not assigned.")
}

// assignNumber gives a number to a user, which shows at once. One that somebody has is refused.
func assignNumber(c *call) reply {
	if bad := c.only(c.body, "telephoneNumber", "numberType", "assignmentTargetId", "assignmentCategory", "locationId"); bad != nil {
		return *bad
	}
	number, _ := str(c.body, "telephoneNumber")
	kind, _ := str(c.body, "numberType")
	target, _ := str(c.body, "assignmentTargetId")
	u := c.t.world.Users[strings.ToLower(target)]
	switch {
	case u == nil:
		return c.notFound(target)
	case number == "", kind == "":
		return c.badRequest("The telephone number or its type is missing.")
	case len(c.t.world.under(kindUser, key("number:", number))) > 0:
		return c.badRequest("The telephone number is already assigned.")
	case !c.t.world.hasPlan(u, "MCOEV"):
		return c.badRequest("The user is not licensed for Teams Phone.")
	}
	c.t.before(kindUser, u.ID, c.now)
	u.Numbers = append(slices.Clone(u.Numbers), TelephoneNumber{Number: number, Type: kind})
	return reply{status: http.StatusAccepted, header: map[string]string{
		"Location": c.base() + "/admin/teams/telephoneNumberManagement/operations('" + base64.RawURLEncoding.EncodeToString([]byte("Assignment|"+c.requestID)) + "')",
	}}
}

// nextRelease is when an order of unassignNumber is due.
func nextRelease(_ *World, u *User) time.Time {
	var next time.Time
	for _, n := range u.Numbers {
		if !n.ReleaseAt.IsZero() && (next.IsZero() || n.ReleaseAt.Before(next)) {
			next = n.ReleaseAt
		}
	}
	return next
}

// releaseNumbers carries out the orders of unassignNumber that are due.
func releaseNumbers(t *Tenant, u *User, now time.Time) {
	due := func(n TelephoneNumber) bool { return !n.ReleaseAt.IsZero() && !n.ReleaseAt.After(now) }
	if slices.ContainsFunc(u.Numbers, due) {
		t.before(kindUser, u.ID, now)
		u.Numbers = slices.DeleteFunc(slices.Clone(u.Numbers), due)
	}
}
