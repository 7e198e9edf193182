package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

const numberAssignments = "/admin/teams/telephoneNumberManagement/numberAssignments"

// TelephoneNumbers lists the numbers of Teams that are assigned to the user. Graph does not
// promise to filter by the user: all numbers of the tenant are read. National clouds do not have the
// listing: offboarding.ErrNotOffered. Permission:
// TeamsTelephoneNumber.Read.All.
func (c *Client) TelephoneNumbers(ctx context.Context, user string) ([]offboarding.TelephoneNumber, error) {
	all, err := c.numbers(ctx, user)
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

// assignment is a telephone number of the tenant, and whose it is.
type assignment struct{ TelephoneNumber, NumberType, AssignmentTargetID, AssignmentStatus string }

// numbers are all of the tenant's.
func (c *Client) numbers(ctx context.Context, user string) ([]assignment, error) {
	all, err := list[assignment](ctx, c, call{
		doing: "reading the telephone numbers of user", objects: []string{user}, path: numberAssignments, budget: budgetTeams,
	})
	if unknown(err) {
		return nil, fmt.Errorf("%w: %w", offboarding.ErrNotOffered, err)
	}
	return all, err
}

// NumberTaken reports whether somebody else than the user has a number by now. Errors and permission
// are those of [Client.TelephoneNumbers].
func (c *Client) NumberTaken(ctx context.Context, user, number string) (bool, error) {
	all, err := c.numbers(ctx, user)
	return slices.ContainsFunc(all, func(a assignment) bool {
		return strings.TrimPrefix(a.TelephoneNumber, "+") == strings.TrimPrefix(number, "+") && a.AssignmentTargetID != "" && !strings.EqualFold(a.AssignmentTargetID, user)
	}), err
}

// AssignNumber asks Teams to give a number to its user, which happens later. Permission:
// TeamsTelephoneNumber.ReadWrite.All. Source: Microsoft Graph, numberAssignment: assignNumber.
func (c *Client) AssignNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error {
	_, err := c.write(ctx, call{
		doing: "giving a telephone number to user", objects: []string{user}, path: numberAssignments + "/assignNumber",
		body: map[string]string{"telephoneNumber": n.Number, "numberType": n.Type, "assignmentTargetId": user, "assignmentCategory": "primary"}, budget: budgetTeams,
	})
	return err
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
