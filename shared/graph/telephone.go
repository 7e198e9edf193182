package graph

import (
	"context"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

const numberAssignments = "/admin/teams/telephoneNumberManagement/numberAssignments"

// TelephoneNumbers lists the numbers of Teams that are assigned to the user. Graph does not
// promise to filter by the user: all numbers of the tenant are read. National clouds do not have the
// listing: offboarding.ErrNotOffered. Permission:
// TeamsTelephoneNumber.Read.All.
func (c *Client) TelephoneNumbers(ctx context.Context, user string) ([]offboarding.TelephoneNumber, error) {
	type assignment struct{ TelephoneNumber, NumberType, AssignmentTargetID, AssignmentStatus string }
	all, err := list[assignment](ctx, c, call{
		doing: "reading the telephone numbers of user", objects: []string{user}, path: numberAssignments, budget: budgetTeams,
	})
	if unknown(err) {
		return nil, fmt.Errorf("%w: %w", offboarding.ErrNotOffered, err)
	}
	if err != nil {
		return nil, err
	}
	numbers := []offboarding.TelephoneNumber{}
	for _, a := range all {
		if strings.EqualFold(a.AssignmentTargetID, user) && a.AssignmentStatus != "unassigned" {
			numbers = append(numbers, offboarding.TelephoneNumber{Number: a.TelephoneNumber, Type: a.NumberType})
		}
	}
	return numbers, nil
}

// ReleaseNumber asks Teams to take a number from its user, which happens later: it is done when
// [Client.TelephoneNumbers] does not show it any more. Permission:
// TeamsTelephoneNumber.ReadWrite.All.
func (c *Client) ReleaseNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error {
	_, err := c.write(ctx, call{
		doing: "releasing a telephone number of user", objects: []string{user}, path: numberAssignments + "/unassignNumber",
		body: map[string]string{"telephoneNumber": n.Number, "numberType": n.Type}, budget: budgetTeams,
	})
	return err
}
