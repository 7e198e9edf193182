package plan

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"leaver/shared/offboarding"
)

// roomLicences are those of Teams Rooms, which no person has.
// Source: Microsoft Entra, Product names and service plan identifiers for licensing.
var roomLicences = []string{
	"6070a4c8-34c6-4937-8dfb-39bbc6397a60", // MEETING_ROOM
	"4cde982a-ede4-4409-9ae6-b003453c8ea6", // Microsoft_Teams_Rooms_Pro
	"6af4b3d6-14bb-4a2a-960c-6c902aad34f3", // Microsoft_Teams_Rooms_Basic
}

// services are names that organisations give to accounts of programs: Entra has no kind for them.
var services = regexp.MustCompile(`(?i)^(svc|srv|service)[._-]`)

// nobodys holds the departure of a room, an equipment, a shared mailbox or a service account until
// another person says that it is meant. The mailbox is asked about only where the account could be
// one of these, so that the lockout of an ordinary person costs no request more: with no licence,
// disabled, or with a licence of a room.
func (p *Planner) nobodys(ctx context.Context, user offboarding.User, a offboarding.Approvals) ([]offboarding.Brake, error) {
	room := slices.ContainsFunc(user.Licences, func(l offboarding.Licence) bool { return slices.Contains(roomLicences, l.SKU) })
	if user.UserType == guest || len(user.Licences) > 0 && user.AccountEnabled && !room {
		return nil, nil
	}
	purpose, err := p.Directory.MailboxPurpose(ctx, user.ID)
	if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
		return nil, fmt.Errorf("looking up whether the account is a person's: %w", err)
	}
	why := ""
	switch {
	case slices.Contains([]string{"room", "equipment", "shared"}, purpose):
		why = "its mailbox is of the kind " + purpose
	case room:
		why = "it has a licence of a room"
	case len(user.Licences) == 0 && services.MatchString(user.UserPrincipalName):
		why = "it has no licence, and the name of a service account"
	default:
		return nil, nil
	}
	return []offboarding.Brake{asking(a, offboarding.ApproveNobodys, "", 1,
		"the account does not look like a person's: "+why+"; approve if it is meant, else cancel and name the person")}, nil
}
