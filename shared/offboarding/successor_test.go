package offboarding_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// company is a directory and a ledger: users by object id, managers of users, who is leaving.
type company struct {
	users   map[string]offboarding.User
	manager string
	leaving string
}

func (c company) User(_ context.Context, id string) (offboarding.User, error) {
	if u, ok := c.users[id]; ok {
		return u, nil
	}
	return offboarding.User{}, offboarding.ErrNotFound
}

func (c company) Manager(ctx context.Context, _ string) (offboarding.User, error) {
	return c.User(ctx, c.manager)
}

func (c company) Leaving(_ context.Context, id string) (bool, error) { return id == c.leaving, nil }

func TestTheSuccessorIsDecidedOnce(t *testing.T) {
	t.Parallel()
	users := map[string]offboarding.User{
		"leaver":   {ID: "leaver", UserType: "Member", AccountEnabled: true},
		"manager":  {ID: "manager", UserType: "Member", AccountEnabled: true},
		"other":    {ID: "other", UserType: "Member", AccountEnabled: true},
		"named":    {ID: "named", UserType: "Member", AccountEnabled: true},
		"guest":    {ID: "guest", UserType: "Guest", AccountEnabled: true},
		"external": {ID: "external", UserType: "Member", UserPrincipalName: "ext_fabrikam.com#EXT#@contoso.com", AccountEnabled: true},
		"disabled": {ID: "disabled", UserType: "Member"},
	}
	tests := []struct {
		name, named, mail, manager, leaving string
		want, why                           string
		disabled                            bool
	}{
		{name: "the manager", manager: "manager", want: "manager"},
		{name: "whoever gets the mail before the manager", mail: "other", manager: "manager", want: "other"},
		{name: "whoever is named before both", named: "named", mail: "other", manager: "manager", want: "named"},
		{name: "nobody without a manager", why: "the leaver has no manager"},
		{name: "nobody who is gone", mail: "gone", manager: "manager", why: "the successor gone does not exist any more"},
		{name: "not the leaver", mail: "leaver", why: "the leaver cannot"},
		{name: "no manager who is the leaver", manager: "leaver", why: "the leaver cannot"},
		{name: "no guest", manager: "guest", why: "guest is a guest"},
		{name: "no member of another tenant", manager: "external", why: "external signs in in another organisation"},
		{name: "no manager who is leaving", manager: "manager", leaving: "manager", why: "manager is leaving as well"},
		{name: "nobody disabled", manager: "disabled", why: "disabled is disabled", disabled: true},
		{name: "nobody disabled and leaving", manager: "disabled", leaving: "disabled", why: "is leaving as well"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			world := company{users: users, manager: tt.manager, leaving: tt.leaving}
			c := &offboarding.Case{Leaver: "leaver"}
			if tt.mail != "" {
				c.Plan.Forwarding = &offboarding.Forwarding{To: tt.mail}
			}
			who, err := offboarding.Successor(t.Context(), c, tt.named, world, world)
			var unfit *offboarding.UnfitError
			switch {
			case tt.why == "":
				if err != nil || who.ID != tt.want {
					t.Errorf("got %q, %v; want %q", who.ID, err, tt.want)
				}
			case !errors.As(err, &unfit):
				t.Errorf("got %q, %v; want an UnfitError", who.ID, err)
			case !strings.Contains(unfit.Why, tt.why) || unfit.Disabled != tt.disabled:
				t.Errorf("got %q (disabled %t), want %q (disabled %t)", unfit.Why, unfit.Disabled, tt.why, tt.disabled)
			}
		})
	}
}
