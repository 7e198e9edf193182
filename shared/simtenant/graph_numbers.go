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
	for id, u := range c.users() {
		for _, n := range u.Numbers {
			items = append(items, numberSchema.item(c, n.Number, &numberAssignment{n, id}))
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
	for _, u := range c.t.world.Users {
		i := slices.IndexFunc(u.Numbers, func(n TelephoneNumber) bool { return n.Number == number && strings.EqualFold(n.Type, kind) })
		if i < 0 {
			continue
		}
		c.t.before("user", u.ID, c.now)
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

// releaseNumbers carries out the orders of unassignNumber that are due.
func (t *Tenant) releaseNumbers(now time.Time) {
	due := func(n TelephoneNumber) bool { return !n.ReleaseAt.IsZero() && !n.ReleaseAt.After(now) }
	for _, u := range t.world.Users {
		if slices.ContainsFunc(u.Numbers, due) {
			t.before("user", u.ID, now)
			u.Numbers = slices.DeleteFunc(slices.Clone(u.Numbers), due)
		}
	}
}
