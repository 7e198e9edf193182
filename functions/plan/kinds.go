package plan

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// things are what no person is, by the licences that no person has: without theirs a call queue, or a
// phone in a hall, does not ring any more.
// Sources: Microsoft Entra, Product names and service plan identifiers for licensing;
// MicrosoftDocs/OfficeDocs-SkypeForBusiness issue 9716.
var things = map[string]string{
	"6070a4c8-34c6-4937-8dfb-39bbc6397a60": "room",                         // MEETING_ROOM
	"4cde982a-ede4-4409-9ae6-b003453c8ea6": "room",                         // Microsoft_Teams_Rooms_Pro
	"21943e3a-2429-4f83-84c1-02735cd49e78": "room",                         // Microsoft_Teams_Rooms_Pro_without_Audio_Conferencing
	"6af4b3d6-14bb-4a2a-960c-6c902aad34f3": "room",                         // Microsoft_Teams_Rooms_Basic
	"50509a35-f0bd-4c5e-89ac-22f0e16a00f8": "room",                         // Microsoft_Teams_Rooms_Basic_without_Audio_Conferencing
	"295a8eb0-f78d-45c7-8b5b-1eed5ed02dff": "shared device",                // MCOCAP
	"440eaaa8-b3e0-484b-a8be-62870b9ba70a": "call queue or auto attendant", // PHONESYSTEM_VIRTUALUSER
}

// services are names that organisations give to accounts of programs: Entra has no kind for them.
var services = regexp.MustCompile(`(?i)^(svc|srv|service)[._-]`)

// patience is how long the departure of somebody who looks like a person waits for Exchange to say what
// their mailbox is for: the lockout is worth more.
const patience = 3 * time.Second

// mailbox is what the leaver's mailbox is for, in Microsoft's words.
type mailbox struct {
	purpose   string
	elsewhere bool // there is an address, and no mailbox in Exchange Online
	err       error
}

// asks reads what the mailbox is for beside whatever else is looked up, so that nobody's lockout waits a
// round trip more.
func (p *Planner) asks(ctx context.Context, user offboarding.User) <-chan mailbox {
	answer := make(chan mailbox, 1)
	if user.Outsider() {
		answer <- mailbox{}
		return answer
	}
	go func() {
		if looksLikeAPerson(user) {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, patience)
			defer stop()
		}
		purpose, err := p.Directory.MailboxPurpose(ctx, user.ID)
		missing := errors.Is(err, offboarding.ErrNotFound)
		if missing || looksLikeAPerson(user) {
			err = nil // what cannot be asked about a person holds nobody up
		}
		answer <- mailbox{purpose, missing && user.Mail != "", err}
	}()
	return answer
}

// looksLikeAPerson reports whether an account has what people have: a licence that is no thing's, and
// may sign in.
func looksLikeAPerson(user offboarding.User) bool {
	return len(user.Licences) > 0 && user.AccountEnabled && thing(user) == "" && !services.MatchString(user.UserPrincipalName)
}

// thing is what an account is for that has the licence of a thing; else empty.
func thing(user offboarding.User) string {
	for _, l := range user.Licences {
		if what := things[strings.ToLower(l.SKU)]; what != "" {
			return what
		}
	}
	return ""
}

// nobodys holds the departure of a room, an equipment, a shared mailbox or device, a call queue or a
// service account until another person says that it is meant. A licensed account with the name of a
// service is one where it reports to nobody and HR knows no number of it.
func (p *Planner) nobodys(ctx context.Context, r offboarding.Request, user offboarding.User, m mailbox, a offboarding.Approvals) ([]offboarding.Brake, error) {
	if m.err != nil {
		return nil, fmt.Errorf("looking up whether the account is a person's: %w", m.err)
	}
	service := !user.Outsider() && services.MatchString(user.UserPrincipalName)
	if service && len(user.Licences) > 0 {
		_, err := p.Directory.Manager(ctx, user.ID)
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			return nil, fmt.Errorf("looking up whether the account reports to anybody: %w", err)
		}
		service = err != nil && r.Employee.EmployeeID == ""
	}
	why := ""
	switch {
	case slices.Contains([]string{"room", "equipment", "shared"}, m.purpose):
		why = "its mailbox is of the kind " + m.purpose
	case thing(user) != "":
		why = "it has a licence of a " + thing(user)
	case service && len(user.Licences) == 0:
		why = "it has no licence, and the name of a service account"
	case service:
		why = "it reports to nobody, and has the name of a service account"
	default:
		return nil, nil
	}
	return []offboarding.Brake{asking(a, offboarding.ApproveNobodys, "", 1,
		"the account does not look like a person's: "+why+"; approve if it is meant, else cancel and name the person")}, nil
}
