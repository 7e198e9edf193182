package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// recipient looks up who gets the leaver's mail, where somebody was named: that choice stands. It returns
// an object id, or an address outside of the organisation when the policy names its domain, or neither
// where nobody was named: the mail goes to whoever is the manager when it is due. Whether the recipient
// can take the mail is checked then.
func (p *Planner) recipient(ctx context.Context, leaver offboarding.User, named string) (id, address string, err error) {
	if named == "" {
		return "", "", nil
	}
	refuse := func(why string) (string, string, error) {
		return "", "", &offboarding.Refusal{Why: "forwardTo: " + why + "; send the request again with another one"}
	}
	if parsed, err := mail.ParseAddress(named); err != nil || parsed.Address != named {
		return refuse("it is not an address like alex.wilber@contoso.com")
	}
	found := map[string]offboarding.User{}
	for _, by := range []offboarding.Employee{{Mail: named}, {UserPrincipalName: named}} {
		field, _ := by.Key()
		users, err := p.Directory.Find(ctx, by)
		if err != nil {
			return "", "", fmt.Errorf("looking the recipient up by %s: %w", field, err)
		}
		for _, u := range users {
			found[u.ID] = u
		}
	}
	if len(found) > 1 {
		return refuse(fmt.Sprintf("%d users in the tenant have this address (%s)", len(found), offboarding.Pages(p.Directory.Cloud().User, slices.Sorted(maps.Keys(found)))))
	}
	for _, u := range found {
		if u.ID == leaver.ID {
			return refuse("the leaver cannot get the leaver's mail")
		}
		if !u.Outsider() {
			may, err := p.maySucceed(ctx, leaver, u)
			if err == nil && !may {
				return refuse("this user is not among the managers of the leaver, who alone may be named (the policy's successors)")
			}
			return u.ID, "", err
		}
	}
	if !p.Policy.ForwardsTo(named) && len(found) > 0 {
		return refuse("this address is that of a guest, or of somebody who signs in in another organisation, and the policy does not name its domain (forwardDomains)")
	}
	if !p.Policy.ForwardsTo(named) {
		return refuse("no user in the tenant has this address, and the policy does not name its domain (forwardDomains); a group or a distribution list cannot have a leaver's mail, a person or a shared mailbox can")
	}
	return "", named, nil
}

// longestChain bounds the way up from the leaver: Entra allows managers in a circle.
const longestChain = 20

// maySucceed reports whether the policy lets a user be named: who gets the mail also gets files and
// groups, so that a name in a request must not be able to choose anybody.
func (p *Planner) maySucceed(ctx context.Context, leaver, named offboarding.User) (bool, error) {
	if p.Policy.Successors == offboarding.SuccessorsMembers {
		return true, nil
	}
	below := leaver.ID
	for range longestChain {
		manager, err := p.Directory.Manager(ctx, below)
		switch {
		case errors.Is(err, offboarding.ErrNotFound):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("looking the managers up: %w", err)
		case strings.EqualFold(manager.ID, named.ID):
			return true, nil
		}
		below = manager.ID
	}
	return false, nil
}

// filesTo is where the plan moves the files: a person whom the policy names becomes an object id.
// Whether they can take the files is checked when that is due.
func (p *Planner) filesTo(ctx context.Context, leaver offboarding.User, plan offboarding.Plan) (string, error) {
	switch {
	case !offboarding.FilesToPerson(plan.FilesTo):
		return plan.FilesTo, nil
	case plan.KeepFiles != offboarding.KeepMove:
		return offboarding.FilesToManager, nil // a plan names nobody
	}
	who := offboarding.Employee{ID: plan.FilesTo}
	if strings.Contains(plan.FilesTo, "@") {
		who = offboarding.Employee{UserPrincipalName: plan.FilesTo}
	}
	found, err := p.Directory.Find(ctx, who)
	switch {
	case offboarding.IsPermanent(err): // a name that Graph takes for none keeps nobody from being locked out
		return "", &offboarding.Refusal{Why: "the person whom the policy names in filesTo cannot be looked up"}
	case err != nil:
		return "", fmt.Errorf("looking up who gets the files: %w", err)
	case len(found) != 1:
		return "", &offboarding.Refusal{Why: "the person whom the policy names in filesTo is not in the tenant"}
	case found[0].ID == leaver.ID:
		return "", &offboarding.Refusal{Why: "the policy names the leaver in filesTo"}
	}
	return found[0].ID, nil
}
