package offboarding

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// People is what the choice of a successor takes of Microsoft Graph.
type People interface {
	User(ctx context.Context, id string) (User, error)
	// Manager returns whom a user reports to, or [ErrNotFound].
	Manager(ctx context.Context, id string) (User, error)
}

// Departures is what it takes of the ledger.
type Departures interface {
	// Leaving reports whether a user has an open case.
	Leaving(ctx context.Context, user string) (bool, error)
}

// WhoStay counts those of the owners, or of the holders of a role, who can act beside the leaver and do not
// leave: of two who leave together each would count on the other.
func WhoStay(ctx context.Context, owners []Owner, leaver string, departures Departures) (int, error) {
	n := 0
	for _, o := range owners {
		if !o.Enabled || strings.EqualFold(o.ID, leaver) {
			continue
		}
		leaving, err := departures.Leaving(ctx, o.ID)
		if err != nil {
			return 0, err
		}
		if !leaving {
			n++
		}
	}
	return n, nil
}

// UnfitError says why nobody can take over from the leaver; what becomes of it is a task for a
// person.
type UnfitError struct {
	Why string
	// Disabled is set when all that is wrong with the successor is a disabled account, which that of
	// a shared mailbox always is.
	Disabled bool
}

func (e *UnfitError) Error() string { return e.Why }

// Successor is who takes over what the leaver leaves, whether mail, files or groups: whoever is
// named by object id, else whoever the plan forwards the mail to, else the manager as Entra shows
// them now. Nobody who is leaving, disabled, a guest or of another organisation takes over anything;
// that is an [UnfitError].
func Successor(ctx context.Context, c *Case, named string, people People, departures Departures) (User, error) {
	unfit := func(format string, args ...any) (User, error) {
		return User{}, &UnfitError{Why: fmt.Sprintf(format, args...)}
	}
	if f := c.Plan.Forwarding; f != nil {
		named = cmp.Or(named, f.To)
	}
	var who User
	var err error
	if named != "" {
		who, err = people.User(ctx, named)
	} else {
		who, err = people.Manager(ctx, c.Leaver)
	}
	page := c.Plan.Cloud().User(who.ID)
	switch {
	case errors.Is(err, ErrNotFound) && named == "":
		return unfit("there is no successor: nobody was named, and the leaver has no manager")
	case errors.Is(err, ErrNotFound):
		return unfit("the successor %s does not exist any more", named)
	case err != nil:
		return User{}, err
	case strings.EqualFold(who.ID, c.Leaver):
		return unfit("the leaver cannot succeed the leaver")
	case who.UserType == guest:
		return unfit("the successor %s is a guest (%s)", who.ID, page)
	case who.External():
		return unfit("the successor %s signs in in another organisation (%s)", who.ID, page)
	}
	leaving, err := departures.Leaving(ctx, who.ID)
	switch {
	case err != nil:
		return User{}, err
	case leaving:
		return unfit("the successor %s is leaving as well (%s)", who.ID, page)
	case !who.AccountEnabled:
		return who, &UnfitError{Why: fmt.Sprintf("the account of the successor %s is disabled (%s)", who.ID, page), Disabled: true}
	}
	return who, nil
}
