package activedirectory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"leaver/shared/activedirectory"
	"leaver/shared/offboarding"
)

// missing are the rights that the check says the service account lacks.
func missing(t *testing.T, f *fixture) (names []string) {
	t.Helper()
	rights, err := f.open(t).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		if r.Of == 0 {
			t.Errorf("%q was looked at on nothing", r.Name)
		}
		if r.May < r.Of {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestTheCheckFindsEveryRight(t *testing.T) {
	f := newFixture(t)
	f.group(t, "Staff")
	if got := missing(t, f); len(got) > 0 {
		t.Errorf("missing are %q, want none", got)
	}
}

// Each right that is taken away fails its own write with a clear error, and the check says so
// beforehand.
func TestARightThatIsMissingIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		without string
		write   func(context.Context, *activedirectory.Session, *fixture) error
	}{
		"reset a password": {activedirectory.RightsOnPeople[0], func(ctx context.Context, s *activedirectory.Session, f *fixture) error {
			return s.ResetPassword(ctx, f.leaver, random())
		}},
		"disable an account": {activedirectory.RightsOnPeople[1], func(ctx context.Context, s *activedirectory.Session, f *fixture) error {
			return s.Disable(ctx, f.leaver)
		}},
		"describe an account": {activedirectory.RightsOnPeople[2], func(ctx context.Context, s *activedirectory.Session, f *fixture) error {
			return s.SetDescription(ctx, f.leaver, "left")
		}},
		"take an account out of a group": {activedirectory.RightsOnGroups[0], func(ctx context.Context, s *activedirectory.Session, f *fixture) error {
			account, err := s.Account(ctx, f.leaver)
			if err != nil {
				return err
			}
			return s.LeaveGroup(ctx, account.Groups[0].ID, f.leaver)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, test.without)
			f.group(t, "Staff", f.dn)
			if got := missing(t, f); !slices.Equal(got, []string{name}) {
				t.Errorf("missing are %q, want %q", got, name)
			}
			ctx, _ := writing(t)
			err := test.write(ctx, f.open(t), f)
			var permanent *offboarding.PermanentError
			if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "no right") {
				t.Errorf("got %v, want a permanent error that says which right", err)
			}
		})
	}
}
